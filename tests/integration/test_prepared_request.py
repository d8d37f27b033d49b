"""The one request that is made: prepared once, and only where that is the same."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp.client_exceptions import ClientResponseError
from helpers import RawServer, answer, calls_to, make_call, make_pabx, quiet_loop

from digitro_async import (
    ConnectFailedError,
    DigitroClient,
    Outcome,
    PoolSettings,
    RetrySettings,
)
from digitro_async.protocol import Evidence
from digitro_async.transport import _prepared_request
from digitro_async.transport._prepared_request import (
    Answer,
    request_builders,
    request_class,
    send,
)


@pytest.fixture(autouse=True)
async def _quiet() -> AsyncIterator[None]:
    async with quiet_loop():
        yield


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Count what aiohttp's own request is asked for."""
    done: Counter[str] = Counter()
    build, leave = aiohttp.ClientRequest.__init__, aiohttp.ClientRequest.send

    def counted(self: Any, *values: Any, **options: Any) -> None:
        done["built"] += 1
        build(self, *values, **options)

    async def sent(self: Any, connection: Any) -> Any:
        done["sent"] += 1
        return await leave(self, connection)

    monkeypatch.setattr(aiohttp.ClientRequest, "__init__", counted)
    monkeypatch.setattr(aiohttp.ClientRequest, "send", sent)
    return done


async def dial(calls: int, **settings: Any) -> RawServer:
    """Have calls accepted, one after another, and return what they were sent to."""
    async with RawServer() as server:
        pabx = make_pabx(base_url=server.base_url, max_in_flight=1, **settings)
        async with (
            DigitroClient(pabx) as client,
            client.dispatch(calls_to(range(calls))) as results,
        ):
            outcomes = [result.outcome async for result in results]
        assert outcomes == [Outcome.ACCEPTED] * calls
    return server


class TestPrepared:
    """A plain call."""

    @pytest.mark.parametrize("pool", [PoolSettings(), PoolSettings(max_connections=1)])
    async def test_once(self, built: Counter[str], pool: PoolSettings) -> None:
        """One request is built by aiohttp for all calls to a PABX, and none is sent.

        Where this fails with a new release of aiohttp: calls are made all the same, as
        aiohttp makes them; look at its requests before ``SUPPORTED_AIOHTTP`` names it.
        """
        server = await dial(10, pool=pool)

        assert built == {"built": 1}
        assert server.posts == 10

    async def test_each_has_its_own_content(self) -> None:
        """A request has the content it was made with, and no other's length."""
        server = await dial(12)

        for number in range(12):
            assert server.received.count(b'"IDENTIDADE_DESTINO":"%d"' % number) == 1
        assert server.received.count(b"Content-Length: ") == 12


class TestNotPrepared:
    """A call that is unlike others."""

    async def test_unknown_release(
        self, built: Counter[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """With a release that nobody looked at, aiohttp's own requests are sent."""
        monkeypatch.setattr(aiohttp, "__version__", "3.99.0")

        await dial(3)

        assert built == {"built": 3, "sent": 3}
        builders = request_builders({}, reuse=True)
        assert request_class(builders, own_headers=0) is aiohttp.ClientRequest

    async def test_traced_session(
        self, built: Counter[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Hooks that a tool puts into every session are called for every call."""
        seen: Counter[str] = Counter()

        def note(name: str) -> Any:
            async def hook(*_: object) -> None:
                seen[name] += 1

            return hook

        trace: Any = aiohttp.TraceConfig()
        hooks = ("start", "headers_sent", "chunk_sent", "end")
        for name in hooks:
            getattr(trace, f"on_request_{name}").append(note(name))
        start = aiohttp.ClientSession.__init__

        def instrumented(self: Any, **options: Any) -> None:
            mine = [*(options.pop("trace_configs", None) or ()), trace]
            start(self, **options, trace_configs=mine)

        monkeypatch.setattr(aiohttp.ClientSession, "__init__", instrumented)

        await dial(3)

        assert seen == dict.fromkeys(hooks, 3)
        assert built == {"built": 3, "sent": 3}

    async def test_headers_of_a_tool(
        self, built: Counter[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Headers that a tool adds to requests reach the PABX."""
        request = aiohttp.ClientSession._request

        async def traced(self: Any, *values: Any, **options: Any) -> Any:
            return await request(
                self, *values, **options, headers={"traceparent": "00-abc-01"}
            )

        monkeypatch.setattr(aiohttp.ClientSession, "_request", traced)

        server = await dial(2)

        assert server.received.count(b"traceparent: 00-abc-01") == 2
        assert built == {"built": 2, "sent": 2}


async def test_no_transport_is_left() -> None:
    """Where a connection is gone before the write, the flag of the evidence stays."""

    class Gone:
        transport = None

    evidence = Evidence()

    with pytest.raises(AttributeError):
        send(Gone(), b"POST", evidence)

    assert not evidence.request_started


async def test_the_flag_is_raised_before_the_write() -> None:
    """Whoever writes finds the flag raised: no byte can leave before it."""

    class Failing:
        def __init__(self) -> None:
            self.transport = self

        def write(self, data: bytes) -> None:
            assert data == b"POST"
            seen.append(evidence.request_started)
            raise OSError("no more")

    evidence, seen = Evidence(), list[bool]()

    with pytest.raises(OSError, match="no more"):
        send(Failing(), b"POST", evidence)

    assert seen == [True]


class TestReplaced:
    """A function put in the place of a session's method, as tests do."""

    @pytest.mark.parametrize("name", ["post", "_request"])
    async def test_it_gets_every_call(
        self, name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A call goes to it, and nothing reaches the PABX."""
        asked: list[str] = []

        async def instead(
            _: aiohttp.ClientSession, *target: Any, **options: Any
        ) -> Any:
            asked.append(str(target[-1]))
            assert options["data"].size > 0
            raise aiohttp.ClientConnectionError

        async with RawServer() as server:
            pabx = make_pabx(base_url=server.base_url)
            async with DigitroClient(
                pabx, retry=RetrySettings(max_attempts=1)
            ) as client:
                await client.make_predictive_call(make_call())
                monkeypatch.setattr(aiohttp.ClientSession, name, instead)
                with pytest.raises(ConnectFailedError):
                    await client.make_predictive_call(make_call())

        assert asked == [f"{server.base_url}/requests/1/chamada-preditiva"]
        assert server.posts == 1


class TestAnswer:
    """The result of a call, as a hook into aiohttp sees it."""

    @contextlib.asynccontextmanager
    async def given(self, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Answer]:
        """Hand the answer of one call out before the library reads it."""
        taken: list[Answer] = []
        start = Answer.start

        async def keep(self: Answer, connection: Any) -> Answer:
            await start(self, connection)
            taken.append(self)
            return self

        monkeypatch.setattr(_prepared_request.Answer, "start", keep)

        async def refuse(line: Any) -> None:
            await line.read_request()
            line.send(answer("x", status="400 Bad Request", headers="A: 1\r\nA: 2\r\n"))
            await line.wait_for_end()

        async with RawServer(refuse) as server:
            pabx = make_pabx(base_url=server.base_url)
            async with DigitroClient(pabx) as client:
                with contextlib.suppress(Exception):
                    await client.make_predictive_call(make_call())
                yield taken[0]

    async def test_is_what_tools_expect(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Who looks at answers finds what one of aiohttp's own has."""
        async with self.given(monkeypatch) as found:
            assert isinstance(found, aiohttp.ClientResponse)
            assert (found.status, found.method, found.ok) == (400, "POST", False)
            assert found.headers.getall("A") == ["1", "2"]
            assert found.url.path == "/requests/1/chamada-preditiva"
            assert found.request_info.url == found.real_url == found.url
            assert "chamada-preditiva" in repr(found)
            with pytest.raises(ClientResponseError):
                found.raise_for_status()

    async def test_can_be_closed_again(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Closing an answer whose connection was given back closes nothing."""
        async with self.given(monkeypatch) as found:
            found.close()
            found.release()
            await asyncio.sleep(0)
            assert found.closed
