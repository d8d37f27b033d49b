import asyncio
import random
import re
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from simulated_calls import JSON, body_without, post

from digitro_async.errors import ConfigurationError
from digitro_async.protocol._names import DOCUMENTED_CALL
from digitro_async.settings import RateLimit
from digitro_async.testing import (
    FakePABX,
    Fault,
    FaultPlan,
)
from digitro_async.testing.simulator._answers import CallIDs


@pytest.fixture
async def pabx() -> AsyncIterator[FakePABX]:
    """Start a simulator."""
    async with FakePABX() as running:
        yield running


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """Open a plain client."""
    async with aiohttp.ClientSession() as opened:
        yield opened


class TestAcceptance:
    """The calls that the simulator accepts."""

    async def test_documented_call(
        self, pabx: FakePABX, session: aiohttp.ClientSession
    ) -> None:
        """The documented call gets a 200 with a call id of the documented shape."""
        status, answer = await post(session, pabx)

        assert status == 200
        assert list(answer) == ["ID_CHAMADA"]
        assert re.fullmatch(
            r"\d\d/\d\d/\d\d \d\d:\d\d:\d\d [0-9A-F]{4} \d{4}/\d\d",
            answer["ID_CHAMADA"],
        )

    async def test_what_is_remembered(
        self, pabx: FakePABX, session: aiohttp.ClientSession
    ) -> None:
        """A received call is remembered with what was asked and answered."""
        before = time.monotonic()
        _, answer = await post(session, pabx)

        (call,) = pabx.calls

        assert before <= call.at <= time.monotonic()
        assert abs(call.wall - time.time()) < 60
        assert (call.ordinal, call.connection, call.channel) == (1, 1, 1)
        assert call.destination == "04832817000"
        assert call.fields == DOCUMENTED_CALL
        assert (call.status, call.call_id) == (200, answer["ID_CHAMADA"])
        assert (call.fault, call.placed) == (None, True)

    @pytest.mark.parametrize(
        "body",
        [
            body_without("CONTA", "SENHA"),
            body_without(CONTA=None, SENHA=None),
            body_without(ROTA=None, CPD=None, DADOS=None),
        ],
    )
    async def test_unset_fields(
        self, pabx: FakePABX, session: aiohttp.ClientSession, body: bytes
    ) -> None:
        """Optional fields may be null or absent."""
        async with session.post(pabx.url, data=body, headers=JSON) as answer:
            assert answer.status == 200

    async def test_one_connection(
        self, pabx: FakePABX, session: aiohttp.ClientSession
    ) -> None:
        """Connections are kept alive and counted."""
        for _ in range(3):
            await post(session, pabx)

        assert (pabx.posts, pabx.connections) == (3, 1)

    async def test_connection_close(self, pabx: FakePABX) -> None:
        """A client that asks for the connection to be closed gets it closed."""
        async with aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(force_close=True)
        ) as session:
            await post(session, pabx)
            await post(session, pabx)

        assert pabx.connections == 2

    async def test_pipelined(self, pabx: FakePABX) -> None:
        """Requests sent together on one connection are numbered and answered."""
        reader, writer = await asyncio.open_connection("127.0.0.1", pabx.port)
        body = body_without()
        request = (
            "POST /requests/1/chamada-preditiva HTTP/1.1\r\nHost: x\r\n"
            "x-api-key: demo-key\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        ).encode() + body
        writer.write(request * 3)
        await pabx.wait_for_posts(3)
        writer.close()
        await writer.wait_closed()

        assert [call.ordinal for call in pabx.calls] == [1, 2, 3]
        assert reader is not None

    def test_call_ids_differ(self) -> None:
        """Call ids stay different when a part of them overflows."""
        ids = CallIDs()
        ids._count = 999_000

        made = {ids.make() for _ in range(2_000)}

        assert len(made) == 2_000
        assert {call_id.split()[2] for call_id in made} == {"010A", "010B"}


class TestLatency:
    """How long answers take."""

    async def test_fixed(self, session: aiohttp.ClientSession) -> None:
        """Every answer waits for the latency; the call counts before it."""
        async with FakePABX(latency=0.05) as pabx:
            begun = time.monotonic()
            await post(session, pabx)
            ended = time.monotonic()

        assert begun <= pabx.calls[0].at <= ended - 0.05

    async def test_drawn(self, session: aiohttp.ClientSession) -> None:
        """A function draws latencies from a generator with the given seed."""
        drawn: list[float] = []

        def draw(chance: random.Random) -> float:
            drawn.append(chance.random())
            return 0.0

        async with FakePABX(latency=draw, seed=7) as pabx:
            await post(session, pabx)
            await post(session, pabx)

        expected = random.Random(7)
        assert drawn == [expected.random(), expected.random()]

    async def test_client_leaves(self) -> None:
        """A call whose client leaves during the latency stays placed."""
        async with FakePABX(latency=60.0) as pabx, aiohttp.ClientSession() as session:
            task = asyncio.create_task(post(session, pabx))
            await pabx.wait_for_posts(1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        assert pabx.placed == 1


class TestLife:
    """Starting, stopping and closing."""

    async def test_stop_and_resume(self, pabx: FakePABX) -> None:
        """While it doesn't listen it refuses, and later has the same port again."""
        port = pabx.port
        await pabx.stop_listening()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)

        await pabx.resume_listening()

        async with aiohttp.ClientSession() as session:
            assert (await post(session, pabx))[0] == 200
        assert pabx.port == port

    async def test_open_connections_live_on(
        self, pabx: FakePABX, session: aiohttp.ClientSession
    ) -> None:
        """A connection that is open is served while new ones are refused."""
        await post(session, pabx)
        await pabx.stop_listening()

        assert (await post(session, pabx))[0] == 200

    async def test_closes_while_busy(self) -> None:
        """Closing ends stalled and waiting calls soon, and their tasks."""
        plan = FaultPlan([Fault("stall", at=1), Fault("huge_answer", at=2)])
        async with aiohttp.ClientSession() as session:
            async with FakePABX(faults=plan, latency=lambda _: 0.0) as pabx:
                tasks = []
                for number in range(1, 4):
                    tasks.append(
                        asyncio.create_task(
                            session.post(pabx.url, data=body_without(), headers=JSON)
                        )
                    )
                    await pabx.wait_for_posts(number)
                own = {asyncio.current_task(), *tasks}
                begun = time.monotonic()
                await pabx.aclose()
                took = time.monotonic() - begun
                left = [t for t in asyncio.all_tasks() - own if "aiohttp" in repr(t)]
            results = await asyncio.gather(*tasks, return_exceptions=True)
            for result in results:
                if isinstance(result, aiohttp.ClientResponse):
                    result.close()

        assert took < 60  # the answers would take for ever
        assert isinstance(results[0], aiohttp.ClientError)
        assert left == []

    async def test_idle_timeout(self) -> None:
        """A connection without requests is closed after the idle timeout."""
        async with FakePABX(idle_timeout=0.02) as pabx:
            reader, writer = await asyncio.open_connection("127.0.0.1", pabx.port)

            assert await reader.read() == b""

            writer.close()
            await writer.wait_closed()

    async def test_serve_forever(self) -> None:
        """Serving ends with its task, and closes."""
        pabx = FakePABX()
        task = asyncio.create_task(pabx.serve_forever())
        while not pabx.port:  # noqa: ASYNC110 - as a user would see it
            await asyncio.sleep(0)
        async with aiohttp.ClientSession() as session:
            await post(session, pabx)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", pabx.port)

    async def test_started_again(
        self, pabx: FakePABX, session: aiohttp.ClientSession
    ) -> None:
        """A closed simulator can be started again, and goes on counting."""
        await post(session, pabx)
        await pabx.aclose()
        await pabx.aclose()
        await pabx.start()
        await post(session, pabx)

        assert (pabx.posts, pabx.connections) == (2, 2)

    async def test_wrong_order(self, pabx: FakePABX) -> None:
        """Starting twice, and stopping what does not run, are refused."""
        with pytest.raises(ConfigurationError, match="is running"):
            await pabx.start()
        with pytest.raises(ConfigurationError, match="is not running"):
            await FakePABX().stop_listening()

    async def test_port_in_use(self, pabx: FakePABX, tmp_path: Path) -> None:
        """A port that is taken is an OSError, and nothing stays open."""
        other = FakePABX(port=pabx.port, record_path=tmp_path / "calls.jsonl")

        with pytest.raises(OSError, match="address"):
            await other.start()

        await other.aclose()

    async def test_ipv6(self) -> None:
        """An address of version 6 stands in brackets in the base URL."""
        assert FakePABX(host="::1", port=80).base_url == "http://[::1]:80"


class TestSettings:
    """The settings for clients, and the arguments of the constructor."""

    async def test_settings(self) -> None:
        """A client's settings point to it, carry its cap, and can be changed."""
        rate = RateLimit(5)
        async with FakePABX(channel_id=3, api_key="k", rate=rate) as pabx:
            settings = pabx.settings(max_in_flight=2)

        assert settings.base_url == f"http://127.0.0.1:{pabx.port}"
        assert (settings.channel_id, settings.api_key.reveal()) == (3, "k")
        assert (settings.rate, settings.max_in_flight) == (rate, 2)
        assert pabx.url == settings.base_url + "/requests/3/chamada-preditiva"

    @pytest.mark.parametrize(
        "wrong",
        [
            {"throttle": True},
            {"latency": -1},
            {"latency": "fast"},
            {"latency": float("nan")},
            {"idle_timeout": 0},
            {"idle_timeout": True},
        ],
    )
    def test_wrong(self, wrong: dict[str, Any]) -> None:
        """A setting that can't be used is refused at once."""
        with pytest.raises(ConfigurationError, match=next(iter(wrong))):
            FakePABX(**wrong)
