"""What really becomes of the calls that a simulator took, and its record."""

import asyncio
import random
import time
from collections.abc import Callable

import attrs

from digitro_async.call_events import CallPhase, Disposition
from digitro_async.testing.simulator._call_script import CallPlan, CallScript, CallStep
from digitro_async.testing.simulator._event_writing import CallMoment

__all__ = ["CallCourse", "CallCourses"]


@attrs.frozen(kw_only=True)
class CallCourse:
    """What really became of one call: the simulator's own record.

    Attributes:
        call_id: Its call id.
        destination: The number called.
        channel: Channel that its command came over.
        disposition: What became of it, or will.
        told: The disposition that its events tell where all of them arrive.
        taken_at: When its request was received, in seconds of the event loop's clock.
        answered_at: When somebody answered, None where nobody has.
        ended_at: When it ended, None while it is in progress.
    """

    call_id: str
    destination: str = attrs.field(repr=False)
    channel: int
    disposition: Disposition
    told: Disposition
    taken_at: float
    answered_at: float | None = None
    ended_at: float | None = None


class CallCourses:
    """Takes calls through the steps of the script, and records what became of them.

    Args:
        script: What becomes of calls.
        told: Returns the disposition that the events of a call can tell.
        send: Sends the event of a step; the number is that of the command's channel.
        keep: Whether the calls are kept once they have ended.

    Attributes:
        by_disposition: Calls taken, by what becomes of them.
        in_progress: Calls that have not ended.
        max_in_progress: Most calls in progress at once.
    """

    def __init__(
        self,
        script: CallScript,
        *,
        told: Callable[[Disposition], Disposition],
        send: Callable[[CallMoment, int], None],
        keep: bool,
    ) -> None:
        self.by_disposition: dict[Disposition, int] = {}
        self.in_progress = 0
        self.max_in_progress = 0
        self._script = script
        self._chance = random.Random(script.seed)
        self._told = told
        self._send = send
        self._keep = keep
        self._courses: dict[int, CallCourse] = {}
        self._count = 0
        self._timers: dict[int, asyncio.TimerHandle] = {}

    def begin(self, call_id: str, destination: str, channel: int) -> None:
        """Take a call through its steps from now on.

        Args:
            call_id: Its call id.
            destination: The number called.
            channel: Channel that its command came over.
        """
        plan = self._script.draw(destination, self._chance)
        fate = plan.disposition
        self._count += 1
        self._courses[self._count] = CallCourse(
            call_id=call_id,
            destination=destination,
            channel=channel,
            disposition=fate,
            told=self._told(fate),
            taken_at=asyncio.get_running_loop().time(),
        )
        self.by_disposition[fate] = self.by_disposition.get(fate, 0) + 1
        self.in_progress += 1
        self.max_in_progress = max(self.max_in_progress, self.in_progress)
        self._go_on(self._count, plan, 0)

    def close(self) -> None:
        """Take no step any more; calls in progress stay so in the record."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    @property
    def courses(self) -> list[CallCourse]:
        """The calls taken, in order; without a record those in progress alone."""
        return list(self._courses.values())

    def _go_on(self, number: int, plan: CallPlan, first: int) -> None:
        """Take the steps that are due, from one of them on, and wait for the next."""
        if first == len(plan.steps):
            return
        loop = asyncio.get_running_loop()
        taken_at = self._courses[number].taken_at
        for place, step in enumerate(plan.steps[first:], first):
            due = taken_at + step.after
            if due > loop.time():
                timer = loop.call_at(due, self._resume, number, plan, place)
                self._timers[number] = timer
                return
            self._take(number, step)

    def _resume(self, number: int, plan: CallPlan, place: int) -> None:
        """Take a step whose time has come, whatever a clock's rounding says of it."""
        del self._timers[number]
        self._take(number, plan.steps[place])
        self._go_on(number, plan, place + 1)

    def _take(self, number: int, step: CallStep) -> None:
        course = self._courses[number]
        now = asyncio.get_running_loop().time()
        if step.phase is CallPhase.ANSWERED:
            self._courses[number] = attrs.evolve(course, answered_at=now)
        elif step.phase is CallPhase.ENDED:
            self.in_progress -= 1
            if self._keep:
                self._courses[number] = attrs.evolve(course, ended_at=now)
            else:
                del self._courses[number]
        moment = CallMoment(
            step=step,
            call_id=course.call_id,
            destination=course.destination,
            at=time.strftime("%d/%m/%y %H:%M:%S"),
        )
        self._send(moment, course.channel)
