"""Physical lines with their numbers, never more of them in memory than allowed."""

import io
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Self

__all__ = ["MAX_LINE", "Line", "Lines"]

MAX_LINE = 65_536
"""Longest line, in characters without its end."""

Line = tuple[int, str | None]
"""Number from 1 and text with its end as written; None in place of one too long."""

_AT_ONCE = MAX_LINE + 2  # a line of the greatest length with both its end characters


class Lines(Iterator[Line]):
    r"""The lines of a text stream opened with ``newline=""``.

    A line ends with ``\n``, ``\r\n`` or ``\r``. Lines can be put back.

    Args:
        stream: Where they come from.
    """

    def __init__(self, stream: io.TextIOBase) -> None:
        self._readline = stream.readline
        self._returned: deque[Line] = deque()
        self._held = ""
        self._number = 0

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Line:
        if self._returned:
            return self._returned.popleft()
        text, self._held = self._held or self._readline(_AT_ONCE), ""
        if not text:
            raise StopIteration
        self._number += 1
        if len(text) > MAX_LINE and len(text.rstrip("\r\n")) > MAX_LINE:
            self._skip_rest_of(text)
            return self._number, None
        return self._number, text

    def put_back(self, lines: Iterable[Line]) -> None:
        """Let these lines, in this order, come again before any other."""
        self._returned.extendleft(reversed(list(lines)))

    def _skip_rest_of(self, text: str) -> None:
        while text and text[-1] not in "\r\n":
            text = self._readline(_AT_ONCE)
        if len(text) == _AT_ONCE and text[-1] == "\r":
            # The limit may have cut between \r and \n, which end one line together.
            following = self._readline(_AT_ONCE)
            self._held = "" if following == "\n" else following
