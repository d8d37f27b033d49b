"""Connections on which the PABX wrote an answer too many."""

import asyncio
import itertools
import json
import logging
from collections import Counter
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
from helpers import (
    DESTINATION,
    Line,
    RawServer,
    answer,
    make_call,
    make_pabx,
    quiet_loop,
    until,
)
from ways import WAYS, MakeSessions

from digitro_async import (
    PABX,
    CallResult,
    DigitroClient,
    DispatchItem,
    Outcome,
    PauseSettings,
    PoolSettings,
    RateLimit,
    RetrySettings,
)
from digitro_async.campaign import Campaign
from digitro_async.cli._open_client import open_client
from digitro_async.config import Config
from digitro_async.ledger import NewContact, SQLiteLedger, State
from digitro_async.privacy import Personal

LATENCY = 0.02
TRANSPORTS = list(WAYS.values())


@pytest.fixture(autouse=True)
async def _quiet() -> AsyncIterator[None]:
    async with quiet_loop():
        yield


def number_of(request: bytes) -> int:
    """Return the number that a request asks to be dialled."""
    return int(json.loads(request.partition(b"\r\n\r\n")[2])[DESTINATION])


class Answering:
    """Answers each call with an id that names its number, and one call too often.

    Args:
        extra: Which request of all gets an answer too many.
        after: Seconds from its own answer to that.
        fresh: Whether the answer too many has an id of its own.
        throttled: Each so-manieth request is answered 429, 0 for none.
    """

    def __init__(
        self, extra: int, after: float, *, fresh: bool = False, throttled: int = 0
    ) -> None:
        self.placed: Counter[int] = Counter()
        self.reads = 0
        self._extra, self._after, self._fresh = extra, after, fresh
        self._throttled = throttled

    async def __call__(self, line: Line) -> None:
        """Serve one connection."""
        while request := await line.read_request():
            self.reads += 1
            which = self.reads
            number = number_of(request)
            await asyncio.sleep(LATENCY)
            if self._throttled and which % self._throttled == 0:
                line.send(b"HTTP/1.1 429 Slow\r\nContent-Length: 0\r\n\r\n")
                continue
            self.placed[number] += 1
            line.send(answer(f"id {number}"))
            if which == self._extra:
                again = answer("id of nobody" if self._fresh else f"id {number}")
                loop = asyncio.get_running_loop()
                loop.call_later(self._after, self._send, line, again)

    def _send(self, line: Line, again: bytes) -> None:
        if not line.is_closing:
            line.send(again)


def paced(server: RawServer, **settings: object) -> PABX:
    """Return a PABX at the server with two hundred calls a second, ten at once."""
    return make_pabx(
        base_url=server.base_url,
        rate=RateLimit(200),
        max_in_flight=10,
        **settings,  # type: ignore[arg-type]  # of whoever calls
    )


async def dial(
    answering: Answering, manager: MakeSessions, calls: int
) -> tuple[list[CallResult], DigitroClient]:
    """Make ``calls`` calls; return the results and the closed client."""
    items = (
        DispatchItem(call=make_call(10_000 + number), key=10_000 + number)
        for number in range(calls)
    )
    async with (
        RawServer(answering) as server,
        manager() as sessions,
        DigitroClient(
            paced(server), sessions=sessions, retry=RetrySettings(base_delay=0.05)
        ) as client,
        client.dispatch(items) as stream,
    ):
        results = [result async for result in stream]
    return results, client


def wrong(results: list[CallResult]) -> list[CallResult]:
    """Return the results that were accepted with another call's id."""
    return [
        result
        for result in results
        if result.outcome is Outcome.ACCEPTED and result.call_id != f"id {result.key}"
    ]


@pytest.mark.parametrize("manager", TRANSPORTS)
@pytest.mark.parametrize("after", [0.0, 0.008, 0.015, 0.04, 0.15])
async def test_an_answer_written_twice_misleads_no_call(
    manager: MakeSessions, after: float
) -> None:
    """However late its second copy comes, no call gets another call's id."""
    answering = Answering(extra=30, after=after)
    results, client = await dial(answering, manager, 120)

    assert len(results) == 120
    assert wrong(results) == []
    assert max(answering.placed.values()) == 1
    assert client.statistics().pabx["one"].alarms == 1


@pytest.mark.parametrize("manager", TRANSPORTS)
@pytest.mark.parametrize("together", [True, False])
async def test_a_breach_is_one_alarm(manager: MakeSessions, together: bool) -> None:
    """An answer written twice is counted once, also where the true one is beside it."""

    async def answers(line: Line) -> None:
        await line.read_request()
        line.send(answer("id 0"))
        await line.read_request()
        second = answer("id 0")
        line.send(second + answer("id 1") if together else second)
        await line.read_request()

    async with RawServer(answers) as server:
        pabx = make_pabx(base_url=server.base_url, pool=PoolSettings(rest=0))
        async with (
            manager() as sessions,
            DigitroClient(pabx, sessions=sessions) as client,
        ):
            results = [
                await client.dispatcher.submit(make_call(number)) for number in range(2)
            ]
            await until(lambda: client.statistics().pabx["one"].doubtful)

    assert [(one.outcome, one.call_id) for one in results] == [
        (Outcome.ACCEPTED, "id 0"),
        (Outcome.UNKNOWN, None),
    ]
    assert server.received.count(b"POST") == 2
    assert client.statistics().pabx["one"].alarms == 1


@pytest.mark.parametrize("manager", TRANSPORTS)
@pytest.mark.parametrize("after", [0.0, 0.008, 0.04, 0.15])
async def test_an_unasked_answer_misleads_one_call_at_most(
    manager: MakeSessions, after: float
) -> None:
    """An id that nobody has seen is taken once at most, and then there is an alarm."""
    answering = Answering(extra=30, after=after, fresh=True)
    results, client = await dial(answering, manager, 120)

    assert len(wrong(results)) <= 1
    assert max(answering.placed.values()) == 1
    assert client.statistics().pabx["one"].alarms == 1
    assert client.statistics().pabx["one"].doubtful >= 1


@pytest.mark.parametrize("manager", TRANSPORTS)
@pytest.mark.parametrize("fresh", [False, True])
async def test_a_throttled_call_is_not_placed_twice(
    manager: MakeSessions, fresh: bool
) -> None:
    """A 429 that belongs to the call before does not send a placed call again."""
    answering = Answering(extra=30, after=0.008, fresh=fresh, throttled=7)
    results, _ = await dial(answering, manager, 120)

    assert len(results) == 120
    assert max(answering.placed.values()) == 1
    said = {result.key for result in results if result.outcome is Outcome.ACCEPTED}
    assert said <= set(answering.placed)


@pytest.mark.parametrize("manager", TRANSPORTS)
async def test_without_a_rest_the_alarm_ends_it(
    manager: MakeSessions,
) -> None:
    """Where connections do not rest, one call is misled, and after the alarm none."""
    served: list[int] = []

    async def twice(line: Line) -> None:
        while request := await line.read_request():
            served.append(line.number)
            number = number_of(request)
            line.send(answer(f"id {number}"))
            if len(served) == 2:
                await asyncio.sleep(0.01)
                line.send(answer(f"id {number}"))

    async with RawServer(twice) as server:
        pabx = make_pabx(base_url=server.base_url, pool=PoolSettings(rest=0))
        async with (
            manager() as sessions,
            DigitroClient(pabx, sessions=sessions) as client,
        ):
            outcomes = []
            for number in range(10_000, 10_010):
                result = await client.dispatcher.submit(make_call(number))
                outcomes.append(result.outcome)
                assert result.call_id in {None, f"id {number}"}
                await asyncio.sleep(0.005)

    assert outcomes.count(Outcome.UNKNOWN) <= 1
    assert served.count(1) == 2 + outcomes.count(Outcome.UNKNOWN)
    assert client.statistics().pabx["one"].alarms == 1


async def test_every_idle_connection_is_given_up() -> None:
    """After a breach no connection that was open serves a further call."""
    numbers = itertools.count(1)
    gate = asyncio.Event()

    async def together(line: Line) -> None:
        while await line.read_request():
            await gate.wait()
            line.send(answer(f"id {next(numbers)}"))

    async with RawServer(together) as server:
        pabx = make_pabx(base_url=server.base_url, pool=PoolSettings(rest=0))
        async with DigitroClient(pabx) as client:
            calls = [
                asyncio.create_task(client.make_predictive_call(make_call(number)))
                for number in range(5)
            ]
            await until(lambda: len(server.lines) == 5)
            gate.set()
            await asyncio.gather(*calls)
            server.lines[3].send(answer("id of nobody"))
            await until(lambda: client.statistics().pabx["one"].alarms)
            for number in range(5):
                await client.make_predictive_call(make_call(number))

        posts = [line.received.count(b"POST") for line in server.lines]
    assert posts[:5] == [1] * 5
    assert sum(posts) == 10


def has_alarms(client: DigitroClient, count: int) -> bool:
    """Whether ``count`` alarms were counted."""
    return client.statistics().pabx["one"].alarms == count


async def test_it_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    """A breach is logged once for each PABX, with no id and no number in it."""
    caplog.set_level(logging.WARNING, "digitro_async")
    async with (
        RawServer() as server,
        DigitroClient(make_pabx(base_url=server.base_url)) as client,
    ):
        for number in range(3):
            await client.make_predictive_call(make_call(number))
            server.lines[-1].send(answer("id of nobody"))
            await until(partial(has_alarms, client, number + 1))

    [record] = [one for one in caplog.records if one.name == "digitro_async"]
    assert "PABX one sent an answer that no call waited for" in record.getMessage()
    assert "nobody" not in record.getMessage()
    assert client.statistics().pabx["one"].doubtful == 3


async def test_the_end_of_an_idle_connection_is_no_breach() -> None:
    """FIN, empty lines and a late 408 say that a connection ends, and nothing else."""
    async with (
        RawServer() as server,
        DigitroClient(make_pabx(base_url=server.base_url)) as client,
    ):
        for end in (b"", b"\r\n", answer("", status="408 Request Timeout")):
            await client.make_predictive_call(make_call())
            await asyncio.sleep(0.3)
            if end:
                server.lines[-1].send(end)
            server.lines[-1].finish()
            await asyncio.sleep(0.02)

    assert client.statistics().pabx["one"].alarms == 0
    assert [line.received.count(b"POST") for line in server.lines] == [1, 1, 1]


@pytest.mark.parametrize("status", [200, 429, 400])
async def test_the_ledger_marks_what_is_doubtful(tmp_path: Path, status: int) -> None:
    """A contact whose answer may be another's is unknown, and is not called again."""
    body = answer("id 1") if status == 200 else answer("-", status=f"{status} No")

    async def answers(line: Line) -> None:
        while await line.read_request():
            line.send(body)
            await asyncio.sleep(0.01)
            line.send(answer("the true one"))

    async with (
        RawServer(answers) as server,
        SQLiteLedger(tmp_path / "a.db") as ledger,
        DigitroClient(make_pabx(base_url=server.base_url)) as client,
    ):
        number = Personal("04832817000")
        await ledger.add([NewContact(line=2, identity=number, destination=number)])
        call = {"device": "1", "device_password": "2"}
        campaign = Campaign(ledger, client, call=call)
        for _ in range(2):
            async with campaign.run() as run:
                results = [result async for result in run]
            await until(lambda: client.statistics().pabx["one"].doubtful)
            counts = await ledger.counts()
        [entry] = [entry async for entry in ledger.entries()]

    assert results == []  # of the second run
    assert counts[State.UNKNOWN] == 1
    assert (entry.reason, entry.call_id) == ("doubtful_answer", None)
    assert server.received.count(b"POST") == 1


async def test_who_waits_for_a_place_gets_no_retired_connection() -> None:
    """In a pool with one place the next call does not take a doubtful connection."""

    async def answers(line: Line) -> None:
        while await line.read_request():
            await asyncio.sleep(LATENCY)
            line.send(answer("id 2").replace(b"ID_CHAMADA", b"ID_NOTHING"))

    async with RawServer(answers) as server:
        pool = PoolSettings(max_connections=1)
        pabx = make_pabx(base_url=server.base_url, pool=pool)
        async with DigitroClient(pabx) as client:
            several = (client.dispatcher.submit(make_call(one)) for one in range(3))
            results = await asyncio.gather(*several)

    assert {result.outcome for result in results} == {Outcome.UNKNOWN}
    assert [line.received.count(b"POST") for line in server.lines] == [1, 1, 1]


async def test_the_command_line_prints_it(capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever dials with the command is told of a breach, once."""
    async with RawServer() as server:
        config = Config(
            pabx=(make_pabx(base_url=server.base_url),),
            call={},
            retry=RetrySettings(),
            pause=PauseSettings(),
        )
        async with open_client(config) as client:
            for number in range(2):
                await client.make_predictive_call(make_call(number))
                server.lines[-1].send(answer("id of nobody"))
                await until(partial(has_alarms, client, number + 1))

    told = capsys.readouterr().err
    assert told.count("sent an answer that no call waited for") == 1
