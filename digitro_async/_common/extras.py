"""Loads a library of an extra when it is needed, and says how to install it if not."""

import importlib
from types import ModuleType

from digitro_async.errors import ConfigurationError

__all__ = ["load_extra"]


def load_extra(module: str, *, extra: str, needed_for: str) -> ModuleType:
    """Return a library's module.

    Args:
        module: Its name.
        extra: The extra that installs it.
        needed_for: The purpose that it serves, for the error.

    Raises:
        ConfigurationError: If it is not installed; the text says how to install it.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
    raise ConfigurationError(
        f"{needed_for} needs {module}: pip install 'digitro-async[{extra}]'"
    )
