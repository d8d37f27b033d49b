"""Decodes the bytes of an answer to an acceptance, or to the code of a problem."""

import json
import math
import re
import zlib
from typing import Any, Final

from digitro_async._common.drafts import draft_of
from digitro_async.models import CallAccepted
from digitro_async.protocol._names import CALL_ID

orjson: Any  # None where it is not installed
try:
    import orjson
except ImportError:
    orjson = None

__all__ = [
    "MAX_ANSWER_BYTES",
    "MAX_ANSWER_DEPTH",
    "MAX_CALL_ID",
    "UnreadableBodyError",
    "call_ids_in",
    "decode_answer",
    "decode_json",
    "decode_object",
]

MAX_ANSWER_BYTES: Final = 64 * 1024
"""Largest answer that is read, in bytes; the documented one has 48."""

MAX_ANSWER_DEPTH: Final = 32
"""Deepest nesting that is parsed; the documented answer has one level."""

# This library's bound, not the vendor's: call ids are kept in memory and in ledgers.
MAX_CALL_ID: Final = 1024
"""Longest call id that is accepted, in characters; the documented one has 30."""


class UnreadableBodyError(Exception):
    """A body is no readable answer; the only argument is a code, never its text."""


def decode_answer(body: bytes) -> CallAccepted:
    """Return the acceptance in the body of a 200.

    Unknown keys are kept in ``raw``.

    Raises:
        UnreadableBodyError: If the body is too large or too deep, is not JSON, or is
            not an object with one text under ID_CHAMADA that is neither empty nor too
            long.
    """
    # A body of the documented shape, or no JSON at all: four quotes and no escape are
    # one key with one text. Nothing can be nested or repeated, and orjson and the
    # standard library read it alike.
    if (
        orjson is not None
        and len(body) <= _PLAIN_BYTES
        and body.count(_QUOTE) == _PLAIN_QUOTES
        and _BACKSLASH not in body
    ):
        try:
            answer = orjson.loads(body)
            call_id = answer[CALL_ID]
            if type(call_id) is str and call_id.strip():
                draft = _AcceptedDraft()
                draft.call_id, draft.raw = call_id, answer
                draft.__class__ = CallAccepted
                accepted: CallAccepted = draft
                return accepted
        except (ValueError, TypeError, LookupError):
            pass  # decode_object finds the problem
    answer = decode_object(body)
    call_id = answer.get(CALL_ID)
    if not isinstance(call_id, str) or not call_id.strip():
        raise UnreadableBodyError("no_call_id")
    if len(call_id) > MAX_CALL_ID:
        raise UnreadableBodyError("oversized_call_id")
    return CallAccepted(call_id, answer)


def decode_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object in a body, whatever its keys are.

    A byte order mark, white space and NULs around the object are passed over (RFC 8259
    section 8.1 lets a reader ignore the mark). UTF-16, UTF-32 and gzip are read where
    the bytes say so themselves. Bytes of another encoding are read where the call id
    is ASCII, because that is the same in every such encoding.

    Raises:
        UnreadableBodyError: If the body is empty, too large or too deep, is a page of
            HTML or other text that is not JSON, is not an object, or has two call ids.
    """
    answer = decode_json(body)
    if not isinstance(answer, dict):
        raise UnreadableBodyError("not_an_object")
    return answer


def decode_json(body: bytes) -> Any:
    """Return the JSON in a body, whatever it is; see ``decode_object``.

    Raises:
        UnreadableBodyError: If the body is empty, too large or too deep, is a page of
            HTML or other text that is not JSON, or has two call ids.
    """
    answer = _read_closely(body)
    if answer is _NOT_JSON:  # raised here, so that it has no other error as its context
        raise UnreadableBodyError(_code_of_no_json(body))
    return answer


_AcceptedDraft: Final = draft_of(CallAccepted)
_PLAIN_BYTES: Final = 256
_PLAIN_QUOTES: Final = 4
_QUOTE: Final = ord('"')  # a byte is found faster by its number
_BACKSLASH: Final = ord("\\")


def _read_closely(body: bytes) -> object:
    plain = _in_utf8(body)
    if plain is None:
        return _NOT_JSON
    if not _is_shallow(plain):
        raise UnreadableBodyError("deep_answer")
    try:
        return _loads(plain)
    except (ValueError, RecursionError):
        return _NOT_JSON


_NOT_JSON: Final = object()


def _in_utf8(body: bytes) -> bytes | None:
    """Return a body without what other tools put around JSON, None if that fails.

    The result is in UTF-8, or in an encoding of one byte a character.

    Raises:
        UnreadableBodyError: If the body is too large.
    """
    if len(body) > MAX_ANSWER_BYTES:
        raise UnreadableBodyError("oversized_answer")
    if body.startswith(b"{") and body.endswith(b"}"):
        return body  # nearly every answer; in UTF-16 and UTF-32 a NUL begins or ends it
    try:
        if body.startswith(_GZIP):  # although no request asks for it
            # One byte more than is read: a compressed answer may be a bomb.
            inflater = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
            body = inflater.decompress(body, MAX_ANSWER_BYTES + 1)
        encoding = json.detect_encoding(body)
        if not encoding.startswith("utf-8"):
            body = body.decode(encoding).encode()
    except (ValueError, zlib.error):
        return None
    if len(body) > MAX_ANSWER_BYTES:
        raise UnreadableBodyError("oversized_answer")
    return body.strip(_AROUND).removeprefix(_BYTE_ORDER_MARK).strip(_AROUND)


_GZIP: Final = b"\x1f\x8b\x08"
_BYTE_ORDER_MARK: Final = "\ufeff".encode()
_AROUND: Final = b"\0\t\r\n "  # a NUL ends the texts of programs in C


def _code_of_no_json(body: bytes) -> str:
    plain = body.strip(_AROUND) and _in_utf8(body)
    if plain is None:
        return "not_json"
    if not plain:
        return "empty_answer"
    is_html = plain.startswith(b"<") and _HTML.search(plain[:_HEAD_OF_HTML])
    return "html_answer" if is_html else "not_json"


_HTML: Final = re.compile(rb"<(?:!doctype +)?html\b", re.IGNORECASE)
_HEAD_OF_HTML: Final = 1024
"""Bytes in which a page of HTML shows that it is one."""


def _loads(body: bytes) -> object:
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        return _load_foreign(body)
    answer = _DECODER.decode(text)
    # Half a surrogate pair is not text: to encode it raises ValueError.
    if "\\u" in text:
        json.dumps(answer, ensure_ascii=False).encode()
    return answer


def _load_foreign(body: bytes) -> object:
    """Return the answer in a body that is not UTF-8, if its call id is ASCII.

    Raises:
        ValueError: If the body holds no such answer.
    """
    answer = _DECODER.decode(body.decode("latin-1"))
    if isinstance(answer, dict):
        call_id = answer.get(CALL_ID)
        if not isinstance(call_id, str) or call_id.isascii():
            json.dumps(answer, ensure_ascii=False).encode()  # as in _loads
            return answer
    raise ValueError("the call id depends on the encoding")


def _read_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs) and [name for name, _ in pairs].count(CALL_ID) > 1:
        raise UnreadableBodyError("repeated_key")  # it is unclear which one counts
    return found


def _read_whole_number(text: str) -> float:
    if len(text) <= _LONGEST_WHOLE_NUMBER:
        return int(text)
    return _read_number(text)  # a float beyond 64 bits, as in orjson


def _read_number(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError("not a number that a double can hold")
    return number


def _refuse_constant(_: str) -> object:
    raise ValueError("NaN and Infinity are not JSON")  # RFC 8259 section 6


_LONGEST_WHOLE_NUMBER: Final = 18
_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_read_object,
    parse_int=_read_whole_number,
    parse_float=_read_number,
    parse_constant=_refuse_constant,
)


def _is_shallow(body: bytes) -> bool:
    if body.count(b"{") + body.count(b"[") <= MAX_ANSWER_DEPTH:
        return True
    depth = 0
    in_text = escaped = False
    for byte in body:
        if in_text:
            in_text = escaped or byte != ord('"')
            escaped = not escaped and byte == ord("\\")
        elif byte == ord('"'):
            in_text = True
        elif byte in b"{[":
            depth += 1
            if depth > MAX_ANSWER_DEPTH:
                return False
        elif byte in b"}]":
            depth -= 1
    return True


def call_ids_in(data: bytes) -> set[bytes]:
    """Return the call ids in bytes that a PABX sent, whole answers or parts."""
    return set(_CALL_IDS.findall(data.replace(b"\0", b"")))  # it may be UTF-16


_CALL_IDS: Final = re.compile(rb'"%b"\s*:\s*"([^"]*)' % CALL_ID.encode())
