"""PURE: how what rules ask for stands in a database: attempts, waits and blocks."""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any, Final

from digitro_async.errors import Outcome
from digitro_async.ledger._codes import DISPOSITIONS, OUTCOMES, STATES, WAITS
from digitro_async.ledger._schedule_records import (
    AgreedCallback,
    AttemptCounts,
    EndedContact,
    LedgerAttempt,
    LedgerBlock,
    PlannedContact,
)
from digitro_async.ledger._state import State
from digitro_async.ledger._stored_contacts import claimed_contact
from digitro_async.ledger._stored_numbers import all_numbers
from digitro_async.privacy import Personal

__all__ = [
    "LED_TO",
    "RANG",
    "attempt_of",
    "block_hash",
    "block_of",
    "counts_of",
    "ended_of",
    "led_to",
    "outcome_of",
    "place_among",
    "planned_of",
]

LED_TO: Final = {
    Outcome.ACCEPTED: State.ACCEPTED,
    Outcome.REJECTED: State.REJECTED,
    Outcome.UNKNOWN: State.UNKNOWN,
}
"""Where the contacts of attempts that are over are; of one that was not sent, it is
called again."""

RANG: Final = frozenset({Outcome.ACCEPTED, Outcome.UNKNOWN})
"""Outcomes of attempts that are over and may have rung."""

_OUTCOMES: Final = {state: outcome for outcome, state in LED_TO.items()}
_LAST_STATES: Final = frozenset({State.CLAIMED, State.INTENT, *LED_TO.values()})


def outcome_of(state: State) -> Outcome | None:
    """Return the outcome of a contact's last attempt, by where the contact is.

    Args:
        state: Where it is; ``INTENT`` while the attempt is open.
    """
    if state is State.INTENT:
        return None
    return _OUTCOMES.get(state, Outcome.NOT_SENT)


def led_to(state: State) -> State:
    """Return where a contact's last attempt led to, by where the contact is.

    Args:
        state: Where it is: what is decided of it later says nothing of the attempt.
    """
    return state if state in _LAST_STATES else State.PENDING


def attempt_of(
    contact: int, values: Sequence[Any], campaign: str = ""
) -> LedgerAttempt:
    """Return an attempt as the schedule shows it.

    Args:
        contact: Its contact.
        values: Key, place, originating number, code of the outcome where it is over,
            beginning, code of the contact's state, whether its intent was recorded,
            and answer, end and code of the disposition of its call.
        campaign: Name of the campaign.
    """
    key, place, originating, code, began_at, state_code, has_intent, *told = values
    answered_at, ended_at, disposition = told
    state, outcome = STATES[state_code], None
    if code is not None:
        outcome = OUTCOMES[code]
        state = LED_TO.get(outcome, State.PENDING)
    elif has_intent:
        outcome = outcome_of(state)
        state = led_to(state)
    else:
        began_at = None
    return LedgerAttempt(
        contact=contact,
        campaign=campaign,
        key=None if key is None else Personal(str(key)),
        place=place,
        began_at=began_at,
        state=state,
        outcome=outcome,
        answered_at=answered_at,
        ended_at=ended_at,
        disposition=None if disposition is None else DISPOSITIONS[disposition],
        originating=originating,
    )


def counts_of(rows: Iterable[Sequence[Any]]) -> AttemptCounts:
    """Return the counts of attempts of rows of code of the disposition and count."""
    counts: dict[int | None, int] = {}
    for code, count in rows:
        counts[code] = counts.get(code, 0) + count
    ends = {DISPOSITIONS[code]: n for code, n in counts.items() if code is not None}
    return AttemptCounts(calls=sum(counts.values()), ends=ends)


def place_among(numbers: Sequence[object], place: int) -> int:
    """Return a place; the first where the contact has fewer numbers by now."""
    return place if place < len(numbers) else 0


def planned_of(values: Sequence[Any]) -> PlannedContact:
    """Return a claimed contact with all that rules ask for.

    Args:
        values: Number, attempts, destination, PABX, fields, all numbers, place,
            priority, code of what it waited for, when it was due; time, place, moves
            and overdueness of its callback; and the last originating number.
    """
    number, attempts, destination, pabx, fields, text, place, priority = values[:8]
    kind, due, at, agreed_place, moved, is_overdue, originating = values[8:]
    numbers = all_numbers(text, destination)
    place = place_among(numbers, place)
    callback = None
    if at is not None:
        callback = AgreedCallback(
            at=at, place=agreed_place, moved=moved, is_overdue=bool(is_overdue)
        )
    dialled = numbers[place].destination.reveal()
    return PlannedContact(
        claimed=claimed_contact(number, attempts, dialled, pabx, fields),
        numbers=numbers,
        place=place,
        priority=priority,
        wait=None if kind is None else WAITS[kind],
        due=due,
        callback=callback,
        originating=originating,
    )


def ended_of(values: Sequence[Any]) -> EndedContact:
    """Return an accepted contact whose call has ended.

    Args:
        values: Number, attempts, all numbers, destination, priority, and the code of
            the disposition of its last call.
    """
    number, attempts, text, destination, priority, disposition = values
    return EndedContact(
        number=number,
        attempts=attempts,
        numbers=all_numbers(text, destination),
        priority=priority,
        disposition=DISPOSITIONS[disposition],
    )


def block_hash(number_key: int, key: bytes) -> bytes:
    """Return the hash by which blocks know a number.

    Args:
        number_key: The key of the number.
        key: The key of the hash.
    """
    text = str(number_key).encode()
    return hashlib.blake2b(text, digest_size=16, key=key).digest()


def block_of(values: Sequence[Any]) -> LedgerBlock:
    """Return a block of its hash, reason, end and beginning."""
    digest, reason, until, since = values
    return LedgerBlock(hash=bytes(digest), reason=reason, until=until, since=since)
