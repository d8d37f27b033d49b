"""A PABX in virtual time that tells by events what becomes of its calls."""

import asyncio
import json
import random
from collections.abc import Callable
from typing import Any

import attrs
from helpers import DESTINATION, LOST, accepted, make_pabx

from digitro_async import (
    PABX,
    CallEvent,
    CallPhase,
    ChannelClosed,
    ChannelOpened,
    ChannelRequest,
    Dispatcher,
    Disposition,
    EventChannelSettings,
    Gap,
    Personal,
)
from digitro_async.protocol import Evidence, Observation, Request

__all__ = ["Course", "ScriptedPABX", "event_settings", "pabx_with_events"]

PATIENT = 100.0
"""Seconds after which the tests' PABX gives up a call's end."""


def event_settings(**given: Any) -> EventChannelSettings:
    """Return settings in which events tell everything."""
    usual: dict[str, Any] = {
        "open": ChannelRequest(path="/channel"),
        "opened_names": ("opened",),
        "call_phases": {one.value: one for one in CallPhase},
        "destination_fields": ("number",),
        "end_timeout": PATIENT,
    }
    return EventChannelSettings(**{**usual, **given})


def pabx_with_events(name: str = "one", **settings: Any) -> PABX:
    """Return a PABX whose events are read."""
    return make_pabx(name, **{"events": event_settings(), **settings})


@attrs.frozen(kw_only=True)
class Course:
    """What becomes of one call.

    Attributes:
        answer: Seconds until the POST is answered.
        steps: Seconds from the placing, the phase of an event and the disposition.
        is_placed: Whether it is placed.
        is_lost: Whether the answer is lost.
        status: Status of the answer where it is not a 200.
    """

    answer: float = 0.1
    steps: tuple[tuple[float, CallPhase, Disposition | None], ...] = (
        (0.05, CallPhase.STARTED, None),
        (1.0, CallPhase.RINGING, None),
        (3.0, CallPhase.ANSWERED, None),
        (9.0, CallPhase.ENDED, None),
    )
    is_placed: bool = True
    is_lost: bool = False
    status: int = 200


class ScriptedPABX:
    """The transport of a dispatcher, and the source of its events.

    Args:
        course: Returns what becomes of the call with that number.
        chance: Loses, repeats and delays events where it is given.

    Attributes:
        in_progress: Calls that are placed and have not ended.
        most_in_progress: Most of them at once.
        placed: The ids of the calls that were placed, by their numbers.
    """

    def __init__(
        self,
        course: Callable[[str], Course] = lambda _: Course(),
        *,
        chance: random.Random | None = None,
    ) -> None:
        self.dispatcher: Dispatcher | None = None
        self.in_progress = self.most_in_progress = 0
        self.placed: dict[str, list[str]] = {}
        self.is_open = False
        self._course, self._chance = course, chance
        self._count = 0

    def connect(self, dispatcher: Dispatcher) -> Dispatcher:
        """Send the events to a dispatcher from now on."""
        self.dispatcher = dispatcher
        self.open()
        return dispatcher

    def open(self) -> None:
        """Open the channel."""
        self.is_open = True
        self.give(ChannelOpened(pabx="one", seen_at=_now(), channel_id=1))

    def drop(self) -> None:
        """Lose the channel."""
        self.is_open = False
        self.give(ChannelClosed(pabx="one", seen_at=_now(), channel_id=1, reason="x"))
        self.give(Gap(pabx="one", seen_at=_now(), since=_now(), reason="lost"))

    def give(self, event: Any) -> None:
        """Give an event to the dispatcher."""
        assert self.dispatcher is not None
        self.dispatcher.take_event(event)

    def tell(
        self,
        phase: CallPhase,
        call_id: str,
        number: str | None = None,
        disposition: Disposition | None = None,
    ) -> None:
        """Tell of a call, where the channel is open."""
        if self.is_open:
            self.give(
                CallEvent(
                    pabx="one",
                    seen_at=_now(),
                    name=f"NAME_{phase}",
                    phase=phase,
                    call_id=call_id,
                    disposition=disposition,
                    word=None if disposition is None else disposition.upper(),
                    destination=None if number is None else Personal(number),
                )
            )

    async def exchange(
        self, pabx: PABX, request: Request, evidence: Evidence
    ) -> Observation:
        """Make one attempt."""
        del pabx
        number = json.loads(request.body)[DESTINATION]
        course = self._course(number)
        self._count += 1
        call_id = f"id {self._count}"
        evidence.request_started = True
        if course.is_placed:
            self.placed.setdefault(number, []).append(call_id)
            self._place(course, call_id, number)
        await asyncio.sleep(course.answer)
        if course.is_lost:
            return LOST
        if course.status != 200:
            return Observation(request_started=True, status=course.status)
        return accepted(call_id)

    def _place(self, course: Course, call_id: str, number: str) -> None:
        self.in_progress += 1
        self.most_in_progress = max(self.most_in_progress, self.in_progress)
        loop = asyncio.get_running_loop()
        for delay, phase, disposition in course.steps:
            if phase is CallPhase.ENDED:
                loop.call_later(delay, self._end)
            for late in self._deliveries():
                loop.call_later(
                    delay + late, self.tell, phase, call_id, number, disposition
                )

    def _end(self) -> None:
        self.in_progress -= 1

    def _deliveries(self) -> list[float]:
        """Return how late an event comes, each time that it comes."""
        if self._chance is None:
            return [0.0]
        times = self._chance.choices((0, 1, 2), (2, 90, 8))[0]
        return [self._chance.choice((0.0, 0.0, 0.3, 0.8)) for _ in range(times)]


def _now() -> float:
    return asyncio.get_running_loop().time()
