"""A server that reads requests by the letter of RFC 9112 and forgives nothing."""

import json
import re
from typing import Any

import attrs
from helpers import Line

__all__ = ["BadRequestError", "Received", "StrictServer", "read_request"]

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_LINE = re.compile(r"(POST) (/[!-~]*) (HTTP/1\.1)")
_ONCE = {"host", "content-length", "content-type", "x-api-key"}
_KNOWN = {*_ONCE, "accept", "accept-encoding", "user-agent"}


class BadRequestError(Exception):
    """Something no strict server takes."""


@attrs.frozen
class Received:
    """One request.

    Attributes:
        path: The target, as it was written.
        host: The Host header.
        key: The api key.
        pairs: Names and values of the body's object, in order.
    """

    path: str
    host: str
    key: str
    pairs: list[tuple[str, str | None]]


def read_request(head: bytes, body: bytes) -> Received:
    """Return what a request says.

    Args:
        head: What stands before the blank line.
        body: All that came after it.

    Raises:
        BadRequestError: If anything is not as a strict server wants it.
    """
    first, *lines = head.decode("ascii", "surrogateescape").split("\r\n")
    asked = _LINE.fullmatch(first)
    if asked is None:
        raise BadRequestError(f"first line {first!r}")
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        value = value.strip(" \t")
        name = name.lower()
        if not colon or not _TOKEN.fullmatch(name) or name not in _KNOWN:
            raise BadRequestError(f"header {line!r}")
        if not all(" " <= char <= "~" for char in value) or name in headers:
            raise BadRequestError(f"header {line!r}")
        headers[name] = value
    if not headers.keys() >= _ONCE:
        raise BadRequestError(f"headers {sorted(headers)}")
    if headers["content-type"] != "application/json":
        raise BadRequestError("content type")
    if headers["content-length"] != str(len(body)):
        raise BadRequestError("lengths differ")
    return Received(asked[2], headers["host"], headers["x-api-key"], _read_pairs(body))


def _read_pairs(body: bytes) -> list[tuple[str, str | None]]:
    try:
        pairs: Any = json.loads(body.decode("utf-8"), object_pairs_hook=list)
    except ValueError:
        raise BadRequestError("body") from None
    names = [name for name, _ in pairs]
    if len(names) != len(set(names)) or not body.startswith(b"{"):
        raise BadRequestError("body's names")
    if not all(value is None or type(value) is str for _, value in pairs):
        raise BadRequestError("body's values")
    return [(name, value) for name, value in pairs]


class StrictServer:
    """Answers every request with its number, and remembers what it said.

    Attributes:
        received: The requests, in order.
        bad: What was wrong with those that are not among them.
    """

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.bad: list[str] = []

    async def __call__(self, line: Line) -> None:
        """Serve one connection."""
        try:
            while await self._serve(line):
                pass
        except BadRequestError as error:
            self.bad.append(repr(error))

    async def _serve(self, line: Line) -> bool:
        request = await line.read_request()  # empty where it ends before
        if not request:
            return False
        head, _, body = request.partition(b"\r\n\r\n")
        self.received.append(read_request(head, body))
        answer = b'{"ID_CHAMADA": "number %d"}' % len(self.received)
        line.send(
            b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(answer) + answer
        )
        return True
