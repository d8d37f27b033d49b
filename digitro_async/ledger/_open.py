"""``open_ledger``: an address -> the ledger that it means."""

import re
from functools import partial
from pathlib import Path
from urllib.parse import unquote

from digitro_async.errors import ConfigurationError
from digitro_async.ledger._ledger import Ledger
from digitro_async.ledger.sqlite import SQLiteLedger

__all__ = ["open_ledger"]

# Taken for a path each would be a new ledger, which has called nobody yet.
_LIKE_AN_ADDRESS = re.compile(
    r".*://|\s*(sqlite3?|file|postgres(ql)?|mysql):", re.IGNORECASE | re.DOTALL
)
_ADDRESS = re.compile(r"sqlite:///([^?#\x00-\x1f\x7f]+)", re.IGNORECASE)


def open_ledger(
    url: str | Path, *, any_file_system: bool = False, accept_loss: bool = False
) -> Ledger:
    """Return the ledger at an address; use it as ``async with``.

    Args:
        url: ``sqlite:///file.db`` (``sqlite:////absolute/file.db``) or a file's path.
            Text that looks like half an address is refused; a ``Path`` is a path.
        any_file_system: See ``SQLiteLedger``.
        accept_loss: See ``SQLiteLedger``.

    Raises:
        ConfigurationError: If the address means no kind of ledger.
    """
    open_at = partial(
        SQLiteLedger, any_file_system=any_file_system, accept_loss=accept_loss
    )
    if isinstance(url, Path):
        return open_at(url)
    if not _LIKE_AN_ADDRESS.match(url):
        return open_at(Path(url))
    address = _ADDRESS.fullmatch(url)
    del url  # not even in the frame: other addresses have passwords in them
    if address is None:
        raise ConfigurationError(
            "a ledger is a file's path or sqlite:///file.db; a file whose name looks "
            "like an address is given as a Path",
            reason="ledger_address",
        )
    return open_at(Path(unquote(address[1])))
