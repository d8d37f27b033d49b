"""Asyncio client for the Dígitro PABX HTTP API.

As fast as the HTTP library under it allows; never the same call twice, never a contact
lost, never over the PABX's cap. Start with ``DigitroClient``.
"""

from digitro_async import _start  # noqa: F401 # isort: skip - first of all

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from digitro_async._public_names import *  # noqa: F403 - listed there
    from digitro_async._public_names import __all__ as __all__
else:
    # Loading the names takes half a second, most of it for the HTTP library. Whoever
    # needs none of them does not pay: pytest, which loads this package's fixtures in
    # every run of everyone who has it installed, and commands that only read a ledger.
    def __getattr__(name: str) -> object:
        if name != "__all__" and name.startswith("_"):
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from digitro_async import _public_names  # noqa: PLC0415

        if name == "__all__":
            return _public_names.__all__
        if name not in _public_names.__all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(_public_names, name)

    def __dir__() -> list[str]:
        from digitro_async import _public_names  # noqa: PLC0415

        return sorted({*globals(), *_public_names.__all__})
