"""PURE: calls at a time that was agreed on, and what follows when it was missed."""

import datetime as dt
import enum
import zoneinfo
from collections.abc import Hashable
from typing import Final

import attrs

from digitro_async._common.validators import at_least, positive
from digitro_async.rules._gate_answers import Defer, GateAnswer, Refuse

__all__ = [
    "Callback",
    "CallbackClosed",
    "CallbackDue",
    "CallbackMoved",
    "CallbackRule",
    "CallbackStep",
    "CallbackWaits",
    "MissedCallback",
]

_LATE: Final = 900.0
_MOVES: Final = 3


class MissedCallback(enum.StrEnum):
    """What follows when the window of a callback is over."""

    NEXT_DAY = "next_day"
    """It is moved to the same time of the next day, where the person is."""
    AT_ONCE = "at_once"
    """It is made as soon as the gates allow."""
    CLOSE = "close"
    """It is given up."""


@attrs.frozen(kw_only=True)
class Callback:
    """A call that was agreed on. A contact has one at most; a new one replaces it.

    Attributes:
        contact: What the contact is known by.
        at: When, a Unix time.
        number: The key of the number to dial, None for that of the last attempt.
        moved: How often it was moved.
        is_overdue: Whether it is made as soon as the gates allow, without a window.
    """

    contact: Hashable = attrs.field(repr=False)
    at: float
    number: int | None = attrs.field(default=None, repr=False)
    moved: int = 0
    is_overdue: bool = False


@attrs.frozen
class CallbackDue:
    """It is to be dialled now, before all other contacts."""


@attrs.frozen
class CallbackWaits:
    """Nothing is to be done before a moment.

    Attributes:
        until: That moment, a Unix time.
    """

    until: float


@attrs.frozen
class CallbackMoved:
    """Its window was missed, and another one takes its place.

    Attributes:
        callback: The other one.
    """

    callback: Callback


@attrs.frozen
class CallbackClosed:
    """It is given up.

    Attributes:
        reason: Why: that of a gate's refusal, or ``callback_missed``.
    """

    reason: str


CallbackStep = CallbackDue | CallbackWaits | CallbackMoved | CallbackClosed


@attrs.frozen(kw_only=True)
class CallbackRule:
    """The window around a callback's time, and what follows when it was missed.

    Attributes:
        early: Seconds before its time from which it may be made.
        late: Seconds after its time until which it may be made.
        missed: What follows then.
        most_moves: Most times that it is moved to another day, then it is given up.
    """

    early: float = attrs.field(default=0.0, validator=at_least(0))
    late: float = attrs.field(default=_LATE, validator=at_least(0))
    missed: MissedCallback = MissedCallback.NEXT_DAY
    most_moves: int = attrs.field(default=_MOVES, validator=positive)

    def step(
        self,
        callback: Callback,
        when: float,
        answer: GateAnswer,
        zone: zoneinfo.ZoneInfo,
    ) -> CallbackStep:
        """Return what is to be done about a callback at a moment.

        Args:
            callback: The callback.
            when: The moment, a Unix time.
            answer: What the gates say to its call at that moment. A person who asked
                for a callback is asked for all the same: block lists, hours and caps.
            zone: The time zone where the person is.
        """
        if isinstance(answer, Refuse):
            return CallbackClosed(answer.reason)
        if callback.is_overdue:
            if isinstance(answer, Defer):
                return CallbackWaits(answer.until)
            return CallbackDue()
        if when < callback.at - self.early:
            return CallbackWaits(callback.at - self.early)
        last = callback.at + self.late
        if when > last:
            return self._missed(callback, when, zone)
        if isinstance(answer, Defer):
            if answer.until > last:
                return self._missed(callback, when, zone)
            return CallbackWaits(answer.until)
        return CallbackDue()

    def _missed(
        self, callback: Callback, when: float, zone: zoneinfo.ZoneInfo
    ) -> CallbackStep:
        if self.missed is MissedCallback.AT_ONCE:
            return CallbackMoved(attrs.evolve(callback, is_overdue=True))
        if self.missed is MissedCallback.NEXT_DAY:
            moved = callback.moved
            at = dt.datetime.fromtimestamp(callback.at, zone)
            while moved < self.most_moves:
                moved += 1
                # By the clock on the wall, whatever was done to it in the night.
                at = (at.replace(tzinfo=None) + dt.timedelta(days=1)).replace(
                    tzinfo=zone
                )
                if at.timestamp() + self.late >= when and at.timestamp() > callback.at:
                    return CallbackMoved(
                        attrs.evolve(callback, at=at.timestamp(), moved=moved)
                    )
        return CallbackClosed("callback_missed")
