"""PostgresLedger: a campaign in a database that many machines dial at once."""

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
from types import MappingProxyType, TracebackType
from typing import Self

from digitro_async._common.unclosed import warn_unclosed
from digitro_async.errors import ConfigurationError, LedgerError
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
from digitro_async.ledger._slices_port import LedgerSlice
from digitro_async.ledger._state import State, Step
from digitro_async.ledger.postgres import _postgres_queries as queries
from digitro_async.ledger.postgres import _slice_queries as slices
from digitro_async.ledger.postgres._call_batches import NOBODY, outcome_job
from digitro_async.ledger.postgres._campaign_access import CampaignAccess
from digitro_async.ledger.postgres._database_run import DatabaseRun
from digitro_async.ledger.postgres._postgres_call_ends import PostgresCallEnds
from digitro_async.ledger.postgres._postgres_contacts import (
    doubt_contacts,
    withdraw_contact,
    write_setting,
)
from digitro_async.ledger.postgres._postgres_imports import PostgresImports
from digitro_async.ledger.postgres._postgres_owners import (
    begin_lease,
    claim_contacts,
    invalidate_contact,
    recover_contacts,
    recover_owner,
    release_contacts,
)
from digitro_async.ledger.postgres._postgres_reader import PostgresLedgerReader
from digitro_async.ledger.postgres._postgres_reconcile import reconcile_contact
from digitro_async.ledger.postgres._postgres_schedule import PostgresSchedule
from digitro_async.ledger.postgres._postgres_session import PostgresSession
from digitro_async.ledger.postgres._server_address import server_address, shown_name
from digitro_async.privacy import Personal, Secret
from digitro_async.settings import RateLimit

__all__ = ["PostgresLedger"]


class PostgresLedger:
    """One campaign in a PostgreSQL database, for many owners on many machines.

    A commit returns when it is on the server's disk. A connection that is lost is made
    again, and what is durable is asked for; an intent of which the server did not say
    so is not sent. A ledger is entered once.

    Args:
        url: ``postgresql://user@host/database``, with all that libpq understands.
        campaign: Name of the campaign; made if it isn't there.
        timeout: Seconds within which the server must answer.
        patience: Seconds for which a lost connection is tried for again.
        shares_caps: Whether who dials shares the caps of each PABX through the
            database, as workers do. Otherwise one run at a time dials.
        clock: For tests alone. Tells the Unix time by which leases end; None for the
            clock of the server.

    Raises:
        ConfigurationError: If a value can't be used.
        SchemaMismatchError: On entering, if a newer version made the schema.
        LedgerError: On entering, if it can't be used: the text says why.
    """

    def __init__(
        self,
        url: str | Secret,
        campaign: str = "default",
        *,
        timeout: float = 10.0,
        patience: float = 30.0,
        shares_caps: bool = False,
        clock: Callable[[], float] | None = None,
    ) -> None:
        given = url if isinstance(url, Secret) else Secret(url)
        del url  # tools show the locals of an error's frames
        self._address = server_address(given, campaign)
        if not (2 <= timeout <= 3600 and 0 <= patience <= 3600):  # noqa: PLR2004 - sane
            raise ConfigurationError(
                "timeout of a ledger must be seconds, 2 to 3600, and patience 0 to 3600"
            )
        self._clock = clock
        self.shares_caps: bool = shares_caps
        self._owners: dict[str, int] = {}  # ids to the database's numbers
        self._recovered = 0
        self._access = CampaignAccess(
            self._address,
            self,
            limit=timeout,
            patience=patience,
            shares_caps=shares_caps,
        )
        last_event = partial(self._access.read, queries.last_event_query())
        connector, change = self._access.connector, self._access.change
        self._run = DatabaseRun(connector, change, last_event, shares_caps=shares_caps)
        self._imports = PostgresImports(self._access)

    def __repr__(self) -> str:
        return f"<PostgresLedger {shown_name(self)}>"

    async def __aenter__(self) -> Self:
        await self._access.open()
        try:
            await self.recover()
        except BaseException:
            await self.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._access.close(self._close_own)

    async def abort(self) -> None:
        """End as a killed process does: nothing that waits is written. For tests."""
        await self._access.abort()

    def __del__(self) -> None:
        access = getattr(self, "_access", None)  # None where it was never made
        if access is not None and access.is_open:
            warn_unclosed(self, access.own_loop.place, 'use it as "async with"')

    @property
    def campaign(self) -> str:
        """Name of the campaign."""
        return self._address.campaign

    @property
    def statements(self) -> int:
        """Statements that its writing connection sent to the server."""
        return self._access.writer.statements

    @property
    def recovered(self) -> int:
        """Open intents of gone owners that became unknown. See ``Ledger``."""
        return self._recovered

    @property
    def ends(self) -> PostgresCallEnds:
        """The ends of its calls."""
        return PostgresCallEnds(self._access, self._clock)

    @property
    def schedule(self) -> PostgresSchedule:
        """Its schedule. See ``ScheduledLedger``."""
        return PostgresSchedule(self._access, self._owners, self._clock)

    def on_loss(self, tell: Callable[[LedgerError], None] | None) -> None:
        """Choose what is called when the server can't be reached. See ``Ledger``."""
        if self._access.is_open:
            self._access.writer.on_loss = tell

    async def add(
        self,
        contacts: Sequence[NewContact],
        *,
        importing: int | None = None,
        rejected: int = 0,
        update: bool = False,
    ) -> Sequence[AddResult]:
        """Put contacts in that are not there yet. See ``Ledger``."""
        return await self._imports.add(
            contacts, importing=importing, rejected=rejected, update=update
        )

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
        return await self._imports.begin(
            file=file, size=size, digest=digest, beginnings=beginnings, now=now
        )

    async def end_import(
        self, number: int, *, now: float, rejected: int = 0, edited: bool = False
    ) -> int:
        """Record that a list was put in to its end. See ``Ledger``."""
        return await self._imports.end(
            number, now=now, rejected=rejected, edited=edited
        )

    async def imports(self) -> Sequence[Import]:
        """Return every import that was begun, in order."""
        return await self._access.read(queries.imports_query())

    async def begin_run(self, owner: ClaimOwner, slot_holder: object) -> bool:
        """Note that an owner begins to dial. See ``Ledger``."""
        self._access.writer  # noqa: B018 - raises where it is not open
        return await self._run.begin(owner, slot_holder)

    async def end_run(self, owner: ClaimOwner, *, holds_slots: bool) -> None:
        """Note that an owner dials no more. See ``Ledger``."""
        await self._run.end(owner, holds_slots=holds_slots)

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
        number, claimed = await self._access.do(
            claim_contacts,
            owner=owner,
            lease=lease,
            limit=limit,
            after=after,
            max_attempts=max_attempts,
            within=within,
            pabx=pabx,
            now=self._now(),
        )
        self._owners[owner.id] = number
        return claimed

    async def pending_slices(
        self,
        size: int,
        most: int,
        *,
        after: int = 0,
        last: int | None = None,
        max_attempts: int | None = None,
    ) -> Sequence[LedgerSlice]:
        """Return slices in which contacts are pending. See ``SlicedLedger``."""
        query = slices.pending_slices_query(
            size, most, after, last, max_attempts, now=self._now()
        )
        return await self._access.read(query)

    async def whole_until(self) -> int:
        """Return the last contact that is of no unfinished list: ``SlicedLedger``."""
        return await self._access.read(slices.whole_until_query())

    async def renew(self, owner: ClaimOwner, lease: float) -> None:
        """Begin an owner's lease anew. See ``Ledger``."""
        now = self._now()
        begin = partial(begin_lease, owner=owner, lease=lease, now=now)
        self._owners[owner.id] = await self._access.change(begin)

    async def release(
        self, owner: ClaimOwner, numbers: Sequence[int] | None = None
    ) -> None:
        """Give back claims of an owner. See ``Ledger``."""
        await self._access.do(release_contacts, owner=owner, numbers=numbers)

    async def recover(self, owner: ClaimOwner | None = None) -> int:
        """Close the contacts that an owner left open when it went. See ``Ledger``."""
        found = await self._access.do(recover_owner, owner=owner, now=self._now())
        self._recovered += found
        return found

    async def invalidate(self, number: int, owner: ClaimOwner, reason: str) -> None:
        """Record that a claimed contact can't be called. See ``Ledger``."""
        now = time.time() if self._clock is None else self._clock()
        given = {"number": number, "owner": owner, "reason": reason, "now": now}
        await self._access.do(invalidate_contact, **given)

    def intend(
        self, number: int, owner: ClaimOwner, pabx: str, at: float
    ) -> Awaitable[None]:
        """Record that a claimed contact is about to be called. See ``Ledger``."""
        row = (number, self._owners.get(owner.id, NOBODY), pabx, at)
        return self._access.writer.write_intent(row)

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
        known = self._owners.get(owner.id, NOBODY)
        job = partial(outcome_job, call_id=call_id, reason=reason, on_done=on_done)
        self._access.writer.put(job(number, known, step, pabx, at))

    async def doubt(self, numbers: Sequence[int], pabx: str, at: float) -> int:
        """Make contacts unknown whose last answer may be another's. See ``Ledger``."""
        return await self._access.do(doubt_contacts, numbers=numbers, pabx=pabx, at=at)

    async def withdraw(
        self, contact: str | int | Personal, *, reason: str, now: float
    ) -> State:
        """Let nobody begin a contact's call any more. See ``Ledger``."""
        given = {"contact": contact, "reason": reason, "now": now}
        return await self._access.do(withdraw_contact, **given)

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
        given = {"accepted": accepted, "evidence": evidence, "now": now}
        return await self._access.do(reconcile_contact, contact=contact, **given)

    async def counts(self) -> Mapping[State, int]:
        """Return how many contacts are in each state."""
        return await self._access.read(queries.count_query())

    async def count_exhausted(self, max_attempts: int) -> int:
        """Return how many pending contacts are out of attempts."""
        return await self._access.read(queries.count_exhausted_query(max_attempts))

    async def entries(self) -> AsyncIterator[ContactRecord]:
        """Yield every contact, in the order of import."""
        last = 0
        while page := await self._access.read(queries.page_query(last)):
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
        """Return the rate slots that earlier calls hold, of all campaigns' calls."""
        read = partial(
            PostgresLedgerReader.occupied_slots,
            limit=limit,
            quarantine=quarantine,
            now=now,
            elsewhere=elsewhere,
        )
        return await self._access.ask(read)

    async def set_setting(self, name: str, value: str) -> None:
        """Keep a setting of the campaign."""
        await self._access.do(write_setting, name=name, value=value)

    async def get_setting(self, name: str) -> str | None:
        """Return a setting of the campaign."""
        return await self._access.read(queries.setting_query(name))

    def _now(self) -> float | None:
        """Return the time for the database; None for its own."""
        return None if self._clock is None else self._clock()

    async def _close_own(self, session: PostgresSession) -> None:
        """Close what owners left open that dialled by this object."""
        owners, now = list(self._owners.values()), self._now()
        self._recovered += await recover_contacts(
            session, self._access.campaign.number, owners, now
        )
