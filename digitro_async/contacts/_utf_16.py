"""Reads UTF-16 as UTF-8, so that its lines are read like those of every other file."""

import codecs
import io
from typing import BinaryIO

__all__ = ["UTF16Stream"]

_PIECE = 1 << 16


class UTF16Stream(io.RawIOBase):
    """A file in UTF-16, as bytes in UTF-8.

    What is no text there is none here either: half a pair of surrogates becomes bytes
    that no UTF-8 has, and so does a last byte without its other half.

    Args:
        stream: The file, at its start. It is closed with this one.
        codec: ``utf-16``, which has a byte order mark, ``utf-16-le`` or ``utf-16-be``.
    """

    def __init__(self, stream: BinaryIO, codec: str) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder(codec)("surrogatepass")
        self._left = b""

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Read bytes in UTF-8; 0 at the end of the file."""
        while not self._left:
            piece = self._stream.read(_PIECE)
            if not piece:
                half = self._decoder.getstate()[0]
                self._decoder.reset()
                self._left = b"\xff" * ((len(half) + 1) // 2)
                break
            text = self._decoder.decode(piece)
            self._left = text.encode("utf-8", "surrogatepass")
        size = min(len(buffer), len(self._left))
        buffer[:size] = self._left[:size]
        self._left = self._left[size:]
        return size

    def close(self) -> None:
        """Close the file too."""
        if not self.closed:
            self._stream.close()
        super().close()
