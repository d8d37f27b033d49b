"""PURE: how what a ledger tells of contacts, steps and ends stands in a database."""

from collections.abc import Iterable, Sequence
from typing import Any

from digitro_async.ledger._codes import DISPOSITIONS, STATES, STEPS, WAITS
from digitro_async.ledger._history_records import EndRecord, ListedContact, StepRecord
from digitro_async.ledger._records import ContactRecord
from digitro_async.ledger._stored_ends import end_of
from digitro_async.privacy import Personal

__all__ = ["ends_of", "listed_of", "record_of", "steps_of"]


def record_of(values: Sequence[Any]) -> ContactRecord:
    """Return a contact as a ledger shows it.

    Args:
        values: Number, id, line, code of the state, call id, PABX, attempts, reason,
            times of the last intent and outcome, evidence, when it is due, code of what
            it waits for, priority, and the columns of its end.
    """
    number, own_id, line, state, call_id, pabx, attempts, reason, *others = values
    sent_at, settled_at, evidence, due, kind, priority, *end_values = others
    return ContactRecord(
        number=number,
        id=None if own_id is None else Personal(own_id),
        line=line,
        state=STATES[state],
        call_id=call_id,
        pabx=pabx,
        attempts=attempts,
        reason=reason,
        sent_at=sent_at,
        settled_at=settled_at,
        evidence=evidence,
        end=end_of(end_values, number, pabx, call_id),
        due=due,
        wait=None if kind is None else WAITS[kind],
        priority=priority,
    )


def steps_of(rows: Iterable[Sequence[Any]]) -> list[StepRecord]:
    """Return the steps of rows of sequence, contact, code, time, PABX and reason."""
    return [
        StepRecord(sequence, contact, STEPS[step], at, pabx, reason)
        for sequence, contact, step, at, pabx, reason in rows
    ]


def ends_of(rows: Iterable[Sequence[Any]]) -> list[EndRecord]:
    """Return the ends of calls.

    Args:
        rows: Contact, PABX, time of the intent, code of the disposition, times of
            ringing, answer and end, and the two numbers of its place.
    """
    return [
        EndRecord(contact, pabx or "", at, DISPOSITIONS[code], *others)
        for contact, pabx, at, code, *others in rows
    ]


def listed_of(values: Sequence[Any]) -> ListedContact:
    """Return a contact of a list.

    Args:
        values: Number, line, code of the state, attempts, PABX, reason, time, number to
            dial, when it is due, and code of what it waits for.
    """
    number, line, state, attempts, pabx, reason, at, destination, due, kind = values
    return ListedContact(
        number=number,
        line=line,
        state=STATES[state],
        attempts=attempts,
        pabx=pabx,
        reason=reason,
        at=at,
        destination=None if destination is None else Personal(destination),
        due=due,
        wait=None if kind is None else WAITS[kind],
    )
