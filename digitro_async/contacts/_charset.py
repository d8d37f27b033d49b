"""Chooses the encoding that a contact file is read with.

A byte order mark says UTF-8 or UTF-16; else a file that is UTF-8 from end to end is
UTF-8, and so is one with a few wrong bytes: their rows are rejected, and no other row
is spoilt. Any other file is cp1252, which spreadsheets in Brazil write. Statistical
guessers were tried and take cp1252 for cp1250. The file is read twice for this, a piece
at a time.
"""

import codecs
import re
from typing import BinaryIO

import attrs

from digitro_async.errors import ConfigurationError

__all__ = ["ENCODINGS", "ChosenEncoding", "choose_encoding"]

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
    "utf-16",
    "utf-16-le",
    "utf-16-be",
)
"""Values of ``encoding``: those whose bad bytes stay countable."""

_PIECE = 1 << 18
_MARKS_16 = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_MARKS_32 = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)

_OTHER_FORMATS = (
    (re.compile(rb"\x1f\x8b"), "compressed (gzip)"),
    (re.compile(rb"%PDF"), "a PDF"),
    (
        re.compile(rb"\s*<(?:!doctype|\?xml|html|head|meta|table)\b", re.IGNORECASE),
        "HTML or XML",
    ),
    (re.compile(rb"\s*(?:\[\s*)?\{\s*\""), "JSON"),
)
"""How files begin that programs write in place of CSV, and what they are."""

_HEAD = 64
_WRONG_BYTES_BORNE = 10
"""Most wrong bytes for each whole character of a file that still is UTF-8.

In cp1252 a capital letter and a sign such as a quotation mark are by chance a
character of UTF-8; names and notes have far fewer of these than of other accents.
"""

_WRONG_BYTE = re.compile("[\udc80-\udcff]")
_TWICE_ENCODED = re.compile(
    rb"\xc3\x83(?:\xc2[\xa0-\xbf]|\xe2\x80|\xe2\x84|\xc5|\xc6|\xcb)"
)
"""The beginning of a small letter with an accent that was encoded as UTF-8 twice."""

# Where cp1252 is right, an accented letter between small letters is nearly always a
# small one. The code pages of MS-DOS and of Macs have their letters elsewhere.
_ODD_IN_CP1252 = re.compile(rb"[a-z][\x80-\x91\x93-\xdf](?=[a-z\x80-\xff])")
_RIGHT_IN_CP1252 = re.compile(rb"[a-z][\xe0-\xff]")


@attrs.frozen
class ChosenEncoding:
    """An encoding, and what speaks against it.

    Attributes:
        codec: The codec to read with.
        doubts: Texts for the operator, each with the way out.
    """

    codec: str
    doubts: tuple[str, ...] = ()


def choose_encoding(
    stream: BinaryIO, file: str, encoding: str | None
) -> ChosenEncoding:
    """Return the encoding of the stream; the stream is at its start again.

    Args:
        stream: The file, at its start.
        file: Its name for errors.
        encoding: The name that the caller gives, or None to find out.

    Raises:
        ConfigurationError: If it is UTF-32, UTF-16 without a byte order mark, or no
            CSV at all, if ``encoding`` is not one of ``ENCODINGS``, or if the mark
            contradicts it.
    """
    named = None if encoding is None else _canonical(encoding)
    head = stream.read(_HEAD)
    stream.seek(0)
    _check_is_no_other_format(file, head)
    is_marked = head.startswith(codecs.BOM_UTF8)
    if is_marked and named not in {None, "utf-8", "utf-8-sig"}:
        raise ConfigurationError(f"{file} is marked as UTF-8, not as {named}")
    if found := _codec_of_two_bytes(file, head, named):
        return ChosenEncoding(found)
    if named is not None:
        return ChosenEncoding("utf-8-sig" if is_marked else named)
    twice = 0
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        while piece := stream.read(_PIECE):
            decoder.decode(piece)
            twice += b"\xc3\x83" in piece and len(_TWICE_ENCODED.findall(piece))
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        pass
    else:
        codec = "utf-8-sig" if is_marked else "utf-8"
        return ChosenEncoding(codec, (_twice(twice),) if twice else ())
    finally:
        stream.seek(0)
    return _choose_by_count(stream, is_marked=is_marked)


def _check_is_no_other_format(file: str, head: bytes) -> None:
    """Refuse a file that is no CSV, whatever its name says.

    Raises:
        ConfigurationError: If it begins as one of another format.
    """
    begin = head.removeprefix(codecs.BOM_UTF8)
    for pattern, kind in _OTHER_FORMATS:
        if pattern.match(begin):
            raise ConfigurationError(
                f"{file} is {kind}; save it as CSV UTF-8 and try again"
            )


def _codec_of_two_bytes(file: str, head: bytes, named: str | None) -> str | None:
    """Return the codec of a file whose characters have two bytes, else None.

    Raises:
        ConfigurationError: If it has four, or its byte order mark contradicts the name,
            or two are likely and nothing says which comes first.
    """
    if head.startswith(_MARKS_32) and named is None:
        raise ConfigurationError(
            f"{file} is UTF-32; save it as CSV UTF-8 and try again"
        )
    marked = _MARKS_16.get(head[:2])
    if marked is not None:
        if named not in {None, "utf-16", marked}:
            raise ConfigurationError(f"{file} is marked as UTF-16, not as {named}")
        return "utf-16"
    if named == "utf-16":
        raise ConfigurationError(
            f"{file} has no byte order mark: --encoding must be utf-16-le or utf-16-be"
        )
    if named is not None and named.startswith("utf-16"):
        return named
    if _is_every_other_byte_zero(head[:4]):
        order = "le" if head[1] == 0 else "be"
        raise ConfigurationError(
            f"{file} is UTF-16 or UTF-32 without a byte order mark; --encoding "
            f"utf-16-{order} may read it, or save it as CSV UTF-8 and try again"
        )
    return None


def _canonical(encoding: str) -> str:
    try:
        name = codecs.lookup(encoding).name
    except (LookupError, TypeError, ValueError):
        name = ""
    if name not in ENCODINGS:
        raise ConfigurationError(f"encoding must be one of {', '.join(ENCODINGS)}")
    return name


def _is_every_other_byte_zero(head: bytes) -> bool:
    """Whether a file begins as UTF-16 without a mark does."""
    zeros = [byte == 0 for byte in head]
    return zeros in ([True, False, True, False], [False, True, False, True])


def _choose_by_count(stream: BinaryIO, *, is_marked: bool) -> ChosenEncoding:
    """Choose for a file that is not UTF-8 from end to end."""
    whole = wrong = odd = right = 0
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    while True:
        piece = stream.read(_PIECE)
        text = decoder.decode(piece, final=not piece)
        bad = len(_WRONG_BYTE.findall(text))
        wrong += bad
        whole += len(text) - len(text.encode("ascii", "ignore")) - bad
        odd += len(_ODD_IN_CP1252.findall(piece))
        right += len(_RIGHT_IN_CP1252.findall(piece))
        if not piece:
            break
    stream.seek(0)
    if is_marked:
        return ChosenEncoding("utf-8-sig", (_wrong(wrong),))
    if whole * _WRONG_BYTES_BORNE >= wrong:
        way_out = "; --encoding cp1252 reads the whole file as cp1252"
        return ChosenEncoding("utf-8", (_wrong(wrong) + way_out,))
    doubts = []
    if whole:
        doubts.append(
            f"most of it is cp1252, and some is UTF-8 (characters: {whole}): "
            "--encoding utf-8 reads that right, and rejects the other rows"
        )
    if odd > right:
        doubts.append(
            "most of its accented letters are none in cp1252: it may be "
            "--encoding cp850 (MS-DOS) or --encoding mac-roman"
        )
    return ChosenEncoding("cp1252", tuple(doubts))


def _wrong(count: int) -> str:
    return (
        "not all of it is UTF-8: rows with wrong bytes are rejected "
        f"(wrong bytes: {count})"
    )


def _twice(count: int) -> str:
    return (
        f"letters look encoded twice (places: {count}), and are sent as they are: "
        "export the file again as CSV UTF-8"
    )
