"""Calls at a time that was agreed on."""

import zoneinfo
from typing import Any

import pytest
from rule_values import SAO_PAULO, moment, wall

from digitro_async.rules import (
    ALLOW,
    Callback,
    CallbackClosed,
    CallbackDue,
    CallbackMoved,
    CallbackRule,
    CallbackWaits,
    Defer,
    GateReason,
    MissedCallback,
    Refuse,
)

ZONE = zoneinfo.ZoneInfo(SAO_PAULO)
AT = moment("2026-11-30 15:00")
CALLBACK = Callback(contact=1, at=AT)
RULE = CallbackRule(early=300, late=900)


def step(when: float, answer: Any = ALLOW, rule: CallbackRule = RULE) -> Any:
    """What is done about the callback at 15:00."""
    return rule.step(CALLBACK, when, answer, ZONE)


def deferral(until: float) -> Defer:
    """A deferral by closed hours."""
    return Defer(until, GateReason.OUTSIDE_HOURS, "hours")


def test_the_window() -> None:
    """A callback is due within its window, and waits for it before."""
    assert step(AT - 301) == CallbackWaits(AT - 300)
    assert step(AT - 300) == CallbackDue()
    assert step(AT + 900) == CallbackDue()
    assert isinstance(step(AT + 901), CallbackMoved)


def test_gates_are_asked_all_the_same() -> None:
    """A refusal closes a callback, and a deferral within the window makes it wait."""
    refusal = Refuse(GateReason.BLOCKED, "list")

    assert step(AT, refusal) == CallbackClosed("blocked")
    assert step(AT - 1000, refusal) == CallbackClosed("blocked")
    assert step(AT, deferral(AT + 600)) == CallbackWaits(AT + 600)
    assert isinstance(step(AT, deferral(AT + 1000)), CallbackMoved)


def test_a_missed_one_is_moved_to_the_next_day() -> None:
    """It is moved by the clock where the person is, as often as is allowed."""
    moved = step(AT + 1000)
    assert wall(moved.callback.at) == "2026-12-01 15:00:00"
    assert moved.callback.moved == 1

    late = step(moment("2026-12-02 16:00"))
    assert wall(late.callback.at) == "2026-12-03 15:00:00"
    assert late.callback.moved == 3
    assert step(moment("2026-12-09 16:00")) == CallbackClosed("callback_missed")


def test_a_day_with_another_length() -> None:
    """It is moved to the same time on the wall, where the clocks were changed."""
    callback = Callback(contact=1, at=moment("2018-11-03 15:00"))

    moved = RULE.step(callback, callback.at + 901, ALLOW, ZONE)
    assert isinstance(moved, CallbackMoved)
    assert wall(moved.callback.at) == "2018-11-04 15:00:00"


def test_a_missed_one_at_once() -> None:
    """It is made as soon as the gates allow, whenever that is."""
    rule = CallbackRule(missed=MissedCallback.AT_ONCE)
    moved = step(AT + 1000, rule=rule)
    assert isinstance(moved, CallbackMoved)
    assert moved.callback.is_overdue

    later = AT + 90_000
    assert rule.step(moved.callback, later, ALLOW, ZONE) == CallbackDue()
    answer = rule.step(moved.callback, later, deferral(later + 5), ZONE)
    assert answer == CallbackWaits(later + 5)


def test_a_missed_one_is_closed() -> None:
    """It is given up where the rule says so."""
    rule = CallbackRule(missed=MissedCallback.CLOSE)

    assert step(AT + 1000, rule=rule) == CallbackClosed("callback_missed")


@pytest.mark.parametrize("field", ["early", "late"])
def test_wrong_windows(field: str) -> None:
    """A window does not end before it begins."""
    wrong: dict[str, Any] = {field: -1}
    with pytest.raises(ValueError, match=field):
        CallbackRule(**wrong)
