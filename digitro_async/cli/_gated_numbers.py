"""Asks the gates of a rules file about the numbers of a list."""

import datetime as dt
import functools

import attrs

from digitro_async.cli._number_checks import CheckAnswer, Gate, NumberCheck
from digitro_async.contacts import ContactNumber, ContactRow
from digitro_async.rules import (
    ALLOW,
    CallingHours,
    CallingRules,
    Defer,
    GateAnswer,
    MinuteSpan,
    PlannedCall,
    Refuse,
    time_zone,
)

__all__ = ["gated_by", "local_time", "said"]

_DAY = 24 * 60


def gated_by(rules: CallingRules, when: float) -> Gate:
    """Return what asks the gates about a number that would be dialled at a moment.

    No past attempts are known to it: caps and spacing are as if there were none.

    Args:
        rules: The rules.
        when: The moment, a Unix time.
    """
    gates = rules.gates()

    def gate(row: ContactRow, number: ContactNumber, check: NumberCheck) -> NumberCheck:
        called = rules.called_number(check.number)
        hours = _hours_of(number)
        call = PlannedCall(contact=row.line, number=called, hours=hours)
        answer = gates.next_moment(call, when)
        if answer is ALLOW:
            return check
        if isinstance(answer, Refuse):
            code = answer.reason.value
            reason = said(answer)
            return attrs.evolve(
                check, answer=CheckAnswer.BLOCKED, code=code, reason=reason
            )
        if isinstance(answer, Defer):
            return attrs.evolve(
                check,
                answer=CheckAnswer.DEFERRED,
                code=answer.reason.value,
                reason=f"not now, by the rule {answer.rule}",
                until=local_time(answer.until, called.area.zones[0]),
            )
        return check

    return gate


def said(answer: GateAnswer, zone: str = "") -> str:
    """Return an answer in words.

    Args:
        answer: The answer.
        zone: The time zone in which a deferral is told.
    """
    if isinstance(answer, Refuse):
        return f"refused by the rule {answer.rule} ({answer.reason})"
    if isinstance(answer, Defer):
        until = local_time(answer.until, zone)
        return f"not before {until}, by the rule {answer.rule} ({answer.reason})"
    return "allowed"


@functools.lru_cache(maxsize=1_000)  # many contacts wait for the same opening
def local_time(when: float, zone: str) -> str:
    """Return a moment as ISO 8601 with the offset of a zone."""
    local = dt.datetime.fromtimestamp(when, time_zone(zone))
    return local.isoformat(timespec="seconds")


def _hours_of(number: ContactNumber) -> tuple[CallingHours, ...]:
    """Return the hours that a row gives a number."""
    if not number.hours:
        return ()
    spans: tuple[MinuteSpan, ...] = tuple(
        (start, end if end > start else end + _DAY) for start, end in number.hours
    )
    return (CallingHours(name="hours of the number", week=(spans,) * 7),)
