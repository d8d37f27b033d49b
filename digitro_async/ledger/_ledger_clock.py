"""PURE: the clock that a ledger's times were written by.

A wall clock may be set while calls are still on their way, and then it says that a
minute is an hour, or that an hour has not begun. How far it is from the time since the
machine was started changes only when somebody sets it; so that difference is kept, and
each time in the ledger is read by the difference that makes it the latest. What another
machine wrote, or this one before it was started, can't be compared with anything: it
counts as if it had happened when this machine first saw the ledger.
"""

import json
import math
from collections.abc import Callable
from typing import Self

import attrs

__all__ = ["CLOCK", "Clock", "clock_to_keep", "latest_by"]

CLOCK = "clock"
"""Setting: by what clock the ledger's times were written."""


@attrs.frozen(kw_only=True)
class Clock:
    """The stand of one machine's wall clock, from one start of it to the next.

    Attributes:
        boot: The machine and its start; empty where that can't be told.
        since: Seconds from that start until a clock was first read for this ledger.
        offset: Unix time of that start, the earliest that was read.
    """

    boot: str
    since: float
    offset: float

    @classmethod
    def of_setting(cls, setting: str | None) -> Self | None:
        """Return the clock that a ledger keeps; None where it keeps none."""
        try:
            kept = json.loads(setting or "")
            clock = cls(
                boot=str(kept["boot"]),
                since=float(kept["since"]),
                offset=float(kept["offset"]),
            )
        except (ValueError, TypeError, LookupError, OverflowError):
            return None
        return clock if math.isfinite(clock.since + clock.offset) else None

    def as_setting(self) -> str:
        """Return it as a ledger keeps it."""
        return json.dumps(attrs.asdict(self))

    def after(self, kept: Self | None) -> Self:
        """Return the clock to keep when this one was read after that one."""
        if kept is None or not self.boot or kept.boot != self.boot:
            return self
        return attrs.evolve(
            self,
            since=min(self.since, kept.since),
            offset=min(self.offset, kept.offset),
        )

    def is_unclear(self, at: float) -> bool:
        """Whether a time of the ledger is older than this clock."""
        return at - self.offset < self.since

    def latest(self, at: float, read: Self) -> float:
        """Return when at the latest, by today's clock, an event happened.

        Args:
            at: When it happened, as the ledger says.
            read: Today's clock; this one is the clock that the ledger keeps.
        """
        return max(at - self.offset, self.since) + read.offset


def latest_by(setting: str | None, now: float, read: Clock) -> Callable[[float], float]:
    """Return a function that tells when an event happened at the latest.

    Args:
        setting: The clock that the ledger keeps; None where it keeps none, and then
            its times are believed, but for those that are still to come.
        now: The time, by today's clock.
        read: Today's clock.
    """
    kept = Clock.of_setting(setting)
    if kept is None:
        return lambda at: min(at, now)
    known = read.after(kept)
    return lambda at: min(known.latest(at, read), now)


def clock_to_keep(setting: str | None, read: Clock) -> str | None:
    """Return the clock for a ledger to keep that keeps this one; None for no other.

    It is kept before anything is refused: a call of another machine, or of before this
    one was started, can be reconciled a quarantine after it was first seen here.

    Args:
        setting: The clock that the ledger keeps.
        read: Today's clock.
    """
    kept = Clock.of_setting(setting)
    if kept is None:
        return None
    clock = read.after(kept)
    return None if clock == kept else clock.as_setting()
