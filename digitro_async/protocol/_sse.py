"""Parses server-sent events, whatever pieces their bytes come in.

It follows the event stream format of the HTML standard (section 9.2.6), and departs
from that in two ways, because nobody knows what a PABX sends: an event that has a name
and no data is handed on, and so is a comment, as an event of nothing: it shows that the
channel is alive.
"""

from typing import Final

import attrs

__all__ = ["EventParser", "RawEvent"]

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_LONGEST_NUMBER: Final = 18


# Not frozen: one is made for every event, and freezing triples the time for that.
@attrs.define
class RawEvent:
    """One event as it came: PERSONAL DATA ARE OPEN.

    Attributes:
        name: The text after ``event:``, None without one.
        data: The texts after ``data:``, joined by line breaks.
        is_too_large: Whether it was larger than allowed; then nothing of it is here.
    """

    name: str | None = None
    data: str = attrs.field(default="", repr=False)
    is_too_large: bool = False


class EventParser:
    """Turns pieces of a stream into events. It keeps at most one event's bytes.

    Args:
        max_bytes: Most bytes of the lines of one event. Of a larger one nothing is
            kept, and an event that ``is_too_large`` stands in its place.

    Attributes:
        last_id: The id that the last event with an ``id:`` gave, empty without one.
        retry: Milliseconds after which the server wants to be asked again, None where
            it did not say.
    """

    __slots__ = (
        "_after_return",
        "_at_start",
        "_data",
        "_dropped",
        "_id",
        "_is_begun",
        "_is_too_large",
        "_max_bytes",
        "_name",
        "_rest",
        "_size",
        "last_id",
        "retry",
    )

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._rest = bytearray()  # a line that has not ended
        self._dropped = b""  # what stands for one whose bytes are not needed
        self._at_start = True
        self._after_return = False
        self.last_id: str = ""
        self.retry: int | None = None
        self._begin()

    def _begin(self) -> None:
        self._name: bytes | None = None
        self._data: list[bytes] = []
        self._id: bytes | None = None
        self._size = 0
        self._is_begun = self._is_too_large = False

    def feed(self, piece: bytes) -> list[RawEvent]:
        """Return the events that end with this piece of the stream.

        Args:
            piece: The bytes that came next.
        """
        if self._at_start:
            piece = self._without_mark(piece)
        if self._after_return and piece:
            self._after_return = False
            if piece[:1] == b"\n":  # the other half of a line break
                piece = piece[1:]
        end = max(piece.rfind(b"\n"), piece.rfind(b"\r")) + 1
        if not end:
            self._keep(piece)
            return []
        self._after_return = piece.endswith(b"\r")
        lines = piece[:end].splitlines()
        if self._dropped:
            lines[0], self._dropped = self._dropped, b""
        elif self._rest:
            self._rest += lines[0]
            lines[0] = bytes(self._rest)
            self._rest.clear()
        events = self._take(lines)
        if end < len(piece):
            self._keep(piece[end:])
        return events

    def _without_mark(self, piece: bytes) -> bytes:
        """Return the start of the stream without a byte order mark."""
        start = bytes(self._rest) + piece
        self._rest.clear()
        if len(start) < len(_BYTE_ORDER_MARK) and _BYTE_ORDER_MARK.startswith(start):
            self._rest += start
            return b""
        self._at_start = False
        return start.removeprefix(_BYTE_ORDER_MARK)

    def _keep(self, piece: bytes) -> None:
        """Keep the beginning of a line, unless it is not needed."""
        if self._dropped or not piece:
            return
        rest = self._rest
        rest += piece
        if rest[:1] == b":":
            self._dropped = b":"
        elif self._size + len(rest) > self._max_bytes:
            self._is_too_large = True
        if self._is_too_large and not self._dropped:
            self._dropped = b"-"
        if self._dropped:
            rest.clear()

    def _take(self, lines: list[bytes]) -> list[RawEvent]:
        """Return the events that these whole lines end."""
        events: list[RawEvent] = []
        for line in lines:
            if not line:
                self._end_event(events)
                continue
            if line[:1] == b":":
                events.append(RawEvent())
                continue
            self._size += len(line)
            if self._size > self._max_bytes:
                self._is_too_large = True
            if self._is_too_large:
                self._data.clear()
                continue
            self._take_field(line)
        return events

    def _take_field(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        if value[:1] == b" ":
            value = value[1:]
        if name == b"data":
            self._data.append(value)
            self._is_begun = True
        elif name == b"event":
            self._name = value
            self._is_begun = True
        elif name == b"id":
            if b"\0" not in value:
                self._id = value
        elif name == b"retry" and value.isdigit() and len(value) < _LONGEST_NUMBER:
            self.retry = int(value)

    def _end_event(self, events: list[RawEvent]) -> None:
        if self._is_too_large:
            events.append(RawEvent(is_too_large=True))
        else:
            if self._id is not None:
                self.last_id = self._id.decode(errors="replace")
            if self._is_begun:
                name, data = self._name, self._data
                events.append(
                    RawEvent(
                        name.decode(errors="replace") if name else None,
                        (data[0] if len(data) == 1 else b"\n".join(data)).decode(
                            errors="replace"
                        ),
                    )
                )
        self._begin()
