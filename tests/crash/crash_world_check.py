"""Checks a ledger after the world around it broke: pure, as ``check`` is.

Only the simulators' records are believed. The ledger's times may be wrong by whole
hours, and what came before what is told by the order of its events.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

import attrs
from crash_violations import Event, Received, Row, Violation, check, worst_window

from digitro_async import RateLimit
from digitro_async.ledger import State, Step
from digitro_async.testing import FaultKind

HOUR: Final = 3600.0
OUT_OF_STEP: Final = {
    FaultKind.DUPLICATE_ANSWER,
    FaultKind.STRAY_ANSWER,
    FaultKind.ANSWER_TWICE,
}
"""After these a connection may give other calls' answers."""
TELLING: Final = {*OUT_OF_STEP, FaultKind.REPEATED_CALL_ID}
"""After these a client may say of other calls that they are doubtful."""
ALARMING: Final = {"repeated_call_id", "answer_before_request", "doubtful_answer"}


@attrs.frozen(kw_only=True)
class Answered(Received):
    """One POST in a simulator's record.

    Attributes:
        connection: Number of the connection it came on.
        fault: The fault that befell it, if any.
    """

    connection: int = 0
    fault: str | None = None


def check_world(
    records: Sequence[Sequence[Answered]],
    rows: Sequence[Row],
    events: Sequence[Event],
    *,
    reasons: Mapping[int, str],
    began: float,
    imported: Collection[str],
    kills: int,
    in_flight: int,
    ambiguous_faults: int,
    rates: Sequence[int],
) -> tuple[list[Violation], int]:
    """Hold a ledger that was dialled to its end against all simulators' records.

    Args:
        records: Every POST of each simulator, in the order of arrival.
        rows: Every contact.
        events: Every event, in the order of the ledger.
        reasons: The reasons of events, by their place in ``events``.
        began: When it all began, by the true clock.
        imported: The numbers of the contact list.
        kills: How often a dialling process was killed.
        in_flight: Most calls on the wire at once, over all PABX.
        ambiguous_faults: Faults that were injected and leave a call unknown.
        rates: The cap of each PABX.

    Returns:
        What is wrong, and how many calls were accepted by another's answer before
        anything told of it.
    """
    doubtful = [row for row in rows if row.reason in ALARMING]
    doubted = sum(post.fault in TELLING for record in records for post in record)
    found = check(
        sorted((post for record in records for post in record), key=_moment),
        rows,
        [attrs.evolve(event, at=true_time(event.at, began)) for event in events],
        imported=imported,
        kills=kills,
        in_flight=in_flight,
        ambiguous_faults=ambiguous_faults + len(doubtful),
        cap=None,
    )
    if len(doubtful) > doubted * in_flight:
        problem = f"{len(doubtful)} doubtful from {doubted} answers out of step"
        found.append(Violation("unknowns", problem))
    for record, rate in zip(records, rates, strict=True):
        found += _check_cap(record, RateLimit(rate))
    silent = silent_calls(records, rows, events, reasons)
    kept = [
        one
        for one in found
        if one.kind != "call_id" or not any(one.what.startswith(who) for who in silent)
    ]
    return kept, len(silent)


def true_time(shown: float, began: float) -> float:
    """Return the moment that a clock meant which is wrong by whole hours.

    What is checked takes less than half an hour, so there is only one.
    """
    return began + (shown - began + HOUR / 2) % HOUR - HOUR / 2


def _moment(post: Received) -> float:
    return post.at


def _check_cap(record: Sequence[Answered], cap: RateLimit) -> Iterator[Violation]:
    worst = worst_window(record, cap.per)
    if worst > cap.calls:
        yield Violation("over_cap", f"{worst} in {cap.per:g} s, cap {cap.calls}")


def silent_calls(
    records: Sequence[Sequence[Answered]],
    rows: Sequence[Row],
    events: Sequence[Event],
    reasons: Mapping[int, str],
) -> list[str]:
    """Name the contacts whose wrong call id no client could see.

    An answer too many came on their connection before, and between that and their
    intent the ledger has no alarm. The order is the ledger's own: clocks are wrong.
    """
    alarms = [place for place, reason in reasons.items() if reason in ALARMING]
    by_number = {row.destination: row for row in rows}
    first, last = _places(events)
    silent = []
    for record in records:
        faults: dict[int, list[int]] = defaultdict(list)
        for post in record:
            row = by_number.get(post.destination or "")
            if row is None:
                continue
            since = faults[post.connection]
            if _is_anothers(row, post) and since:
                sent = first.get(row.number, 0)
                told = any(min(since) < alarm < sent for alarm in alarms)
                if not told:
                    silent.append(f"contact {row.number}, {row.state}")
            if post.fault in OUT_OF_STEP:
                since.append(last.get(row.number, 0))
    return silent


def _is_anothers(row: Row, post: Answered) -> bool:
    if row.state is not State.ACCEPTED or not post.placed:
        return False
    return row.call_id != post.call_id


def _places(events: Sequence[Event]) -> tuple[dict[int, int], dict[int, int]]:
    """Return where each contact's last intent and its last event stand."""
    first, last = {}, {}
    for place, event in enumerate(events):
        last[event.contact] = place
        if event.step is Step.INTEND:
            first[event.contact] = place
    return first, last
