"""Finds the ledger, or the reader of one, that an address means."""

from collections.abc import Sequence
from pathlib import Path

from digitro_async.errors import ConfigurationError
from digitro_async.ledger._ledger_address import (
    DEFAULT_CAMPAIGN,
    LedgerAddress,
    ledger_address,
)
from digitro_async.ledger._ledger_port import Ledger
from digitro_async.ledger._reader_port import LedgerReader
from digitro_async.ledger._result_feed_port import ResultFeed
from digitro_async.ledger.postgres import check_driver

__all__ = ["open_ledger", "open_ledger_reader", "open_result_feed"]


def open_ledger(
    url: str | Path | LedgerAddress,
    *,
    campaign: str | None = None,
    any_file_system: bool = False,
    accept_loss: bool = False,
) -> Ledger:
    """Return the ledger at an address; use it as ``async with``.

    Args:
        url: ``sqlite:///file.db`` (``sqlite:////absolute/file.db``), a file's path, or
            ``postgresql://user@host/database``. Text that looks like half an address
            is refused; a ``Path`` is a path.
        campaign: Name of the campaign in a database; by default ``default``. A file
            holds one campaign, without a name.
        any_file_system: See ``SQLiteLedger``.
        accept_loss: See ``SQLiteLedger``.

    Raises:
        ConfigurationError: If the address means no kind of ledger.
    """
    found = _address_of(url, campaign)
    del url  # not even in the frame: it may have a password in it
    if isinstance(found, ConfigurationError):
        raise found
    if found.server is not None:
        check_driver()
        from digitro_async.ledger.postgres._postgres_ledger import (  # noqa: PLC0415
            PostgresLedger,
        )

        return PostgresLedger(found.server, found.campaign or DEFAULT_CAMPAIGN)
    assert found.path is not None  # noqa: S101 - for the type checker
    # Late, here and below: who reads a ledger loads no event loop.
    from digitro_async.ledger.sqlite._sqlite_ledger import SQLiteLedger  # noqa: PLC0415

    return SQLiteLedger(
        found.path, any_file_system=any_file_system, accept_loss=accept_loss
    )


def open_ledger_reader(
    url: str | Path | LedgerAddress,
    *,
    campaign: str | None = None,
    accept_loss: bool = False,
) -> LedgerReader:
    """Return a reader of the ledger at an address; use it as ``with``.

    Args:
        url: As for ``open_ledger``.
        campaign: As for ``open_ledger``.
        accept_loss: Whether a ledger is read that lost some of its record.

    Raises:
        ConfigurationError: If the address means no kind of ledger.
    """
    found = _address_of(url, campaign)
    del url  # as above
    if isinstance(found, ConfigurationError):
        raise found
    if found.server is not None:
        check_driver()
        from digitro_async.ledger.postgres._postgres_reader import (  # noqa: PLC0415
            PostgresLedgerReader,
        )

        return PostgresLedgerReader(found.server, found.campaign or DEFAULT_CAMPAIGN)
    assert found.path is not None  # noqa: S101 - for the type checker
    from digitro_async.ledger.sqlite._sqlite_reader import (  # noqa: PLC0415
        SQLiteLedgerReader,
    )

    return SQLiteLedgerReader(found.path, accept_loss=accept_loss)


def open_result_feed(
    url: str | Path | LedgerAddress,
    *,
    campaigns: Sequence[str] | None = None,
    accept_loss: bool = False,
) -> ResultFeed:
    """Return the feed of results of the ledger at an address; use it as ``async with``.

    Args:
        url: As for ``open_ledger``.
        campaigns: Names of the campaigns in a database, an empty list for every one
            there is; by default that of the address.
        accept_loss: As for ``open_ledger_reader``.

    Raises:
        ConfigurationError: If the address means no kind of ledger.
    """
    found = _address_of(url, None)
    del url  # as above
    if isinstance(found, ConfigurationError):
        raise found
    if found.server is not None:
        check_driver()
        from digitro_async.ledger.postgres._postgres_result_feed import (  # noqa: PLC0415
            PostgresResultFeed,
        )

        if campaigns is None:
            campaigns = (found.campaign or DEFAULT_CAMPAIGN,)
        return PostgresResultFeed(found.server, campaigns)
    assert found.path is not None  # noqa: S101 - for the type checker
    from digitro_async.ledger.sqlite._sqlite_result_feed import (  # noqa: PLC0415
        SQLiteResultFeed,
    )

    return SQLiteResultFeed(found.path, accept_loss=accept_loss)


def _address_of(
    url: str | Path | LedgerAddress, campaign: str | None
) -> LedgerAddress | ConfigurationError:
    """Return an address, or why there is none."""
    try:
        return ledger_address(url, campaign=campaign)
    except ConfigurationError as error:
        return error.with_traceback(None)
