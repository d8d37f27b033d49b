"""PURE: facades that load a module when one of its names is first used."""

import importlib
import sys
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

__all__ = ["lazy_names"]


_NONE: Final[Mapping[str, str]] = MappingProxyType({})


def lazy_names(
    package: str, *modules: str, homes: Mapping[str, str] = _NONE
) -> Callable[[str], object]:
    """Return a ``__getattr__`` for a facade that loads modules when they are needed.

    Args:
        package: Name of the facade.
        modules: Names of modules in the facade. A name that the facade lacks is looked
            for in the ``__all__`` of each module, in this order.
        homes: Names whose module is loaded without the others, and that module.
    """

    def __getattr__(name: str) -> object:  # noqa: N807 - the facade's
        if not name.startswith("_"):
            for module in (homes[name],) if name in homes else modules:
                home = importlib.import_module(f"{package}.{module}")
                if name in home.__all__:
                    value: object = getattr(home, name)
                    setattr(sys.modules[package], name, value)  # then found at once
                    return value
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    return __getattr__
