"""PURE: counts calls and short calls by day and originating number.

In Brazil a caller with too many short calls in a day loses the right to call: see
``data/short_calls.toml`` for the figures, their sources and their date.
"""

import datetime as dt
import enum
import functools
import tomllib
from collections import defaultdict
from importlib import resources
from typing import Any, Final

import attrs

from digitro_async._common.validators import at_least, positive
from digitro_async.call_events import Disposition
from digitro_async.errors import ConfigurationError
from digitro_async.rules._gate import PlannedCall
from digitro_async.rules._gate_answers import ALLOW, Defer, GateAnswer, GateReason
from digitro_async.rules._open_spans import local_day, next_midnight, time_zone
from digitro_async.rules._rule_checks import share

__all__ = [
    "DayCounts",
    "ShortCallCounter",
    "ShortCallGate",
    "ShortCallLevel",
    "ShortCallRule",
    "is_short",
]

_ZONE: Final = "America/Sao_Paulo"
_DAYS_KEPT: Final = 3
_TALKED: Final = frozenset({Disposition.ANSWERED, Disposition.ABANDONED})
_NOT_KNOWN: Final = frozenset({Disposition.NONE_SEEN})


class ShortCallLevel(enum.StrEnum):
    """How near a day is to too many short calls."""

    QUIET = "quiet"
    WARN = "warn"
    STOP = "stop"


@attrs.frozen
class DayCounts:
    """Calls of one day.

    Attributes:
        calls: Calls that began.
        ended: Calls whose end is known.
        short: Short ones among these.
    """

    calls: int = 0
    ended: int = 0
    short: int = 0

    def plus(self, more: "DayCounts") -> "DayCounts":
        """Return both together."""
        return DayCounts(
            self.calls + more.calls, self.ended + more.ended, self.short + more.short
        )

    @property
    def share(self) -> float:
        """Share of short calls among those whose end is known, from 0 to 1."""
        return self.short / self.ended if self.ended else 0.0


_NO_CALLS: Final = DayCounts()


def _zone(_: object, field: Any, value: Any) -> None:
    """Demand the name of a time zone."""
    if not isinstance(value, str) or not value:
        raise ConfigurationError(
            f"{field.name} must be the name of a time zone, such as {_ZONE}"
        )
    if value != _ZONE:  # which every machine with any time zones has
        try:
            time_zone(value)
        except ConfigurationError as error:
            problem = str(error)
        else:
            return
        raise ConfigurationError(f"{field.name} can't be used: {problem}")


@attrs.frozen(kw_only=True)
class ShortCallRule:
    """Thresholds of a day, by the clock of one zone; both figures must be reached.

    Attributes:
        short_seconds: A call that ended so long after its answer, or before, is short.
        stop_calls: Calls of the day at which no more are made.
        stop_share: Share of short ones that is needed for that, from 0 to 1.
        warn_calls: Calls of the day at which it warns.
        warn_share: Share of short ones that is needed for that.
        per_number: Whether each originating number is counted by itself; otherwise all
            together are.
        zone: The time zone of the day.
    """

    short_seconds: float = attrs.field(validator=at_least(0))
    stop_calls: int = attrs.field(validator=positive)
    stop_share: float = attrs.field(validator=share)
    warn_calls: int = attrs.field(validator=positive)
    warn_share: float = attrs.field(validator=share)
    per_number: bool = False
    zone: str = attrs.field(default=_ZONE, validator=_zone)

    @classmethod
    def published(cls, **overrides: Any) -> "ShortCallRule":
        """Return the rule of the data file that ships, with some figures replaced.

        Raises:
            ConfigurationError: If a figure can't be used.
        """
        return cls(**{**_figures(), **overrides})

    def level(self, counts: DayCounts) -> ShortCallLevel:
        """Return how near a day is."""
        if counts.calls >= self.stop_calls and counts.share >= self.stop_share:
            return ShortCallLevel.STOP
        if counts.calls >= self.warn_calls and counts.share >= self.warn_share:
            return ShortCallLevel.WARN
        return ShortCallLevel.QUIET


def is_short(
    rule: ShortCallRule, disposition: Disposition, talk_seconds: float | None
) -> bool | None:
    """Whether a call was a short one; None where its end does not tell.

    Every call that nobody answered is short, and one that a machine took.

    Args:
        rule: It says how long a short call is.
        disposition: What became of the call.
        talk_seconds: Seconds from the answer to the end, None where not known.
    """
    if disposition in _NOT_KNOWN:
        return None
    if disposition in _TALKED or disposition in {Disposition.ENDED, Disposition.OTHER}:
        return None if talk_seconds is None else talk_seconds <= rule.short_seconds
    return True


class ShortCallCounter:
    """Counts the calls of the last three days, by day and originating number.

    Args:
        rule: The thresholds, and the zone of the day.
    """

    def __init__(self, rule: ShortCallRule) -> None:
        self.rule = rule
        self._zone = time_zone(rule.zone)
        self._counts: dict[dt.date, dict[str | None, DayCounts]] = {}
        self._totals: dict[dt.date, DayCounts] = {}
        self._today: tuple[float, float, dt.date] = (0.0, 0.0, dt.date.min)

    def begin(self, originating: str | None, at: float) -> None:
        """Count a call that began.

        Args:
            originating: The originating number, None for the PABX's own.
            at: When it began, a Unix time.
        """
        self._count(originating, at, calls=1)

    def end(
        self,
        originating: str | None,
        began_at: float,
        disposition: Disposition,
        talk_seconds: float | None = None,
    ) -> None:
        """Count the end of a call, on the day on which it began.

        Args:
            originating: The originating number, None for the PABX's own.
            began_at: When it began, a Unix time.
            disposition: What became of it.
            talk_seconds: Seconds from the answer to the end, None where not known.
        """
        short = is_short(self.rule, disposition, talk_seconds)
        if short is not None:
            self._count(originating, began_at, ended=1, short=int(short))

    def of_day(self, originating: str | None, when: float) -> DayCounts:
        """Return the calls of an originating number on the day of a moment."""
        return self._counts.get(self.day(when), {}).get(originating, _NO_CALLS)

    def of_all(self, when: float) -> DayCounts:
        """Return the calls of all originating numbers on the day of a moment."""
        return self._totals.get(self.day(when), _NO_CALLS)

    def level(self, originating: str | None, when: float) -> ShortCallLevel:
        """Return how near the day of a moment is to too many short calls."""
        if self.rule.per_number:
            return self.rule.level(self.of_day(originating, when))
        return self.rule.level(self.of_all(when))

    def day(self, when: float) -> dt.date:
        """Return the day of a moment."""
        since, until, day = self._today
        if not since <= when < until:
            day = local_day(when, self._zone)
            until = next_midnight(day, self._zone)
            since = next_midnight(day - dt.timedelta(days=1), self._zone)
            self._today = (since, until, day)
        return day

    def next_day(self, when: float) -> float:
        """Return when the day of a moment is over."""
        return next_midnight(self.day(when), self._zone)

    def _count(
        self,
        originating: str | None,
        at: float,
        *,
        calls: int = 0,
        ended: int = 0,
        short: int = 0,
    ) -> None:
        day = self.day(at)
        if day not in self._counts:
            self._counts[day] = defaultdict(DayCounts)
            self._totals[day] = _NO_CALLS
            for old in sorted(self._counts)[:-_DAYS_KEPT]:
                del self._counts[old], self._totals[old]
        of_day = self._counts.get(day)
        if of_day is None:
            return  # the day is over for long
        more = DayCounts(calls, ended, short)
        of_day[originating] = of_day[originating].plus(more)
        self._totals[day] = self._totals[day].plus(more)


class ShortCallGate:
    """Puts calls off until the next day once there were too many short ones.

    Args:
        counter: The counts, and the thresholds.
    """

    name = "short calls"

    def __init__(self, counter: ShortCallCounter) -> None:
        self._counter = counter

    def ask(self, call: PlannedCall, when: float) -> GateAnswer:
        """Return whether one more call may be made on the day of a moment.

        Args:
            call: The call.
            when: The moment, a Unix time.
        """
        if self._counter.level(call.originating, when) is not ShortCallLevel.STOP:
            return ALLOW
        until = self._counter.next_day(when)
        return Defer(until, GateReason.SHORT_CALLS, self.name)


@functools.cache
def _figures() -> dict[str, Any]:
    file = resources.files("digitro_async.rules") / "data" / "short_calls.toml"
    figures: dict[str, Any] = tomllib.loads(file.read_text(encoding="utf-8"))["figures"]
    return figures
