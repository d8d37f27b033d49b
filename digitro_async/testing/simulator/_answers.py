"""The bytes of the simulator's true answers and refusals, and its call ids."""

import http
import json
import time

from digitro_async.protocol._names import CALL_ID, DOCUMENTED_ACCEPTANCE

__all__ = ["CallIDs", "acceptance", "answer", "refusal", "stray_call_id"]

_PHRASES = {status.value: status.phrase for status in http.HTTPStatus}
_NO_BODY = {204, 304}
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
    """Return a whole HTTP answer.

    Args:
        status: HTTP status.
        body: Body; left out where the status allows none.
        headers: Further headers, each with its line end.
        content_type: Content type.
        close: Whether the answer says that the connection ends with it.
    """
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


def acceptance(
    call_id: str, *, close: bool = False, body: bytes | None = None
) -> bytes:
    """Return the documented 200.

    Args:
        call_id: The call id in it.
        close: Whether the answer says that the connection ends with it.
        body: The body, where the command is no call: there is no call id in it then.
    """
    if body is None:
        body = f'{{"{CALL_ID}": "{call_id}"}}'.encode()
    return answer(200, body, close=close)


def refusal(
    status: int, problem: str, *, headers: str = "", close: bool = False
) -> bytes:
    """Return a refusal; its body is a guess, the vendor shows none."""
    body = json.dumps({"error": problem}).encode()
    return answer(status, body, headers=headers, close=close)


def stray_call_id(call_id: str) -> str:
    """Return a call id that belongs to no call, made of the call id of a call."""
    day, clock, _, last = call_id.split(" ")
    return f"{day} {clock} {_NO_BLOCK} {last}"


class CallIDs:
    """Makes call ids in the shape of the documented one, never the same twice.

    That the first part is the day and the second the time of day is a guess, and the
    last two parts, a plain count here, have an unknown meaning at the vendor's.

    Attributes:
        last: The call id that was made last; the documented one before that.
    """

    def __init__(self) -> None:
        self.last = DOCUMENTED_ACCEPTANCE[CALL_ID]
        self._count = 0
        self._second = 0
        self._clock = ""

    def make(self) -> str:
        """Return the next call id."""
        now = int(time.time())
        if now != self._second:
            self._second = now
            self._clock = time.strftime("%d/%m/%y %H:%M:%S", time.localtime(now))
        block, rest = divmod(self._count, _PER_BLOCK)
        self._count += 1
        block = (0x010A + block) & 0xFFFF
        self.last = f"{self._clock} {block:04X} {rest // 100:04d}/{rest % 100:02d}"
        return self.last
