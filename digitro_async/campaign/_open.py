"""``open_ledger``: an address -> the ledger that it means."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from digitro_async.campaign._ledger import Ledger
from digitro_async.campaign._sqlite import SQLiteLedger
from digitro_async.errors import ConfigurationError

__all__ = ["open_ledger"]


def open_ledger(
    url: str | Path, *, any_file_system: bool = False, accept_loss: bool = False
) -> Ledger:
    """Return the ledger at an address; use it as ``async with``.

    Args:
        url: ``sqlite:///file.db`` (``sqlite:////absolute/file.db``) or a file's path.
        any_file_system: See ``SQLiteLedger``.
        accept_loss: See ``SQLiteLedger``.

    Raises:
        ConfigurationError: If the address means no kind of ledger.
    """
    if isinstance(url, str) and "://" in url:
        parts = urlsplit(url)
        if parts.scheme != "sqlite" or parts.netloc or parts.query or parts.fragment:
            # Not even in the frame: other addresses have passwords in them.
            del url, parts
            raise ConfigurationError(
                "a ledger is a file's path or sqlite:///file.db",
                reason="ledger_address",
            )
        url = unquote(parts.path[1:])
    return SQLiteLedger(
        Path(url), any_file_system=any_file_system, accept_loss=accept_loss
    )
