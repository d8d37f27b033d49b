"""Runs the example applications of docs/web-backends.md."""

import asyncio
import contextlib
import importlib
import json
import logging
import re
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import attrs
import httpx
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from helpers import until
from pages import blocks_of, rows_under, ticked

from digitro_async import PABX, DigitroClient, Outcome, PredictiveCall, RateLimit
from digitro_async.testing import FakePABX, Fault, FaultPlan


@attrs.frozen
class Answer:
    """The answer of a backend."""

    status: int
    body: dict[str, Any]
    retry_after: str | None


@attrs.frozen
class Backend:
    """One of the example applications, running."""

    client: DigitroClient
    ask: Callable[..., Awaitable[Answer]]

    async def post(self, body: bytes) -> Answer:
        """Ask for a call by the body of a request."""
        return await self.ask("POST", "/calls", body)

    async def call(self, destination: str) -> Answer:
        """Ask for one call."""
        return await self.post(b'{"destination": "%s"}' % destination.encode())


class TimeLimit:
    """A server's time limit for its handlers, as a middleware of each framework."""

    over: Callable[[], Awaitable[None]] | None = None

    async def __call__(self, handle: Callable[[], Awaitable[Any]]) -> Any:
        """Run a handler, and cancel it once the time is over."""
        if self.over is None:
            return await handle()
        async with asyncio.timeout(None) as limit:
            ending = asyncio.ensure_future(self.over())
            now = asyncio.get_running_loop().time
            ending.add_done_callback(lambda _: limit.reschedule(now()))
            return await handle()


LIMIT = TimeLimit()


@contextlib.asynccontextmanager
async def serve_aiohttp(module: ModuleType) -> AsyncIterator[Backend]:
    """Serve the aiohttp.web example."""

    @web.middleware
    async def limited(request: web.Request, handler: Any) -> Any:
        return await LIMIT(lambda: handler(request))

    app = module.build_app()
    app.middlewares.append(limited)
    async with TestClient(TestServer(app)) as http:

        async def ask(method: str, path: str, body: bytes = b"", **headers: str) -> Any:
            async with http.request(method, path, data=body, headers=headers) as got:
                text = await got.text() if got.content_type.endswith("json") else "{}"
                retry_after = got.headers.get("Retry-After")
                return Answer(got.status, json.loads(text), retry_after)

        yield Backend(app[module.CLIENT], ask)


@contextlib.asynccontextmanager
async def serve_fastapi(module: ModuleType) -> AsyncIterator[Backend]:
    """Serve the FastAPI example."""
    app = module.app

    async def limited(*arguments: Any) -> None:
        await LIMIT(lambda: app(*arguments))

    transport = httpx.ASGITransport(app=limited)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://test") as http,
    ):

        async def ask(method: str, path: str, body: bytes = b"", **headers: str) -> Any:
            headers["Content-Type"] = "application/json"
            got = await http.request(method, path, content=body, headers=headers)
            retry_after = got.headers.get("Retry-After")
            return Answer(got.status_code, json.loads(got.text or "{}"), retry_after)

        yield Backend(app.state.client, ask)


SERVERS = {
    "aiohttp.web": ("aiohttp_app", serve_aiohttp),
    "FastAPI": ("fastapi_app", serve_fastapi),
}


@pytest.fixture(params=SERVERS)
async def backend(
    request: pytest.FixtureRequest,
    fake_pabx: FakePABX,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Backend]:
    """Each example, made of the blocks of its heading, in a folder of its own."""
    name, serve = SERVERS[request.param]
    files = blocks_of("web-backends", "Answers of a backend", "python")
    files += blocks_of("web-backends", request.param, "python")
    modules = []
    for text in files:
        file = text.splitlines()[0].removeprefix("# ")
        (tmp_path / file).write_text(text, encoding="utf-8")
        modules.append(file.removesuffix(".py"))
    assert modules == ["answers", name]
    for variable, value in {
        "PABX_URL": fake_pabx.base_url,
        "PABX_CHANNEL": "1",
        "PABX_API_KEY": "demo-key",
        "PABX_RATE": "200",
        "PABX_DEVICE": "1125000",
        "PABX_DEVICE_PASSWORD": "4567",
        "OPERATOR_TOKEN": "canary-token",
    }.items():
        monkeypatch.setenv(variable, value)
    monkeypatch.syspath_prepend(tmp_path)
    try:
        async with serve(importlib.import_module(name)) as running:
            yield running
    finally:
        for module in modules:
            sys.modules.pop(module, None)


BATCH = 300
REQUESTS = 8
IN_FLIGHT = 20  # as answers.py says


@pytest.mark.fake_pabx(latency=0.02, rate=RateLimit(200))
async def test_backend_beside_a_batch(backend: Backend, fake_pabx: FakePABX) -> None:
    """Requests are answered while a batch runs in the same loop, and soon.

    "Soon" is counted in calls: between a request and its call at most as many calls
    of the batch are made as may be on the wire, once over.
    """
    overtaken = []
    async with asyncio.TaskGroup() as tasks:
        batch = tasks.create_task(dial(backend.client))
        await fake_pabx.wait_for_posts(2 * IN_FLIGHT)
        for number in range(REQUESTS):
            before = fake_pabx.posts
            answer = await backend.call(f"0483299{number:04}")
            [call] = [
                call
                for call in fake_pabx.calls
                if call.destination == f"0483299{number:04}"
            ]
            overtaken.append(call.ordinal - before - 1)
            assert (answer.status, answer.body) == (202, {"call_id": call.call_id})
        assert not batch.done()

    assert max(overtaken) <= 2 * IN_FLIGHT
    assert batch.result() == [Outcome.ACCEPTED] * BATCH
    assert len({call.destination for call in fake_pabx.calls}) == fake_pabx.posts
    assert fake_pabx.posts == BATCH + REQUESTS
    assert fake_pabx.over_cap == []


async def dial(client: DigitroClient) -> list[Outcome]:
    """Run a batch through a backend's own client."""
    calls = (
        PredictiveCall(device="1", device_password="2", destination=f"0483281{n:04}")
        for n in range(BATCH)
    )
    async with client.dispatch(calls) as results:
        return [result.outcome async for result in results]


@pytest.mark.parametrize(
    ("fault", "status", "outcome", "retry_after"),
    [
        (Fault("status", status=409), 409, "rejected", None),
        (Fault("status", status=401), 503, "refused", None),
        (Fault("throttle_429", retry_after=7), 503, "refused", "7"),
        (Fault("reset_on_connect"), 503, "not_sent", None),
        (Fault("lose_answer"), 502, "unknown", None),
        (Fault("error_500_after_placing"), 502, "unknown", None),
    ],
    ids=lambda value: str(getattr(value, "status", None) or value)[:20],
)
async def test_backend_statuses(
    backend: Backend,
    fake_pabx: FakePABX,
    *,
    fault: Fault,
    status: int,
    outcome: str,
    retry_after: str | None,
) -> None:
    """Each outcome has its status, and no answer shows the number."""
    fake_pabx.set_faults(FaultPlan([fault]))

    answer = await backend.call("04832817000")

    assert (answer.status, answer.body["outcome"]) == (status, outcome)
    assert answer.retry_after == retry_after
    assert ("do not retry" in answer.body["error"]) == (status in {409, 502})
    assert "04832817000" not in str(answer)
    assert fake_pabx.posts <= 1


@pytest.mark.fake_pabx(faults=FaultPlan([Fault("lose_answer")]))
async def test_backend_of_a_sick_pabx(backend: Backend, fake_pabx: FakePABX) -> None:
    """Once the PABX is paused for a while, requests are told when to come back."""
    lost = [await backend.call(f"0483281{number:04}") for number in range(10)]
    paused = await backend.call("04832817000")

    assert {answer.status for answer in lost} == {502}
    assert (paused.status, paused.body["outcome"]) == (503, "not_sent")
    assert paused.retry_after in {"4", "5"}
    assert fake_pabx.posts == 10


@pytest.mark.parametrize("body", [b"{}", b"nonsense", b'{"destination": ""}', b"[]"])
async def test_backend_of_nonsense(
    backend: Backend, fake_pabx: FakePABX, body: bytes
) -> None:
    """A request without a number gets 422 and no call is made."""
    assert (await backend.post(body)).status == 422
    assert fake_pabx.posts == 0


@pytest.mark.fake_pabx(latency=1.5)
async def test_a_handler_that_is_cancelled(
    backend: Backend,
    fake_pabx: FakePABX,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A handler that is cut off answers that nobody knows; its call is not cut off."""
    caplog.set_level(logging.WARNING, "backend")
    monkeypatch.setattr(LIMIT, "over", lambda: fake_pabx.wait_for_posts(1))
    answer = await backend.call("04832817000")
    monkeypatch.setattr(LIMIT, "over", None)
    during = backend.client.statistics().in_flight
    await until(lambda: "a call without a handler" in caplog.text)

    assert (answer.status, answer.body["outcome"]) == (502, "unknown")
    assert answer.body["reason"] == "handler_cancelled"
    assert (during, fake_pabx.posts, fake_pabx.accepted) == (1, 1, 1)
    assert backend.client.statistics().outcomes[Outcome.ACCEPTED] == 1
    assert "a call without a handler: accepted" in caplog.text
    assert "04832817000" not in caplog.text


async def test_health_and_resume(backend: Backend, fake_pabx: FakePABX) -> None:
    """A monitor sees a pause, and only who has the token ends it."""
    healthy = await backend.ask("GET", "/health")
    fake_pabx.set_faults(FaultPlan([Fault("status", status=401)]))
    await backend.call("04832817000")
    fake_pabx.set_faults(None)
    paused = await backend.ask("GET", "/health")
    refused = [
        await backend.ask("POST", "/resume", Authorization=token)
        for token in ("", "Bearer", "Bearer canary", "Bearer canary-token-")
    ]
    still = await backend.call("04832817000")
    resumed = await backend.ask("POST", "/resume", Authorization="Bearer canary-token")
    called = await backend.call("04832817001")

    assert (healthy.status, healthy.body["status"]) == (200, "ok")
    assert (paused.status, paused.body["status"]) == (503, "paused")
    assert paused.body["pabx"]["matriz"]["reason"] == "status_401"
    assert {answer.status for answer in refused} == {401}
    assert (still.status, resumed.status, called.status) == (503, 204, 202)


def test_grace_periods() -> None:
    """Every time to end in the table is long enough for the calls on the wire."""
    deadline = float(
        re.findall(
            r"DEADLINE = ([\d.]+)",
            blocks_of("web-backends", "Answers of a backend", "python")[0],
        )[0]
    )
    grace = deadline + PABX("one", "http://127.0.0.1:9", 1, "k").timeouts.total + 5.0
    rows = rows_under("web-backends", "Time to end")
    seconds = [int(one) for row in rows for one in re.findall(r"\d\d", row[1])]

    assert len(seconds) == 7
    assert min(seconds) >= grace


def test_web_statuses() -> None:
    """The table of statuses says what answers.py does."""
    rows = {
        cells[0]: cells[1]
        for cells in rows_under("web-backends", "Answers of a backend")
    }
    source = blocks_of("web-backends", "Answers of a backend", "python")[0]

    assert set(ticked(" ".join(rows))) == {
        "InvalidCallError",
        "NotSentError",
        "RefusedError",
        "RejectedError",
        "OutcomeUnknownError",
    }
    assert {status for status in rows.values() if status != "202"} == set(
        re.findall(r"Outcome\.[A-Z_]+: \((\d+),", source)
    )
