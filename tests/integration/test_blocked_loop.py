"""A loop that was kept from running reads what lies ready before it judges by time."""

import asyncio
import contextlib
import importlib.util
import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from helpers import ScriptedTransport, calls_to, make_call, make_pabx, until
from places import ROOT, SUPPORT
from threaded_pabx import ThreadedPABX
from virtual_time import virtual_time
from ways import WAYS

from digitro_async import (
    PABX,
    AnswerTimeoutError,
    CallResult,
    DigitroClient,
    Dispatcher,
    Outcome,
    PauseSettings,
    RetrySettings,
    TimeoutSettings,
)
from digitro_async.dispatch._call_source import LONG_READ
from digitro_async.testing import FakePABX
from digitro_async.transport._deadlines import Deadlines, LastLook

HAS_UVLOOP = importlib.util.find_spec("uvloop") is not None
needs_uvloop = pytest.mark.skipif(not HAS_UVLOOP, reason="no uvloop")
LOOPS = ["asyncio", pytest.param("uvloop", marks=needs_uvloop)]
OTHER_LIMIT = 90.0
LIMITS = {
    "total": {"total": 0.4, "sock_read": OTHER_LIMIT},
    "sock_read": {"total": OTHER_LIMIT, "sock_read": 0.4},
}
TOO_LONG = 0.9
TRIES = 20  # of a scene that a busy machine may miss

every_loop = pytest.mark.parametrize("loop", LOOPS)
every_manager = pytest.mark.parametrize("manager", WAYS)
every_limit = pytest.mark.parametrize("limit", LIMITS)


@pytest.fixture
def threaded() -> Iterator[ThreadedPABX]:
    """Return a PABX in a thread."""
    pabx = ThreadedPABX()
    yield pabx
    pabx.close()


def run_on(loop: str, main: Any) -> Any:
    """Run a coroutine on one kind of loop."""
    if loop == "uvloop":
        import uvloop

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(main)
    return asyncio.run(main)


def settings_of(url: str, limit: str) -> PABX:
    """Return a PABX whose one limit is short."""
    limits = TimeoutSettings(**LIMITS[limit])
    return make_pabx("one", url, timeouts=limits, max_in_flight=50)


async def block_while_it_answers(
    pabx: PABX, threaded: ThreadedPABX, manager: str, calls: int
) -> list[CallResult]:
    """Block the loop once all calls are on the wire; return none if that was late."""
    threaded.may_answer.clear()
    before = threaded.received
    async with (
        WAYS[manager]() as sessions,
        DigitroClient(pabx, sessions=sessions) as client,
        client.dispatch(calls_to(range(calls))) as results,
    ):
        while threaded.received - before < calls:
            if sum(client.statistics().outcomes.values()):
                threaded.may_answer.set()
                return []
            await asyncio.sleep(0.001)
        threaded.may_answer.set()
        time.sleep(TOO_LONG)  # noqa: ASYNC251 - that is what is tested
        return [result async for result in results]


def answered_while_blocked(
    loop: str, pabx: PABX, threaded: ThreadedPABX, manager: str, calls: int
) -> list[CallResult]:
    """Return the results of calls that were answered while the loop was blocked."""
    for _ in range(TRIES):
        main = block_while_it_answers(pabx, threaded, manager, calls)
        results: list[CallResult] = run_on(loop, main)
        if results:
            return results
    pytest.fail("the machine is too busy to send the calls within their limit")


@every_loop
@every_manager
@every_limit
@pytest.mark.parametrize("calls", [1, 30])
def test_an_answer_that_lies_ready(
    loop: str, manager: str, limit: str, calls: int, threaded: ThreadedPABX
) -> None:
    """Answers that came while the loop was blocked for too long are read first."""
    pabx = settings_of(threaded.url, limit)
    results = answered_while_blocked(loop, pabx, threaded, manager, calls)

    assert [one.outcome for one in results] == [Outcome.ACCEPTED] * calls


@every_loop
@every_manager
def test_an_answer_in_pieces(loop: str, manager: str) -> None:
    """An answer that came in several pieces is read to its end first."""
    threaded = ThreadedPABX(pieces=5)
    pabx = settings_of(threaded.url, "total")
    try:
        results = answered_while_blocked(loop, pabx, threaded, manager, 3)
    finally:
        threaded.close()

    assert [one.outcome for one in results] == [Outcome.ACCEPTED] * 3


@every_loop
@every_manager
@every_limit
def test_silence_is_a_time_out_all_the_same(
    loop: str, manager: str, limit: str, threaded: ThreadedPABX
) -> None:
    """Where nothing came, its own limit ends the call, blocked loop or not."""

    async def main(blocks: bool) -> float:
        pabx = settings_of(threaded.url, limit)
        async with (
            WAYS[manager]() as sessions,
            DigitroClient(pabx, sessions=sessions) as client,
        ):
            for _ in range(TRIES):
                making = client.make_predictive_call(make_call())
                calling, before = asyncio.ensure_future(making), threaded.received
                while threaded.received == before and not calling.done():  # noqa: ASYNC110
                    await asyncio.sleep(0.001)
                if not calling.done():
                    break
                calling.exception()  # the machine was too busy to send it in time
            began = time.monotonic()
            if blocks:
                time.sleep(TOO_LONG)  # noqa: ASYNC251 - that is what is tested
            with pytest.raises(AnswerTimeoutError):
                await calling
            return time.monotonic() - began

    for blocks in (True, False):
        assert run_on(loop, main(blocks=blocks)) < OTHER_LIMIT


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="no SIGSTOP")
@every_loop
@every_manager
@every_limit
async def test_a_process_that_was_stopped(loop: str, manager: str, limit: str) -> None:
    """A process that is stopped and goes on later reads the answer that came."""
    for _ in range(TRIES):  # a busy machine may answer too late
        said = await said_by_a_stopped_child(loop, manager, json.dumps(LIMITS[limit]))
        if said == ["accepted", "None"]:
            return

    pytest.fail(f"it says {said} each time")


async def said_by_a_stopped_child(loop: str, manager: str, limits: str) -> list[str]:
    """Stop a process that makes a call until it was answered; return what it says."""
    async with FakePABX(latency=0.2) as pabx:
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, str(SUPPORT / "stopped_child.py"), loop, manager),
            *(pabx.base_url, limits),
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": f"{SUPPORT}:{ROOT}"},
        )
        try:
            await until(lambda: pabx.posts)
            child.send_signal(signal.SIGSTOP)
            await asyncio.sleep(TOO_LONG)
            child.send_signal(signal.SIGCONT)
            said, _ = await asyncio.wait_for(child.communicate(), 60)
        finally:
            with contextlib.suppress(ProcessLookupError):
                child.kill()
    return said.decode().split()


class TestSlowSource:
    """A synchronous source that blocks the loop is told of, and harms no call."""

    @every_loop
    @every_manager
    def test_it_harms_no_call(
        self,
        loop: str,
        manager: str,
        threaded: ThreadedPABX,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """A source that blocks for longer than the limits makes no call unknown."""
        threaded.may_answer.set()

        def slow() -> Iterator[Any]:
            for number in range(4):
                yield make_call(number)
                time.sleep(TOO_LONG)

        async def main() -> list[CallResult]:
            pabx = settings_of(threaded.url, "total")
            async with (
                WAYS[manager]() as sessions,
                DigitroClient(pabx, sessions=sessions) as client,
                client.dispatch(slow()) as results,
            ):
                return [one async for one in results]

        taken = run_on(loop, main())

        assert [one.outcome for one in taken] == [Outcome.ACCEPTED] * 4
        told = [one for one in caplog.records if one.name == "digitro_async"]
        assert [one.levelname for one in told] == ["WARNING"]
        assert "synchronous source" in told[0].getMessage()
        assert make_call(3).destination.reveal() not in caplog.text

    @pytest.mark.parametrize("kind", ["quick", "paced", "asynchronous", "retried"])
    @virtual_time
    async def test_nothing_else_is_told_of(
        self, kind: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Waiting for turns, answers or an asynchronous source is not blocking."""

        async def waits() -> AsyncIterator[Any]:
            for number in range(3):
                await asyncio.sleep(1.2 * LONG_READ)
                yield make_call(number)

        transport = ScriptedTransport(latency=1.2 * LONG_READ)
        dispatcher = Dispatcher(
            make_pabx(max_in_flight=1 if kind == "paced" else 4),
            transport,
            retry=RetrySettings(base_delay=1.0 if kind == "retried" else 0),
            pause=PauseSettings(),
        )
        source: Any = waits() if kind == "asynchronous" else calls_to(range(4))
        async with dispatcher.stream(source) as results:
            if kind == "quick":
                await asyncio.sleep(2 * LONG_READ)
            assert [one.outcome async for one in results]

        assert not [one for one in caplog.records if one.name == "digitro_async"]

    def test_nobody_is_told_who_did_not_ask(self) -> None:
        """The library's logger says nothing where the program set up no logging."""
        handlers = logging.getLogger("digitro_async").handlers

        assert any(isinstance(one, logging.NullHandler) for one in handlers)


class TestLastLook:
    """An act after one more turn of the loop."""

    @every_loop
    def test_it_is_done_once(self, loop: str) -> None:
        """After a few turns of the loop it is done, unless it was cancelled."""

        async def main() -> list[str]:
            done: list[str] = []
            running = asyncio.get_running_loop()
            LastLook(running, lambda: done.append("one"))
            cancelled = LastLook(running, lambda: done.append("two"))
            late = LastLook(running, lambda: done.append("three"))
            cancelled.cancel()
            await asyncio.sleep(0)
            late.cancel()
            late.cancel()
            for _ in range(10):
                await asyncio.sleep(0)
            return done

        assert run_on(loop, main()) == ["one"]

    @every_loop
    def test_who_begins_anew_meanwhile(self, loop: str) -> None:
        """A task that stops its time and starts it again has all of it."""

        async def main() -> bool:
            deadlines = Deadlines(0.05)
            task = asyncio.current_task()
            assert task is not None
            deadlines.start(task)
            await asyncio.sleep(0)
            time.sleep(0.1)  # noqa: ASYNC251 - that is what is tested
            await asyncio.sleep(0)
            assert deadlines.stop(task) is False
            deadlines.start(task)
            for _ in range(10):
                await asyncio.sleep(0)
            return deadlines.stop(task)

        assert run_on(loop, main()) is False

    @every_loop
    def test_many_that_run_out_one_after_another(self, loop: str) -> None:
        """Each of 5,000 tasks ends when its own time is over."""

        async def one(deadlines: Deadlines, ended: Callable[[], object]) -> None:
            task = asyncio.current_task()
            assert task is not None
            deadlines.start(task)
            try:
                await asyncio.sleep(30)
            except asyncio.CancelledError:
                assert deadlines.stop(task)
                task.uncancel()
            ended()

        async def main() -> int:
            deadlines, ended = Deadlines(0.3), list[int]()
            tasks = []
            for number in range(5000):
                work = one(deadlines, lambda: ended.append(1))
                tasks.append(asyncio.create_task(work))
                if number % 50 == 0:
                    await asyncio.sleep(0.001)
            await asyncio.wait(tasks, timeout=60)
            return len(ended)

        assert run_on(loop, main()) == 5000
