"""What became of calls: told from events, in results, to recorders and programs."""

import asyncio
import contextlib
from collections.abc import Callable, Hashable, Sequence
from typing import Any, cast

import pytest
from dispatch_scene import make_dispatcher, now
from helpers import calls_to, make_call, make_pabx
from scripted_events import Course, ScriptedPABX, pabx_with_events
from virtual_time import virtual_time

from digitro_async import (
    PABX,
    CallEnd,
    CallPhase,
    CallResult,
    CallSeen,
    ClientEvent,
    ConfigurationError,
    DispatchItem,
    Disposition,
    DrainedError,
    EndEvidence,
    EventKind,
    Outcome,
)
from digitro_async.protocol import Connection, Evidence, Observation, Request

LOSES = Course(is_lost=True, answer=1.0)


class EndTeller:
    """A recorder that keeps what it is told."""

    def __init__(self, *, is_slow: bool = False) -> None:
        self.told: list[tuple[str, Hashable, Any]] = []
        self._is_slow = is_slow
        self._waiting: list[Callable[[], None]] = []

    async def record_intent(self, key: Hashable, pabx: str) -> None:
        """Record an intent."""
        self.told.append(("intent", key, pabx))

    def record_outcome(
        self, key: Hashable, pabx: str, result: Any, on_recorded: Callable[[Any], None]
    ) -> None:
        """Record an outcome."""
        self.told.append(("outcome", key, pabx))
        on_recorded(result)

    def record_doubts(self, keys: Sequence[Hashable], pabx: str) -> None:
        """Record doubts."""
        self.told.append(("doubts", tuple(keys), pabx))

    def record_end(
        self, key: Hashable, pabx: str, end: CallEnd, on_recorded: Callable[[], None]
    ) -> None:
        """Record an end."""
        assert end.pabx == pabx
        self.told.append(("end", key, end.disposition))
        self._waiting.append(on_recorded)
        if not self._is_slow:
            self.write()

    def write(self) -> None:
        """Write what is to be recorded."""
        for on_recorded in self._waiting:
            on_recorded()
        self._waiting.clear()

    def record_settled_by_event(self, key: Hashable, pabx: str, seen: CallSeen) -> None:
        """Record that a call was placed."""
        assert seen.pabx == pabx
        self.told.append(("settled", key, seen.call_id))


async def results_of(scripted: ScriptedPABX, *numbers: str) -> list[CallResult]:
    """Make calls to numbers and wait for their ends."""
    dispatcher = scripted.connect(make_dispatcher(scripted, pabx_with_events()))
    async with dispatcher.stream(calls_to(numbers), wait_for_end=True) as results:
        return [result async for result in results]


@virtual_time
async def test_result_waits_for_the_end() -> None:
    """With ``wait_for_end`` a result says what became of its call, and when."""
    (result,) = await results_of(ScriptedPABX(), "1")

    assert now() == pytest.approx(10.0)  # a second after the end
    assert result.outcome is Outcome.ACCEPTED
    assert result.disposition is Disposition.ANSWERED
    end = result.end
    assert end is not None
    assert (end.call_id, end.evidence) == (result.call_id, EndEvidence.CALL_ID)
    assert (end.rang_at, end.answered_at, end.ended_at) == (1.0, 3.0, 9.0)


@virtual_time
async def test_results_wait_apart() -> None:
    """A result that waits holds up neither a call nor another result."""
    short = ((0.5, CallPhase.ENDED, Disposition.BUSY),)
    scripted = ScriptedPABX(lambda one: Course(steps=short) if one == "2" else Course())
    pabx = pabx_with_events(max_in_flight=1)
    dispatcher = scripted.connect(make_dispatcher(scripted, pabx))
    async with dispatcher.stream(calls_to("123"), wait_for_end=True) as results:
        ends = [result.disposition async for result in results]

    assert ends == [Disposition.BUSY, Disposition.ANSWERED, Disposition.ANSWERED]
    assert now() == pytest.approx(10.2)


@virtual_time
async def test_no_end_in_time() -> None:
    """A result waits no longer than the time in which an end may be told."""
    (result,) = await results_of(ScriptedPABX(lambda _: Course(steps=())), "1")

    assert result.disposition is Disposition.NONE_SEEN
    assert now() == pytest.approx(100.1)


@virtual_time
async def test_rejected_calls_do_not_wait() -> None:
    """A call that was not placed has no end, and its result does not wait."""
    rejects = Course(status=400, is_placed=False)
    (result,) = await results_of(ScriptedPABX(lambda _: rejects), "1")

    assert (result.outcome, result.end) == (Outcome.REJECTED, None)
    assert now() == pytest.approx(0.1)


@virtual_time
async def test_without_waiting() -> None:
    """Without ``wait_for_end`` a result comes with the answer, and says no end."""
    scripted = ScriptedPABX()
    dispatcher = scripted.connect(make_dispatcher(scripted, pabx_with_events()))
    async with dispatcher.stream(calls_to("1")) as results:
        (result,) = [result async for result in results]

    assert (result.disposition, now()) == (None, 0.1)
    assert result.call_id is not None
    end = await dispatcher.call_end(result.call_id)
    assert (end.disposition, now()) == (Disposition.ANSWERED, 10.0)
    assert await dispatcher.call_end(result.call_id, "one") is end


@virtual_time
async def test_leaving_gives_what_waits() -> None:
    """Leaving the block does not wait for ends: the results are there, unread."""
    scripted = ScriptedPABX()
    dispatcher = scripted.connect(make_dispatcher(scripted, pabx_with_events()))
    async with dispatcher.stream(calls_to("123"), wait_for_end=True) as results:
        await asyncio.sleep(1)

    assert now() == 1.0
    assert [result.disposition for result in results.unread()] == [None] * 3


@virtual_time
async def test_drain_gives_what_waits() -> None:
    """When the dispatcher drains, results that wait for an end are given at once."""
    scripted = ScriptedPABX()
    dispatcher = scripted.connect(make_dispatcher(scripted, pabx_with_events()))
    got = []
    async with dispatcher.stream(calls_to("123"), wait_for_end=True) as results:
        asyncio.get_running_loop().call_later(1, results.end)
        got = [result.disposition async for result in results]

    assert (got, now()) == ([None] * 3, 1.0)


@virtual_time
async def test_recorder_is_told() -> None:
    """A recorder is told of each end, after the outcome; the result waits for it."""
    scripted, recorder = ScriptedPABX(), EndTeller(is_slow=True)
    dispatcher = scripted.connect(make_dispatcher(scripted, pabx_with_events()))
    items = [DispatchItem(call=make_call("1"), key="k")]
    async with dispatcher.stream(items, recorder, wait_for_end=True) as results:
        asyncio.get_running_loop().call_later(15, recorder.write)
        (result,) = [result async for result in results]

    assert [told[0] for told in recorder.told] == ["intent", "outcome", "end"]
    assert recorder.told[-1] == ("end", "k", Disposition.ANSWERED)
    assert now() == 15.0
    assert result.end is not None
    assert result.end.key == "k"


@virtual_time
async def test_end_before_the_answer() -> None:
    """Where events come before the answer, the outcome is still recorded first."""
    busy = ((0.0, CallPhase.ENDED, Disposition.BUSY),)
    scripted = ScriptedPABX(lambda _: Course(answer=5.0, steps=busy))
    recorder = EndTeller()
    dispatcher = scripted.connect(make_dispatcher(scripted, pabx_with_events()))
    async with dispatcher.stream(calls_to("1"), recorder, wait_for_end=True) as results:
        (result,) = [result async for result in results]

    assert [told[0] for told in recorder.told] == ["intent", "outcome", "end"]
    assert result.end is not None
    assert (result.end.disposition, result.end.word) == (Disposition.BUSY, "BUSY")


@virtual_time
async def test_failing_recorder() -> None:
    """What a recorder raises for an end harms no result."""

    class Failing(EndTeller):
        def record_end(self, *_: Any) -> None:
            raise ValueError("04832817000")

    scripted = ScriptedPABX()
    dispatcher = scripted.connect(make_dispatcher(scripted, pabx_with_events()))
    async with dispatcher.stream(
        calls_to("1"), Failing(), wait_for_end=True
    ) as results:
        (result,) = [result async for result in results]

    assert result.disposition is Disposition.ANSWERED


@virtual_time
async def test_unknown_is_settled() -> None:
    """A call without an answer is settled by its events, and that is told."""
    told: list[ClientEvent] = []
    scripted, recorder = ScriptedPABX(lambda _: LOSES), EndTeller()
    dispatcher = scripted.connect(
        make_dispatcher(scripted, pabx_with_events(), on_event=told.append)
    )
    await asyncio.sleep(1)  # the channel is open for a while
    async with dispatcher.stream(calls_to("1"), recorder, wait_for_end=True) as results:
        (result,) = [result async for result in results]

    assert result.outcome is Outcome.UNKNOWN
    assert result.end is not None
    assert result.end.disposition is Disposition.ANSWERED
    assert result.end.evidence is EndEvidence.DESTINATION
    assert [one[0] for one in recorder.told] == ["intent", "outcome", "settled", "end"]
    assert recorder.told[2][2] == scripted.placed["1"][0]
    (event,) = [one for one in told if one.kind is EventKind.UNKNOWN_SETTLED]
    assert event.pabx == "one"


@virtual_time
async def test_cancelled_call_is_followed() -> None:
    """A call that is cut off on the wire counts until its end is told."""
    scripted = ScriptedPABX(lambda _: Course(answer=50.0))
    pabx = pabx_with_events(max_in_progress=1)
    dispatcher = scripted.connect(make_dispatcher(scripted, pabx))
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(1):
            await dispatcher.submit(make_call("1"))
    assert dispatcher.statistics().pabx["one"].in_progress == 1

    await dispatcher.submit(make_call("2"), wait_while_paused=True)
    assert scripted.most_in_progress == 1


@virtual_time
async def test_wait_for_ends() -> None:
    """One can wait until the ends of all calls are known."""
    scripted = ScriptedPABX()
    dispatcher = scripted.connect(make_dispatcher(scripted, pabx_with_events()))
    await dispatcher.wait_for_ends()
    await asyncio.gather(*(dispatcher.submit(call) for call in calls_to("12")))
    await dispatcher.wait_for_ends()

    assert now() == 10.0
    one = dispatcher.statistics().pabx["one"]
    assert one.dispositions[Disposition.ANSWERED] == 2
    assert sum(one.dispositions.values()) == 2


@virtual_time
async def test_stopped_while_waited_for() -> None:
    """Who waits for an end when the events are read no more is told so."""
    scripted = ScriptedPABX()
    dispatcher = scripted.connect(make_dispatcher(scripted, pabx_with_events()))
    result = await dispatcher.submit(make_call("1"))
    asyncio.get_running_loop().call_later(1, dispatcher.stop_events)
    ends = asyncio.ensure_future(dispatcher.wait_for_ends())
    with pytest.raises(DrainedError, match="what became of the call"):
        await dispatcher.call_end(result.call_id or "")
    await ends

    assert now() == pytest.approx(1.1)


@virtual_time
async def test_what_needs_events() -> None:
    """Without events a dispatcher says that ends can't be known."""
    dispatcher = make_dispatcher(ScriptedPABX(), make_pabx())

    with pytest.raises(ConfigurationError, match="needs a PABX with events"):
        dispatcher.stream([], wait_for_end=True)
    with pytest.raises(ConfigurationError, match="no PABX has events"):
        dispatcher.call_events()
    with pytest.raises(ConfigurationError, match="a PABX that has events"):
        await dispatcher.call_end("id")
    with pytest.raises(ConfigurationError, match="max_in_progress needs events"):
        make_pabx(max_in_progress=3)


@virtual_time
async def test_unknown_call_id() -> None:
    """Who asks for a call that nobody knows is told so, and does not wait."""
    dispatcher = make_dispatcher(ScriptedPABX(), pabx_with_events())

    with pytest.raises(ConfigurationError, match="no call with that id"):
        await dispatcher.call_end("id")
    with pytest.raises(ConfigurationError, match="queue_size"):
        dispatcher.call_events(0)


class Doubted:
    """A connection that tells after an answer that it may be another call's."""

    is_retired = False

    def __init__(self) -> None:
        self.served: list[Evidence] = []

    def distrust(self) -> None:
        """Tell the owners of all attempts."""
        for evidence in self.served:
            evidence.tell_doubt()


class DoubtedPABX(ScriptedPABX):
    """A PABX whose calls go over such a connection."""

    def __init__(self) -> None:
        super().__init__()
        self.connection = Doubted()

    async def exchange(
        self, pabx: PABX, request: Request, evidence: Evidence
    ) -> Observation:
        """Make one attempt."""
        evidence.connection = cast("Connection", self.connection)
        self.connection.served.append(evidence)
        return await super().exchange(pabx, request, evidence)


@pytest.mark.parametrize("is_recorded", [True, False], ids=["recorded", "not"])
@virtual_time
async def test_doubted_answers(*, is_recorded: bool) -> None:
    """Where answers may have been another call's, no end is told by their call ids."""
    scripted = DoubtedPABX()
    dispatcher = scripted.connect(make_dispatcher(scripted, pabx_with_events()))
    recorder = EndTeller() if is_recorded else None
    async with dispatcher.stream(calls_to("12"), recorder, wait_for_end=True) as stream:
        asyncio.get_running_loop().call_later(5, scripted.connection.distrust)
        results = [result async for result in stream]

    assert [result.disposition for result in results] == [Disposition.NONE_SEEN] * 2
    assert {result.end.call_id for result in results if result.end} == {None}
    assert dispatcher.statistics().pabx["one"].doubtful == 2
