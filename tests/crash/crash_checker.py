"""Kills a dialling process again and again, and checks that nobody was called twice.

``check`` is pure: it believes the simulator's own record and holds the ledger against
it. The rest is a program::

    python tests/crash/crash_checker.py --kills 300 --faults
    python tests/crash/crash_checker.py --kills 100 --world

With ``--world`` what is around the library breaks too: see ``crash_world.py``.
It forks warm children instead of starting interpreters, so a kill costs little more
than the time that the child may dial. Exit code 0: nothing is wrong, 1: something is.
"""

import argparse
import asyncio
import contextlib
import json
import os
import random
import shutil
import signal
import sqlite3
import sys
import tempfile
import time
import traceback
from collections import Counter, defaultdict
from collections.abc import Collection, Coroutine, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

import attrs
import crash_child
from crash_child import BUGS, Job, Say
from crash_world_child import WORLD_BUGS

from digitro_async import RateLimit
from digitro_async.ledger import State, Step
from digitro_async.ledger.sqlite._codes import STATES, STEP_CODES
from digitro_async.testing import (
    FakePABX,
    Fault,
    FaultKind,
    FaultPlan,
    sample_contacts,
    write_sample_file,
)

MAX_ATTEMPTS: Final = 5
"""Attempts after which a campaign leaves a contact pending."""


# What is checked.


@attrs.frozen(kw_only=True)
class Received:
    """One POST in the simulator's record.

    Attributes:
        destination: The number to dial, None where it could not be read.
        at: When, by the clock that does not jump.
        wall: When, by the clock that the ledger uses.
        placed: Whether the phone rang.
        call_id: The call id that was made for it.
    """

    destination: str | None
    at: float
    wall: float
    placed: bool = True
    call_id: str | None = None


@attrs.frozen(kw_only=True)
class Row:
    """One contact in the ledger.

    Attributes:
        number: The ledger's number of it.
        destination: The number to dial.
        state: Where it is.
        attempts: Intents so far.
        call_id: The call id that the ledger has of it.
        reason: Why it is not accepted.
    """

    number: int
    destination: str
    state: State
    attempts: int = 1
    call_id: str | None = None
    reason: str | None = None


@attrs.frozen
class Event:
    """One event in the ledger: what happened to which contact, and when."""

    contact: int
    step: Step
    at: float


@attrs.frozen
class Violation:
    """Something that must not be.

    Attributes:
        kind: A code from a closed set.
        what: Where it was seen.
    """

    kind: str
    what: str


def check(
    record: Sequence[Received],
    rows: Sequence[Row],
    events: Sequence[Event],
    *,
    imported: Collection[str],
    kills: int,
    in_flight: int,
    ambiguous_faults: int,
    cap: RateLimit | None,
) -> list[Violation]:
    """Hold a ledger that was dialled to its end against the simulator's record.

    Args:
        record: Every POST, in the order of arrival.
        rows: Every contact.
        events: Every event, in the order of the ledger.
        imported: The numbers of the contact list.
        kills: How often the dialling process was killed.
        in_flight: Most calls on the wire at once.
        ambiguous_faults: Faults that were injected and leave a call unknown.
        cap: The cap.
    """
    received = defaultdict(list)
    for post in record:
        received[post.destination].append(post)
    return [
        *_check_list(rows, received, imported),
        *(found for row in rows for found in _check_row(row, received)),
        *_check_intents(rows, events, received),
        *_check_unknowns(
            rows,
            events,
            kills=kills,
            in_flight=in_flight,
            ambiguous_faults=ambiguous_faults,
        ),
        *_check_windows(record, cap),
    ]


def worst_window(record: Sequence[Received], per: float) -> int:
    """Return the most POSTs in any half-open window of that many seconds."""
    return max(_windows(record, per), default=0)


_Received = Mapping[str | None, Sequence[Received]]


def _check_list(
    rows: Sequence[Row], received: _Received, imported: Collection[str]
) -> Iterator[Violation]:
    """Every contact of the list is in the ledger once, and nobody else was called."""
    if len(rows) != len(imported):
        yield Violation("sum", f"{len(rows)} in the ledger, {len(imported)} imported")
    known = {row.destination for row in rows}
    for destination in sorted(set(imported) - known):
        yield Violation("missing", f"{destination} is not in the ledger")
    for stranger in received.keys() - known:
        yield Violation("stranger", f"{stranger} was called and is not in the list")


def _check_row(row: Row, received: _Received) -> Iterator[Violation]:
    """One contact is where the record says, and its phone rang once at most."""
    who = f"contact {row.number}, {row.state}"
    placed = [post for post in received.get(row.destination, ()) if post.placed]
    if len(placed) > 1:
        yield Violation("double", f"{who}: placed {len(placed)} times")
    if row.state is State.ACCEPTED:
        if not placed:
            yield Violation("accepted_not_placed", who)
        elif row.call_id not in {post.call_id for post in placed}:
            yield Violation("call_id", f"{who}: its call id is not the PABX's")
    elif row.state is State.UNKNOWN:
        if not row.attempts:
            yield Violation("unexplained", f"{who}: without an attempt")
    elif placed:
        yield Violation(f"{row.state}_but_placed", who)
    if row.state in (State.CLAIMED, State.INTENT):
        yield Violation("not_terminal", who)
    if row.state is State.PENDING and row.attempts < MAX_ATTEMPTS:
        yield Violation("unexplained", f"{who} after {row.attempts} attempts")


def _check_intents(
    rows: Sequence[Row], events: Sequence[Event], received: _Received
) -> Iterator[Violation]:
    """Each POST has an intent of its own that is no younger than it."""
    intents = defaultdict(list)
    for event in events:
        if event.step is Step.INTEND:
            intents[event.contact].append(event.at)
    for row in rows:
        own = sorted(intents[row.number])
        if len(own) != row.attempts:
            problem = (
                f"contact {row.number}: {row.attempts} attempts, {len(own)} intents"
            )
            yield Violation("attempts", problem)
        posts = sorted(post.wall for post in received.get(row.destination, ()))
        for ordinal, wall in enumerate(posts):
            if ordinal >= len(own) or own[ordinal] > wall:
                problem = f"contact {row.number}: POST {ordinal + 1} of {len(posts)}"
                yield Violation("no_intent", problem)


def _check_unknowns(
    rows: Sequence[Row],
    events: Sequence[Event],
    *,
    kills: int,
    in_flight: int,
    ambiguous_faults: int,
) -> Iterator[Violation]:
    """No more contacts are unknown than kills and injected faults can explain."""
    unknown = [row for row in rows if row.state is State.UNKNOWN]
    orphans = sum(row.reason == "owner_gone" for row in unknown)
    bound = kills * in_flight
    if orphans > bound:
        yield Violation("orphans", f"{orphans} unknown from {kills} kills")
    if len(unknown) > bound + ambiguous_faults:
        problem = f"{len(unknown)} unknown, at most {bound} + {ambiguous_faults}"
        yield Violation("unknowns", problem)
    recoveries = Counter(event.at for event in events if event.step is Step.RECOVER)
    for number in recoveries.values():
        if number > in_flight:
            problem = f"{number} at one recovery, {in_flight} in flight"
            yield Violation("orphans", problem)


def _check_windows(
    record: Sequence[Received], cap: RateLimit | None
) -> Iterator[Violation]:
    """No window holds more POSTs than the cap, whoever sent them."""
    if cap is None:
        return
    for post, number in zip(record, _windows(record, cap.per), strict=True):
        if number > cap.calls:
            problem = f"{number} in {cap.per:g} s up to {post.at:.3f}, cap {cap.calls}"
            yield Violation("over_cap", problem)


def _windows(record: Sequence[Received], per: float) -> Iterator[int]:
    first = 0
    for last, post in enumerate(record):
        while post.at - record[first].at >= per:
            first += 1
        yield last - first + 1


# What is read for it.


_Kind = TypeVar("_Kind", bound=Received)


def read_record(path: Path, kind: type[_Kind]) -> list[_Kind]:
    """Read the simulator's record."""
    names = [field.name for field in attrs.fields(kind)]
    with path.open(encoding="utf-8") as lines:
        posts = [json.loads(line) for line in lines]
    return [kind(**{name: post[name] for name in names}) for post in posts]


def read_ledger(path: Path) -> tuple[list[Row], list[Event]]:
    """Read all contacts and events of a ledger."""
    steps = {code: step for step, code in STEP_CODES.items()}
    with contextlib.closing(sqlite3.connect(path)) as connection:
        rows = connection.execute(
            "SELECT number, destination, state, attempts, call_id, reason"
            " FROM contact JOIN person USING (number)"
        )
        found = [
            Row(
                number=number,
                destination=destination,
                state=STATES[state],
                attempts=attempts,
                call_id=call_id,
                reason=reason,
            )
            for number, destination, state, attempts, call_id, reason in rows
        ]
        events = connection.execute(
            "SELECT contact, step, at FROM event ORDER BY sequence"
        )
        return found, [Event(one, steps[step], at) for one, step, at in events]


def look_inside(ledger: Path) -> tuple[str, Counter[State]]:
    """Return what SQLite says of a ledger, and how many contacts are in each state.

    A copy is opened: to open the ledger itself would mend it before the next child
    can, which must do so alone.
    """
    copy = ledger.with_name("copy.db")
    for end in ("", "-wal"):
        source = ledger.with_name(ledger.name + end)
        target = copy.with_name(copy.name + end)
        target.unlink(missing_ok=True)
        if source.exists():
            shutil.copyfile(source, target)
    with contextlib.closing(sqlite3.connect(copy)) as connection:
        (verdict,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
        counts = connection.execute(
            "SELECT state, count(*) FROM contact GROUP BY state"
        )
        return verdict, Counter({STATES[code]: count for code, count in counts})


# The simulator.

DEFINITE: Final = {FaultKind.STATUS, FaultKind.THROTTLE_429, FaultKind.SLOW_ANSWER}
"""Faults after which it is known what became of the call."""

FAULTS: Final = FaultPlan(
    [
        Fault(FaultKind.LOSE_ANSWER, probability=0.03),
        Fault(FaultKind.ERROR_500_AFTER_PLACING, probability=0.02),
        Fault(FaultKind.RESET_AFTER_READING, probability=0.02),
        Fault(FaultKind.NOT_HTTP, placed=True, probability=0.01),
        Fault(FaultKind.GARBAGE_200, probability=0.01),
        Fault(FaultKind.HALF_ANSWER, probability=0.01),
        Fault(FaultKind.ERROR_503, probability=0.005),
        Fault(FaultKind.HTML_200, probability=0.005),
        Fault(FaultKind.NULL_CALL_ID, probability=0.005),
        Fault(FaultKind.REPEATED_CALL_ID, probability=0.005),
        Fault(FaultKind.ANSWER_TWICE, probability=0.005),
        Fault(FaultKind.STALL, probability=0.002),
        Fault(FaultKind.RESET_BEFORE_READING, probability=0.005),
        Fault(FaultKind.RESET_ON_CONNECT, probability=0.01),
        Fault(FaultKind.STATUS, status=400, probability=0.01),
        Fault(FaultKind.THROTTLE_429, retry_after=0, probability=0.01),
        Fault(FaultKind.SLOW_ANSWER, probability=0.01),
    ],
    seed=1,
)
"""About 15 in 100 calls go wrong."""

LATENCY: Final = (0.02, 0.14)
"""Least and most seconds of an answer: about 24 in flight at 300 a second."""


async def simulate(
    record: Path, faults: FaultPlan | None, seed: int, say: Say, *, first_id: int = 0
) -> None:
    """Run the simulator until SIGTERM, or until whoever started it is gone.

    Args:
        record: File of its record.
        faults: What goes wrong.
        seed: Of everything random.
        say: Says its address and, at its end, how many faults were ambiguous.
        first_id: What its call ids count from: two simulators must have different ones.
    """
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    parent = os.getppid()
    pabx = FakePABX(
        record_path=record,
        keep_record=False,
        latency=lambda chance: chance.uniform(*LATENCY),
        faults=faults,
        seed=seed,
    )
    pabx._handler._ids._count = first_id
    async with pabx:
        say(pabx.base_url)
        while not stop.is_set() and os.getppid() == parent:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await stop.wait()
        by_fault = pabx.summary().by_fault
        ambiguous = sum(n for kind, n in by_fault.items() if kind not in DEFINITE)
        say(str(ambiguous))


# The processes.


class Child:
    """A forked process that runs one coroutine and says lines.

    Args:
        main: Returns the coroutine; given a function that says a line.
    """

    def __init__(self, main: Any) -> None:
        reading, writing = os.pipe()
        sys.stdout.flush()
        self.pid = os.fork()
        if not self.pid:
            os.close(reading)
            _run(main(lambda line: os.write(writing, f"{line}\n".encode())))
        os.close(writing)
        self._lines = os.fdopen(reading, encoding="utf-8")

    def hear(self) -> str:
        """Return the next line; empty where it ended before."""
        return self._lines.readline().rstrip("\n")

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)

    def wait(self) -> int:
        """Wait for its end and return its exit code, below zero for a signal."""
        status = os.waitpid(self.pid, 0)[1]
        self._lines.close()
        return os.waitstatus_to_exitcode(status)


def _run(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run it and end the process, whatever happens."""
    code = 1
    try:
        asyncio.run(coroutine)
        code = 0
    except BaseException:  # noqa: BLE001 - the process ends here
        traceback.print_exc()
    finally:
        os._exit(code)


@attrs.frozen(kw_only=True)
class Plan:
    """What one run of the program does.

    Attributes:
        stops: How often the dialling process is stopped.
        gently: Whether by SIGTERM instead of SIGKILL.
        contacts: Length of the list; None for as long as is needed.
        in_flight: Most calls on the wire at once.
        rate: Calls of the cap in a second; 0 for none.
        faults: Whether the simulator misbehaves.
        seed: Of everything random.
        bug: A mistake to put into the children.
    """

    stops: int
    gently: bool = False
    contacts: int | None = None
    in_flight: int = 24
    rate: int = 300
    faults: bool = False
    seed: int = 0
    bug: str | None = None

    @property
    def cap(self) -> RateLimit | None:
        """The cap."""
        return RateLimit(self.rate) if self.rate else None

    def moments(self) -> list[float]:
        """Return how long each child may dial; below zero: not even that.

        One in eight is stopped while it opens the ledger, that long after its start.
        """
        chance = random.Random(self.seed)
        return [
            -chance.uniform(0, 0.05)
            if number % 8 == 7 and not self.gently
            else chance.uniform(0.15, 0.7)
            for number in range(self.stops)
        ]

    def size(self) -> int:
        """Return how many contacts are enough for every stop."""
        if self.contacts is not None:
            return self.contacts
        pace = self.rate or self.in_flight / (sum(LATENCY) / 2)
        dialled = sum(moment for moment in self.moments() if moment > 0)
        return round(pace * (dialled + 0.5)) + 20


@attrs.frozen(kw_only=True)
class Report:
    """What one run came to.

    Attributes:
        figures: What was counted, by name.
        violations: What is wrong.
    """

    figures: Mapping[str, object]
    violations: Sequence[Violation]

    def show(self) -> int:
        """Print it all, and return the program's exit code."""
        for name, figure in self.figures.items():
            show(name, figure)
        for kind, number in Counter(one.kind for one in self.violations).items():
            examples = [one.what for one in self.violations if one.kind == kind][:3]
            show(f"VIOLATED {kind}", f"{number}: {'; '.join(examples)}")
        return 1 if self.violations else 0


class TooFewContactsError(Exception):
    """The list was dialled to its end before the last stop."""


def run(plan: Plan, folder: Path) -> Report:
    """Do what a plan says, in an empty folder."""
    began = time.monotonic()
    contacts, record = folder / "contacts.csv", folder / "record.jsonl"
    job = Job(ledger=folder / "ledger.db", rate=plan.cap, bug=plan.bug)
    job = attrs.evolve(job, in_flight=plan.in_flight)
    write_sample_file(contacts, plan.size(), seed=plan.seed)
    faults = FAULTS if plan.faults else None
    simulator = Child(partial(simulate, record, faults, plan.seed))
    try:
        job = attrs.evolve(job, base_url=simulator.hear())
        _put_in(job, contacts, random.Random(plan.seed))
        found = list(_stop_again_and_again(plan, job))
        dialled = time.monotonic() - began
        last = Child(partial(crash_child.dial, job))
        last.hear()
        if last.wait():
            found.append(Violation("failed", "the last run"))
        found += _look(job.ledger)
    finally:
        simulator.signal(signal.SIGTERM)
        ambiguous = int(simulator.hear() or 0)
        simulator.wait()
    rows, events = read_ledger(job.ledger)
    posts = read_record(record, Received)
    found += check(
        posts,
        rows,
        events,
        imported=[one["destination"] for one in _imported(plan)],
        kills=0 if plan.gently else plan.stops,
        in_flight=plan.in_flight,
        ambiguous_faults=ambiguous,
        cap=plan.cap,
    )
    figures = {
        **_figures(plan, posts, rows, found),
        "ambiguous faults": ambiguous,
        "seconds of stops": f"{dialled:.1f}",
        "seconds in all": f"{time.monotonic() - began:.1f}",
    }
    return Report(figures=figures, violations=found)


def _imported(plan: Plan) -> Iterable[Mapping[str, str]]:
    return sample_contacts(plan.size(), seed=plan.seed)


def _put_in(job: Job, contacts: Path, chance: random.Random) -> None:
    """Put the list into the ledger, killed twice meanwhile."""
    for _ in range(2):
        child = Child(partial(crash_child.put_in, job, contacts))
        child.hear()
        time.sleep(chance.uniform(0, 0.1))
        child.signal(signal.SIGKILL)
        child.wait()
    child = Child(partial(crash_child.put_in, job, contacts))
    if child.wait():
        raise ChildProcessError("the contacts can't be put in")


def _stop_again_and_again(plan: Plan, job: Job) -> Iterator[Violation]:
    for moment in plan.moments():
        child = Child(partial(crash_child.dial, job))
        if moment > 0:
            child.hear()
        time.sleep(abs(moment))
        child.signal(signal.SIGTERM if plan.gently else signal.SIGKILL)
        code = child.wait()
        if code != (0 if plan.gently else -signal.SIGKILL):
            if code == 0:
                raise TooFewContactsError("the list is too short: --contacts more")
            yield Violation("failed", f"a child ended with {code}")
        # What it sent is read by now, as after any start of an interpreter.
        time.sleep(0.01)
        yield from _look(job.ledger)
        if plan.gently:
            yield from _look_for_the_open(job.ledger)


def _look(ledger: Path) -> Iterator[Violation]:
    verdict, _ = look_inside(ledger)
    if verdict != "ok":
        yield Violation("integrity", verdict)


def _look_for_the_open(ledger: Path) -> Iterator[Violation]:
    """Nothing is left open by a child that ended by itself."""
    _, counts = look_inside(ledger)
    for state in (State.CLAIMED, State.INTENT):
        if counts[state]:
            yield Violation("left_open", f"{counts[state]} {state}")


def _figures(
    plan: Plan,
    posts: Sequence[Received],
    rows: Sequence[Row],
    found: Sequence[Violation],
) -> dict[str, object]:
    states = Counter(row.state for row in rows)
    kinds = Counter(one.kind for one in found)
    orphans = [row for row in rows if row.reason == "owner_gone"]
    rang = {post.destination for post in posts if post.placed}
    bound = 0 if plan.gently else plan.stops * plan.in_flight
    return {
        "stops": f"{plan.stops} {'SIGTERM' if plan.gently else 'SIGKILL'}",
        "contacts": len(rows),
        "received": len(posts),
        "placed": sum(post.placed for post in posts),
        **{str(state): states[state] for state in State if states[state]},
        "doubles": kinds["double"],
        "lost": kinds["missing"] + kinds["not_terminal"] + kinds["unexplained"],
        "unrecorded": kinds["no_intent"],
        "unknown from crashes": f"{len(orphans)} (bound {bound})",
        "of them placed": sum(row.destination in rang for row in orphans),
        "worst window": f"{worst_window(posts, 1.0)} (cap {plan.rate or 'none'})",
    }


# The command line.


def show(name: str, figure: object) -> None:
    """Write one figure."""
    sys.stdout.write(f"{name:<22} {figure}\n")
    sys.stdout.flush()


def main() -> int:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=25, dest="stops")
    parser.add_argument("--gently", action="store_true", help="SIGTERM, not SIGKILL")
    parser.add_argument("--contacts", type=int)
    parser.add_argument("--in-flight", type=int, default=24)
    parser.add_argument("--rate", type=int, default=300, help="cap; 0 for none")
    parser.add_argument("--faults", action="store_true")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--bug", choices={**BUGS, **WORLD_BUGS})
    parser.add_argument("--keep", action="store_true", help="keep the files")
    parser.add_argument("--world", action="store_true", help="the world breaks too")
    given = vars(parser.parse_args())
    keep = given.pop("keep")
    if given.pop("world"):
        import crash_world  # which is made of this module

        plain = parser.parse_args([])
        for name in ("gently", "in_flight", "rate", "faults"):
            if given.pop(name) != getattr(plain, name):
                parser.error(f"--world goes without --{name.replace('_', '-')}")
        return crash_world.main({"kills": given.pop("stops"), **given}, keep=keep)
    plan = Plan(**given)
    show("seed", plan.seed)
    folder = Path(tempfile.mkdtemp(prefix="crash-"))
    try:
        report = run(plan, folder)
    except TooFewContactsError as error:
        parser.error(str(error))
    finally:
        if not keep:
            shutil.rmtree(folder)
    if keep:
        show("files", folder)
    return report.show()


if __name__ == "__main__":
    sys.exit(main())
