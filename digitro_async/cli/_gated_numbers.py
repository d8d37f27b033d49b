"""Asks the gates of a rules file about the numbers of a list."""

import datetime as dt
import functools

from digitro_async.cli._number_checks import CheckAnswer, Gate, NumberCheck
from digitro_async.contacts import DayHours
from digitro_async.rules import (
    CallingRules,
    Defer,
    GateAnswer,
    PlannedCall,
    Refuse,
    hours_of_number,
    time_zone,
)

__all__ = ["gated_by", "local_time", "said"]


def gated_by(rules: CallingRules, when: float) -> Gate:
    """Return what asks the gates about a number that would be dialled at a moment.

    No past attempts are known to it: caps and spacing are as if there were none.

    Args:
        rules: The rules.
        when: The moment, a Unix time.
    """
    gates = rules.gates()

    def gate(check: NumberCheck, times: DayHours) -> None:
        called = rules.called_number(check.number)
        call = PlannedCall(
            contact=check.line, number=called, hours=hours_of_number(times)
        )
        answer = gates.next_moment(call, when)
        if isinstance(answer, Refuse):
            check.answer, check.code = CheckAnswer.BLOCKED, answer.reason.value
            check.reason = said(answer)
        elif isinstance(answer, Defer):
            check.answer, check.code = CheckAnswer.DEFERRED, answer.reason.value
            check.reason = f"not now, by the rule {answer.rule}"
            check.until = local_time(answer.until, called.area.zones[0])

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
