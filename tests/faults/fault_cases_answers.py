"""Faults of a server that takes the connection: rows b to h of the table of faults."""

import asyncio
import gzip
from collections.abc import Iterator
from typing import Any

from fault_scene import (
    GOOD,
    SETTLE,
    SHORT,
    FaultCase,
    Scene,
    answered,
    reply,
    served,
    soon,
)

from digitro_async import (
    AnswerTimeoutError,
    AuthenticationError,
    CallResult,
    ChannelNotFoundError,
    ConnectionLostError,
    Outcome,
    PermissionDeniedError,
    RefusedError,
    RejectedError,
    ServerFaultError,
    ThrottledError,
    UnexpectedRedirectError,
    UnreadableAnswerError,
)
from digitro_async.protocol._names import CALL_ID
from digitro_async.testing import HostileConnection
from digitro_async.testing.hostile._hostile_pabx import Script

UNKNOWN = Outcome.UNKNOWN
LOST: dict[str, Any] = {
    "outcome": UNKNOWN,
    "error": ConnectionLostError,
    "reason": "connection_lost",
}
LATE: dict[str, Any] = {
    "outcome": UNKNOWN,
    "error": AnswerTimeoutError,
    "reason": "timeout",
}
KEY = CALL_ID.encode()
CHUNK = b"x" * 65_536


def unreadable(name: str, does: str, script: Script, reason: str) -> FaultCase:
    """Return a case of an answer that can't be read."""
    return FaultCase(
        id=name,
        does=does,
        play=served(script),
        outcome=UNKNOWN,
        error=UnreadableAnswerError,
        reason=reason,
    )


def accepted(name: str, does: str, script: Script, *, posts: int = 1) -> FaultCase:
    """Return a case of an odd server whose answer holds all the same."""
    return FaultCase(
        id=name, does=does, play=served(script), outcome=Outcome.ACCEPTED, posts=posts
    )


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


async def _endless_headers(line: HostileConnection) -> None:
    await line.read_request()
    line.send(b"HTTP/1.1 200 OK\r\n")
    for number in range(100_000):
        line.send(b"X-%d: 1\r\n" % number)
        if number % 500 == 0:
            await line.drain()
    line.send(b"\r\n")


async def _huge_header(line: HostileConnection) -> None:
    await line.read_request()
    line.send(b"HTTP/1.1 200 OK\r\nX: ")
    for _ in range(16):
        line.send(CHUNK)
        await line.drain()
    line.send(b"\r\n\r\n")


def _endless_body(head: bytes) -> Script:
    async def script(line: HostileConnection) -> None:
        await line.read_request()
        line.send(head)
        for _ in range(1024):
            line.send(CHUNK)
            await line.drain()

    return script


def wrong_heads() -> Iterator[FaultCase]:
    """Row f: heads that are no HTTP."""
    ok = "HTTP/1.1 200 OK\r\n"
    for name, data in (
        ("f1-garbage", b"220 this is no HTTP server\r\n\r\n"),
        ("f1-binary", bytes(range(256)) * 4),
        ("f1-no-version", b"200 OK\r\n\r\n"),
        ("f1-status-no-number", b"HTTP/1.1 OK 200\r\n\r\n"),
        ("f1-status-four-digits", b"HTTP/1.1 2000 OK\r\n\r\n"),
        ("f1-tls-alert", b"\x15\x03\x01\x00\x02\x02\x16"),
        ("f1-nul-in-header", f"{ok}X: a\0b\r\n\r\n".encode()),
        ("f1-header-without-colon", f"{ok}no colon here\r\n\r\n".encode()),
        ("f14-two-lengths", reply(GOOD, "Content-Length: 3")),
        ("f14-negative-length", reply(GOOD, "Content-Length: -3", length=None)),
        ("f14-length-and-chunked", reply(GOOD, "Transfer-Encoding: chunked")),
        ("f16-http2-preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    ):
        yield unreadable(name, name[3:], answered(data), "malformed_answer")
    yield unreadable(
        "f12-huge-header", "a header of 1 MiB", _huge_header, "malformed_answer"
    )
    yield unreadable(
        "f13-endless-headers", "100,000 headers", _endless_headers, "malformed_answer"
    )
    yield unreadable(
        "f17-bad-chunk-size",
        "200, a chunk whose size is no number",
        answered(reply(b"zz\r\nx\r\n", "Transfer-Encoding: chunked", length=None)),
        "malformed_answer",
    )


def wrong_bodies() -> Iterator[FaultCase]:
    """Row f: 200s whose body breaks the contract."""
    html = b"<!DOCTYPE html><html><title>Sign in</title></html>"
    json = "Content-Type: application/json"
    bomb = gzip.compress(GOOD + b" " * 20_000_000)
    deep = b'{"%b": %b%b}' % (KEY, b"[" * 200_000, b"]" * 200_000)
    for name, body, header, reason in (
        ("f2-not-json", b"\x01{]", json, "not_json"),
        ("f2-empty", b"", json, "not_json"),
        ("f2-nan", b'{"%b": "x", "a": NaN}' % KEY, json, "not_json"),
        ("f2-trailing", GOOD + b"}", json, "not_json"),
        ("f2-byte-order-mark", b"\xef\xbb\xbf" + GOOD, json, "not_json"),
        ("f3-html", html, "Content-Type: text/html", "not_json"),
        ("f5-deep-small", deep[:60_000], json, "deep_answer"),
        ("f5-deep-huge", deep, json, "oversized_answer"),
        (
            "f6-huge-integer",
            b'{"%b": %b}' % (KEY, b"1" * 10_000),
            json,
            "not_json",
        ),
        ("f7-gzip-bomb", bomb, "Content-Encoding: gzip", "not_json"),
        ("f8-says-gzip", b"not gzip", "Content-Encoding: gzip", "not_json"),
        ("f9-bad-utf8", b'{"%b": "\xff\xfe"}' % KEY, json, "not_json"),
        ("f9-utf16", GOOD.decode().encode("utf-16"), json, "not_json"),
        ("f18-list", b"[" + GOOD + b"]", json, "not_an_object"),
        ("f18-text", b'"accepted"', json, "not_an_object"),
        ("f18-null", b"null", json, "not_an_object"),
        ("f18-no-call-id", b"{}", json, "no_call_id"),
        ("f18-null-call-id", b'{"%b": null}' % KEY, json, "no_call_id"),
        ("f18-number-call-id", b'{"%b": 7}' % KEY, json, "no_call_id"),
        ("f18-empty-call-id", b'{"%b": ""}' % KEY, json, "no_call_id"),
        ("f18-blank-call-id", b'{"%b": " "}' % KEY, json, "no_call_id"),
        ("f18-two-call-ids", b'{"%b":"a","%b":"b"}' % (KEY, KEY), json, "repeated_key"),
    ):
        yield unreadable(name, f"200, {name}", answered(reply(body, header)), reason)
    huge = reply(b"", length=64 * 1024 * 1024)
    yield unreadable(
        "f4-huge-length", "200, 64 MiB", _endless_body(huge), "oversized_answer"
    )
    yield unreadable(
        "f4-huge-no-length",
        "200 without a length, 64 MiB",
        _endless_body(reply(b"", length=None)),
        "oversized_answer",
    )
    yield accepted(
        "f10-unknown-charset",
        "200 in a charset that does not exist",
        answered(reply(GOOD, "Content-Type: application/json; charset=klingon")),
    )
    yield accepted(
        "f11-unicode-escape",
        "200 in a charset that would be decoded by code",
        answered(reply(GOOD, "Content-Type: application/json; charset=unicode_escape")),
    )
    for number in ("999", "600", "099"):
        yield unreadable(
            f"f15-status-{number}",
            f"answers {number}",
            answered(reply(status=f"{number} Odd")),
            "undocumented_status",
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
        ("g5-some-100", "a 100 each tenth of the limit", _endless(continues, 0.04), 1),
        ("g5-some-103", "a 103 each tenth of the limit", _endless(hints, 0.04), 1),
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


def interim() -> Iterator[FaultCase]:
    """Row h: interim answers."""
    for number in (100, 102, 103, 104, 199):
        stray = f"HTTP/1.1 {number} Interim\r\n\r\n".encode()
        yield accepted(
            f"h1-stray-{number}", f"{number}, then 200", answered(stray + reply())
        )
    yield accepted(
        "h2-many-stray",
        "100, 103 and 102 in pieces, then 200",
        answered(
            *(b"HTTP/1.1 %d Interim\r\n\r\n" % one for one in (100, 103, 102)), reply()
        ),
    )
    switch = (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"
    )
    yield unreadable(
        "h3-switches-protocols", "101", answered(switch), "undocumented_status"
    )

    async def wait_for_expect(line: HostileConnection) -> None:
        head = await line.read_head()
        if b"expect" in head.lower():
            await line.stall()
        line.send(reply())
        await line.wait_for_end()

    # The request leaves in one piece and never waits for a 100: see h5 as well.
    yield accepted(
        "h4-never-continues", "sends no 100 to an Expect", wait_for_expect, posts=1
    )
    yield FaultCase(
        id="h5-expectation-failed",
        does="417",
        play=served(answered(reply(status="417 Expectation Failed"))),
        outcome=Outcome.REFUSED,
        error=RefusedError,
        reason="status_417",
    )


def _redirected(status: int, where: str) -> FaultCase:
    async def one_call(scene: Scene) -> CallResult:
        other = await scene.elsewhere()
        targets = {
            "another-host": f"Location: {other.base_url}/elsewhere",
            "own-path": "Location: /elsewhere",
            "no-location": "X-Location: none",
            "no-url": "Location: http://[::1:/\x7f",
        }
        script = answered(reply(b"", targets[where], status=f"{status} Redirect"))
        return await scene.judge(await scene.client(await scene.serve(script)))

    return FaultCase(
        id=f"h6-redirect-{status}-{where}",
        does=f"{status} to {where}",
        play=one_call,
        outcome=UNKNOWN,
        error=UnexpectedRedirectError,
        reason="redirect",
    )


def redirects() -> Iterator[FaultCase]:
    """Rows h6 and h7: redirects, of which none is followed."""
    for status in (301, 302, 303, 307, 308):
        yield _redirected(status, "another-host")
    for status in (300, 304, 305, 306):
        yield _redirected(status, "another-host")
    for where in ("own-path", "no-location", "no-url"):
        yield _redirected(307, where)


def _status(
    status: int, outcome: Outcome, error: type[Exception], reason: str, *headers: str
) -> FaultCase:
    return FaultCase(
        id=f"h-status-{status}" + "".join(f"-{one.split()[-1]}" for one in headers),
        does=f"answers {status} {' '.join(headers)}".strip(),
        play=served(answered(reply(GOOD, *headers, status=f"{status} Any"))),
        outcome=outcome,
        error=error,
        reason=reason,
    )


async def _answers_the_head(line: HostileConnection) -> None:
    await line.read_head()
    line.send(reply(b"{}", status="413 Content Too Large"))
    await line.ended.wait()


def statuses() -> Iterator[FaultCase]:
    """Rows h8 to h12: every status with a body that would be fine in a 200."""
    rejected, refused, throttled = Outcome.REJECTED, Outcome.REFUSED, ThrottledError
    for status in (400, 402, 409, 410, 413, 414, 422, 451):
        yield _status(status, rejected, RejectedError, f"status_{status}")
    yield _status(401, refused, AuthenticationError, "status_401")
    yield _status(403, refused, PermissionDeniedError, "status_403")
    yield _status(404, refused, ChannelNotFoundError, "status_404")
    for status in (405, 406, 407, 411, 415, 421, 426, 431):
        yield _status(status, refused, RefusedError, f"status_{status}")
    for status in (425, 429):
        yield _status(status, refused, throttled, "throttled")
    for after in ("7", "-1", "nan", "1e9", "9" * 400, "Never", "GMT"):
        yield _status(429, refused, throttled, "throttled", f"Retry-After: {after}")
    for status in (500, 501, 502, 503, 504, 505, 507, 511, 599):
        yield _status(status, UNKNOWN, ServerFaultError, "server_fault")
    for status in (201, 202, 203, 206, 207, 226):
        yield _status(status, UNKNOWN, UnreadableAnswerError, "undocumented_success")
    for status in (204, 205):
        yield unreadable(
            f"h-status-{status}",
            f"answers {status}",
            answered(reply(b"", status=f"{status} Any")),
            "undocumented_success",
        )
    for status in (408, 418, 420, 423, 424, 428, 444, 499):
        yield _status(status, UNKNOWN, UnreadableAnswerError, "undocumented_status")
    yield FaultCase(
        id="h11-413-to-the-head",
        does="413 after the head, body unread",
        play=served(_answers_the_head),
        outcome=rejected,
        error=RejectedError,
        reason="status_413",
        posts=0,
    )


CASES = (
    *ends(),
    *cut_short(),
    *wrong_heads(),
    *wrong_bodies(),
    *slow(),
    *interim(),
    *redirects(),
    *statuses(),
)
