"""Finds the ledger, or the reader of one, that an address means."""

import re
from pathlib import Path
from urllib.parse import unquote

from digitro_async.errors import ConfigurationError
from digitro_async.ledger._ledger_port import Ledger, LedgerReader

__all__ = ["open_ledger", "open_ledger_reader"]

# Taken for a path each would be a new ledger, which has called nobody yet.
_LIKE_AN_ADDRESS = re.compile(
    r".*://|\s*(sqlite3?|file|postgres(ql)?|mysql):", re.IGNORECASE | re.DOTALL
)
_ADDRESS = re.compile(r"sqlite:///([^?#\x00-\x1f\x7f]+)", re.IGNORECASE)
_POSTGRESQL = re.compile(r"\s*postgres(ql)?(\+\w+)?:", re.IGNORECASE)


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
    from digitro_async.ledger.sqlite import SQLiteLedger  # noqa: PLC0415 - as needed

    found = url if isinstance(url, Path) else _path_at(url)
    del url  # not even in the frame: other addresses have passwords in them
    if isinstance(found, ConfigurationError):
        raise found
    return SQLiteLedger(found, any_file_system=any_file_system, accept_loss=accept_loss)


def open_ledger_reader(url: str | Path, *, accept_loss: bool = False) -> LedgerReader:
    """Return a reader of the ledger at an address; use it as ``with``.

    Args:
        url: As for ``open_ledger``.
        accept_loss: Whether a ledger is read that lost some of its record.

    Raises:
        ConfigurationError: If the address means no kind of ledger.
    """
    from digitro_async.ledger.sqlite import SQLiteLedgerReader  # noqa: PLC0415 - as above

    found = url if isinstance(url, Path) else _path_at(url)
    del url  # as above
    if isinstance(found, ConfigurationError):
        raise found
    return SQLiteLedgerReader(found, accept_loss=accept_loss)


def _path_at(url: str) -> Path | ConfigurationError:
    """Return the file that an address or a path means, or why it means none."""
    if not _LIKE_AN_ADDRESS.match(url):
        return Path(url)
    address = _ADDRESS.fullmatch(url)
    if address is not None:
        return Path(unquote(address[1]))
    if _POSTGRESQL.match(url):
        return ConfigurationError(
            "ledgers at postgresql:// are planned, but not there yet: give a file's "
            "path or sqlite:///file.db",
            reason="ledger_address",
        )
    return ConfigurationError(
        "a ledger is a file's path or sqlite:///file.db; a file whose name looks "
        "like an address is given as a Path",
        reason="ledger_address",
    )
