"""Calls from threads without an event loop, through ``digitro_async.blocking``."""

import contextlib
import threading
import time
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from command_line import fake_pabx as pabx_in_a_thread
from helpers import make_call

from digitro_async import (
    PABX,
    CallResult,
    ClientClosedError,
    ClientEvent,
    ConfigurationError,
    DigitroClient,
    DigitroError,
    DispatchItem,
    DrainedError,
    EventKind,
    HealthStatus,
    InvalidCallError,
    NotSentError,
    Outcome,
    OutcomeUnknownError,
    PABXPausedError,
    PredictiveCall,
    RateLimit,
    SourceError,
    WrongLoopError,
)
from digitro_async.blocking import BlockingClient
from digitro_async.testing import Fault, FaultPlan

KEY = "canary-key"


def calls_to(count: int) -> Iterator[PredictiveCall]:
    """Yield calls to as many numbers."""
    for number in range(count):
        yield make_call(destination=f"0483281{number:04}")


def to(base_url: str, *, rate: int | None = None, places: int = 20) -> PABX:
    """Return a PABX."""
    limit = None if rate is None else RateLimit(rate)
    return PABX("one", base_url, 1, KEY, rate=limit, max_in_flight=places)


def test_one_call() -> None:
    """A call is accepted, and what became of it is told to the thread."""
    with (
        pabx_in_a_thread(api_key=KEY) as pabx,
        BlockingClient(to(pabx.base_url)) as one,
    ):
        accepted = one.make_predictive_call(make_call(), deadline=60)
        statistics = one.statistics()

        assert repr(one) == "<BlockingClient one>"

    assert [call.call_id for call in pabx.calls] == [accepted.call_id]
    assert statistics.outcomes[Outcome.ACCEPTED] == 1


def test_many_threads() -> None:
    """Threads share one rate and one pool, and each gets the answer to its own call."""
    with (
        pabx_in_a_thread(api_key=KEY, latency=0.01) as pabx,
        BlockingClient(to(pabx.base_url, places=5)) as one,
        ThreadPoolExecutor(16) as threads,
    ):
        accepted = list(threads.map(one.make_predictive_call, calls_to(80)))

    by_id = {call.call_id: call.destination for call in pabx.calls}
    assert [by_id[one.call_id] for one in accepted] == [
        call.destination.reveal() for call in calls_to(80)
    ]
    assert pabx.posts == 80
    assert pabx.connections <= 5


def test_errors_are_those_of_the_client() -> None:
    """A thread gets the error of its call, which shows no private text."""
    faults = FaultPlan([Fault("lose_answer", at=1)])
    with (
        pabx_in_a_thread(api_key=KEY, faults=faults) as pabx,
        BlockingClient(to(pabx.base_url)) as one,
    ):
        call = make_call(destination="0483281999")
        with pytest.raises(OutcomeUnknownError) as caught:
            one.make_predictive_call(call)
        with pytest.raises(InvalidCallError):
            one.command("../elsewhere", {"A": "canary-text"})
        with pytest.raises(DigitroError, match="no_such_command"):
            one.command("um-comando", {"A": "canary-text"})

    assert "0483281999" not in "".join(traceback.format_exception(caught.value))
    assert pabx.placed == 1


def test_commands_and_connections() -> None:
    """Connections are opened ahead, and a pause is ended, by any thread."""
    faults = FaultPlan([Fault("status", status=401, at=1)])
    with (
        pabx_in_a_thread(api_key=KEY, faults=faults) as pabx,
        BlockingClient(to(pabx.base_url)) as one,
    ):
        assert one.warm(2) == {"one": 2}
        assert one.health().status is HealthStatus.OK
        with pytest.raises(Exception, match="401"):
            one.make_predictive_call(make_call())
        assert one.health().status is HealthStatus.PAUSED
        with pytest.raises(PABXPausedError):
            one.make_predictive_call(make_call())
        one.resume()
        one.make_predictive_call(make_call())
        with pytest.raises(ConfigurationError, match="no PABX"):
            one.resume("another")
        with pytest.raises(ConfigurationError):
            one.call_end("an id")

    assert pabx.posts == 2


def test_many_calls() -> None:
    """A list is called once each, read in the thread that takes the results."""
    readers = set()

    def items() -> Iterator[DispatchItem]:
        for number, call in enumerate(calls_to(100)):
            readers.add(threading.current_thread())
            yield DispatchItem(call=call, key=number)

    with (
        pabx_in_a_thread(api_key=KEY) as pabx,
        BlockingClient(to(pabx.base_url)) as one,
        one.dispatch(items()) as results,
    ):
        keys = [result.key for result in results]

        assert results.exhausted

    assert sorted(map(str, keys)) == sorted(map(str, range(100)))
    assert readers == {threading.current_thread()}
    assert len({call.destination for call in pabx.calls}) == pabx.posts == 100


def test_results_that_nobody_took() -> None:
    """Every call that was read has one result, where the block is left early, too."""
    read = []

    def items() -> Iterator[PredictiveCall]:
        for call in calls_to(1000):
            read.append(call)
            yield call

    with (
        pabx_in_a_thread(api_key=KEY, latency=0.01) as pabx,
        BlockingClient(to(pabx.base_url)) as one,
    ):
        with one.dispatch(items()) as results:
            taken = [next(results) for _ in range(10)]
        left = results.unread()

    of = [*taken, *left]
    assert sorted(id(one.call) for one in of) == sorted(map(id, read))
    assert len(read) < 1000
    placed = [one for one in of if one.outcome is Outcome.ACCEPTED]
    assert len(placed) == pabx.posts
    assert {type(one.error) for one in of if one not in placed} <= {DrainedError}
    assert not results.exhausted


@pytest.mark.parametrize(
    ("raised", "expected"),
    [(OSError("gone"), OSError), (KeyboardInterrupt(), KeyboardInterrupt)],
    ids=["error", "interrupt"],
)
def test_a_source_that_fails(
    raised: BaseException, expected: type[BaseException]
) -> None:
    """What the source raises reaches the thread, and calls that were read are made."""

    def items() -> Iterator[PredictiveCall]:
        yield from calls_to(5)
        raise raised

    taken: list[CallResult] = []
    with (
        pabx_in_a_thread(api_key=KEY) as pabx,
        BlockingClient(to(pabx.base_url)) as one,
        contextlib.ExitStack() as stack,
    ):
        results = stack.enter_context(one.dispatch(items()))
        with pytest.raises(expected):
            taken.extend(results)
        stack.close()
        taken += results.unread()
        one.make_predictive_call(make_call())  # the loop goes on

    assert len(taken) == 5
    assert pabx.posts == 1 + sum(one.outcome is Outcome.ACCEPTED for one in taken)


def test_a_source_that_raises_its_end() -> None:
    """An iterator that raises StopIteration within itself is a broken source."""

    class Broken:
        def __iter__(self) -> "Broken":
            return self

        def __next__(self) -> PredictiveCall:
            raise RuntimeError from StopIteration()

    with (
        pabx_in_a_thread(api_key=KEY) as pabx,
        BlockingClient(to(pabx.base_url)) as one,
        one.dispatch(Broken()) as results,
        pytest.raises((SourceError, RuntimeError)),
    ):
        next(results)

    assert pabx.posts == 0


def test_results_are_entered_once() -> None:
    """Results that were not entered, or twice, say so."""
    with (
        pabx_in_a_thread(api_key=KEY) as pabx,
        BlockingClient(to(pabx.base_url)) as one,
    ):
        results = one.dispatch([])
        with pytest.raises(ConfigurationError, match="entered first"):
            iter(results)
        with results, pytest.raises(ConfigurationError, match="entered once"):
            results.__enter__()
        assert list(results) == []


def test_closing_waits_for_the_wire() -> None:
    """Closing lets a call on the wire finish; one that awaits its turn is not sent."""
    ended: list[object] = []

    def make(client: BlockingClient, call: PredictiveCall) -> None:
        try:
            ended.append(client.make_predictive_call(call))
        except NotSentError as error:
            ended.append(error)

    with pabx_in_a_thread(api_key=KEY, latency=0.5) as pabx:
        one = BlockingClient(to(pabx.base_url, places=1)).open()
        threads = [
            threading.Thread(target=make, args=(one, call)) for call in calls_to(3)
        ]
        for thread in threads:
            thread.start()
        while not (pabx.posts == 1 and one.statistics().pabx["one"].waiting == 2):
            time.sleep(0.005)
        one.close()
        for thread in threads:
            thread.join()

    refused = [error for error in ended if isinstance(error, DrainedError)]
    assert (len(ended), len(refused), pabx.posts) == (3, 2, 1)
    with pytest.raises(ClientClosedError, match="is not open"):
        one.make_predictive_call(make_call())
    with pytest.raises(ClientClosedError, match="make another"):
        one.open()
    one.close()


def test_work_in_the_loop() -> None:
    """Whatever the client can do is done in its loop; close ends what goes on."""

    async def call_two(client: DigitroClient) -> int:
        async with client.dispatch(calls_to(2)) as results:
            return len([result async for result in results])

    with (
        pabx_in_a_thread(api_key=KEY) as pabx,
        BlockingClient(to(pabx.base_url)) as one,
    ):
        assert one.run(call_two) == 2

        async def use(_: DigitroClient) -> None:
            one.make_predictive_call(make_call())

        with pytest.raises(WrongLoopError, match="would wait for itself"):
            one.run(use)

    assert pabx.posts == 2


def test_events_of_the_client() -> None:
    """The client's events are told, in its own thread."""
    heard: list[tuple[EventKind, bool]] = []

    def hear(event: ClientEvent) -> None:
        is_here = threading.current_thread() is threading.main_thread()
        heard.append((event.kind, is_here))

    faults = FaultPlan([Fault("status", status=401)])
    with (
        pabx_in_a_thread(api_key=KEY, faults=faults) as pabx,
        BlockingClient(to(pabx.base_url), on_event=hear) as one,
        pytest.raises(Exception, match="401"),
    ):
        one.make_predictive_call(make_call())

    assert (EventKind.PAUSED, False) in heard


def test_settings_that_are_refused() -> None:
    """What the client refuses is refused at once, and no thread is left."""
    before = threading.active_count()
    with pytest.raises(ConfigurationError):
        BlockingClient([])
    with pytest.raises(ClientClosedError, match="is not open"):
        BlockingClient(to("http://127.0.0.1:9")).statistics()

    assert threading.active_count() == before
