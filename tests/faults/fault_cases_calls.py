"""Calls that can't be made (row k of the faults), and callers who give up (x)."""

import asyncio
import types
from collections.abc import Callable, Coroutine, Generator, Iterator
from typing import Any

import attrs
from fault_certificates import certificate
from fault_scene import SETTLE, FaultCase, Play, Scene, names

from digitro_async import (
    PABX,
    CallResult,
    ConfigurationError,
    InvalidCallError,
    Outcome,
    PoolSettings,
    TLSSettings,
)
from digitro_async.testing import HostileConnection

NOWHERE: dict[str, Any] = {"connections": 0, "posts": 0}


def _call_with(**fields: Any) -> Play:
    async def one_call(scene: Scene) -> CallResult:
        client = await scene.client(await scene.serve())
        call: Any = attrs.evolve(scene.call, **fields)
        return await scene.judged(client, client.dispatcher.submit(call))

    return one_call


def _pabx_with(**fields: object) -> Play:
    async def one_call(scene: Scene) -> CallResult:
        server = await scene.serve()
        changed: Any = fields
        given: dict[str, Any] = {
            "name": "hostile",
            "base_url": server.base_url,
            "channel_id": 1,
            "api_key": scene.api_key,
            **changed,
        }
        PABX(**given)
        raise AssertionError("a PABX that can't be used was made")

    return one_call


def _no_call(call: object) -> Play:
    async def one_call(scene: Scene) -> CallResult:
        client = await scene.client(await scene.serve())
        asked: Any = call
        return await scene.judged(client, client.dispatcher.submit(asked))

    return one_call


def asked() -> Iterator[FaultCase]:
    """Row k: what is refused before anything is opened."""
    for name, fields in (
        ("k1-key-cr-lf", {"api_key": "key\r\nX-Injected: 1"}),
        ("k1-key-lf", {"api_key": "key\n"}),
        ("k2-key-nul", {"api_key": "key\0"}),
        ("k2-key-not-ascii", {"api_key": "chavé"}),
        ("k2-key-empty", {"api_key": ""}),
        ("k5-channel-text", {"channel_id": "7%0d%0a/../../admin"}),
        ("k5-channel-negative", {"channel_id": -1}),
        ("k5-channel-flag", {"channel_id": True}),
        ("k5-channel-nan", {"channel_id": float("nan")}),
        ("k6-url-cr-lf", {"base_url": "http://127.0.0.1/\r\nX: 1"}),
        ("k6-url-user", {"base_url": "http://user:secret@127.0.0.1"}),
        ("k6-url-query", {"base_url": "http://127.0.0.1/?key=1"}),
        ("k6-url-dots", {"base_url": "http://127.0.0.1/a/../../admin"}),
        ("k6-url-scheme", {"base_url": "file:///etc/passwd"}),
    ):
        yield FaultCase(
            id=name,
            does=f"a PABX whose {next(iter(fields))} can't be used",
            play=_pabx_with(**fields),
            outcome=None,
            error=ConfigurationError,
            **NOWHERE,
        )
    values: tuple[tuple[str, dict[str, Any]], ...] = (
        ("k3-half-a-surrogate", {"user_data": "\ud800"}),
        ("k3-surrogate-number", {"destination": "0\udfff"}),
        ("k3-bytes", {"user_data": b"bytes"}),
        ("k4-nan", {"user_data": float("nan")}),
        ("k4-infinity", {"reanswer_time": float("inf")}),
        ("k4-number", {"destination": 4832817000}),
        ("k7-cr-lf", {"destination": "048\r\n32817000"}),
        ("k7-nul", {"device": "1\0"}),
        ("k7-escape", {"caller_id": "\x1b[2J"}),
        ("k7-too-long", {"user_data": "x" * 1_000_000}),
        ("k7-empty-number", {"destination": ""}),
    )
    for name, field in values:
        yield FaultCase(
            id=name,
            does=f"a call whose {next(iter(field))} can't be sent",
            play=_call_with(**field),
            outcome=Outcome.INVALID,
            error=InvalidCallError,
            reason="invalid_field",
            **NOWHERE,
        )
    yield FaultCase(
        id="k8-not-a-call",
        does="something that is no call",
        play=_no_call({"destination": "1"}),
        outcome=Outcome.INVALID,
        error=InvalidCallError,
        reason="not_a_call",
        **NOWHERE,
    )


@types.coroutine
def cancelling(
    attempt: Coroutine[Any, Any, CallResult],
    at: int,
    when: Callable[[asyncio.Task[Any], Any], None],
) -> Generator[Any, Any, CallResult]:
    """Run a coroutine in this task and cancel the task at its at-th suspension."""
    task = asyncio.current_task()
    assert task is not None
    step: Callable[[Any], Any] = attempt.send
    value: Any = None
    count = 0
    while True:
        try:
            waited = step(value)
        except StopIteration as stop:
            result: CallResult = stop.value
            return result
        count += 1
        if count == at:
            when(task, waited)
        try:
            value, step = (yield waited), attempt.send
        except BaseException as error:  # noqa: BLE001 - the coroutine shall have it
            value, step = error, attempt.throw


def at_once(task: asyncio.Task[Any], _: Any) -> None:
    """Cancel before what is waited for has come."""
    task.cancel()


def too_late(task: asyncio.Task[Any], waited: Any) -> None:
    """Cancel when what is waited for has come, before the task has heard of it."""
    if waited is not None:
        waited.add_done_callback(lambda _: task.cancel())


async def _read_slowly(line: HostileConnection) -> None:
    """Answer in pieces, so that each has to be waited for."""
    while await line.read_request():
        whole = b"HTTP/1.1 200 OK\r\nContent-Length: 19\r\n\r\n"
        for piece in (whole, b'{"ID_CHAM', b'ADA": "x"}'):
            await asyncio.sleep(SETTLE / 4)
            line.send(piece)


def cancelled_at(
    at: int, when: Callable[[asyncio.Task[Any], Any], None], how: str
) -> Play:
    """Return a play of a call that is cancelled at its at-th suspension."""

    async def one_call(scene: Scene) -> CallResult:
        tls = certificate() if how == "tls" else None
        options = {"tls": tls.context} if tls else {}
        server = await scene.serve(_read_slowly, **options)
        where = server.base_url
        settings: dict[str, Any] = {}
        if tls:
            settings["tls"] = TLSSettings(ca_file=tls.file)
        if how == "name":
            where = f"http://pabx.invalid:{server.port}"
        if how == "pool":
            settings["pool"] = PoolSettings(max_connections=1)
        client = await scene.client(where, **settings)

        async def resolve() -> list[str]:
            await asyncio.sleep(SETTLE / 4)
            return ["127.0.0.1"]

        with names(resolve):
            attempt = cancelling(client.dispatcher.submit(scene.call), at, when)
            return await scene.judged(client, attempt)

    return one_call


def _cut_at(
    script_until: Callable[[HostileConnection], Coroutine[Any, Any, Any]],
) -> Play:
    """Cancel the call at the moment that the server's script has come so far."""

    async def one_call(scene: Scene) -> CallResult:
        reached = asyncio.Event()

        async def script(line: HostileConnection) -> None:
            await script_until(line)
            await asyncio.sleep(SETTLE / 2)
            reached.set()
            await line.stall()

        client = await scene.client(await scene.serve(script))

        async def cut_off() -> CallResult:
            attempt = asyncio.ensure_future(client.dispatcher.submit(scene.call))
            await reached.wait()
            attempt.cancel()
            return await attempt

        return await scene.judged(client, cut_off())

    return one_call


async def _half_head(line: HostileConnection) -> None:
    await line.read_request()
    line.send(b"HTTP/1.1 200 OK\r\nContent-")


async def _half_body(line: HostileConnection) -> None:
    await line.read_request()
    line.send(b"HTTP/1.1 200 OK\r\nContent-Length: 19\r\n\r\n{")


def cancelled() -> Iterator[FaultCase]:
    """Rows x: the caller cancels; by the evidence nothing left, or it may have."""
    for how in ("http", "name", "tls", "pool"):
        for when in (at_once, too_late):
            for at in (1, 2):
                manner = when.__name__.replace("_", "-")
                yield FaultCase(
                    id=f"x1-cancel-{how}-{at}-{manner}",
                    does=f"{how}: cancelled {manner} at suspension {at}",
                    play=cancelled_at(at, when, how),
                    outcome=Outcome.NOT_SENT,
                    error=asyncio.CancelledError,
                    connections=None,
                    posts=0,
                )
    for name, until, posts in (
        ("x2-cancel-unread", HostileConnection.arrival, 0),
        ("x2-cancel-head-read", HostileConnection.read_head, 0),
        ("x2-cancel-all-read", HostileConnection.read_request, 1),
        ("x2-cancel-half-head-sent", _half_head, 1),
        ("x2-cancel-half-body-sent", _half_body, 1),
    ):
        yield FaultCase(
            id=name,
            does=f"cancelled while the server is at: {name[10:]}",
            play=_cut_at(until),
            outcome=Outcome.UNKNOWN,
            error=asyncio.CancelledError,
            posts=posts,
        )


CASES = (*asked(), *cancelled())
