"""PURE: the bytes the simulator answers with, true and false ones."""

import http
import json
import time

from digitro_async.protocol._names import CALL_ID, DOCUMENTED_ACCEPTANCE
from digitro_async.testing.simulator._fault_kinds import FaultKind
from digitro_async.testing.simulator._faults import Fault

__all__ = [
    "CallIDs",
    "acceptance",
    "answer",
    "faulty",
    "half",
    "huge_head",
    "refusal",
    "stray",
]

_PHRASES = {status.value: status.phrase for status in http.HTTPStatus}
_NO_BODY = {204, 304}
_DEEP = 100_000
_HUGE = 64 * 1024 * 1024 + 1
_PER_BLOCK = 1_000_000
_NO_BLOCK = "FFFF"  # 60 thousand million calls are before it


def answer(
    status: int,
    body: bytes,
    *,
    headers: str = "",
    content_type: str = "application/json",
    close: bool = False,
) -> bytes:
    """Write a whole HTTP answer."""
    if close:
        headers += "Connection: close\r\n"
    if status in _NO_BODY:
        body = b""
    head = (
        f"HTTP/1.1 {status} {_PHRASES.get(status, 'Unknown')}\r\n"
        f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
        f"{headers}\r\n"
    )
    return head.encode("ascii") + body


def acceptance(call_id: str, *, close: bool = False) -> bytes:
    """Write the documented 200."""
    return answer(200, f'{{"{CALL_ID}": "{call_id}"}}'.encode(), close=close)


def refusal(
    status: int, problem: str, *, headers: str = "", close: bool = False
) -> bytes:
    """Write a refusal; its body is a guess, the vendor shows none."""
    body = json.dumps({"error": problem}).encode()
    return answer(status, body, headers=headers, close=close)


def half(call_id: str) -> bytes:
    """Write a 200 of which half the body is missing."""
    whole = acceptance(call_id)
    body = len(whole) - whole.index(b"\r\n\r\n") - 4
    return whole[: -(body // 2)]


def stray(call_id: str) -> bytes:
    """Write a 200 that belongs to no call, made of the call id of a call."""
    day, clock, _, last = call_id.split(" ")
    return acceptance(f"{day} {clock} {_NO_BLOCK} {last}")


def huge_head(fault: Fault) -> tuple[bytes, int]:
    """Write the head of a huge 200, and say how much body must follow."""
    size = fault.size or _HUGE
    empty = answer(200, b"")
    return empty.replace(b"Length: 0", b"Length: %d" % size), size


def faulty(fault: Fault, call_id: str, *, close: bool = False) -> bytes:
    """Write what a fault answers where that is one piece of bytes."""
    if fault.kind is FaultKind.REPEATED_CALL_ID:
        return acceptance(call_id, close=close)
    body = _BODIES.get(fault.kind)
    if body is not None:
        html = fault.kind is FaultKind.HTML_200
        kind = "text/html" if html else "application/json"
        return answer(200, body, content_type=kind, close=close)
    if fault.kind is FaultKind.DEEP_JSON:
        return answer(200, _deep(fault.size or _DEEP), close=close)
    return refusal(
        fault.answers or 500, "simulated", headers=_headers_of(fault), close=close
    )


def _headers_of(fault: Fault) -> str:
    location = fault.location
    if location is None and fault.kind is FaultKind.REDIRECT:
        location = "/elsewhere"
    headers = "" if location is None else f"Location: {location}\r\n"
    if fault.retry_after is not None:
        headers += f"Retry-After: {fault.retry_after}\r\n"
    return headers


def _deep(levels: int) -> bytes:
    return b'{"%s": %s%s}' % (CALL_ID.encode(), b"[" * levels, b"]" * levels)


_BODIES = {
    FaultKind.NULL_CALL_ID: f'{{"{CALL_ID}": null}}'.encode(),
    FaultKind.NUMERIC_CALL_ID: f'{{"{CALL_ID}": 80724104619}}'.encode(),
    FaultKind.EMPTY_CALL_ID: f'{{"{CALL_ID}": ""}}'.encode(),
    FaultKind.GARBAGE_200: b"\xff{]\x00",
    FaultKind.HTML_200: b"<!DOCTYPE html><html><title>Sign in</title></html>",
}


class CallIDs:
    """Makes call ids in the shape of the documented one, never the same twice.

    That the first part is the day and the second the time of day is a guess, and the
    last two parts, a plain count here, mean something unknown at the vendor's.
    """

    def __init__(self) -> None:
        self.last = DOCUMENTED_ACCEPTANCE[CALL_ID]
        self._count = 0
        self._second = 0
        self._clock = ""

    def make(self) -> str:
        """Return the next id."""
        now = int(time.time())
        if now != self._second:
            self._second = now
            self._clock = time.strftime("%d/%m/%y %H:%M:%S", time.localtime(now))
        block, rest = divmod(self._count, _PER_BLOCK)
        self._count += 1
        block = (0x010A + block) & 0xFFFF
        self.last = f"{self._clock} {block:04X} {rest // 100:04d}/{rest % 100:02d}"
        return self.last
