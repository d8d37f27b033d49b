"""PURE: the gate of the calling hours, with the next moment that they are open."""

from collections.abc import Iterable, Sequence
from typing import Final

import attrs

from digitro_async.rules._calling_hours import CallingHours
from digitro_async.rules._day_calendar import DayCalendar
from digitro_async.rules._dialling_areas import CalledPlace, DiallingArea
from digitro_async.rules._gate import PlannedCall
from digitro_async.rules._gate_answers import (
    ALLOW,
    Defer,
    GateAnswer,
    GateReason,
    Refuse,
)
from digitro_async.rules._open_spans import HORIZON, PlaceHours

__all__ = ["HoursGate"]

_KEPT: Final = 4
"""Answers kept of each area: for now, and for moments that calls are put off to."""

_CLOSED_FOR: Final = 86_400.0
"""Seconds for which an answer counts that hours are never open."""


@attrs.frozen
class StandingAnswer:
    """An answer, and the moments between which it stays the same."""

    since: float
    until: float
    answer: GateAnswer


class HoursGate:
    """Lets a call through while all hours are open that hold for its number.

    The hours of a number are those of its state, by the clock there. A number whose
    state is not known falls under the hours of all states together, each by its own
    clock: nobody is called then who might be in a place where it is forbidden.

    Args:
        hours: The hours of the campaign and of the states.
        calendar: The holidays.
    """

    name = "hours"

    def __init__(
        self, hours: Iterable[CallingHours], calendar: DayCalendar | None = None
    ) -> None:
        self._hours = tuple(hours)
        self._calendar = DayCalendar() if calendar is None else calendar
        self._places: dict[tuple[CallingHours, CalledPlace], PlaceHours] = {}
        self._standing: dict[tuple[DiallingArea, str], tuple[StandingAnswer, ...]] = {}

    def ask(self, call: PlannedCall, when: float) -> GateAnswer:
        """Return whether the hours of a call are open, or when they open next.

        Args:
            call: The call.
            when: The moment, a Unix time.

        Raises:
            ConfigurationError: If there are no time zones or holidays on this machine.
        """
        key = (call.number.area, call.campaign)
        if call.hours:
            return self._look((*self._hours, *call.hours), key, when).answer
        for standing in self._standing.get(key, ()):
            if standing.since <= when < standing.until:
                return standing.answer
        standing = self._look(self._hours, key, when)
        self._standing[key] = (standing, *self._standing.get(key, ())[: _KEPT - 1])
        return standing.answer

    def _look(
        self, hours: Sequence[CallingHours], key: tuple[DiallingArea, str], when: float
    ) -> StandingAnswer:
        """Return the answer at a moment, and how long it stays the same."""
        area, campaign = key
        chosen = [
            self._place_hours(one, place)
            for place in area.places
            for one in hours
            if one.hold_for(place.state, campaign)
        ]
        moment, closed_by = when, ""
        while True:
            last, until = moment, when + HORIZON
            for one in chosen:
                span = one.open_at(moment)
                if span is None or span[0] > when + HORIZON:
                    answer = Refuse(GateReason.NO_HOURS, one.name)
                    return StandingAnswer(when, when + _CLOSED_FOR, answer)
                if span[0] > moment:
                    moment, closed_by = span[0], one.name
                until = min(until, span[1])
            if moment == last:
                break
        if moment == when:
            return StandingAnswer(when, until, ALLOW)
        deferral = Defer(moment, GateReason.OUTSIDE_HOURS, closed_by)
        return StandingAnswer(when, moment, deferral)

    def _place_hours(self, hours: CallingHours, place: CalledPlace) -> PlaceHours:
        made = self._places.get((hours, place))
        if made is None:
            made = PlaceHours(hours, place, self._calendar)
            self._places[(hours, place)] = made
        return made
