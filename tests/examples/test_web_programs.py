"""The three backends under ``examples``, served, asked twice, stopped and killed."""

import asyncio
import contextlib
import importlib.util
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from example_programs import Served, environment, serve

from digitro_async.testing import FakePABX, Fault, FaultPlan

NEEDS = {"fastapi": ("fastapi", "uvicorn"), "django": ("django", "uvicorn")}
needs_group = pytest.mark.parametrize(
    "framework",
    [
        pytest.param(
            name,
            marks=pytest.mark.skipif(
                any(importlib.util.find_spec(one) is None for one in NEEDS[name]),
                reason="the group 'examples' is not installed",
            )
            if name in NEEDS
            else (),
        )
        for name in ("aiohttp", "fastapi", "django")
    ],
)
pytestmark = [needs_group, pytest.mark.fake_pabx(api_key="demo-key")]


@pytest.fixture
async def served(
    framework: str, fake_pabx: FakePABX, tmp_path: Path
) -> AsyncIterator[Served]:
    """Serve a backend."""
    async with serve(framework, environment(fake_pabx, tmp_path), tmp_path) as one:
        yield one


@pytest.mark.fake_pabx(latency=0.3)
async def test_a_repeated_request(served: Served, fake_pabx: FakePABX) -> None:
    """A request that comes again gets the answer of the first, and nobody is called."""
    first, twin = await asyncio.gather(served.call("one"), served.call("one"))
    later = await served.call("one")
    other_number = await served.call("one", "0483281799")
    another = await served.call("two")

    assert first[0] == twin[0] == later[0] == another[0] == 202
    assert first[1] == twin[1] == later[1] != another[1]
    assert other_number[0] == 422
    assert (await served.ask("GET", "/calls/one"))[1]["state"] == "accepted"
    assert (await served.ask("GET", "/calls/three"))[0] == 404
    assert fake_pabx.posts == 2


async def test_outcomes(served: Served, fake_pabx: FakePABX) -> None:
    """A call that was not placed may be asked for again, an unknown one may not."""
    fake_pabx.set_faults(
        FaultPlan(
            [
                Fault("throttle_429", retry_after=1, at=[1, 2, 3]),
                Fault("lose_answer", at=4),
                Fault("status", status=409, at=5),
            ]
        )
    )
    refused = await served.call("one")
    unknown = await served.call("two")
    rejected = await served.call("three")
    again = [await served.call(name) for name in ("one", "two", "three")]

    assert (refused[0], refused[1]["outcome"]) == (503, "refused")
    assert "Retry-After" in refused[2]
    assert (unknown[0], unknown[1]["outcome"]) == (502, "unknown")
    assert (rejected[0], rejected[1]["outcome"]) == (409, "rejected")
    assert [status for status, *_ in again] == [202, 502, 409]
    assert fake_pabx.posts == 6
    assert "0483281700" not in served.log.read_text()


async def test_health_and_resume(served: Served, fake_pabx: FakePABX) -> None:
    """A monitor sees a pause, and only who has the token ends it; nonsense is 422."""
    headers = {"Content-Type": "application/json"}
    for body in (b"{}", b"nonsense", b"[]", b'{"contact": 1}'):
        answer = await served.ask("POST", "/calls", data=body, headers=headers)
        assert (answer[0], fake_pabx.posts) == (422, 0)
    healthy = await served.ask("GET", "/health")
    fake_pabx.set_faults(FaultPlan([Fault("status", status=401)]))
    await served.call("one")
    fake_pabx.set_faults(None)
    paused = await served.ask("GET", "/health")
    closed = await served.ask("POST", "/resume", headers={"Authorization": "Bearer x"})
    still = await served.call("one")
    token = {"Authorization": "Bearer canary-token"}
    resumed = await served.ask("POST", "/resume", headers=token)
    called = await served.call("one")

    assert [one[0] for one in (healthy, paused, closed, still)] == [200, 503, 401, 503]
    assert (resumed[0], called[0]) == (204, 202)


@pytest.mark.fake_pabx(latency=1.0)
async def test_a_caller_that_goes_away(served: Served, fake_pabx: FakePABX) -> None:
    """A call whose caller is gone goes on, and its answer waits for who asks again."""
    asking = asyncio.create_task(served.call("one"))
    await fake_pabx.wait_for_posts(1)
    asking.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asking
    again = await served.call("one")

    assert again[0] == 202
    assert again[1]["call_id"] == fake_pabx.calls[0].call_id
    assert fake_pabx.posts == 1


@pytest.mark.fake_pabx(latency=1.0)
async def test_a_server_that_is_stopped(
    framework: str, fake_pabx: FakePABX, tmp_path: Path
) -> None:
    """A server that stops answers the call on the wire; the next one knows of it."""
    variables = environment(fake_pabx, tmp_path)
    async with serve(framework, variables, tmp_path) as one:
        asking = asyncio.create_task(one.call("one"))
        await fake_pabx.wait_for_posts(1)
        await one.end()
        answer = await asking
    async with serve(framework, variables, tmp_path) as one:
        again = await one.call("one")

    assert answer[0] == again[0] == 202
    assert answer[1] == again[1]
    assert fake_pabx.posts == 1


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no such signal")
@pytest.mark.fake_pabx(latency=1.0)
async def test_a_server_that_is_killed(
    framework: str, fake_pabx: FakePABX, tmp_path: Path
) -> None:
    """After a kill nobody is called twice: what was on the wire is unknown."""
    variables = environment(fake_pabx, tmp_path)
    async with serve(framework, variables, tmp_path) as one:
        asking = asyncio.create_task(one.call("one"))
        await fake_pabx.wait_for_posts(1)
        await one.end(signal.SIGKILL)
        await asyncio.wait([asking])
        assert asking.exception() is not None
    async with serve(framework, variables, tmp_path) as one:
        again = await one.call("one")
        other = await one.call("two")

    assert (again[0], again[1]["outcome"]) == (502, "unknown")
    assert (other[0], fake_pabx.posts) == (202, 2)
