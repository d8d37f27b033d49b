"""Faults of a connection that is used again: row i of the table of faults."""

import asyncio
import ctypes
import socket
from collections.abc import Callable, Iterator
from typing import Any

from fault_scene import FRESH, LATE, LOST, SETTLE, FaultCase, Scene, reply, soon
from helpers import Script, answer_all

from digitro_async import CallResult, Outcome, UnreadableAnswerError
from digitro_async.testing import HostileConnection, HostilePABX

Meanwhile = Callable[[HostileConnection], None]


async def _nothing_more(line: HostileConnection) -> None:
    """Accept one call and read on."""
    await line.read_request()
    line.accept("first")
    await line.wait_for_end()


def _second(*scripts: Script, meanwhile: Meanwhile | None = None, seen: bool) -> Any:
    """Make a call, do something to its connection, and judge the next call.

    What the loop has ``seen`` before the next call is there for the taking; what it
    has not waits in the kernel.
    """

    async def two_calls(scene: Scene) -> CallResult:
        server: HostilePABX = await scene.serve(*scripts, answer_all)
        client = await scene.client(server)
        first = await client.dispatcher.submit(scene.call)
        assert first.outcome is Outcome.ACCEPTED
        if meanwhile is not None:
            meanwhile(server.lines[0])
        if seen:
            await asyncio.sleep(SETTLE)
        return await scene.judge(client)

    return two_calls


def _at_once(data: bytes) -> Meanwhile:
    def send(line: HostileConnection) -> None:
        with socket.socket(fileno=socket.dup(line.sock.fileno())) as same:
            same.send(data)

    return send


def _fin_at_once(line: HostileConnection) -> None:
    with socket.socket(fileno=socket.dup(line.sock.fileno())) as same:
        same.shutdown(socket.SHUT_WR)


def _rst_at_once(line: HostileConnection) -> None:
    """Dissolve the connection: Linux sends RST at once, whoever else has the socket."""
    unspecified = bytes(16)
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.connect(line.sock.fileno(), unspecified, len(unspecified)) == 0


def _ends_at(read: Callable[[HostileConnection], Any], end: Meanwhile) -> Script:
    async def script(line: HostileConnection) -> None:
        await line.read_request()
        line.accept("first")
        await read(line)
        end(line)
        await line.ended.wait()

    return script


async def _two_in_one(line: HostileConnection) -> None:
    await line.read_request()
    line.send(reply() + reply(b'{"stale": 1}'))
    await line.wait_for_end()


async def _same_id(line: HostileConnection) -> None:
    while await line.read_request():
        line.accept("same")


async def _closes_after_each(line: HostileConnection) -> None:
    await line.read_request()
    line.accept(f"call {line.number}")
    line.finish()  # and has not said that it would
    await line.wait_for_end()


async def _first_byte(line: HostileConnection) -> None:
    await line.read_exactly(1)


async def _stall_second(line: HostileConnection) -> None:
    await line.read_request()
    line.accept("first")
    await line.read_request()
    await line.stall()


UNASKED = reply(b'{"a": 1}')
TIMED_OUT = reply(b"", status="408 Request Timeout")
IDLE = (
    (
        "i1-idle-fin-seen",
        "FIN, seen",
        _nothing_more,
        HostileConnection.finish,
        True,
    ),
    ("i1-idle-rst-seen", "RST, seen", _nothing_more, HostileConnection.reset, True),
    ("i2-idle-fin-in-kernel", "FIN, unseen", _nothing_more, _fin_at_once, False),
    (
        "i6-unasked-200-read",
        "a stale 200, read",
        _nothing_more,
        _at_once(UNASKED),
        True,
    ),
    (
        "i6-unasked-good-200-read",
        "a good one, read",
        _nothing_more,
        _at_once(reply()),
        True,
    ),
    (
        "i7-unasked-200-in-kernel",
        "a stale 200, unread",
        _nothing_more,
        _at_once(UNASKED),
        False,
    ),
    (
        "i7-unasked-good-200-in-kernel",
        "a good one, unread",
        _nothing_more,
        _at_once(reply()),
        False,
    ),
    (
        "i7-one-byte-in-kernel",
        "one byte, unread",
        _nothing_more,
        _at_once(b"H"),
        False,
    ),
    ("i8-two-answers-in-one", "two answers in one piece", _two_in_one, None, False),
    ("i9-idle-408-read", "408, read", _nothing_more, _at_once(TIMED_OUT), True),
    (
        "i9-idle-408-in-kernel",
        "408, unread",
        _nothing_more,
        _at_once(TIMED_OUT),
        False,
    ),
    (
        "i11-closes-without-saying",
        "FIN after each answer",
        _closes_after_each,
        None,
        True,
    ),
)
"""The acts of a PABX on an idle connection, and whether the client reads of each."""


def stale() -> Iterator[FaultCase]:
    """Rows i1 to i3, i6 to i9: what waits is seen, and another connection is taken."""
    for name, does, script, meanwhile, seen in IDLE:
        yield FaultCase(
            id=name,
            does=f"on the idle connection: {does}",
            play=_second(script, meanwhile=meanwhile, seen=seen),
            outcome=Outcome.ACCEPTED,
            connections=2,
            posts=2,
        )
    yield FaultCase(
        id="i3-idle-rst-in-kernel",
        does="on the idle connection: RST, unseen",
        play=_second(_nothing_more, meanwhile=_rst_at_once, seen=False),
        outcome=Outcome.ACCEPTED,
        connections=2,
        posts=2,
        needs="linux",
    )


def dying() -> Iterator[FaultCase]:
    """Rows i4 and i5: the connection ends under the second call."""
    whole = HostileConnection.read_request
    for name, does, read, end, posts in (
        (
            "i4-first-byte-rst",
            "RST at its first byte",
            _first_byte,
            HostileConnection.reset,
            1,
        ),
        (
            "i4-first-byte-fin",
            "FIN at its first byte",
            _first_byte,
            HostileConnection.finish,
            1,
        ),
        (
            "i4-unread-rst",
            "RST unread",
            HostileConnection.arrival,
            HostileConnection.reset,
            1,
        ),
        (
            "i5-reads-all-fin",
            "FIN after reading it",
            whole,
            HostileConnection.finish,
            2,
        ),
        ("i5-reads-all-rst", "RST after reading it", whole, HostileConnection.reset, 2),
    ):
        yield FaultCase(
            id=name,
            does=f"on the second call of a connection: {does}",
            play=_second(_ends_at(read, end), seen=False),
            posts=posts,
            **LOST,
        )


def answered_badly() -> Iterator[FaultCase]:
    """Rows i10, i12 and i13: the second call gets no answer, or a wrong one."""
    yield FaultCase(
        id="i12-second-stalls",
        does="answers the second call of a connection never",
        play=_second(_stall_second, seen=False),
        posts=2,
        settings=soon(),
        **LATE,
    )
    yield FaultCase(
        id="i10-repeated-call-id",
        does="gives the second call the first one's call id",
        play=_second(_same_id, seen=False),
        outcome=Outcome.UNKNOWN,
        error=UnreadableAnswerError,
        reason="repeated_call_id",
        posts=2,
    )
    yield FaultCase(
        id="i13-fresh-connections",
        does="sends two answers in one piece where connections are not kept",
        play=_second(_two_in_one, seen=False),
        outcome=Outcome.ACCEPTED,
        settings=FRESH,
        connections=2,
        posts=2,
    )


CASES = (*stale(), *dying(), *answered_badly())
