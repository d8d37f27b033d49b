"""Reads answers of the documented shape: one whole answer with a length, in one piece.

Nearly every answer is one. All others are read by aiohttp's parser. What is read here
is a strict part of what that parser takes, and means the same to both: a test compares
them.
"""

import re
from typing import Any, Final

import attrs

__all__ = ["END_OF_HEAD", "HeadCache", "PlainHead", "read_plain_head"]

END_OF_HEAD: Final = b"\r\n\r\n"
"""The end of the last line of a head, and its empty line."""

_MOST_BYTES: Final = 2048
"""Most bytes of a head that is read here."""

MOST_HEADS: Final = 32
"""Most heads that are kept; they differ in date and length."""

_HEAD: Final = re.compile(
    rb"HTTP/1\.1 ([2-5][0-9]{2})(?: [\t -~\x80-\xff]*)?\r\n"
    rb"((?:[-!#$%&'*+.^_`|~0-9A-Za-z]+:[\t -~\x80-\xff]*\r\n){1,64})\r\n"
)
_LENGTH: Final = re.compile(rb"[0-9]{1,7}")
_KEEPS: Final = {b"keep-alive": True, b"close": False}
_OTHERS: Final = frozenset({b"transfer-encoding", b"upgrade", b"trailer"})
_WITHOUT_BODY: Final = frozenset({204, 304})
_OK: Final = 200


@attrs.frozen
class PlainHead:
    """The head of an answer, read.

    Attributes:
        status: HTTP status.
        size: Bytes of the whole answer, this head included.
        keeps_alive: Whether the connection stays open.
        retry_after: The Retry-After header, None where there is none.
    """

    status: int
    size: int
    keeps_alive: bool
    retry_after: str | None = attrs.field(default=None, repr=False)


class HeadCache(dict[int, PlainHead]):
    """Keeps what was read of the last heads: nearly every answer has one of them.

    The key is the hash of a head without its empty line. The head itself may repeat
    what is private, and is not kept.
    """

    # A server's heads differ in date and length alone, so within a second most are the
    # same bytes. To find them here takes a tenth of the time of reading them.

    def read(self, head: bytes) -> PlainHead | None:
        """Return a head, read; None where it is not of the documented shape."""
        found = read_plain_head(head)
        if found is not None and found.status == _OK and found.retry_after is None:
            if len(self) >= MOST_HEADS:
                self.clear()
            self[hash(head.removesuffix(END_OF_HEAD))] = found
        return found


def read_plain_head(head: bytes) -> PlainHead | None:
    """Return a head, up to its empty line; None where it is not of that shape."""
    match = _HEAD.fullmatch(head) if len(head) <= _MOST_BYTES else None
    if match is None:
        return None
    fields: dict[bytes, bytes] = {}
    for line in match[2].split(b"\r\n")[:-1]:
        name, _, value = line.partition(b":")
        name = name.lower()
        if name in fields or name in _OTHERS:
            return None
        fields[name] = value.strip(b" \t")
    status, length = int(match[1]), fields.get(b"content-length", b"")
    keeps_alive = _KEEPS.get(fields.get(b"connection", b"keep-alive").lower())
    if status in _WITHOUT_BODY or keeps_alive is None or not _LENGTH.fullmatch(length):
        return None
    asked: Any = fields.get(b"retry-after")
    if asked is not None:
        asked = asked.decode("utf-8", "surrogateescape")
    return PlainHead(status, len(head) + int(length), keeps_alive, asked)
