"""No fault shows a key, a password or anything about a person, wherever it surfaces."""

import asyncio
import contextlib
import gc
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from helpers import Line, RawServer, answer, until
from leak_places import Watch
from leaks import API_KEY, DIALLED, call_with_canaries, find

from digitro_async import (
    PABX,
    CallAccepted,
    DigitroClient,
    DigitroError,
    PoolSettings,
    RetrySettings,
    TimeoutSettings,
)
from digitro_async.testing import FakePABX, Fault, FaultKind, FaultPlan

K = FaultKind
ONCE = RetrySettings(max_attempts=1)
DETAILS: dict[FaultKind, dict[str, Any]] = {
    FaultKind.STATUS: {"status": 418},
    FaultKind.DEEP_JSON: {"size": 20_000},
    FaultKind.HUGE_ANSWER: {"size": 200_000},
    FaultKind.SLOW_ANSWER: {"pause": 0.05},
}
FAULTS = [Fault(kind, **DETAILS.get(kind, {})) for kind in FaultKind]
STATUSES = [Fault(FaultKind.STATUS, status=s) for s in (400, 401, 403, 404, 409, 422)]


@contextlib.asynccontextmanager
async def watched() -> AsyncIterator[Watch]:
    """Watch a block in the running loop; at its end nothing private was shown."""
    with Watch() as watch:
        watch.listen_to(asyncio.get_running_loop())
        yield watch

    places = {place for place, _ in watch.seen}
    assert "log asyncio" in places
    # Its one logger says that the PABX broke the protocol, and shows no call.
    own = {place for place in places if "log" in place and "digitro_async" in place}
    assert own <= {"log digitro_async"}
    assert watch.leaks() == []


def at(base_url: str, **settings: Any) -> PABX:
    """Return a PABX there, which is soon given up."""
    limits = {"timeouts": TimeoutSettings(total=0.2), **settings}
    return PABX("matriz", base_url, 1, API_KEY, **limits)


async def play(watch: Watch, pabx: PABX) -> list[object]:
    """Call thrice, each in another way, and take all that can be shown of it."""
    ended: list[object] = []
    async with DigitroClient(pabx, retry=ONCE) as client:
        task = asyncio.create_task(client.make_predictive_call(call_with_canaries()))
        await asyncio.sleep(0)
        watch.take_tasks()
        try:
            ended.append(await task)
        except DigitroError as error:
            ended.append(error)
        ended.append(await client.dispatcher.submit(call_with_canaries()))
        client.dispatcher.resume()
        results = client.dispatch([call_with_canaries()])
        async with results:
            ended += [result async for result in results]
        watch.take("client", client)
        watch.take("statistics", client.statistics())
        watch.take("results", results)
    for one in ended:
        watch.take("end", one)
    return ended


@pytest.mark.parametrize(
    "fault", [*FAULTS, *STATUSES], ids=lambda fault: f"{fault.kind} {fault.status}"
)
async def test_faults(fault: Fault) -> None:
    """No fault of the simulator shows anything private."""
    async with (
        watched() as watch,
        FakePABX(api_key=API_KEY, faults=FaultPlan([fault])) as pabx,
    ):
        await play(watch, at(pabx.base_url))
        watch.show("simulator", pabx)
        watch.show("record", pabx.calls)
        watch.show("summary", pabx.summary())


def echo(how: str) -> Any:
    """Return what answers with all that it was sent: key, password, number."""

    async def serve(line: Line) -> None:
        while request := await line.read_request():
            flat = b" ".join(request.split())
            body = request.partition(b"\r\n\r\n")[2]
            line.send(
                {
                    "status line": b"HTTP/1.1 " + flat + b"\r\n\r\n",
                    "reason": b"HTTP/1.1 400 %b\r\nContent-Length: 0\r\n\r\n" % flat,
                    "header": b"HTTP/1.1 500 No\r\nX-E: %b\r\nContent-Length: 0\r\n\r\n"
                    % flat,
                    "bad header": b"HTTP/1.1 200 OK\r\n%b\r\n\r\n" % flat,
                    "cookie": b"HTTP/1.1 200 OK\r\nSet-Cookie: a=%b\r\n"
                    b"Content-Length: 1\r\n\r\n{" % flat,
                    "retry": b"HTTP/1.1 429 No\r\nRetry-After: %b\r\n"
                    b"Content-Length: 0\r\n\r\n" % flat,
                    "location": b"HTTP/1.1 302 No\r\nLocation: /?%b\r\n"
                    b"Content-Length: 0\r\n\r\n" % flat,
                    "length": b"HTTP/1.1 200 OK\r\nContent-Length: %b\r\n\r\n" % flat,
                    "chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                    + flat
                    + b"\r\n",
                    "encoding": b"HTTP/1.1 200 OK\r\nContent-Encoding: %b\r\n"
                    b"Content-Length: 1\r\n\r\n{" % flat,
                    "body": b"HTTP/1.1 422 No\r\nContent-Length: %d\r\n\r\n%b"
                    % (len(body), body),
                    "garbage": b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b"
                    % (len(request), request),
                    "type": b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\n"
                    b"Content-Length: 1\r\n\r\n{" % flat,
                }[how]
            )

    return serve


ECHOES = (
    *("status line", "reason", "header", "bad header", "cookie", "retry", "location"),
    *("length", "chunk", "encoding", "body", "garbage", "type"),
)


@pytest.mark.parametrize("how", ECHOES)
async def test_echoes(how: str) -> None:
    """A value of the request that a server repeats anywhere is shown by nobody."""
    async with watched() as watch, RawServer(echo(how)) as server:
        await play(watch, at(server.base_url))
        assert API_KEY.encode() in server.received


@pytest.mark.parametrize(
    "base_url",
    ["http://127.0.0.1:1", "https://127.0.0.1:1", "http://nobody.invalid", "tls"],
)
async def test_no_connection(base_url: str) -> None:
    """Where no connection comes about nothing private is shown."""
    async with watched() as watch, RawServer() as server:
        await play(
            watch, at(base_url.replace("tls", f"https://127.0.0.1:{server.port}"))
        )


@pytest.mark.parametrize("reuse", [True, False])
@pytest.mark.parametrize("what", ["cancel", "time out", "close", "forget"])
async def test_cut_off(what: str, reuse: bool) -> None:
    """A call that is cut off, or whose client is closed or forgotten, shows nothing."""
    stalled = asyncio.Event()

    async def stall(line: Line) -> None:
        await line.read_request()
        stalled.set()
        await line.read()

    async with watched() as watch, RawServer(stall) as server:
        pool = PoolSettings(reuse=reuse)
        limits = TimeoutSettings(total=5.0)
        client = DigitroClient(at(server.base_url, pool=pool, timeouts=limits))
        making = client.make_predictive_call(call_with_canaries())
        limit = asyncio.timeout(None)

        async def make() -> CallAccepted:
            async with limit:
                return await making

        task = asyncio.create_task(make() if what == "time out" else making)
        await stalled.wait()
        if what == "time out":
            limit.reschedule(asyncio.get_running_loop().time())
        watch.take_tasks()
        watch.take("client", client)
        if what == "close":
            await client._parts.sessions.aclose()
        elif what != "time out":
            task.cancel("the reason")
        await asyncio.wait([task])
        watch.see("task", repr(task))
        if not task.cancelled() and what != "forget":
            watch.take("end", task.exception())
        if what == "forget":  # it is never closed: warnings and aiohttp's own lines
            del client, task, making
            gc.collect()
            await asyncio.sleep(0)
        else:
            await client.aclose()
    if what == "forget":
        assert "unclosed <DigitroClient" in watch.text_of("")


async def test_many_calls_that_are_abandoned() -> None:
    """Calls that wait for their turn, and are given up, show nothing."""
    async with watched() as watch, FakePABX(api_key=API_KEY, latency=5.0) as pabx:
        settings = pabx.settings(max_in_flight=2, timeouts=TimeoutSettings(total=0.3))
        client = DigitroClient(settings, retry=ONCE)
        results = client.dispatch(call_with_canaries() for _ in range(50))
        async with client, results:
            await until(lambda: pabx.posts == 2)
            watch.take_tasks()
            watch.take("results", results)
        for result in results.unread():
            watch.take("end", result)


async def test_what_is_no_call() -> None:
    """A number given where a call belongs is refused and not shown."""
    number: Any = call_with_canaries().destination.reveal()
    async with (
        watched() as watch,
        RawServer() as server,
        DigitroClient(at(server.base_url)) as client,
    ):
        with pytest.raises(DigitroError) as caught:
            await client.make_predictive_call(number)
        watch.take("end", caught.value)


async def test_the_simulators_record(tmp_path: Path) -> None:
    """The simulator's record has what was dialled, and neither key nor password."""
    path = tmp_path / "record.jsonl"
    async with (
        FakePABX(api_key=API_KEY, record_path=path) as pabx,
        DigitroClient(at(pabx.base_url)) as client,
    ):
        await client.make_predictive_call(call_with_canaries())

    held = path.read_bytes()
    assert {hit.canary for hit in find(held)} == set(DIALLED)
    assert path.stat().st_mode & 0o777 == 0o600


def uvloops() -> list[Any]:
    """Return what makes a loop of uvloop, where it is installed."""
    if sys.platform == "win32":
        return []
    import uvloop

    return [uvloop.new_event_loop]


@pytest.mark.parametrize("kind", [K.STALL, K.LOSE_ANSWER, K.NOT_HTTP, K.STATUS])
@pytest.mark.parametrize("make_loop", uvloops())
def test_uvloop(make_loop: Any, kind: FaultKind) -> None:
    """The log lines of uvloop in debug mode show nothing private either."""

    async def main() -> None:
        asyncio.get_running_loop().set_debug(True)
        plan = FaultPlan([Fault(kind, **DETAILS.get(kind, {}))])
        async with FakePABX(api_key=API_KEY, faults=plan) as pabx:
            await play(watch, at(pabx.base_url))

    with Watch() as watch, asyncio.Runner(loop_factory=make_loop) as runner:
        runner.run(main())

    assert watch.seen
    assert watch.leaks() == []


async def test_acceptances() -> None:
    """A call that is accepted shows nothing either."""

    async def accept(line: Line) -> None:
        count = 0
        while await line.read_request():
            count += 1
            line.send(answer(f"{line.number} {count}"))

    async with watched() as watch, RawServer(accept) as server:
        ended = await play(watch, at(server.base_url))

    assert not any(isinstance(one, DigitroError) for one in ended)
