"""Which event channel calls are sent over, and what becomes of calls without one."""

import asyncio
from typing import Any

import attrs
import pytest
from helpers import ScriptedTransport, accepted, answered, make_call, make_pabx
from virtual_time import virtual_time

from digitro_async import (
    PABX,
    CallResult,
    ConfigurationError,
    Dispatcher,
    DispatchResults,
    DrainedError,
    Outcome,
    RateWaitTimeoutError,
)
from digitro_async.protocol import Evidence, Observation, Request


class PathTransport(ScriptedTransport):
    """Remembers the paths of its requests too."""

    def __init__(self, *script: Observation, **options: Any) -> None:
        super().__init__(script, **options)
        self.paths: list[str] = []
        self.pabx: list[PABX] = []

    async def exchange(
        self, pabx: PABX, request: Request, evidence: Evidence
    ) -> Observation:
        """Make one attempt."""
        self.paths.append(request.path)
        self.pabx.append(pabx)
        return await super().exchange(pabx, request, evidence)


def with_channel(channel_id: int | None, name: str = "one", **settings: Any) -> PABX:
    """Return a PABX with that channel, or without one."""
    return attrs.evolve(make_pabx(name, **settings), channel_id=channel_id)


async def take_into(taken: list[CallResult], results: DispatchResults) -> None:
    """Take every result."""
    async for result in results:
        taken.append(result)  # noqa: PERF401 - they are wanted even where it raises


def now() -> float:
    """Return the loop's time."""
    return asyncio.get_running_loop().time()


class TestNobodyGivesOne:
    """A PABX without a channel, of which nobody said that it will get one."""

    @virtual_time
    async def test_one_call(self) -> None:
        """A call fails at once, without an attempt, and says what to do."""
        transport = PathTransport()
        dispatcher = Dispatcher(with_channel(None), transport)
        result = await dispatcher.submit(make_call(), wait_while_paused=True)

        assert isinstance(result.error, ConfigurationError)
        assert result.outcome is Outcome.NOT_SENT
        assert result.attempts == result.error.attempts == 0
        assert result.pabx == result.error.pabx == "one"
        assert result.error.reason == "no_channel"
        assert "channel_id of PABX one is not set" in str(result.error)
        assert "set_channel_id()" in str(result.error)
        assert transport.attempts == []
        assert dispatcher.statistics().attempts == 0
        assert dispatcher.statistics().pabx["one"].paused == "no_channel"
        assert dispatcher.statistics().pabx["one"].resumes_in is None

    @virtual_time
    async def test_many_calls(self) -> None:
        """A stream ends with the error, and reads no more of its source."""
        dispatcher = Dispatcher(with_channel(None), PathTransport())
        taken: list[CallResult] = []
        source = iter([make_call(number) for number in range(1000)])
        async with dispatcher.stream(source) as results:
            with pytest.raises(ConfigurationError, match="one is not set") as caught:
                await take_into(taken, results)

        assert caught.value.reason == "no_channel"
        assert caught.value.pabx == "one"
        assert 1 <= len(taken) <= dispatcher.capacity
        assert len(taken) + len(list(source)) == 1000
        for result in taken:
            assert result.outcome is Outcome.NOT_SENT
            assert result.attempts == 0
        assert isinstance(taken[0].error, ConfigurationError)

    @virtual_time
    async def test_another_pabx_has_one(self) -> None:
        """Calls for any PABX go to the one that has a channel."""
        transport = PathTransport()
        dispatcher = Dispatcher(
            [with_channel(None, "none"), make_pabx("two")], transport
        )
        results = [await dispatcher.submit(make_call(number)) for number in range(5)]
        named = await dispatcher.submit(make_call(), pabx="none")

        assert [result.pabx for result in results] == ["two"] * 5
        assert not dispatcher.needs_resume
        assert isinstance(named.error, ConfigurationError)

    @virtual_time
    async def test_resume_gives_no_channel(self) -> None:
        """A PABX that is resumed without a channel is still not called."""
        transport = PathTransport()
        dispatcher = Dispatcher(with_channel(None), transport)
        dispatcher.pause()
        dispatcher.resume()
        result = await dispatcher.submit(make_call())

        assert isinstance(result.error, ConfigurationError)
        assert transport.attempts == []


class TestOneIsToCome:
    """A channel that somebody said will be given."""

    @virtual_time
    async def test_calls_wait(self) -> None:
        """Calls wait in their order, and go over the channel that is given."""
        transport = PathTransport()
        dispatcher = Dispatcher(with_channel(None, max_in_flight=1), transport)
        dispatcher.set_channel_id(None)
        calls = [
            asyncio.create_task(dispatcher.submit(make_call(number)))
            for number in range(3)
        ]
        await asyncio.sleep(100)
        assert dispatcher.statistics().pabx["one"].waiting == 3
        assert dispatcher.statistics().pabx["one"].paused == "no_channel"
        assert not dispatcher.needs_resume
        dispatcher.set_channel_id(42)
        results = await asyncio.gather(*calls)

        assert [result.outcome for result in results] == [Outcome.ACCEPTED] * 3
        assert [result.attempts for result in results] == [1, 1, 1]
        assert transport.destinations == ["0", "1", "2"]
        assert len(set(transport.paths)) == 1
        assert "42" in transport.paths[0]
        assert dispatcher.statistics().pabx["one"].paused == ""

    @virtual_time
    async def test_no_longer_than_max_wait(self) -> None:
        """A call that does not get a channel in time ends without an attempt."""
        dispatcher = Dispatcher(with_channel(None), PathTransport())
        dispatcher.set_channel_id(None, "one")
        result = await dispatcher.submit(make_call(), max_wait=3)

        assert isinstance(result.error, RateWaitTimeoutError)
        assert result.attempts == 0
        assert now() == pytest.approx(3)

    @virtual_time
    async def test_drained_meanwhile(self) -> None:
        """A call that waits for a channel is told of the drain."""
        dispatcher = Dispatcher(with_channel(None), PathTransport())
        dispatcher.set_channel_id(None)
        call = asyncio.create_task(dispatcher.submit(make_call()))
        await asyncio.sleep(1)
        await dispatcher.drain()

        assert isinstance((await call).error, DrainedError)

    @virtual_time
    async def test_the_other_pabx_takes_the_calls(self) -> None:
        """Calls for any PABX don't wait where another one can take them."""
        transport = PathTransport()
        dispatcher = Dispatcher([make_pabx("late"), make_pabx("two")], transport)
        dispatcher.set_channel_id(None, "late")
        results = [await dispatcher.submit(make_call(number)) for number in range(4)]

        assert [result.pabx for result in results] == ["two"] * 4

    @virtual_time
    async def test_the_others_are_paused(self) -> None:
        """Where all others are paused by hand, calls wait for the channel."""
        dispatcher = Dispatcher([make_pabx("a"), make_pabx("b")], PathTransport())
        dispatcher.pause("a")
        dispatcher.set_channel_id(None, "b")
        call = asyncio.create_task(dispatcher.submit(make_call()))
        await asyncio.sleep(5)
        assert not call.done()
        dispatcher.set_channel_id(3, "b")

        assert (await call).pabx == "b"


class TestItChanges:
    """Another channel while calls are made."""

    @virtual_time
    async def test_the_next_call_goes_over_it(self) -> None:
        """The PABX stays the same value, so that no other pool is opened for it."""
        transport = PathTransport()
        pabx = make_pabx()
        dispatcher = Dispatcher(pabx, transport)
        await dispatcher.submit(make_call())
        dispatcher.set_channel_id(77)
        await dispatcher.submit(make_call())

        assert "77" not in transport.paths[0]
        assert "77" in transport.paths[1]
        assert transport.pabx == [pabx, pabx]

    @virtual_time
    async def test_a_new_channel_ends_the_pause_for_a_lost_one(self) -> None:
        """A 404 pauses the PABX, and a new channel ends that pause."""
        transport = PathTransport(answered(404))
        dispatcher = Dispatcher(make_pabx(), transport)
        await dispatcher.submit(make_call())
        assert dispatcher.needs_resume
        dispatcher.set_channel_id(78)

        assert not dispatcher.needs_resume
        assert (await dispatcher.submit(make_call())).outcome is Outcome.ACCEPTED

    @virtual_time
    async def test_a_new_channel_ends_no_other_pause(self) -> None:
        """Whoever paused the PABX by hand, or refused the key, decides when it ends."""
        dispatcher = Dispatcher(make_pabx(), PathTransport(answered(401)))
        await dispatcher.submit(make_call())
        dispatcher.set_channel_id(78)

        assert dispatcher.needs_resume
        assert dispatcher.statistics().pabx["one"].paused == "status_401"

    @virtual_time
    async def test_a_late_404_says_nothing_of_the_new_channel(self) -> None:
        """A call that was sent over the channel before does not pause the new one."""
        transport = PathTransport(answered(404), accepted("x"), latency=10)
        dispatcher = Dispatcher(make_pabx(), transport)
        late = asyncio.create_task(dispatcher.submit(make_call()))
        await asyncio.sleep(1)
        dispatcher.set_channel_id(78)

        assert (await late).outcome is Outcome.REFUSED
        assert not dispatcher.needs_resume
        assert (await dispatcher.submit(make_call())).outcome is Outcome.ACCEPTED

    @virtual_time
    async def test_a_404_of_the_same_channel_pauses(self) -> None:
        """To give the same channel once more is no new channel."""
        transport = PathTransport(answered(404), latency=10)
        dispatcher = Dispatcher(with_channel(5), transport)
        call = asyncio.create_task(dispatcher.submit(make_call()))
        await asyncio.sleep(1)
        dispatcher.set_channel_id(5)
        await call

        assert dispatcher.needs_resume

    @virtual_time
    async def test_it_closes_while_calls_wait(self) -> None:
        """A call that had no turn when the channel closed goes over the next one."""
        transport = PathTransport(latency=10)
        dispatcher = Dispatcher(make_pabx(max_in_flight=1), transport)
        calls = [
            asyncio.create_task(dispatcher.submit(make_call(number)))
            for number in range(2)
        ]
        await asyncio.sleep(1)
        dispatcher.set_channel_id(None)
        await asyncio.sleep(100)
        assert len(transport.attempts) == 1
        dispatcher.set_channel_id(99)
        await asyncio.gather(*calls)

        assert "99" in transport.paths[1]


@pytest.mark.parametrize("channel_id", [-1, True, "1", 1.5, 10**100])
def test_no_such_id(channel_id: Any) -> None:
    """An id that can't stand in an address is turned away, and nothing is changed."""
    dispatcher = Dispatcher([make_pabx("a"), make_pabx("b")], PathTransport())
    with pytest.raises(ConfigurationError, match="channel_id"):
        dispatcher.set_channel_id(channel_id)
    with pytest.raises(ConfigurationError, match="no PABX of that name"):
        dispatcher.set_channel_id(1, "c")
