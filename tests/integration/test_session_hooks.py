"""Where a tool has hooked into aiohttp, calls take the way that it sees."""

import functools
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aioresponses import aioresponses
from helpers import RawServer, calls_to, make_call, make_pabx, quiet_loop
from mocked_pabx import URL_OF_CALLS, make_client

from digitro_async import (
    ConnectFailedError,
    DigitroClient,
    NotSentError,
    Outcome,
    RetrySettings,
    SessionManager,
)

ONCE = RetrySettings(max_attempts=1)


@pytest.fixture(autouse=True)
async def _quiet() -> AsyncIterator[None]:
    async with quiet_loop():
        yield


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Count the requests that aiohttp's own class sends."""
    done: Counter[str] = Counter()
    leave = aiohttp.ClientRequest.send

    async def sent(self: Any, connection: Any) -> Any:
        done["sent"] += 1
        return await leave(self, connection)

    monkeypatch.setattr(aiohttp.ClientRequest, "send", sent)
    return done


async def dial(calls: int, *, public: bool = False) -> RawServer:
    """Have calls accepted, one after another, and return what they were sent to."""
    async with RawServer() as server, SessionManager(public=public) as sessions:
        pabx = make_pabx(base_url=server.base_url, max_in_flight=1)
        async with (
            DigitroClient(pabx, sessions=sessions) as client,
            client.dispatch(calls_to(range(calls))) as results,
        ):
            outcomes = [result.outcome async for result in results]
        assert outcomes == [Outcome.ACCEPTED] * calls
    return server


def traced_sessions(patch: pytest.MonkeyPatch, trace: aiohttp.TraceConfig) -> None:
    """Give hooks to every session that is made, as telemetry does."""
    start = aiohttp.ClientSession.__init__

    @functools.wraps(start)
    def instrumented(self: Any, **options: Any) -> None:
        mine = [*(options.pop("trace_configs", None) or ()), trace]
        start(self, **options, trace_configs=mine)

    patch.setattr(aiohttp.ClientSession, "__init__", instrumented)


async def test_without_tools(requests: Counter[str]) -> None:
    """Where nothing is hooked in, aiohttp sends no request, unless it is asked to."""
    await dial(3)
    assert requests == {}

    await dial(3, public=True)
    assert requests == {"sent": 3}


async def test_traced_session(monkeypatch: pytest.MonkeyPatch) -> None:
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
    trace.on_connection_create_end.append(note("created"))
    trace.on_connection_reuseconn.append(note("reused"))
    traced_sessions(monkeypatch, trace)

    server = await dial(3)

    assert seen == {**dict.fromkeys(hooks, 3), "created": 1, "reused": 2}
    assert len(server.lines) == 1


async def test_hook_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hook that raises leaves the call unsent, and no connection behind."""

    async def fail(*_: object) -> None:
        raise ValueError

    trace = aiohttp.TraceConfig()
    trace.on_connection_reuseconn.append(fail)
    traced_sessions(monkeypatch, trace)
    async with RawServer() as server:
        pabx = make_pabx(base_url=server.base_url)
        async with DigitroClient(pabx, retry=ONCE) as client:
            await client.make_predictive_call(make_call())
            with pytest.raises(NotSentError):
                await client.make_predictive_call(make_call())
            await client.make_predictive_call(make_call())

    assert [line.received.count(b"POST") for line in server.lines] == [1, 1]


async def test_headers_of_a_tool(
    requests: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Headers that a tool adds to requests reach the PABX."""
    request = aiohttp.ClientSession._request

    @functools.wraps(request)
    async def traced(self: Any, *values: Any, **options: Any) -> Any:
        return await request(
            self, *values, **options, headers={"traceparent": "00-abc-01"}
        )

    monkeypatch.setattr(aiohttp.ClientSession, "_request", traced)

    server = await dial(2)

    assert server.received.count(b"traceparent: 00-abc-01") == 2
    assert requests == {"sent": 2}


@pytest.mark.parametrize("name", ["post", "_request"])
async def test_a_function_in_place_of_a_method(
    name: str, monkeypatch: pytest.MonkeyPatch, requests: Counter[str]
) -> None:
    """It gets every call while it is there, and none before or after."""
    asked: list[str] = []

    async def instead(_: aiohttp.ClientSession, *target: Any, **options: Any) -> Any:
        asked.append(str(target[-1]))
        assert options["data"].size > 0
        raise aiohttp.ClientConnectionError

    async with RawServer() as server:
        pabx = make_pabx(base_url=server.base_url)
        async with DigitroClient(pabx, retry=ONCE) as client:
            await client.make_predictive_call(make_call())
            with monkeypatch.context() as patch:
                patch.setattr(aiohttp.ClientSession, name, instead)
                with pytest.raises(ConnectFailedError):
                    await client.make_predictive_call(make_call())
            await client.make_predictive_call(make_call())

    assert asked == [f"{server.base_url}/requests/1/chamada-preditiva"]
    assert server.posts == 2
    assert len(server.lines) == 1
    assert requests == {}


async def test_aioresponses() -> None:
    """A plain client gets what aioresponses answers, and nothing is sent."""
    async with make_client() as client:
        with aioresponses() as mocked:
            mocked.post(URL_OF_CALLS, payload={"ID_CHAMADA": "mocked"})
            accepted = await client.make_predictive_call(make_call())
            mocked.post(URL_OF_CALLS, status=400)
            refused = await client.dispatcher.submit(make_call())

    assert accepted.call_id == "mocked"
    assert refused.outcome is Outcome.REJECTED


async def test_another_body(monkeypatch: pytest.MonkeyPatch) -> None:
    """A body that a tool put in its place is not sent: nobody would know if it left."""
    request = aiohttp.ClientSession._request

    async def replaced(self: Any, *values: Any, **options: Any) -> Any:
        return await request(self, *values, **options | {"data": b"{}"})

    monkeypatch.setattr(aiohttp.ClientSession, "_request", replaced)
    async with RawServer() as server:
        pabx = make_pabx(base_url=server.base_url)
        async with DigitroClient(pabx, retry=ONCE) as client:
            with pytest.raises(ConnectFailedError):
                await client.make_predictive_call(make_call())

    assert server.received == b""
