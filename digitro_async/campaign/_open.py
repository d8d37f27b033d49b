"""``open_ledger``: an address -> the ledger that it means."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from digitro_async.campaign._ledger import Ledger
from digitro_async.campaign._sqlite import SQLiteLedger
from digitro_async.errors import ConfigurationError

__all__ = ["open_ledger"]


def open_ledger(url: str | Path) -> Ledger:
    """Return the ledger at an address; use it as ``async with``.

    Args:
        url: ``sqlite:///file.db`` (``sqlite:////absolute/file.db``) or a file's path.

    Raises:
        ConfigurationError: If the address means no kind of ledger.
    """
    if isinstance(url, Path):
        return SQLiteLedger(url)
    if "://" not in url:
        return SQLiteLedger(Path(url))
    parts = urlsplit(url)
    if parts.scheme != "sqlite" or parts.netloc or parts.query or parts.fragment:
        del url, parts  # not even in the frame: other addresses have passwords in them
        raise ConfigurationError(
            "a ledger is a file's path or sqlite:///file.db", reason="ledger_address"
        )
    return SQLiteLedger(Path(unquote(parts.path[1:])))
