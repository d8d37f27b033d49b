"""Many calls over a simulator whose events and channel fail, until the end of each."""

import asyncio
from collections import Counter

import pytest
from helpers import make_call
from simulated_events import dialect
from virtual_time import virtual_time

from digitro_async import (
    CallResult,
    DigitroClient,
    DispatchItem,
    Disposition,
    EndEvidence,
    Outcome,
    PauseSettings,
)
from digitro_async.testing import (
    CallScript,
    EventFaultKind,
    FakePABX,
    Fault,
    FaultKind,
    FaultPlan,
)

CAP = 40
SCRIPT = CallScript(setup=0.1, dial=0.5, ring=(1.0, 5.0), talk=(2.0, 15.0))
NEVER_PAUSED = PauseSettings(
    unknown_run=10**6, unknown_budget=10**6, unknown_window=10**6
)
FAULTS = FaultPlan(
    [
        Fault(FaultKind.LOSE_ANSWER, probability=0.03),
        Fault(FaultKind.LOSE_ANSWER, probability=0.02, placed=False),
        Fault(EventFaultKind.LOSE_EVENT, probability=0.01),
        Fault(EventFaultKind.DELAY_EVENT, probability=0.05),
        Fault(EventFaultKind.DUPLICATE_EVENT, probability=0.05),
        Fault(EventFaultKind.REORDER_EVENTS, probability=0.05),
        Fault(EventFaultKind.FOREIGN_EVENT, probability=0.01),
    ]
)


def check(results: list[CallResult], fake: FakePABX) -> Counter[EndEvidence | None]:
    """Check each result against what the simulator knows, and count the evidence."""
    courses = {one.destination: one for one in fake.event_side.courses}
    found: Counter[EndEvidence | None] = Counter()
    for result in results:
        course, end = courses.get(str(result.key)), result.end
        found[None if end is None else end.evidence] += 1
        if result.outcome in {Outcome.ACCEPTED, Outcome.UNKNOWN}:
            assert end is not None
            if end.call_id is not None:
                assert course is not None
                assert end.call_id == course.call_id
                assert end.disposition in {
                    course.told,
                    *(Disposition.ENDED, Disposition.NONE_SEEN, Disposition.ANSWERED),
                }
            if course is None:
                assert end.disposition is Disposition.NONE_SEEN
    return found


async def dial(count: int) -> None:
    """Dial a list, while the channel is dropped five times."""
    settings = dialect(end_timeout=60.0, first_backoff=0.5)
    async with FakePABX(
        events=settings, call_script=SCRIPT, faults=FAULTS, idle_timeout=10**6
    ) as fake:
        pabx = fake.settings(max_in_progress=CAP)
        loop = asyncio.get_running_loop()
        for number in range(5):
            loop.call_later(5 + 20 * number, fake.event_side.drop_channels)
        items = (
            DispatchItem(call=make_call(str(one)), key=str(one)) for one in range(count)
        )
        async with (
            DigitroClient(pabx, pause=NEVER_PAUSED) as client,
            client.dispatch(items, wait_for_end=True) as stream,
        ):
            results = [result async for result in stream]
            one = client.statistics().pabx["simulator"]

        assert sorted(int(str(result.key)) for result in results) == list(range(count))
        assert 0 < fake.event_side.max_in_progress <= CAP
        assert fake.event_side.in_progress == one.in_progress == 0
        found = check(results, fake)
        ends = sum(found.values()) - found[None]
        assert sum(one.dispositions.values()) == ends
        unknown = sum(result.outcome is Outcome.UNKNOWN for result in results)
        assert found[EndEvidence.DESTINATION] > unknown // 10
        assert found[EndEvidence.CALL_ID] > 0.8 * count


@virtual_time
async def test_a_list_until_its_ends() -> None:
    """Each call ends once and truly, and no more are in progress than may be."""
    await dial(400)


@pytest.mark.long
@pytest.mark.timeout(900)
@virtual_time
async def test_ten_thousand_calls_until_their_ends() -> None:
    """The same holds for 10,000 calls; it takes some minutes."""
    await dial(10_000)
