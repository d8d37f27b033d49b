"""A list dialled through a simulator whose answers and channels are lost, and judged.

What the client says of each call is compared with the simulator's own record.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final

import attrs
from helpers import make_call

from digitro_async import (
    CallEnd,
    CallResult,
    DigitroClient,
    DispatchItem,
    Disposition,
    EventChannelSettings,
    Outcome,
)
from digitro_async.testing import (
    CallCourse,
    CallScript,
    EventDelivery,
    EventFaultKind,
    FakePABX,
    Fault,
    FaultPlan,
)

__all__ = ["Scenario", "ScenarioRun", "number_of", "run_scenario"]

_DELIVERY: Final = EventDelivery()
_SCRIPT: Final = CallScript(setup=0.05, dial=0.05, ring=(1, 8), talk=(2, 20), seed=5)
_D = Disposition


def number_of(key: int) -> str:
    """Return the number of a contact: each has its own."""
    return f"048{30_000_000 + key:08d}"


@attrs.frozen(kw_only=True)
class Scenario:
    """A list, and what goes wrong while it is dialled.

    Attributes:
        settings: The names of the event channel, at both ends.
        delivery: How the simulator delivers events.
        calls: Number of calls.
        lost_answers: The share of answers that are lost.
        drops: After how many events for each call every channel is dropped.
        most: Most calls in progress.
        script: What becomes of calls.
        faults: Further faults.
    """

    settings: EventChannelSettings
    delivery: EventDelivery = _DELIVERY
    calls: int = 500
    lost_answers: float = 0.05
    drops: Sequence[float] = (0.2, 0.5, 0.8, 1.2, 1.6)
    most: int = 100
    script: CallScript = _SCRIPT
    faults: Sequence[Fault] = ()

    def simulator(self) -> FakePABX:
        """Return the simulator, not started."""
        at = [int(one * self.calls) for one in self.drops]
        drops = [Fault("drop_channel", at=at)] if at else []
        faults = [
            Fault("lose_answer", probability=self.lost_answers),
            *drops,
            *self.faults,
        ]
        return FakePABX(
            events=self.settings,
            call_script=self.script,
            event_delivery=self.delivery,
            faults=FaultPlan(faults, seed=3),
            latency=0.02,
        )


@attrs.frozen(kw_only=True)
class ScenarioRun:
    """What the client said and what was true.

    Attributes:
        results: The result of each call.
        courses: The simulator's own record of each call placed, by its number.
        drops: How often the channels were dropped, if any was open.
        max_in_progress: Most calls in progress, by the simulator's own count.
        left_in_progress: Calls in progress by the client's count, once all had ended.
    """

    results: Sequence[CallResult]
    courses: dict[str, CallCourse]
    drops: int
    max_in_progress: int
    left_in_progress: int

    def settled(self) -> Iterator[tuple[CallResult, CallEnd]]:
        """Yield the unknown calls that events tell of, with what they tell."""
        for result in self.results:
            end = result.end
            if result.outcome is Outcome.UNKNOWN and end and end.call_id is not None:
                yield result, end

    def wrong(self) -> list[str]:
        """Return what the client says that the simulator's record disproves."""
        ids = Counter(course.call_id for course in self.courses.values())
        found = []
        for result in self.results:
            course = self.courses.get(number_of(int(str(result.key))))
            end = result.end
            if end is None:
                if result.outcome in {Outcome.ACCEPTED, Outcome.UNKNOWN}:
                    found.append(f"{result.key}: {result.outcome} without an end")
                continue
            if course is None:
                if end.call_id is not None or result.outcome is Outcome.ACCEPTED:
                    found.append(f"{result.key}: was never placed")
                continue
            if end.call_id not in {None, course.call_id}:
                found.append(f"{result.key}: the id of another call")
            if result.outcome is Outcome.ACCEPTED and result.call_id != course.call_id:
                found.append(f"{result.key}: accepted with another id")
            if ids[course.call_id] > 1:
                continue  # nobody can tell the events of the two calls apart
            if end.disposition not in _may_be_told(course):
                found.append(f"{result.key}: {end.disposition}, was {course.told}")
        return found

    def dispositions(self) -> Counter[Disposition | None]:
        """Count the dispositions that the client tells."""
        return Counter(result.disposition for result in self.results)


def _may_be_told(course: CallCourse) -> set[Disposition]:
    """Return what may be said of a call where some of its events were lost."""
    may = {course.told, _D.NONE_SEEN}
    if course.told is _D.ANSWERED:
        may.add(_D.ENDED)  # that it was answered was lost, and its end was not
    return may


async def run_scenario(scenario: Scenario, **pabx_settings: Any) -> ScenarioRun:
    """Dial the list, wait for the ends of all calls, and return what came of it."""
    async with scenario.simulator() as simulator:
        pabx = simulator.settings(
            max_in_progress=scenario.most, max_in_flight=50, **pabx_settings
        )
        async with DigitroClient(pabx) as client:
            await asyncio.sleep(1)  # the channel opens, before any call in virtual time
            items = (
                DispatchItem(call=make_call(number_of(key)), key=key)
                for key in range(scenario.calls)
            )
            async with client.dispatch(items, wait_for_end=True) as given:
                results = [result async for result in given]
            await asyncio.sleep(0)
            (statistics,) = client.statistics().pabx.values()
        side = simulator.event_side
        courses = {course.destination: course for course in side.courses}
        assert len(courses) == len(side.courses), "a number was called twice"
        return ScenarioRun(
            results=results,
            courses=courses,
            drops=simulator.summary().by_fault.get(EventFaultKind.DROP_CHANNEL, 0),
            max_in_progress=side.max_in_progress,
            left_in_progress=statistics.in_progress,
        )
