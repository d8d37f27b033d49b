"""A PABX that sends interim answers without end harms no call but its own."""

import asyncio
import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from helpers import answer, calls_to, make_call, make_pabx, per_second, take_into
from test_transports import go
from ways import WAYS

from digitro_async import (
    PABX,
    CallResult,
    DigitroClient,
    Outcome,
    PauseSettings,
    UnreadableAnswerError,
)
from digitro_async.testing import FakePABX, HostileConnection, HostilePABX
from digitro_async.transport._interim import MOST_ANSWERS, MOST_BYTES, PIECE

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
FLOOD = """
import os, socket, sys, threading

def serve(connection):
    try:
        connection.recv(65536)
        while True:
            connection.sendall(%r * 4000)
    except OSError:
        connection.close()

if hasattr(os, "nice"):
    os.nice(5)  # what is tested is what it costs to read, not to write
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
while True:
    threading.Thread(target=serve, args=listener.accept()[:1], daemon=True).start()
"""
TRIES = 12
NEVER_PAUSED = PauseSettings(unknown_run=10**6, unknown_budget=10**6)

every_way = pytest.mark.parametrize("way", WAYS)


@pytest.fixture
def flooding() -> Iterator[PABX]:
    """Run a PABX in a process of its own, whose answers never begin."""
    process = subprocess.Popen(
        [sys.executable, "-c", FLOOD % CONTINUE], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    port = int(process.stdout.readline())
    yield make_pabx("flood", f"http://127.0.0.1:{port}", rate=per_second(100))
    process.kill()
    process.communicate()


async def healthy_calls(seconds: float) -> int:
    """Return how many calls to a healthy PABX are accepted in that time."""
    async with FakePABX() as pabx:
        settings = pabx.settings(name="healthy", rate=per_second(100))
        async with DigitroClient(settings) as client:
            with contextlib.suppress(TimeoutError):
                async with (
                    asyncio.timeout(seconds),
                    client.dispatch(calls_to(range(10**6))) as results,
                ):
                    async for _ in results:
                        pass
            return pabx.accepted


async def share_of_calls(flooding: PABX) -> tuple[float, int]:
    """Return which part of its calls a healthy PABX gets beside how many floods."""
    alone = await healthy_calls(1.5)
    taken: list[CallResult] = []

    async def call_the_other() -> None:
        async with (
            DigitroClient(flooding, pause=NEVER_PAUSED) as client,
            client.dispatch(calls_to(range(10**6))) as results,
        ):
            await take_into(taken, results)

    other = asyncio.create_task(call_the_other())
    await asyncio.sleep(0)
    beside = await healthy_calls(1.5)
    other.cancel()
    await asyncio.wait([other])

    assert {result.outcome for result in taken} == {Outcome.UNKNOWN}
    return beside / alone, len(taken)


@every_way
async def test_another_pabx_is_called_as_before(
    way: str, flooding: PABX, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside a flood a healthy PABX gets at least four fifths of its calls."""
    go(way, monkeypatch)
    # A machine that is busy with something else takes its share too, now and then. A
    # flood that is not borne takes it every time.
    tries = []
    for _ in range(TRIES):
        share, floods = await share_of_calls(flooding)
        tries.append((share, floods))
        if share >= 0.8 and floods > 20:
            return

    pytest.fail(f"too few calls beside floods: {tries}")


@every_way
@pytest.mark.parametrize("pieces", [1, 3])
@pytest.mark.parametrize("filler", [b"", b"X: " + b"y" * 1500 + b"\r\n"])
async def test_some_are_passed_over(
    way: str, pieces: int, filler: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many as are borne come before the answer that counts, in whatever pieces."""
    go(way, monkeypatch)
    interim = b"HTTP/1.1 103 Early Hints\r\n%b\r\n" % filler
    whole = interim * MOST_ANSWERS + answer("the-one")

    async def chatty(line: HostileConnection) -> None:
        await line.read_request()
        size = len(whole) // pieces + 1
        for begin in range(0, len(whole), size):
            line.send(whole[begin : begin + size])
            await asyncio.sleep(0.01)
        await line.wait_for_end()

    async with (
        HostilePABX(chatty) as server,
        DigitroClient(make_pabx(base_url=server.base_url)) as client,
    ):
        accepted = await client.make_predictive_call(make_call())

    assert accepted.call_id == "the-one"


@every_way
@pytest.mark.parametrize(
    "flood",
    [
        CONTINUE * (MOST_ANSWERS + 1),
        b"HTTP/1.1 103 Hints\r\nX: %b\r\nY: %b\r\nZ: %b\r\n\r\n" % ((b"x" * 6000,) * 3),
        (b"HTTP/1.1 102 P\r\n" + b"A: b\r\n" * 100 + b"\r\n") * (MOST_ANSWERS + 1),
    ],
    ids=["many", "large", "headers"],
)
async def test_too_many_end_the_call(
    way: str, flood: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One more, or too much in them, ends the connection: nobody knows of the call."""
    go(way, monkeypatch)
    assert len(flood) > min(MOST_BYTES, 9 * len(CONTINUE) - 1)

    async def chatty(line: HostileConnection) -> None:
        await line.read_request()
        for byte in (flood[:1], flood[1:], answer("too late")):
            line.send(byte)
        await line.wait_for_end()

    async with (
        HostilePABX(chatty) as server,
        DigitroClient(make_pabx(base_url=server.base_url)) as client,
    ):
        with pytest.raises(UnreadableAnswerError) as caught:
            await client.make_predictive_call(make_call())

    assert (caught.value.reason, caught.value.attempts) == (
        "too_many_interim_answers",
        1,
    )
    assert server.posts == 1


async def test_large_answers_are_read_as_before() -> None:
    """An answer of many pieces, or one that begins in a piece's last byte, is whole."""
    for size in (PIECE - 60, PIECE, 3 * PIECE, 60_000):
        body = b'{"ID_CHAMADA": "a", "more": "%b"}' % (b"x" * size)
        for before in range(0, PIECE, 37):
            head = b"HTTP/1.1 200 OK\r\nX: %b\r\nContent-Length: %d\r\n\r\n"
            whole = head % (b"y" * before, len(body)) + body

            async def reply(line: HostileConnection, whole: bytes = whole) -> None:
                await line.read_request()
                line.send(whole)
                await line.wait_for_end()

            async with HostilePABX(reply) as server:
                one = make_pabx(base_url=server.base_url)
                async with DigitroClient(one) as client:
                    accepted = await client.make_predictive_call(make_call())

            assert len(accepted.raw["more"]) == size


async def test_a_flood_is_given_up_at_once(flooding: PABX) -> None:
    """A flooded call ends long before its time-out, and little of it is parsed."""
    busy = time.process_time()
    async with (
        DigitroClient(flooding, pause=NEVER_PAUSED) as client,
        client.dispatch(calls_to(range(20))) as results,
    ):
        reasons = {result.error.reason async for result in results if result.error}

    assert reasons == {"too_many_interim_answers"}
    # A flood that is read until the time-out of 30 s keeps the processor for all of it.
    assert time.process_time() - busy < 5
