"""SQLiteLedger: a ledger in one file, which one process has open at a time."""

import time
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Mapping,
    Sequence,
)
from functools import partial
from pathlib import Path
from types import MappingProxyType

from digitro_async.ledger._ledger_clock import CLOCK, clock_to_keep
from digitro_async.ledger._ledger_port import OnDone
from digitro_async.ledger._machine_clock import read_clock
from digitro_async.ledger._occupied_slots import OccupiedSlots
from digitro_async.ledger._records import (
    AddResult,
    ClaimedContact,
    ClaimOwner,
    ContactRecord,
    Import,
    NewContact,
    Reconciliation,
)
from digitro_async.ledger._single_run import SingleRun
from digitro_async.ledger._state import State, Step
from digitro_async.ledger._write_jobs import INTENTS
from digitro_async.ledger.sqlite import _queries
from digitro_async.ledger.sqlite._batch_sql import (
    PADDING,
    job_of_outcome,
    write_intents,
)
from digitro_async.ledger.sqlite._connections import check_settings
from digitro_async.ledger.sqlite._contacts_sql import (
    doubt_contacts,
    invalidate_contact,
    write_setting,
)
from digitro_async.ledger.sqlite._database import Opening
from digitro_async.ledger.sqlite._imports_sql import read_imports
from digitro_async.ledger.sqlite._ledger_access import LedgerAccess
from digitro_async.ledger.sqlite._open_imports import OpenImports
from digitro_async.ledger.sqlite._owners_sql import (
    begin_lease,
    claim_under_lease,
    recover_all,
    recover_contacts,
    release_contacts,
)
from digitro_async.ledger.sqlite._reconcile_sql import (
    reconcile_contact,
    withdraw_contact,
)
from digitro_async.ledger.sqlite._sqlite_call_ends import SQLiteCallEnds
from digitro_async.ledger.sqlite._sqlite_reader import PAGE
from digitro_async.ledger.sqlite._sqlite_schedule import SQLiteSchedule
from digitro_async.privacy import Personal
from digitro_async.settings import RateLimit

__all__ = ["SQLiteLedger"]


class SQLiteLedger(LedgerAccess):
    """A ledger in one SQLite file; no server, nothing to install.

    Write-ahead log with ``synchronous=FULL``: a commit returns when it is on disk. One
    ledger owns the file while it is open; a ``SQLiteLedgerReader`` may read it
    meanwhile. A ledger is entered once.

    Args:
        path: The file; made if it isn't there.
        synchronous: For tests alone. Anything but FULL loses the promise.
        busy_timeout: Seconds to wait for another program that is writing to the file.
        any_file_system: Whether it may stand on a file system that is not known to be
            on a disk of this machine. With True you answer for its locks and syncs.
        accept_loss: Whether it is opened though a part of its record is missing, as its
            log was deleted. Contacts that are not final in the rest may have been
            called, and may be called again.
        clock: For tests alone. Tells the Unix time by which leases end.

    Raises:
        ConfigurationError: If a value can't be used.
        LedgerInUseError: On entering, if somebody owns it.
        SchemaMismatchError: On entering, if a newer version made it.
        LedgerError: On entering, if it can't be used: the text says why.
    """

    def __init__(
        self,
        path: Path,
        *,
        synchronous: str = "FULL",
        busy_timeout: float = 5.0,
        any_file_system: bool = False,
        accept_loss: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        opening = Opening(
            synchronous=synchronous,
            busy_timeout=busy_timeout,
            any_file_system=any_file_system,
            accept_loss=accept_loss,
        )
        super().__init__(path, opening, prepare=lambda c: recover_all(c, clock()))
        self._clock = clock
        self._run = SingleRun()
        self._owners: dict[str, int] = {}  # ids to the ledger's numbers
        self._recovered = 0
        self._imports = OpenImports()
        check_settings(path, synchronous, busy_timeout)

    def __repr__(self) -> str:
        return f"<SQLiteLedger {self._file.name}>"

    @property
    def recovered(self) -> int:
        """Open intents of gone owners that became unknown. See ``Ledger``."""
        return self._file.recovered + self._recovered

    @property
    def ends(self) -> SQLiteCallEnds:
        """The ends of its calls."""
        return SQLiteCallEnds(self._put, self._call, self._read)

    @property
    def schedule(self) -> SQLiteSchedule:
        """Who waits until when, and what was tried already."""
        return SQLiteSchedule(
            self._file, self._clock, self._owners, self._call, self._read
        )

    async def add(
        self,
        contacts: Sequence[NewContact],
        *,
        importing: int | None = None,
        rejected: int = 0,
        update: bool = False,
    ) -> Sequence[AddResult]:
        """Put contacts in that are not there yet. See ``Ledger``."""
        named = self._imports.named_by(importing)
        add = partial(
            self._imports.add,
            key=self._file.key,
            contacts=contacts,
            importing=importing,
            rejected=rejected,
            named=named,
            update=update,
        )
        added = await self._call(add)
        named.end_page()  # it was rolled back before, perhaps
        return added

    async def begin_import(
        self,
        *,
        file: str | None = None,
        size: int | None = None,
        digest: bytes | None = None,
        beginnings: Mapping[int, bytes] = MappingProxyType({}),
        now: float,
    ) -> int:
        """Record that a list is being put in. See ``Ledger``."""
        begin = partial(self._imports.begin, key=self._file.key, file=file, size=size)
        return await self._call(
            lambda c: begin(c, digest=digest, beginnings=beginnings, now=now)
        )

    async def end_import(
        self, number: int, *, now: float, rejected: int = 0, edited: bool = False
    ) -> int:
        """Record that a list was put in to its end. See ``Ledger``."""
        named = self._imports.take_named(number)
        end = partial(self._imports.end, number=number, named=named, edited=edited)
        return await self._call(lambda c: end(c, now=now, rejected=rejected))

    async def imports(self) -> Sequence[Import]:
        """Return every import that was begun, in order."""
        return await self._read(read_imports)

    async def begin_run(self, owner: ClaimOwner, slot_holder: object) -> bool:
        """Note that an owner begins to dial. See ``Ledger``."""
        if self._writer is None:
            raise self._not_open()
        return self._run.begin(owner, slot_holder)

    async def end_run(self, owner: ClaimOwner, *, holds_slots: bool) -> None:
        """Note that an owner dials no more. See ``Ledger``."""
        self._run.end(owner, holds_slots=holds_slots)

    async def claim(
        self,
        limit: int,
        owner: ClaimOwner,
        lease: float,
        *,
        after: int = 0,
        max_attempts: int | None = None,
        within: range | None = None,
        pabx: Collection[str | None] | None = None,
    ) -> Sequence[ClaimedContact]:
        """Claim contacts. See ``Ledger``."""
        claim = partial(claim_under_lease, owner=owner, lease=lease, limit=limit)
        which = partial(
            claim, after=after, max_attempts=max_attempts, within=within, pabx=pabx
        )
        number, claimed = await self._call(lambda c: which(c, now=self._clock()))
        # Only now: what was rolled back may be the next owner's number.
        self._owners[owner.id] = number
        return claimed

    async def renew(self, owner: ClaimOwner, lease: float) -> None:
        """Begin an owner's lease anew. See ``Ledger``."""
        await self._call(lambda c: begin_lease(c, owner, lease, self._clock()))

    async def release(
        self, owner: ClaimOwner, numbers: Sequence[int] | None = None
    ) -> None:
        """Give back claims of an owner. See ``Ledger``."""
        await self._call(lambda c: release_contacts(c, owner, numbers))

    async def recover(self, owner: ClaimOwner | None = None) -> int:
        """Close the contacts that an owner left open when it went. See ``Ledger``."""
        found = await self._call(lambda c: recover_contacts(c, self._clock(), owner))
        self._recovered += found
        return found

    async def invalidate(self, number: int, owner: ClaimOwner, reason: str) -> None:
        """Record that a claimed contact can't be called. See ``Ledger``."""
        await self._call(lambda c: invalidate_contact(c, number, owner, reason))

    def intend(
        self, number: int, owner: ClaimOwner, pabx: str, at: float
    ) -> Awaitable[None]:
        """Record that a claimed contact is about to be called. See ``Ledger``."""
        if self._writer is None:
            raise self._not_open()
        row = (number, self._owners.get(owner.id, PADDING), pabx, at)
        return self._writer.write_awaited(INTENTS, write_intents, row)

    def settle(
        self,
        number: int,
        owner: ClaimOwner,
        step: Step,
        pabx: str,
        at: float,
        *,
        on_done: OnDone,
        call_id: str | None = None,
        reason: str | None = None,
    ) -> None:
        """Record the outcome of a call. See ``Ledger``."""
        known = self._owners.get(owner.id, PADDING)
        self._put(
            job_of_outcome(number, known, step, pabx, at, call_id, reason, on_done)
        )

    async def doubt(self, numbers: Sequence[int], pabx: str, at: float) -> int:
        """Make contacts unknown whose last answer may be another's. See ``Ledger``."""
        return await self._call(lambda c: doubt_contacts(c, numbers, pabx, at))

    async def withdraw(
        self, contact: str | int | Personal, *, reason: str, now: float
    ) -> State:
        """Let nobody begin the call of a contact any more. See ``Ledger``."""
        return await self._call(
            lambda c: withdraw_contact(c, contact, reason=reason, now=now)
        )

    async def reconcile(
        self,
        contact: str | int | Personal,
        *,
        accepted: bool,
        evidence: str,
        now: float,
    ) -> Reconciliation:
        """Settle an unknown contact by evidence. See ``Ledger``."""
        clock = clock_to_keep(await self.get_setting(CLOCK), read_clock())
        if clock is not None:
            await self.set_setting(CLOCK, clock)
        return await self._call(
            lambda c: reconcile_contact(
                c, contact, accepted=accepted, evidence=evidence, now=now
            )
        )

    async def counts(self) -> Mapping[State, int]:
        """Return how many contacts are in each state."""
        return await self._read(_queries.count_states)

    async def count_exhausted(self, max_attempts: int) -> int:
        """Return how many pending contacts are out of attempts."""
        count = _queries.count_exhausted_rows
        return await self._read(lambda c: count(c, max_attempts))

    async def entries(self) -> AsyncIterator[ContactRecord]:
        """Yield every contact, in the order of import."""
        last, query = 0, _queries.page_of_entries
        while page := await self._read(partial(query, after=last, size=PAGE)):
            for entry in page:
                yield entry
            last = page[-1].number

    async def occupied_slots(
        self,
        *,
        limit: RateLimit,
        quarantine: float,
        now: float,
        elsewhere: Collection[str] = (),
    ) -> OccupiedSlots:
        """Return the rate slots that calls of earlier runs hold. See ``Ledger``."""
        return await self._read(
            partial(
                _queries.read_occupied_slots,
                limit=limit,
                quarantine=quarantine,
                now=now,
                elsewhere=elsewhere,
            )
        )

    async def set_setting(self, name: str, value: str) -> None:
        """Keep a setting of the campaign."""
        await self._call(lambda c: write_setting(c, name, value))

    async def get_setting(self, name: str) -> str | None:
        """Return a setting of the campaign."""
        return await self._read(lambda c: _queries.read_setting(c, name))
