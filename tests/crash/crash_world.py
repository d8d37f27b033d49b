"""Kills a dialling process while the world around it breaks as well.

What the crash checker does to a library whose surroundings are sound, this does where
they are not. It is run by it::

    python tests/crash/crash_checker.py --world --kills 100

* The ledger was made by an earlier version, and is killed while it is migrated.
* The contact file is put in by processes that die half way; now and then somebody
  dials in between, which must be refused or call nobody.
* Two PABX share the calls, one with a cap so low that one call too many is seen.
* They are renamed between runs, exchange their names too, and keep their addresses.
* The clock is an hour wrong, set between the runs and amid them.
* Answers come twice and unasked, beside the checker's other faults.

The records of the two simulators and nothing else are believed.
"""

import contextlib
import random
import signal
import sqlite3
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import crash_world_child
from crash_checker import Report, report_on, show
from crash_child import DIALLING
from crash_processes import Child, simulate
from crash_violations import (
    MAX_ATTEMPTS,
    Row,
    Violation,
    leaves_contacts,
    look_inside,
    read_ledger,
    read_record,
    worst_window,
)
from crash_world_check import OUT_OF_STEP, Answered, check_world
from crash_world_child import PAGE, WORLD_BUGS, WorldJob
from crash_world_old import make_old_ledger, old_record, schema_of
from crash_world_plan import WORLD_FAULTS, WorldPlan

from digitro_async.ledger import State
from digitro_async.testing import sample_contacts, write_sample_file

LONGEST: Final = 150.0
"""Seconds after which the last run is taken to be stuck."""


class World:
    """The files, the simulators and the children of one run.

    Args:
        plan: What is done.
        folder: Where the files may be.
    """

    def __init__(self, plan: WorldPlan, folder: Path) -> None:
        self.plan = plan
        self.began = time.time()
        self.found: list[Violation] = []
        self.partial = 0
        self.chance = random.Random(f"{plan.seed}/world")
        self.ledger = folder / "campaign.db"
        self.contacts = folder / "contacts.csv"
        self.records = [folder / "north.jsonl", folder / "south.jsonl"]
        self._folder = folder
        self._clocks = plan.clocks()
        self._names = plan.names()
        self._addresses: tuple[str, ...] = ()
        self._simulators: list[Child] = []

    def open(self) -> None:
        """Write the list and start the simulators."""
        size = self.plan.size()
        write_sample_file(self.contacts, size, seed=self.plan.seed)
        self.records[0].write_bytes(old_record(self.imported(), now=self.began))
        for number, record in enumerate(self.records):
            seed = self.plan.seed + number
            faults = WORLD_FAULTS[number]
            run = partial(simulate, record, faults, seed, first_id=number * 10**9)
            self._simulators.append(Child(run))
        self._addresses = tuple(one.hear() for one in self._simulators)

    def close(self) -> int:
        """Stop the simulators; return how many of their faults were ambiguous."""
        for one in self._simulators:
            one.signal(signal.SIGTERM)
        ambiguous = sum(int(one.hear() or 0) for one in self._simulators)
        for one in self._simulators:
            one.wait()
        return ambiguous

    def job(self, **changes: Any) -> WorldJob:
        """Return what the next child does: by another clock, with other names."""
        given: dict[str, Any] = {
            "ledger": self.ledger,
            "addresses": self._addresses,
            "names": next(self._names),
            "rates": self.plan.rates,
            "in_flight": self.plan.in_flight,
            "clock": next(self._clocks),
            "bug": self.plan.bug,
        }
        return WorldJob(**given | changes)

    def imported(self) -> list[Mapping[str, str]]:
        """Return the contacts of the list."""
        return list(sample_contacts(self.plan.size(), seed=self.plan.seed))

    def posts(self) -> int:
        """Return how many POSTs the simulators have read."""
        return sum(one.read_bytes().count(b"\n") for one in self.records)

    def fail(self, kind: str, what: str) -> None:
        """Note something that must not be."""
        self.found.append(Violation(kind, what))

    def look(self, ledger: Path) -> int:
        """See that a ledger is sound, and return how many contacts it holds."""
        verdict, counts = look_inside(ledger)
        if verdict != "ok":
            self.fail("integrity", verdict)
        return sum(counts.values())

    # Migrations.

    def migrate(self) -> None:
        """Kill migrations of old ledgers; the last of these is dialled then."""
        old = self.imported()[: self.plan.size() // 3]
        fresh = self._folder / "fresh.db"
        self._migrate(self.job(ledger=fresh, bug=None), None)
        schema = schema_of(fresh)
        steps = [self._steps_from(version, old) for version in (1, 2)]
        for number in range(self.plan.migrations):
            is_last = number == self.plan.migrations - 1
            name = self.ledger.name if is_last else f"old{number}.db"
            ledger = self._make_old(name, number % 2 + 1, old)
            die_at = self.chance.randint(1, max(1, steps[number % 2]))
            self._migrate(self.job(ledger=ledger), die_at)
            self.look(ledger)
            self._migrate(self.job(ledger=ledger), None)
            contacts = self.look(ledger)
            if contacts != len(old):
                self.fail("missing", f"{contacts} of {len(old)} after a migration")
            if schema_of(ledger) != schema:
                self.fail("schema", f"ledger {number} is not as a new one")

    def _make_old(
        self, name: str, version: int, contacts: Sequence[Mapping[str, str]]
    ) -> Path:
        ledger = self._folder / name
        make_old_ledger(ledger, version, contacts, pabx="north", now=self.began)
        return ledger

    def _steps_from(self, version: int, old: Sequence[Mapping[str, str]]) -> int:
        """Return how many steps a whole migration takes."""
        ledger = self._make_old(f"whole{version}.db", version, old)
        return self._migrate(self.job(ledger=ledger, bug=None), 0)

    def _migrate(self, job: WorldJob, die_at: int | None) -> int:
        """Migrate a ledger, and return what it says of its steps; killed, 0."""
        child = Child(partial(crash_world_child.migrate, job, die_at))
        steps = int(child.hear() or 0)
        code = child.wait()
        if code and (code != -signal.SIGKILL or not die_at):
            self.fail("failed", f"a migration ended with {code}")
        return steps

    # Imports.

    def put_in(self) -> None:
        """Kill imports of the file, and dial now and then what is there."""
        pages = self.plan.size() // PAGE
        before = self.look(self.ledger)
        for _ in range(self.plan.imports):
            page = self.chance.randrange(pages // 2, pages)  # the old third is there
            put_in = crash_world_child.put_in
            child = Child(partial(put_in, self.job(), self.contacts, page))
            child.hear()
            self._kill(child, self.chance.uniform(0, 0.004))
            there = self.look(self.ledger)
            if before < there < self.plan.size():
                self._dial_a_part()
        job = self.job()
        self._end(partial(crash_world_child.put_in, job, self.contacts, -1))
        if (there := self.look(self.ledger)) != self.plan.size():
            self.fail("missing", f"{there} of {self.plan.size()} after the import")

    def _dial_a_part(self) -> None:
        """Dial while the list is known in part: nobody may be called by that."""
        self.partial += 1
        before = self.posts()
        child = Child(partial(crash_world_child.dial, self.job()))
        if child.hear() == DIALLING:
            time.sleep(0.15)
        self._kill(child, 0)
        time.sleep(0.05)
        if called := self.posts() - before:
            self.fail("partial_list", f"{called} called while the import was broken")

    # Dialling.

    def dial(self) -> None:
        """Kill runs, and let one go to its end."""
        for moment in self.plan.moments():
            child = Child(partial(crash_world_child.dial, self.job()))
            if moment > 0:
                child.hear()
            code = self._kill(child, abs(moment))
            if code != -signal.SIGKILL:
                self.fail("failed", f"a child ended with {code}")
            time.sleep(0.01)
            self.look(self.ledger)
        for _ in range(MAX_ATTEMPTS):  # each run is one attempt at what is left
            self._end(partial(crash_world_child.dial, self.job()))
            self.look(self.ledger)
            if self.found or not leaves_contacts(self.ledger):
                break

    def _kill(self, child: Child, after: float) -> int:
        time.sleep(after)
        child.signal(signal.SIGKILL)
        return child.wait()

    def _end(self, main: Callable[..., Any]) -> None:
        """Let a child come to its end; that takes long, but not for ever."""
        child = Child(main)
        with contextlib.closing(_Killed(child)):
            code = child.wait()
        if code:
            stuck = code == -signal.SIGKILL
            self.fail("stuck" if stuck else "failed", f"a last child ended with {code}")


class _Killed:
    """Kills a child that does not come to its end."""

    def __init__(self, child: Child) -> None:
        self._timer = threading.Timer(LONGEST, child.signal, [signal.SIGKILL])
        self._timer.daemon = True
        self._timer.start()

    def close(self) -> None:
        """Let it live."""
        self._timer.cancel()


def run_world(plan: WorldPlan, folder: Path) -> Report:
    """Do what the plan says and check what came of it."""
    clock = time.monotonic()
    world = World(plan, folder)
    world.open()
    try:
        world.migrate()
        world.put_in()
        world.dial()
    finally:
        ambiguous = world.close()
    rows, events = read_ledger(world.ledger)
    records = [read_record(record, Answered) for record in world.records]
    dialled = len(plan.moments()) + world.partial + 1  # and what the old one left
    found, silent = check_world(
        records,
        rows,
        events,
        reasons=_reasons(world.ledger),
        began=world.began,
        imported=[one["destination"] for one in world.imported()],
        kills=dialled,
        in_flight=sum(plan.in_flight),
        ambiguous_faults=ambiguous,
        rates=plan.rates,
    )
    found = [*world.found, *found]
    figures = {
        **_figures(plan, records, rows, found),
        "silent wrong ids": silent,
        "partial dials": world.partial,
        "ambiguous faults": ambiguous,
        "seconds": f"{time.monotonic() - clock:.1f}",
    }
    return Report(figures=figures, violations=found)


def _reasons(ledger: Path) -> dict[int, str]:
    with contextlib.closing(sqlite3.connect(ledger)) as connection:
        reasons = connection.execute("SELECT reason FROM event ORDER BY sequence")
        return {place: one for place, (one,) in enumerate(reasons) if one is not None}


def _figures(
    plan: WorldPlan,
    records: Sequence[Sequence[Answered]],
    rows: Sequence[Row],
    found: Sequence[Violation],
) -> dict[str, object]:
    states = Counter(row.state for row in rows)
    kinds = Counter(one.kind for one in found)
    posts = [post for record in records for post in record]
    worst = zip((worst_window(one, 1.0) for one in records), plan.rates, strict=True)
    lost = ("missing", "not_terminal", "unexplained")
    return {
        "kills": f"{len(plan.moments())} dialling, {plan.imports} importing, "
        f"{plan.migrations} migrating",
        "contacts": len(rows),
        "received": " + ".join(str(len(one)) for one in records),
        "placed": sum(post.placed for post in posts),
        **{str(state): states[state] for state in State if states[state]},
        "answers out of step": sum(post.fault in OUT_OF_STEP for post in posts),
        "doubles": kinds["double"],
        "lost": sum(kinds[kind] for kind in lost),
        "wrong call ids": kinds["call_id"],
        "worst windows": ", ".join(f"{one} (cap {cap})" for one, cap in worst),
    }


def main(given: Mapping[str, Any], *, keep: bool) -> int:
    """Do what the checker's command line says, and print what came of it."""
    plan = WorldPlan(**given)
    show("seed", plan.seed)
    act = partial(run_world, plan)
    return report_on(act, keep=keep, is_spoilt=plan.bug is not None)


__all__ = ["WORLD_BUGS", "WorldPlan", "check_world", "main", "run_world"]

if __name__ == "__main__":
    sys.exit(main({"kills": 12}, keep=False))
