import asyncio
import json
import random
import re
import stat
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digitro_async.errors import ConfigurationError
from digitro_async.protocol._names import DOCUMENTED_CALL
from digitro_async.settings import RateLimit
from digitro_async.testing import (
    FakePABX,
    Fault,
    FaultKind,
    FaultPlan,
    OverCap,
    ReceivedCall,
)
from digitro_async.testing.simulator._answers import CallIDs
from digitro_async.testing.simulator._received_calls import ReceivedCalls

KEY = {"x-api-key": "demo-key"}
JSON = KEY | {"Content-Type": "application/json"}


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


def body_without(*names: str, **changes: Any) -> bytes:
    """Write the documented body without some fields and with others changed."""
    fields = {**DOCUMENTED_CALL, **changes}
    return json.dumps({k: v for k, v in fields.items() if k not in names}).encode()


async def post(
    session: aiohttp.ClientSession, pabx: FakePABX, **fields: Any
) -> tuple[int, Any]:
    """Post the documented call with some fields changed."""
    body = {**DOCUMENTED_CALL, **fields}
    async with session.post(pabx.url, json=body, headers=KEY) as answer:
        return answer.status, await answer.json()


class TestAcceptance:
    """What the simulator takes."""

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


class TestRefusal:
    """What the simulator refuses."""

    @pytest.mark.parametrize(
        ("body", "problem"),
        [
            (b"", "the body is not JSON"),
            (b"{", "the body is not JSON"),
            (b"[" * 100_000, "the body is not JSON"),
            (b"[]", "the body is not an object"),
            (b"\xff{}", "the body is not UTF-8"),
            (b'{"CPD": "1", "CPD": "1"}', "a field is given twice"),
            (body_without(NUMERO="04832817000"), "a field is not known"),
            (body_without(CPD=1), "CPD is not text"),
            (body_without(CPD=True), "CPD is not text"),
            (body_without(DADOS=["04832817000"]), "DADOS is not text"),
            (body_without("DISPOSITIVO"), "DISPOSITIVO is missing"),
            (body_without(SENHA_DISPOSITIVO=None), "SENHA_DISPOSITIVO is missing"),
            (body_without(IDENTIDADE_DESTINO=""), "IDENTIDADE_DESTINO is missing"),
        ],
    )
    async def test_body(
        self,
        pabx: FakePABX,
        session: aiohttp.ClientSession,
        body: bytes,
        problem: str,
    ) -> None:
        """A body that is not the documented one gets 400 and places nothing."""
        async with session.post(pabx.url, data=body, headers=JSON) as answer:
            text = await answer.json()

        assert (answer.status, text) == (400, {"error": problem})
        assert (pabx.posts, pabx.accepted, pabx.placed) == (1, 0, 0)
        assert pabx.calls[0].destination is None

    @pytest.mark.parametrize(
        ("content_type", "status"),
        [
            ("application/json; charset=utf-8", 200),
            ('Application/JSON;charset="UTF-8"', 200),
            ("application/json; charset=latin-1", 400),
            ("text/plain", 400),
            ("", 400),
        ],
    )
    async def test_content_type(
        self,
        pabx: FakePABX,
        session: aiohttp.ClientSession,
        content_type: str,
        status: int,
    ) -> None:
        """Only JSON in UTF-8 is taken."""
        headers = KEY | {"Content-Type": content_type}
        async with session.post(
            pabx.url, data=body_without(), headers=headers
        ) as answer:
            assert answer.status == status

    @pytest.mark.parametrize(
        ("headers", "status"),
        [
            ([], 401),
            ([("x-api-key", "")], 401),
            ([("x-api-key", "other")], 401),
            ([("x-api-key", "demo-key"), ("x-api-key", "demo-key")], 401),
            ([("x-api-key", "old")], 403),
            ([("X-API-KEY", "demo-key")], 200),
        ],
    )
    async def test_key(
        self,
        session: aiohttp.ClientSession,
        headers: list[tuple[str, str]],
        status: int,
    ) -> None:
        """A wrong or missing key gets 401, one of the forbidden ones 403."""
        async with FakePABX(forbidden_keys={"old"}) as pabx:
            headers = [*headers, ("Content-Type", "application/json")]
            async with session.post(
                pabx.url, data=body_without(), headers=headers
            ) as answer:
                assert answer.status == status

    @pytest.mark.parametrize(
        ("device", "password", "status"),
        [("1", "right", 200), ("1", "wrong", 403), ("2", "right", 403)],
    )
    async def test_device_password(
        self, session: aiohttp.ClientSession, device: str, password: str, status: int
    ) -> None:
        """Where passwords are known, the device's own is needed."""
        async with FakePABX(device_passwords={"1": "right"}) as pabx:
            got, _ = await post(
                session, pabx, DISPOSITIVO=device, SENHA_DISPOSITIVO=password
            )

        assert got == status

    @pytest.mark.parametrize(
        ("path", "status"),
        [
            ("/requests/7/chamada-preditiva", 200),
            ("/requests/1/chamada-preditiva", 404),
            ("/requests/07/chamada-preditiva", 404),
            ("/requests/x/chamada-preditiva", 404),
            ("/requests/7/chamada-preditiva/", 404),
            ("/requests/7/chamada-preditiva?a=1", 404),
            ("/prefix/requests/7/chamada-preditiva", 404),
            ("/", 404),
        ],
    )
    async def test_path(
        self, session: aiohttp.ClientSession, path: str, status: int
    ) -> None:
        """Only the documented path of the open channel exists."""
        async with (
            FakePABX(channel_id=7) as pabx,
            session.post(
                pabx.base_url + path, data=body_without(), headers=JSON
            ) as answer,
        ):
            assert answer.status == status

    @pytest.mark.parametrize("method", ["GET", "PUT", "HEAD"])
    async def test_method(
        self, pabx: FakePABX, session: aiohttp.ClientSession, method: str
    ) -> None:
        """Another method gets 405 and is not counted as a POST."""
        async with session.request(method, pabx.url, headers=JSON) as answer:
            assert (answer.status, answer.headers["Allow"]) == (405, "POST")

        assert pabx.posts == 0

    async def test_too_large(self, pabx: FakePABX) -> None:
        """A body of more than a mebibyte gets 413 and is not received."""
        reader, writer = await asyncio.open_connection("127.0.0.1", pabx.port)
        writer.write(
            b"POST /requests/1/chamada-preditiva HTTP/1.1\r\nHost: x\r\n"
            b"Content-Length: 2000000\r\n\r\n" + b"x" * (1024 * 1024 + 1)
        )
        got = await reader.read()
        writer.close()
        await writer.wait_closed()

        assert got.startswith(b"HTTP/1.1 413 ")
        assert pabx.posts == 0

    async def test_half_a_request(self, pabx: FakePABX) -> None:
        """A request whose client leaves in its middle is not received."""
        _, writer = await asyncio.open_connection("127.0.0.1", pabx.port)
        writer.write(
            b"POST /requests/1/chamada-preditiva HTTP/1.1\r\nHost: x\r\n"
            b"Content-Length: 100\r\n\r\n{"
        )
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        await pabx.aclose()

        assert pabx.posts == 0


class TestRecord:
    """What the simulator remembers."""

    async def test_lines(self, session: aiohttp.ClientSession, tmp_path: Path) -> None:
        """Every POST is a line of JSON in a file that only its owner can read."""
        path = tmp_path / "calls.jsonl"
        path.write_text("")
        path.chmod(0o644)
        async with FakePABX(record_path=path) as pabx:
            await post(session, pabx)
            await post(session, pabx, CPD=1)
            first, second = map(json.loads, path.read_text().splitlines())

        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert first["placed"] is True
        assert first["destination"] == "04832817000"
        assert first["call_id"] == pabx.calls[0].call_id
        assert (second["status"], second["placed"]) == (400, False)

    async def test_passwords(
        self, session: aiohttp.ClientSession, tmp_path: Path
    ) -> None:
        """Passwords are masked in the file, and nulls stay nulls."""
        path = tmp_path / "calls.jsonl"
        async with FakePABX(record_path=path) as pabx:
            await post(session, pabx, SENHA=None, SENHA_DISPOSITIVO="canary")

        fields = json.loads(path.read_text())["fields"]

        assert (fields["SENHA_DISPOSITIVO"], fields["SENHA"]) == ("***", None)

    async def test_added_to(
        self, session: aiohttp.ClientSession, tmp_path: Path
    ) -> None:
        """A later simulator adds to the file."""
        for _ in range(2):
            async with FakePABX(record_path=tmp_path / "calls.jsonl") as pabx:
                await post(session, pabx)

        assert len((tmp_path / "calls.jsonl").read_text().splitlines()) == 2

    async def test_repr(self, pabx: FakePABX, session: aiohttp.ClientSession) -> None:
        """Neither the simulator's nor a call's repr shows a number or the key."""
        await post(session, pabx)

        shown = repr(pabx) + repr(pabx.calls) + repr(pabx.settings())

        assert "04832817000" not in shown
        assert "Fulano" not in shown
        assert "demo-key" not in shown

    async def test_counters_only(self, session: aiohttp.ClientSession) -> None:
        """Without a record there are counts and windows, and no calls."""
        async with FakePABX(keep_record=False) as pabx:
            await post(session, pabx)

        assert (pabx.posts, pabx.accepted, pabx.worst_window()) == (1, 1, 1)
        with pytest.raises(ConfigurationError, match="keep_record"):
            _ = pabx.calls

    async def test_summary(self, session: aiohttp.ClientSession) -> None:
        """The summary counts by status and by fault."""
        plan = FaultPlan([Fault("error_500_after_placing", at=2)])
        async with FakePABX(faults=plan, rate=RateLimit(2, 60.0)) as pabx:
            await post(session, pabx)
            await post(session, pabx)
            await post(session, pabx, CPD=1)
            summary = pabx.summary()

        assert (summary.received, summary.accepted, summary.placed) == (3, 1, 2)
        assert summary.by_status == {200: 1, 500: 1, 400: 1}
        assert summary.by_fault == {FaultKind.ERROR_500_AFTER_PLACING: 1}
        assert (summary.connections, summary.worst_window) == (1, 3)
        assert summary.over_cap == 1


def record_at(times: list[float]) -> ReceivedCalls:
    """Record a call at each of these times."""
    record = ReceivedCalls(keep=False, path=None)
    for at in times:
        call = ReceivedCall(
            ordinal=1,
            at=at,
            wall=at,
            connection=1,
            channel=1,
            destination=None,
            fields={},
            status=200,
            call_id=None,
            fault=None,
            placed=True,
        )
        record.add(call)
    return record


class TestCap:
    """What the simulator says of the cap."""

    def test_half_open(self) -> None:
        """Two calls exactly a window apart are never in one window."""
        assert record_at([0.0, 1.0]).windows(1.0) == [1, 1]
        assert record_at([0.0, 0.999]).windows(1.0) == [1, 2]

    @given(st.lists(st.integers(0, 40), max_size=30), st.integers(1, 20))
    def test_worst_window(self, moments: list[int], per: int) -> None:
        """The fullest window is the one that trying every beginning finds."""
        times = [float(moment) for moment in sorted(moments)]

        tried = [sum(t <= u < t + per for u in times) for t in times]

        worst = max(record_at(times).windows(float(per)), default=0)

        assert worst == max(tried, default=0)

    def test_over_cap(self) -> None:
        """Every call that comes too early is listed with its window's count."""
        record = record_at([0.0, 0.1, 0.2, 1.15, 5.0])

        assert record.over_cap(RateLimit(2)) == [OverCap(0.2, 3)]
        assert record.over_cap(RateLimit(1)) == [
            OverCap(0.1, 2),
            OverCap(0.2, 3),
            OverCap(1.15, 2),
        ]
        assert record.over_cap(None) == []

    async def test_checked_not_enforced(self, session: aiohttp.ClientSession) -> None:
        """A cap alone refuses nothing and reports what broke it."""
        async with FakePABX(rate=RateLimit(1, 60.0)) as pabx:
            statuses = [(await post(session, pabx))[0] for _ in range(2)]

        assert statuses == [200, 200]
        assert [violation.calls for violation in pabx.over_cap] == [2]

    async def test_throttle(self, session: aiohttp.ClientSession) -> None:
        """An enforced cap answers 429 and says when to come back."""
        async with FakePABX(rate=RateLimit(1, 60.0), throttle=True) as pabx:
            await post(session, pabx)
            async with session.post(
                pabx.url, data=body_without(), headers=JSON
            ) as answer:
                after = int(answer.headers["Retry-After"])

        assert (answer.status, pabx.placed) == (429, 1)
        assert 55 <= after <= 60

    async def test_throttle_ends(self, session: aiohttp.ClientSession) -> None:
        """An enforced cap lets calls through again after its window."""
        async with FakePABX(rate=RateLimit(1, 0.01), throttle=True) as pabx:
            await post(session, pabx)
            while pabx.accepted < 2:
                await post(session, pabx)

        assert pabx.calls[-1].at - pabx.calls[0].at >= 0.01


class TestLatency:
    """How long answers take."""

    async def test_fixed(self, session: aiohttp.ClientSession) -> None:
        """Every answer waits for the latency; the call counts before it."""
        async with FakePABX(latency=0.05) as pabx:
            begun = time.monotonic()
            await post(session, pabx)

        assert time.monotonic() - begun >= 0.05
        assert pabx.calls[0].at - begun < 0.05

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
        """Closing ends stalled and waiting calls within a second, and their tasks."""
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

        assert took < 1.0
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
    """What clients and constructors are given."""

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
