"""A copy of a campaign in a database, in a file, in which rules can be tried out."""

import asyncio
import contextlib
import time
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import attrs

from digitro_async.errors import LedgerError
from digitro_async.ledger._ledger_address import DEFAULT_CAMPAIGN, LedgerAddress
from digitro_async.ledger._provenance import (
    Provenance,
    ProvenanceKind,
    check_provenance,
)
from digitro_async.ledger._schedule_port import KeyOf
from digitro_async.ledger._schedule_records import LedgerAttempt
from digitro_async.ledger.postgres._database_history import DatabaseHistory
from digitro_async.ledger.sqlite._sqlite_ledger import SQLiteLedger
from digitro_async.ledger.sqlite._sqlite_schedule import SQLiteSchedule
from digitro_async.ledger.transfer._copied_tables import TABLES, CopiedTable, Page
from digitro_async.ledger.transfer._open_campaign import opened_to_read
from digitro_async.ledger.transfer._postgres_copy import PostgresEnd
from digitro_async.ledger.transfer._sqlite_copy import SQLiteEnd, opened_target

__all__ = ["RehearsedCampaign"]

_BLOCKS: Final = tuple(one for one in TABLES if one.name in {"block_key", "block"})


class RehearsedCampaign(SQLiteLedger):
    """A copy of a campaign in a database; the attempts of other campaigns count too.

    What an owner had open is closed in it. The database is only read, also while others
    dial it, and a role that may only read suffices. A campaign that is not there yet
    is one without contacts.

    Args:
        address: The campaign.
        copy: Where the copy is made; it is thrown away after that, and never dialled.

    Raises:
        LedgerError: On entering, if the database can't be read, or the campaign may not
            be dialled.
    """

    def __init__(self, address: LedgerAddress, copy: Path) -> None:
        super().__init__(copy, any_file_system=True)
        self.campaign: str = address.campaign or DEFAULT_CAMPAIGN
        self._address = attrs.evolve(address, campaign=self.campaign)
        self._copy = copy
        self._beside: DatabaseHistory | None = None

    async def __aenter__(self) -> Self:
        async with contextlib.AsyncExitStack() as stack:
            one = await self._made()
            if one is not None:
                readable = attrs.evolve(self._address, campaign=one)
                history = DatabaseHistory(readable, left_out=self.campaign)
                self._beside = await stack.enter_async_context(history)
            await super().__aenter__()
            stack.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            await super().__aexit__(kind, error, traceback)
        finally:
            if self._beside is not None:
                await self._beside.__aexit__(kind, error, traceback)

    async def _made(self) -> str | None:
        """Make the copy in a thread, which ends where this is cancelled."""
        stop = _Stop()
        copying = asyncio.ensure_future(
            asyncio.to_thread(_copy_campaign, self._address, self._copy, stop)
        )
        try:
            return await asyncio.shield(copying)
        finally:
            stop.set()
            while not copying.done():
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.wait({copying})

    @property
    def schedule(self) -> "ScheduleBesideOthers":
        """Who waits until when, and what was tried, in other campaigns too."""
        access = (self._file, self._clock, self._owners, self._call, self._read)
        return ScheduleBesideOthers(
            *access, campaign=self.campaign, beside=self._beside
        )


class ScheduleBesideOthers(SQLiteSchedule):
    """The schedule of a copied campaign, beside the others of its database.

    Args:
        given: As for ``SQLiteSchedule``.
        campaign: Name of the campaign.
        beside: What the others tell; None where there are none.
    """

    def __init__(
        self, *given: Any, campaign: str, beside: DatabaseHistory | None
    ) -> None:
        super().__init__(*given)
        self._campaign = campaign
        self._beside = beside

    async def attempts_of(
        self, contacts: Sequence[int], keys: Collection[int]
    ) -> Sequence[LedgerAttempt]:
        """Return the attempts of contacts and of numbers. See ``Schedule``."""
        attempts = self._named(await super().attempts_of(contacts, keys))
        if self._beside is not None:
            attempts += await self._beside.attempts_of((), keys)
        return attempts

    async def attempts_since(self, when: float) -> Sequence[LedgerAttempt]:
        """Return all attempts that began since a moment. See ``Schedule``."""
        attempts = self._named(await super().attempts_since(when))
        if self._beside is not None:
            attempts += await self._beside.attempts_since(when)
        return attempts

    async def note_keys(self, key_of: KeyOf, *, scheme: str) -> int:
        """Note the numbers of attempts: of others in memory. See ``Schedule``."""
        noted = 0
        if self._beside is not None:
            noted = await self._beside.note_keys(key_of, scheme=scheme)
        return noted + await super().note_keys(key_of, scheme=scheme)

    def _named(self, attempts: Sequence[LedgerAttempt]) -> list[LedgerAttempt]:
        """Return attempts with the name of the campaign, which no file has."""
        return [attrs.evolve(one, campaign=self._campaign) for one in attempts]


def _copy_campaign(address: LedgerAddress, to: Path, stop: "_Stop") -> str | None:
    """Write a copy of a campaign, as it is at one moment, into a new file.

    Args:
        address: The campaign.
        to: The file.
        stop: Ends it where it is not needed any more.

    Returns:
        Name of a campaign of the database: this one, else any; None without one.

    Raises:
        LedgerError: If it can't be read, or may not be dialled.
    """
    with (
        opened_to_read(address) as (end, one),
        opened_target(to, any_file_system=True) as target,
    ):
        stop.attend(end)
        if one is None:
            return None
        check_provenance(end.provenance(), end.shown)
        if one == address.campaign:
            unfinished = Provenance(
                ProvenanceKind.UNFINISHED, end.shown, time.time(), ""
            )
            target.begin(unfinished)
            _write(end, target, TABLES, stop)
            target.commit(None, None)
        else:
            target.ask(lambda c: c.execute("BEGIN IMMEDIATE"))
            target.ask(lambda c: c.execute("DELETE FROM block_key"))
            _write(end, target, _BLOCKS, stop)
            target.commit_change()
    return one


def _write(
    end: PostgresEnd,
    target: SQLiteEnd,
    tables: Sequence[CopiedTable],
    stop: "_Stop",
) -> None:
    for table in tables:
        with contextlib.closing(end.pages(table)) as pages:
            target.write(table, _until(stop, pages))


def _until(stop: "_Stop", pages: Iterator[Page]) -> Iterator[Page]:
    for page in pages:
        stop.check()
        yield page


class _Stop:
    """Ends a copy in another thread, also where that waits for the server."""

    def __init__(self) -> None:
        self._is_set = False
        self._end: PostgresEnd | None = None

    def set(self) -> None:
        """End it."""
        self._is_set = True
        if self._end is not None:
            self._end.cut_off()

    def attend(self, end: PostgresEnd) -> None:
        """Take the end of the copy that is cut off.

        Raises:
            LedgerError: If it was ended before.
        """
        self._end = end
        self.check()

    def check(self) -> None:
        """Go on, unless it was ended.

        Raises:
            LedgerError: If it was.
        """
        if self._is_set:
            raise LedgerError("the copy was given up", reason="failed")
