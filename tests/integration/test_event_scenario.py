import asyncio
from typing import Final

import attrs
import pytest
from event_scenario import Scenario, ScenarioRun, number_of, run_scenario
from helpers import make_call
from simulated_events import DIALECT, dialect
from virtual_time import virtual_time

from digitro_async import (
    CallEvent,
    ChannelRequest,
    DigitroClient,
    Gap,
    Outcome,
    load_event_preset,
)
from digitro_async.testing import CallScript, EventDelivery, FakePABX, Fault


def renamed(name: str) -> str:
    """Return another name for a name of the made-up dialect."""
    return f"x-{name.lower()}-é"


RENAMED: Final = dialect(
    open=ChannelRequest(
        path="/andere/weg?x=1", method="POST", body={"want": ["calls"]}
    ),
    name_fields="what.name",
    opened_names="canal-aberto",
    closed_names="canal-fechado",
    heartbeat_names="vivo",
    id_fields="where.number",
    call_id_fields="who.call.id",
    call_phases={renamed(key): phase for key, phase in DIALECT.call_phases.items()},
    disposition_fields="why",
    dispositions={renamed(key): one for key, one in DIALECT.dispositions.items()},
    destination_fields="who.number",
    time_fields="when",
    close=None,
)
"""The made-up dialect with every name changed."""

XML: Final = dialect(
    id_fields="*.CANAL",
    name_fields="*",
    call_id_fields="*.ID",
    destination_fields="*.DESTINO",
    disposition_fields="*.CAUSA",
    time_fields="*.HORA",
)
FIELD_NAMES_PHASE: Final = dialect(phase_fields="PASSO")
NAME_SAYS_ALL: Final = dialect(disposition_fields=())

AS_TEXT: Final = EventDelivery(id_as_text=True, name_in_data=True, heartbeat=5)
AS_XML: Final = EventDelivery(form="xml", name_in_data=True, heartbeat_form="comment")
SHORT: Final = EventDelivery(expires=45)
HOSTILE: Final = [
    Fault("lose_event", probability=0.02),
    Fault("delay_event", probability=0.03, pause=0.6),
    Fault("duplicate_event", probability=0.05),
    Fault("reorder_events", probability=0.05),
    Fault("foreign_event", probability=0.05),
    Fault("unknown_event", probability=0.05),
    Fault("garbage_event", probability=0.01),
    Fault("huge_event", at=[33]),
    Fault("close_channel", at=[55]),
    Fault("mute_channel", at=[77]),
    Fault("refuse_channel", at=[2]),
    Fault("no_opening_event", at=[4]),
    Fault("repeated_call_id", probability=0.01),
]
LONG_TALKS: Final = CallScript(ring=(1, 8), talk=(2, 60), seed=9)

SCENARIOS: Final = {
    "made-up": Scenario(settings=DIALECT),
    "every name changed": Scenario(settings=RENAMED, delivery=AS_TEXT),
    "XML": Scenario(settings=XML, delivery=AS_XML),
    "a field says the phase": Scenario(settings=FIELD_NAMES_PHASE),
    "names say all": Scenario(settings=NAME_SAYS_ALL),
    "interact-cti": Scenario(settings=load_event_preset("interact-cti")),
    "neo": Scenario(settings=load_event_preset("neo"), delivery=SHORT),
    "hostile": Scenario(settings=DIALECT, faults=HOSTILE, script=LONG_TALKS),
}


def check(scenario: Scenario, run: ScenarioRun) -> None:
    """Compare what the client said with what was true."""
    assert run.wrong() == []
    assert len(run.results) == scenario.calls
    assert {result.key for result in run.results} == set(range(scenario.calls))
    assert run.max_in_progress <= scenario.most
    assert run.left_in_progress == 0
    assert run.drops == len(scenario.drops)
    for result in run.results:
        may_ring = result.outcome in {Outcome.ACCEPTED, Outcome.UNKNOWN}
        assert (result.disposition is not None) is may_ring


@pytest.mark.parametrize("name", SCENARIOS)
@virtual_time
async def test_every_call_is_told_truly(name: str) -> None:
    """With lost answers and channels, nothing untrue is said, and no place is lost."""
    scenario = attrs.evolve(SCENARIOS[name], calls=200, most=60)

    check(scenario, await run_scenario(scenario))


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("name", "calls"),
    [(name, 10_000 if name == "made-up" else 2000) for name in SCENARIOS],
)
@virtual_time
async def test_every_call_of_many_is_told_truly(name: str, calls: int) -> None:
    """Of thousands of calls nothing untrue is said, and most unknown are settled."""
    scenario = attrs.evolve(SCENARIOS[name], calls=calls)
    run = await run_scenario(scenario)
    unknown = sum(result.outcome is Outcome.UNKNOWN for result in run.results)

    check(scenario, run)
    assert len([*run.settled()]) > unknown / 2


@virtual_time
async def test_unknown_calls_are_settled_by_evidence() -> None:
    """A lost answer is settled by the only new call to its number, and by none else."""
    scenario = Scenario(settings=DIALECT, calls=60, lost_answers=0.2, drops=())
    run = await run_scenario(scenario)
    unknown = [one for one in run.results if one.outcome is Outcome.UNKNOWN]

    check(scenario, run)
    assert len(unknown) > 3
    assert [result for result, _ in run.settled()] == unknown


@virtual_time
async def test_slow_handlers_delay_no_call() -> None:
    """Whoever takes events slowly is told of a gap, and no call waits for that."""
    script = CallScript(ring=1, talk=2)
    async with FakePABX(events=DIALECT, call_script=script) as simulator:
        async with DigitroClient(simulator.settings()) as client:
            taken: list[CallEvent | Gap] = []
            events = client.call_events(queue_size=5)

            async def take_slowly() -> None:
                async for event in events:
                    if isinstance(event, CallEvent | Gap):
                        taken.append(event)
                    await asyncio.sleep(200)

            slow = asyncio.ensure_future(take_slowly())
            calls = (make_call(number_of(key)) for key in range(50))
            loop = asyncio.get_running_loop()
            before = loop.time()
            async with client.dispatch(calls, wait_for_end=True) as results:
                ends = [result.disposition async for result in results]
            took = loop.time() - before
            await asyncio.sleep(2000)
        await slow
        side = simulator.event_side

    told = [course.told for course in side.courses]
    assert sorted(ends, key=str) == sorted(told)
    assert took < 200  # within the time of its first event
    gaps = [event for event in taken if isinstance(event, Gap)]
    assert sum(gap.lost or 0 for gap in gaps) + len(taken) - len(gaps) == side.due
    assert len(taken) - len(gaps) <= 6
