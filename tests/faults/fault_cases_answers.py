"""Faults of a server that answers wrongly: rows f and h of the table."""

import gzip
from collections.abc import Iterator

from fault_scene import (
    GOOD,
    UNKNOWN,
    FaultCase,
    Scene,
    accepted,
    answered,
    reply,
    served,
    unreadable,
)
from helpers import CALL_ID, Script

from digitro_async import (
    AuthenticationError,
    CallResult,
    ChannelNotFoundError,
    Outcome,
    PermissionDeniedError,
    RefusedError,
    RejectedError,
    ServerFaultError,
    ThrottledError,
    UnexpectedRedirectError,
    UnreadableAnswerError,
)
from digitro_async.testing import HostileConnection

KEY = CALL_ID.encode()
CHUNK = b"x" * 65_536


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
        ("f1-nul-in-header", f"{ok}X: a\0b\r\n\r\n".encode()),
        ("f1-header-without-colon", f"{ok}no colon here\r\n\r\n".encode()),
        ("f14-two-lengths", reply(GOOD, "Content-Length: 3")),
        ("f14-negative-length", reply(GOOD, "Content-Length: -3", length=None)),
        ("f14-length-and-chunked", reply(GOOD, "Transfer-Encoding: chunked")),
        ("f16-http2-preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    ):
        yield unreadable(name, name[3:], answered(data), "malformed_answer")
    yield unreadable(
        "f1-tls-alert",
        "a TLS alert: the port speaks TLS",
        answered(b"\x15\x03\x01\x00\x02\x02\x16"),
        "tls_expected",
    )
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
        ("f2-empty", b"", json, "empty_answer"),
        ("f2-nan", b'{"%b": "x", "a": NaN}' % KEY, json, "not_json"),
        ("f2-trailing", GOOD + b"}", json, "not_json"),
        ("f3-html", html, "Content-Type: text/html", "html_answer"),
        ("f5-deep-small", deep[:60_000], json, "deep_answer"),
        ("f5-deep-huge", deep, json, "oversized_answer"),
        (
            "f6-huge-integer",
            b'{"%b": %b}' % (KEY, b"1" * 10_000),
            json,
            "not_json",
        ),
        ("f7-gzip-bomb", bomb, "Content-Encoding: gzip", "oversized_answer"),
        ("f8-says-gzip", b"not gzip", "Content-Encoding: gzip", "not_json"),
        ("f9-bad-utf8", b'{"%b": "\xff\xfe"}' % KEY, json, "not_json"),
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


def odd_answers() -> Iterator[FaultCase]:
    """Row f: answers that are huge, or in an odd charset, or with an odd status."""
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
    for name, body in (
        ("f2-byte-order-mark", b"\xef\xbb\xbf" + GOOD),
        ("f9-utf16", GOOD.decode().encode("utf-16")),
        ("f9-latin-1", GOOD[:-1] + ', "M": "liga\xe7\xe3o"}'.encode("latin-1")),
        ("f19-trailing-nul", GOOD + b"\0"),
        ("f19-gzip", gzip.compress(GOOD)),
    ):
        yield accepted(name, f"200, {name[3:]}", answered(reply(body)))
    for number in ("999", "600", "099"):
        yield unreadable(
            f"f15-status-{number}",
            f"answers {number}",
            answered(reply(status=f"{number} Odd")),
            "undocumented_status",
        )


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
    *wrong_heads(),
    *wrong_bodies(),
    *odd_answers(),
    *interim(),
    *redirects(),
    *statuses(),
)
