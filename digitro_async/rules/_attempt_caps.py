"""PURE: how many attempts may be made, by a named clock, and how far apart."""

import enum
from collections.abc import Iterator, Sequence
from typing import Any, Final

import attrs

from digitro_async._common.validators import one_line, positive, positive_seconds
from digitro_async.errors import ConfigurationError
from digitro_async.rules._attempt_history import AttemptHistory, PastAttempt
from digitro_async.rules._dialling_areas import DiallingArea
from digitro_async.rules._gate import PlannedCall
from digitro_async.rules._gate_answers import (
    ALLOW,
    Defer,
    GateAnswer,
    GateReason,
    Refuse,
    combine,
)
from digitro_async.rules._open_spans import local_day, next_midnight, time_zone
from digitro_async.rules._rule_checks import maybe_states

__all__ = [
    "AttemptCap",
    "AttemptGate",
    "CapClock",
    "Counted",
    "NotBeforeGate",
    "Spacing",
]

_HOUR: Final = 3600.0
_ASSUMED: Final = 600.0


class CapClock(enum.StrEnum):
    """The clock of a cap."""

    DAY = "day"
    """The calendar day where the called person is."""
    ROLLING = "rolling"
    """The last hours, whatever the day."""
    LIFETIME = "lifetime"
    """All that is known of."""


class Counted(enum.StrEnum):
    """What the attempts of a cap or a spacing are counted by."""

    NUMBER = "number"
    CONTACT = "contact"


def _hours(instance: Any, field: Any, value: Any) -> None:
    """Demand hours for the rolling clock, and none for another."""
    if instance.clock is CapClock.ROLLING:
        positive_seconds(instance, field, value)
    elif value is not None:
        raise ConfigurationError(f'{field.name} is for clock = "rolling" alone')


@attrs.frozen(kw_only=True)
class AttemptCap:
    """At most so many attempts by one clock; every one that may have rung counts.

    Attributes:
        name: Its name, which an answer tells.
        most: Most attempts.
        clock: Its clock.
        hours: Hours of the rolling clock.
        counts: Whether attempts of the number count, or those of the contact.
        all_campaigns: Whether attempts of other campaigns count too.
        states: States of the called numbers for which it holds; None for all. It holds
            for a number whose state is not known.
    """

    name: str = attrs.field(validator=one_line)
    most: int = attrs.field(validator=positive)
    clock: CapClock
    hours: float | None = attrs.field(default=None, validator=_hours)
    counts: Counted = Counted.NUMBER
    all_campaigns: bool = True
    states: frozenset[str] | None = attrs.field(default=None, validator=maybe_states)

    def ask(
        self, attempts: Sequence[PastAttempt], area: DiallingArea, when: float
    ) -> GateAnswer:
        """Return whether one more attempt is allowed.

        Args:
            attempts: The attempts that count, in order of their beginning.
            area: The area of the number.
            when: The moment, a Unix time. An attempt after it counts too: the clock was
                set back then.
        """
        if len(attempts) < self.most:
            return ALLOW
        if self.clock is CapClock.LIFETIME:
            return Refuse(GateReason.ATTEMPT_CAP, self.name)
        # The cap is free again when this attempt does not count any more.
        until = self._until(attempts[-self.most].began_at, area)
        if until <= when:
            return ALLOW
        return Defer(until, GateReason.ATTEMPT_CAP, self.name)

    def _until(self, began_at: float, area: DiallingArea) -> float:
        if self.clock is CapClock.ROLLING:
            return began_at + _HOUR * (self.hours or 0.0)
        zones = map(time_zone, area.zones)
        return max(next_midnight(local_day(began_at, zone), zone) for zone in zones)

    def holds_for(self, area: DiallingArea) -> bool:
        """Whether it holds for numbers of an area."""
        return self.states is None or not self.states.isdisjoint(area.states)


@attrs.frozen(kw_only=True)
class Spacing:
    """The least time from the end of one attempt to the beginning of the next.

    Attributes:
        name: Its name, which an answer tells.
        least: The time, in seconds.
        counts: Whether attempts of the number count, or those of the contact.
        all_campaigns: Whether attempts of other campaigns count too.
        assumed: Seconds that a call is taken to last whose end is not known. A GUESS.
    """

    name: str = attrs.field(validator=one_line)
    least: float = attrs.field(validator=positive_seconds)
    counts: Counted = Counted.NUMBER
    all_campaigns: bool = True
    assumed: float = attrs.field(default=_ASSUMED, validator=positive_seconds)

    def ask(self, attempts: Sequence[PastAttempt], when: float) -> GateAnswer:
        """Return whether the next attempt may begin.

        Args:
            attempts: The attempts that count.
            when: The moment, a Unix time.
        """
        if not attempts:
            return ALLOW
        until = max(map(self._end, attempts)) + self.least
        if until <= when:
            return ALLOW
        return Defer(until, GateReason.SPACING, self.name)

    def _end(self, attempt: PastAttempt) -> float:
        if attempt.ended_at is None:
            return attempt.began_at + self.assumed
        return max(attempt.began_at, attempt.ended_at)  # the clock may be set back


class AttemptGate:
    """Holds spacings and caps over what is known of past attempts.

    Args:
        history: The attempts.
        spacings: The spacings.
        caps: The caps.
    """

    name = "attempts"

    def __init__(
        self,
        history: AttemptHistory,
        *,
        spacings: Sequence[Spacing] = (),
        caps: Sequence[AttemptCap] = (),
    ) -> None:
        self._of_number = history.of_number
        self._of_contact = history.of_contact
        self._spacings = tuple(spacings)
        self._caps = tuple(caps)

    def ask(self, call: PlannedCall, when: float) -> GateAnswer:
        """Return whether one more attempt of a call's number and contact is allowed.

        Args:
            call: The call.
            when: The moment, a Unix time.
        """
        of_number = self._of_number(call.number.key)
        of_contact = self._of_contact(call.contact)
        if not of_number and not of_contact:  # nearly always
            return ALLOW
        return combine(self._answers(call, of_number, of_contact, when))

    def _answers(
        self,
        call: PlannedCall,
        of_number: Sequence[PastAttempt],
        of_contact: Sequence[PastAttempt],
        when: float,
    ) -> Iterator[GateAnswer]:
        """Yield what each rule says."""
        area = call.number.area
        for cap in self._caps:
            if cap.holds_for(area):
                found = of_number if cap.counts is Counted.NUMBER else of_contact
                yield cap.ask(_of_campaign(cap, call, found), area, when)
        for spacing in self._spacings:
            found = of_number if spacing.counts is Counted.NUMBER else of_contact
            yield spacing.ask(_of_campaign(spacing, call, found), when)


class NotBeforeGate:
    """Defers a contact that was put off: by an earlier answer, a recall or a callback.

    Args:
        history: It knows until when.
    """

    name = "put off"

    def __init__(self, history: AttemptHistory) -> None:
        self._not_before = history.not_before

    def ask(self, call: PlannedCall, when: float) -> GateAnswer:
        """Return whether the time of a contact has come.

        Args:
            call: The call.
            when: The moment, a Unix time.
        """
        until = self._not_before(call.contact)
        if until is None or until <= when:
            return ALLOW
        return Defer(until, GateReason.NOT_BEFORE, self.name)


def _of_campaign(
    rule: AttemptCap | Spacing, call: PlannedCall, attempts: Sequence[PastAttempt]
) -> Sequence[PastAttempt]:
    """Return the attempts that count for a rule."""
    if rule.all_campaigns:
        return attempts
    return [one for one in attempts if one.campaign == call.campaign]
