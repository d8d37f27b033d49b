"""Chooses the encoding that a contact file is read with.

A byte order mark says UTF-8; else a file that is UTF-8 from end to end is UTF-8;
else it is cp1252, which spreadsheets in Brazil write. Statistical guessers were
tried and take cp1252 for cp1250. The file is read twice for this, a piece at a time.
"""

import codecs
from typing import BinaryIO

from digitro_async.errors import ConfigurationError

__all__ = ["ENCODINGS", "choose_encoding"]

ENCODINGS = (
    "utf-8",
    "utf-8-sig",
    "cp1252",
    "iso8859-1",
    "iso8859-15",
    "ascii",
    "cp437",
    "cp850",
    "cp860",
    "mac-roman",
)
"""Values of ``encoding``: supersets of ASCII whose bad bytes stay countable."""

_PIECE = 1 << 18
_UTF_16_OR_32 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)


def choose_encoding(stream: BinaryIO, file: str, encoding: str | None) -> str:
    """Return the codec to read the stream with; the stream is at its start again.

    Args:
        stream: The file, at its start.
        file: Its name for errors.
        encoding: The name that the caller gives, or None to find out.

    Raises:
        ConfigurationError: If it is UTF-16 or UTF-32, if ``encoding`` is not one of
            ``ENCODINGS``, or if the byte order mark contradicts it.
    """
    named = None if encoding is None else _canonical(encoding)
    head = stream.read(4)
    stream.seek(0)
    if head.startswith(_UTF_16_OR_32):
        raise ConfigurationError(
            f"{file} is UTF-16 or UTF-32; save it as CSV UTF-8 and try again"
        )
    if head.startswith(codecs.BOM_UTF8):
        if named not in {None, "utf-8", "utf-8-sig"}:
            raise ConfigurationError(f"{file} is marked as UTF-8, not as {named}")
        return "utf-8-sig"
    return named or ("utf-8" if _is_utf8(stream) else "cp1252")


def _canonical(encoding: str) -> str:
    try:
        name = codecs.lookup(encoding).name
    except (LookupError, TypeError, ValueError):
        name = ""
    if name not in ENCODINGS:
        raise ConfigurationError(f"encoding must be one of {', '.join(ENCODINGS)}")
    return name


def _is_utf8(stream: BinaryIO) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        while piece := stream.read(_PIECE):
            decoder.decode(piece)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    finally:
        stream.seek(0)
    return True
