"""What other threads may ask of a client, and what they get."""

import asyncio
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any, Self

import pytest
from helpers import ScriptedTransport, make_call, make_pabx

from digitro_async import (
    ClientClosedError,
    ConfigurationError,
    DigitroClient,
    Health,
    HealthStatus,
    Outcome,
    RateLimit,
    Statistics,
    WrongLoopError,
)
from digitro_async.testing import FakePABX

CALLS = 2_000


@pytest.fixture
def many_switches() -> Iterator[None]:
    """Let threads take turns as often as can be."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


class Asking:
    """A thread that asks again and again, and keeps what it is told."""

    def __init__(self, *questions: Callable[[], Any]) -> None:
        self.answers: list[Any] = []
        self.errors: list[Exception] = []
        self._questions = questions
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._ask)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        self._thread.join()

    def _ask(self) -> None:
        while not self._ends.is_set():
            try:
                self.answers += [question() for question in self._questions]
            except Exception as error:  # noqa: BLE001 - the test looks at it
                self.errors.append(error)


@pytest.mark.usefixtures("many_switches")
async def test_statistics_and_health() -> None:
    """A thread that never stops asking gets answers that are right, and no error."""
    pabx = [
        make_pabx("one", rate=RateLimit(100_000), max_in_flight=20),
        make_pabx("two", "http://127.0.0.2:9", max_in_flight=20),
    ]
    async with DigitroClient(pabx, transport=ScriptedTransport()) as client:
        with Asking(client.statistics, client.health) as asking:
            calls = [make_call(number) for number in range(CALLS)]
            for _ in range(3):
                async with client.dispatch(calls) as results:
                    assert [one.outcome async for one in results] == [
                        Outcome.ACCEPTED
                    ] * CALLS
        last = client.statistics()

    counted = [one.attempts for one in asking.answers if isinstance(one, Statistics)]
    assert asking.errors == []
    assert len(counted) > 10
    assert counted == sorted(counted)
    assert last.attempts == 3 * CALLS
    assert all(
        one.status is HealthStatus.OK
        for one in asking.answers
        if isinstance(one, Health)
    )


async def test_resume(fake_pabx: FakePABX) -> None:
    """A thread that resumes wakes the calls that wait, soon."""
    async with DigitroClient(fake_pabx.settings()) as client:
        client.dispatcher.pause()
        waiting = asyncio.create_task(
            client.dispatcher.submit(make_call(), wait_while_paused=False)
        )
        paused = await waiting
        await asyncio.to_thread(client.resume, "simulator")
        await asyncio.sleep(0)
        await client.make_predictive_call(make_call())
        with pytest.raises(ConfigurationError, match="no PABX of that name"):
            await asyncio.to_thread(client.resume, "nobody")

    assert paused.outcome is Outcome.NOT_SENT
    assert fake_pabx.accepted == 1
    with pytest.raises(ClientClosedError):
        await asyncio.to_thread(client.resume)


def test_resume_without_a_loop() -> None:
    """A client is resumed before it has a loop; one whose loop is closed says so."""
    client = DigitroClient(make_pabx())
    client.dispatcher.pause()
    client.resume()
    assert client.health().status is HealthStatus.OK

    shared = DigitroClient(make_pabx(), transport=ScriptedTransport())
    asyncio.run(shared.make_predictive_call(make_call()))
    with pytest.raises(WrongLoopError, match="that loop is closed"):
        shared.resume()
