"""Reads physical lines with their numbers, and keeps a bounded piece in memory."""

import io
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Self

__all__ = ["MAX_LINE", "Line", "Lines"]

MAX_LINE = 65_536
"""Longest line, in characters without its end."""

Line = tuple[int, str | None]
"""Number from 1 and text with its end as written; None in place of one too long. Empty
text, without an end, tells that one too long goes on: it may be gigabytes."""

_PIECES = 64
"""Pieces of a line too long that are skipped at once: some 4 million characters."""

_AT_ONCE = MAX_LINE + 2  # a line of the greatest length with both its end characters


class Lines(Iterator[Line]):
    r"""The lines of a text stream opened with ``newline=""``.

    A line ends with ``\n``, ``\r\n`` or ``\r``. Lines can be put back.

    Args:
        stream: The text of the file.
    """

    def __init__(self, stream: io.TextIOBase) -> None:
        self._readline = stream.readline
        self._returned: deque[Line] = deque()
        self._held = ""
        self._number = 0
        self._overlong = ""

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Line:
        if self._returned:
            return self._returned.popleft()
        if self._overlong:
            return self._skip()
        text, self._held = self._held or self._readline(_AT_ONCE), ""
        if not text:
            raise StopIteration
        self._number += 1
        if len(text) > MAX_LINE and len(text.rstrip("\r\n")) > MAX_LINE:
            self._overlong = text
            return self._skip()
        return self._number, text

    def put_back(self, lines: Iterable[Line]) -> None:
        """Let these lines, in this order, come again before any other."""
        self._returned.extendleft(reversed(list(lines)))

    def _skip(self) -> Line:
        text, pieces = self._overlong, 0
        while text and text[-1] not in "\r\n":
            if pieces == _PIECES:
                self._overlong = text
                return self._number, ""
            text, pieces = self._readline(_AT_ONCE), pieces + 1
        self._overlong = ""
        if len(text) == _AT_ONCE and text[-1] == "\r":
            # The limit may have cut between \r and \n, which end one line together.
            following = self._readline(_AT_ONCE)
            self._held = "" if following == "\n" else following
        return self._number, None
