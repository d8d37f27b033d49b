"""Holds a ledger that was dialled to its end against the record of a simulator."""

import contextlib
import json
import shutil
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, TypeVar

import attrs

from digitro_async import RateLimit
from digitro_async.ledger import State, Step
from digitro_async.ledger._codes import STATES, STEP_CODES

MAX_ATTEMPTS: Final = 5
"""Attempts after which a campaign leaves a contact pending."""
OPEN: Final = (State.CLAIMED, State.INTENT)
"""States in which no run that ends by itself leaves a contact."""


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
    if row.state in OPEN:
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


def leaves_contacts(path: Path) -> bool:
    """Whether the last run left contacts to the next one, and nothing open.

    A contact that is throttled several times in one run is left to the next.
    """
    rows, _ = read_ledger(path)
    return not any(row.state in OPEN for row in rows) and any(
        row.state is State.PENDING and row.attempts < MAX_ATTEMPTS for row in rows
    )


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
