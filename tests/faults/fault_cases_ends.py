"""Faults of a server that stops or is slow: rows b to e and g of the table."""

import asyncio
from collections.abc import Iterator

from fault_scene import (
    GOOD,
    LATE,
    LOST,
    SETTLE,
    SHORT,
    FaultCase,
    accepted,
    answered,
    reply,
    served,
    soon,
    unreadable,
)
from helpers import Script

from digitro_async.testing import HostileConnection


async def _fin_on_arrival(line: HostileConnection) -> None:
    await line.arrival()
    line.finish()
    await line.ended.wait()


async def _rst_on_arrival(line: HostileConnection) -> None:
    await line.arrival()
    line.reset()


async def _close_unread(line: HostileConnection) -> None:
    await line.arrival()
    line.close()


async def _head_fin(line: HostileConnection) -> None:
    await line.read_head()
    line.finish()
    await line.ended.wait()


async def _head_rst(line: HostileConnection) -> None:
    await line.read_head()
    line.reset()


async def _some_bytes_rst(line: HostileConnection) -> None:
    await line.read_exactly(10)
    line.reset()


async def _half_body_fin(line: HostileConnection) -> None:
    await line.read_head()
    await line.read_exactly(20)
    line.finish()
    await line.ended.wait()


async def _answer_unread(line: HostileConnection) -> None:
    await line.arrival()
    line.send(reply())
    await line.ended.wait()


async def _answer_then_read(line: HostileConnection) -> None:
    await line.arrival()
    line.send(reply())
    await line.read_request()
    await line.wait_for_end()


def ends() -> Iterator[FaultCase]:
    """Rows b, c and d: the connection ends, or the answer comes too early."""
    for name, does, script, posts in (
        ("b1-fin-unread", "FIN at the first bytes, unread", _fin_on_arrival, 0),
        ("b2-rst-unread", "RST at the first bytes, unread", _rst_on_arrival, 0),
        ("b3-close-unread", "closes with the request unread", _close_unread, 0),
        ("c1-reads-head-fin", "reads the head, FIN", _head_fin, 0),
        ("c2-reads-head-rst", "reads the head, RST", _head_rst, 0),
        ("c3-reads-10-bytes-rst", "reads ten bytes, RST", _some_bytes_rst, 0),
        ("c4-reads-half-body-fin", "reads part of the body, FIN", _half_body_fin, 0),
        (
            "d1-reads-all-fin",
            "reads all, FIN",
            answered(then=HostileConnection.finish),
            1,
        ),
        (
            "d2-reads-all-rst",
            "reads all, RST",
            answered(then=HostileConnection.reset),
            1,
        ),
    ):
        yield FaultCase(id=name, does=does, play=served(script), posts=posts, **LOST)
    # No client can tell d3 from an honest answer: the request had begun to leave.
    yield accepted(
        "d3-200-before-reading", "answers 200, reads nothing", _answer_unread, posts=0
    )
    yield accepted("d4-200-then-reads", "answers 200, then reads", _answer_then_read)


def cut_short() -> Iterator[FaultCase]:
    """Row e: part of an answer."""
    fin, rst = HostileConnection.finish, HostileConnection.reset
    for name, data in (
        ("e1-half-status-line", b"HTTP/1.1 2"),
        ("e1-status-line-only", b"HTTP/1.1 200 OK\r\n"),
        ("e2-half-headers", b"HTTP/1.1 200 OK\r\nContent-Ty"),
        ("e2-headers-without-end", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"),
    ):
        for how, end in (("fin", fin), ("rst", rst)):
            yield FaultCase(
                id=f"{name}-{how}",
                does=f"sends {name[3:]}, {how.upper()}",
                play=served(answered(data, then=end)),
                **LOST,
            )
    half = reply()[:-10]
    chunked = reply(b"20\r\n" + GOOD[:9], "Transfer-Encoding: chunked", length=None)
    last = reply(b"0\r\n", "Transfer-Encoding: chunked", length=None)
    for name, data, end in (
        ("e3-half-body-fin", half, fin),
        ("e5-half-chunk-fin", chunked, fin),
        ("e5-no-last-chunk-fin", last, fin),
        ("e4-half-body-rst", half, rst),
        ("e4-half-chunk-rst", chunked, rst),
    ):
        yield unreadable(
            name, f"200, {name[3:]}", answered(data, then=end), "truncated_answer"
        )
    yield unreadable(
        "e6-no-length-truncated",
        "200 without a length, half the JSON, FIN",
        answered(reply(GOOD[:-10], length=None), then=fin),
        "not_json",
    )
    yield accepted(
        "e6-no-length-whole",
        "200 without a length, all the JSON, FIN",
        answered(reply(length=None), then=fin),
    )


def _slowly(data: bytes, before: bytes = b"") -> Script:
    async def script(line: HostileConnection) -> None:
        await line.read_request()
        line.send(before)
        await line.drip(data, SHORT / 6)

    return script


def _endless(data: bytes, pause: float) -> Script:
    async def script(line: HostileConnection) -> None:
        await line.read_request()
        while True:
            line.send(data)
            await line.drain()
            await asyncio.sleep(pause)

    return script


def _some(data: bytes, times: int, pause: float) -> Script:
    async def script(line: HostileConnection) -> None:
        await line.read_request()
        for _ in range(times):
            line.send(data)
            await asyncio.sleep(pause)
        await line.stall()

    return script


async def _silent(line: HostileConnection) -> None:
    await line.read_request()
    await line.stall()


async def _never_reads(line: HostileConnection) -> None:
    await line.stall()


def slow() -> Iterator[FaultCase]:
    """Row g: silence and trickles."""
    head, body = reply().split(b"\r\n\r\n")
    continues, hints = (
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\n\r\n",
    )
    for name, does, script, posts in (
        ("g1-silence", "reads all, says nothing", _silent, 1),
        ("g1-never-reads", "reads nothing, says nothing", _never_reads, 0),
        ("g3-drips-head", "a byte of the head now and then", _slowly(head + body), 1),
        (
            "g4-drips-body",
            "a byte of the body now and then",
            _slowly(body, head + b"\r\n\r\n"),
            1,
        ),
        ("g5-some-100", "a 100 each tenth of the limit", _some(continues, 5, 0.04), 1),
        ("g5-some-103", "a 103 each tenth of the limit", _some(hints, 5, 0.04), 1),
        (
            "g7-body-never-ends",
            "a chunk of blanks now and then",
            _endless_chunks,
            1,
        ),
        ("g8-half-head-silence", "half a head, then nothing", _stops(reply()[:30]), 1),
        ("g8-half-body-silence", "half a body, then nothing", _stops(reply()[:-9]), 1),
    ):
        settings = soon()
        yield FaultCase(
            id=name,
            does=does,
            play=served(script),
            posts=posts,
            settings=settings,
            **LATE,
        )
    for name, does, script in (
        ("g5-endless-100", "a 100 now and then", _endless(continues, 0.02)),
        ("g5-endless-103", "a 103 now and then", _endless(hints, 0.02)),
        ("g6-flood-of-100", "100s without end", _endless(continues * 50, 0)),
        ("g6-flood-of-103", "103s without end", _endless(hints * 50, 0)),
    ):
        yield unreadable(name, does, script, "too_many_interim_answers")
    yield FaultCase(
        id="g2-sock-read",
        does="says nothing, and the longest silence is limited",
        play=served(_silent),
        settings=soon(1.5, sock_read=SHORT / 2),
        **LATE,
    )


async def _endless_chunks(line: HostileConnection) -> None:
    await line.read_request()
    line.send(reply(b"", "Transfer-Encoding: chunked", length=None))
    while True:
        line.send(b"1\r\n \r\n")
        await line.drain()
        await asyncio.sleep(SETTLE)


def _stops(data: bytes) -> Script:
    async def script(line: HostileConnection) -> None:
        await line.read_request()
        line.send(data)
        await line.stall()

    return script


CASES = (*ends(), *cut_short(), *slow())
