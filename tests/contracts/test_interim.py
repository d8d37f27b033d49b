"""A PABX that sends interim answers without end harms no call but its own."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator

import pytest
from aiohttp.client_proto import ResponseHandler
from helpers import (
    answer,
    calls_to,
    make_call,
    make_pabx,
    per_second,
    take_into,
    until,
)
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
GIVEN_UP = "too_many_interim_answers"
MOST_PARSED = 5 * 1024
"""Bytes of a flooded call: one piece is too much, and it may come cut up."""
HEALTHY = 1000
"""Bytes of an answer, at most."""
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
    limits = {"rate": per_second(100), "max_in_flight": 4}
    yield make_pabx("flood", f"http://127.0.0.1:{port}", **limits)
    process.kill()
    process.communicate()


class Parsed:
    """Counts the bytes that are given to a parser, in all and in one turn of the loop.

    Counted and not timed, so that it is the same on every machine.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.bytes = 0
        self.most_in_a_turn = 0
        self._before = 0
        data_received = ResponseHandler.data_received

        def counted(handler: ResponseHandler, data: bytes) -> None:
            self.bytes += len(data)
            data_received(handler, data)

        monkeypatch.setattr(ResponseHandler, "data_received", counted)

    async def watch(self) -> None:
        """Look once a turn of the loop."""
        while True:
            turn, self._before = self.bytes - self._before, self.bytes
            self.most_in_a_turn = max(self.most_in_a_turn, turn)
            await asyncio.sleep(0)


async def call_on(flooding: PABX, taken: list[CallResult]) -> None:
    """Call a PABX that floods, again and again."""
    async with (
        DigitroClient(flooding, pause=NEVER_PAUSED) as client,
        client.dispatch(calls_to(range(10**6))) as results,
    ):
        await take_into(taken, results)


@every_way
async def test_another_pabx_is_called_as_before(
    way: str, flooding: PABX, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside a flood a healthy PABX gets all calls, and the loop parses little else."""
    go(way, monkeypatch)
    parsed, floods = Parsed(monkeypatch), list[CallResult]()
    others = [
        asyncio.create_task(call_on(flooding, floods)),
        asyncio.create_task(parsed.watch()),
    ]
    async with FakePABX() as pabx:
        settings = pabx.settings(name="healthy", rate=per_second(100))
        async with DigitroClient(settings) as client:
            for _ in range(2):
                async with client.dispatch(calls_to(range(60))) as results:
                    taken = [result async for result in results]
                await until(lambda: len(floods) > 20)
    for other in others:
        other.cancel()
    await asyncio.wait(others)

    assert [(one.outcome, one.attempts) for one in taken] == [
        (Outcome.ACCEPTED, 1)
    ] * 60
    assert {flood.outcome for flood in floods} == {Outcome.UNKNOWN}
    assert {flood.error and flood.error.reason for flood in floods} == {GIVEN_UP}
    assert parsed.most_in_a_turn <= flooding.max_in_flight * MOST_PARSED + 60 * HEALTHY
    most = (len(floods) + flooding.max_in_flight) * MOST_PARSED + 120 * HEALTHY
    assert parsed.bytes <= most


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


@every_way
async def test_a_flood_is_given_up_at_once(
    way: str, flooding: PABX, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A flooded call ends long before its time-out, and little of it is parsed."""
    go(way, monkeypatch)
    parsed = Parsed(monkeypatch)
    async with (
        DigitroClient(flooding, pause=NEVER_PAUSED) as client,
        client.dispatch(calls_to(range(20))) as results,
    ):
        reasons = {result.error.reason async for result in results if result.error}

    assert reasons == {GIVEN_UP}
    assert 20 * len(CONTINUE) <= parsed.bytes <= 20 * MOST_PARSED
