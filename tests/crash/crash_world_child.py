"""The child that the crash checker kills when the world around it breaks as well.

Imports, migrations and dialling over two PABX that are renamed from run to run, by a
clock that is set back and forward. The mistakes in ``WORLD_BUGS`` are put into these
processes and nowhere else, and the checker must see each of them.
"""

import itertools
import os
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import attrs
from crash_child import (
    API_KEY,
    CALL,
    DIALLING,
    NEVER,
    RETRY,
    Say,
    recovery_requeues,
    requeue_where,
    slots_forgotten,
)
from planting import (
    CLOCK_READ,
    DELIVERY_LIMIT,
    IDENTITY_KEY,
    IMPORT_CHECKED,
    IMPORT_PAGE,
    MIGRATION,
    OUTCOME_RECORDED,
    SLOTS_KEPT,
)

from digitro_async import PABX, DigitroClient, DigitroError, RateLimit, TimeoutSettings
from digitro_async.campaign import Campaign
from digitro_async.contacts import open_contacts
from digitro_async.ledger import SQLiteLedger
from digitro_async.ledger.sqlite import _migrations
from digitro_async.protocol import AttemptResult

HOUR: Final = 3600.0
PAGE: Final = 50
"""Contacts of one commit of an import, so that there are many moments to die at."""
STEP: Final = 10
"""Instructions of SQLite's machine that count as one step of a migration."""
LATE_DELIVERY: Final = 2.0
"""Seconds that a call may be on its way after all; from here to here it is none."""
REFUSED: Final = "refused"
"""Printed, with the reason, where the library would not dial."""


@attrs.frozen(kw_only=True)
class Clock:
    """The wall clock of one process, wrong by whole hours.

    Attributes:
        hours: By how many hours it is wrong at first.
        after: Seconds until it is set.
        then: By how many hours it is wrong then.
    """

    hours: int = 0
    after: float = 0.0
    then: int = 0

    def install(self) -> None:
        """Have ``time.time`` show it in this process."""
        real, began = time.time, time.monotonic()

        def shown() -> float:
            is_set = time.monotonic() - began >= self.after
            return real() + HOUR * (self.then if is_set else self.hours)

        time.time = shown


@attrs.frozen(kw_only=True)
class WorldJob:
    """The work of a child.

    Attributes:
        ledger: The ledger's file.
        addresses: Where each PABX is.
        names: What each is called in this run.
        rates: The cap of each.
        in_flight: Most calls on the wire at once to each.
        clock: What the clock shows.
        bug: A mistake to put in.
    """

    ledger: Path
    addresses: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    rates: tuple[int, ...] = ()
    in_flight: tuple[int, ...] = ()
    clock: Clock = Clock()
    bug: str | None = None

    def begin(self) -> None:
        """Make this process what it shall be."""
        DELIVERY_LIMIT.replace(lambda _: LATE_DELIVERY)
        if self.bug is not None:
            WORLD_BUGS[self.bug]()
        self.clock.install()

    def client(self) -> DigitroClient:
        """Return a client of every PABX."""
        return DigitroClient(
            [self.pabx(place) for place in range(len(self.names))],
            retry=RETRY,
            pause=NEVER,
        )

    def pabx(self, place: int) -> PABX:
        """Return what one PABX is in this run."""
        return PABX(
            self.names[place],
            self.addresses[place],
            1,
            API_KEY,
            rate=RateLimit(self.rates[place]),
            max_in_flight=self.in_flight[place],
            timeouts=TimeoutSettings(total=1.0),
        )


async def put_in(job: WorldJob, contacts: Path, page: int, say: Say) -> None:
    """Put a file into the ledger, and say when that page of it is about to be."""
    job.begin()
    IMPORT_PAGE.replace(lambda _: PAGE)
    add, pages = SQLiteLedger.add, itertools.count()

    async def announced(self: Any, *given: Any, **options: Any) -> Any:
        if next(pages) == page:
            say("page")
        return await add(self, *given, **options)

    _set(SQLiteLedger, "add", announced)
    async with SQLiteLedger(job.ledger) as ledger, job.client() as client:
        with open_contacts(contacts, defaults=CALL) as rows:
            await Campaign(ledger, client, call=CALL).add(rows)
    say("whole")


async def migrate(job: WorldJob, die_at: int | None, say: Say) -> None:
    """Open the ledger, which brings its schema up to date, and close it.

    Args:
        job: What ledger.
        die_at: Step of the migration to be killed at; 0 for none; None where the steps
            needn't be counted.
        say: Says at last how many steps there were.
    """
    job.begin()
    steps = itertools.count(1)
    if die_at is not None:
        _die_amid(steps, die_at)
    async with SQLiteLedger(job.ledger):
        pass
    say(str(next(steps) - 1))


async def dial(job: WorldJob, say: Say) -> None:
    """Dial what is left; say so where that is refused."""
    job.begin()
    try:
        async with (
            SQLiteLedger(job.ledger) as ledger,
            job.client() as client,
            Campaign(ledger, client, call=CALL).run() as run,
        ):
            say(DIALLING)
            async for _ in run:
                pass
    except DigitroError as error:
        say(f"{REFUSED} {error.reason}")
        os._exit(REFUSAL)  # it is no fault: nothing is printed of it


REFUSAL: Final = 3
"""Exit code of a child that would not dial."""


def _die_amid(steps: Iterator[int], die_at: int) -> None:
    """Count the steps of a migration, and be killed at one of them."""
    migrate = MIGRATION.original()  # with its mistake, if it has one

    def step() -> None:
        if next(steps) == die_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def counted(connection: sqlite3.Connection) -> None:
        connection.set_progress_handler(step, STEP)
        try:
            migrate(connection)
        finally:
            connection.set_progress_handler(None, 0)

    MIGRATION.replace(lambda _: counted)


# Mistakes.


def _half_an_import() -> None:
    """Take half of a file for all of it."""
    add: Any = Campaign.add

    async def half(self: Any, contacts: Any, **options: Any) -> Any:
        some = itertools.islice(contacts, 3 * PAGE)
        return await add(self, some, **options)

    _set(Campaign, "add", half)


def _identities_forgotten() -> None:
    """Hash contacts with another key after each start."""
    IDENTITY_KEY.replace(lambda _: lambda _: os.urandom(32))


def _broken_import_passes() -> None:
    """Take an import that did not end for one that did."""
    IMPORT_CHECKED.replace(lambda _: lambda _: None)


def _migration_begins_anew() -> None:
    """Drop some of what an earlier version left before migrating."""
    migrate = MIGRATION.original()

    def anew(connection: sqlite3.Connection) -> None:
        if 0 < _migrations.version_of(connection) < _migrations.latest_version():
            connection.execute("DELETE FROM person WHERE number % 50 = 1")
            connection.execute("DELETE FROM contact WHERE number % 50 = 1")
        migrate(connection)

    MIGRATION.replace(lambda _: anew)


def _migration_in_pieces() -> None:
    """Write the new version down before the schema is as it says."""

    def in_pieces(connection: sqlite3.Connection) -> None:
        before = _migrations.version_of(connection)
        if before == _migrations.latest_version():
            return
        connection.execute(f"PRAGMA user_version = {_migrations.latest_version()}")
        for version, script in _migrations._migrations():
            if version > before:
                connection.executescript(script)

    MIGRATION.replace(lambda _: in_pieces)


def _second_cap_forgotten() -> None:
    """Hold one PABX to its cap and not the other."""
    settings = WorldJob.pabx

    def uncapped(self: WorldJob, place: int) -> PABX:
        pabx = settings(self, place)
        return attrs.evolve(pabx, rate=None) if place else pabx

    _set(WorldJob, "pabx", uncapped)


def _another_call_id() -> None:
    """Give each accepted call the call id of the one before it."""
    settle = OUTCOME_RECORDED.original()
    last: list[Any] = []

    def shifted(
        self: Any, key: Any, pabx: str, settled: AttemptResult, then: Any
    ) -> None:
        if settled.accepted is not None:
            last.append(settled.accepted)
            if len(last) > 1:
                settled = attrs.evolve(settled, accepted=last.pop(0))
        settle(self, key, pabx, settled, then)

    OUTCOME_RECORDED.replace(lambda _: shifted)


def _back_in_time_requeues() -> None:
    """Call those again whose intent seems to be of the future."""
    requeue_where("state IN (3, 4) AND sent_at > ?", lambda: time.time() + HOUR / 2)


def _renames_forgotten() -> None:
    """Hold the slots of calls that were made under today's name alone."""
    keep = SLOTS_KEPT.original()

    class ByName:
        def __init__(self, run: Any, addresses: Any) -> None:
            self._run, self._addresses = run, addresses

        def elsewhere(self, address: str) -> frozenset[str]:
            every = self._run._client.dispatcher.pabx
            here = {one.name for one in every if address in one.base_url}
            return frozenset(self._addresses.of_name) - here

    async def by_name(self: Any, quarantine: float, addresses: Any) -> None:
        await keep(self, quarantine, ByName(self, addresses))

    SLOTS_KEPT.replace(lambda _: by_name)


def _clock_believed() -> None:
    """Take the wall's clock for right."""
    CLOCK_READ.replace(lambda _: lambda _, now, __: lambda at: min(at, now))


def _set(owner: type, name: str, value: Any) -> None:
    setattr(owner, name, value)


WORLD_BUGS: Final[dict[str, Callable[[], None]]] = {
    "half-an-import": _half_an_import,
    "identities-forgotten": _identities_forgotten,
    "broken-import-passes": _broken_import_passes,
    "migration-begins-anew": _migration_begins_anew,
    "migration-in-pieces": _migration_in_pieces,
    "second-cap-forgotten": _second_cap_forgotten,
    "another-call-id": _another_call_id,
    "back-in-time-requeues": _back_in_time_requeues,
    "renames-forgotten": _renames_forgotten,
    "clock-believed": _clock_believed,
    "slots-forgotten": slots_forgotten,
    "recovery-requeues": recovery_requeues,
}
"""The mistakes that the checker must find in a world that breaks."""
