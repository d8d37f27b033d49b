"""Reads an answer with the standard library alone.

It knows the contract and nothing of how the package reads: a whole 200 whose body is
JSON with an object whose one ID_CHAMADA is a text that is not blank. To it belong
the caps that the package sets itself: 64 KiB, 32 levels, numbers that a double can
hold, and no half of a surrogate pair, which would not be text. Around the JSON there
may be a byte order mark, white space and NULs; it may be UTF-16, UTF-32 or zipped, and
in any other encoding if the call id is ASCII.
"""

import gzip
import io
import json
import math
import zlib
from typing import Any

from digitro_async import errors
from digitro_async.errors import Outcome

__all__ = ["check_settled", "said_call_id"]


class _BrokenError(Exception):
    """The contract is broken."""


def said_call_id(body: bytes) -> str | None:
    """Return the call id that the body of a 200 says, None where it breaks a rule."""
    try:
        text, is_sure = _text_of(body)
        answer = json.loads(
            text,
            object_pairs_hook=_object,
            parse_int=_number,
            parse_float=_number,
            parse_constant=_broken,
        )
        _check_value(answer, 0)
    except (_BrokenError, ValueError, RecursionError):  # bad UTF-8 is a ValueError
        return None
    call_id = answer.get("ID_CHAMADA") if isinstance(answer, dict) else None
    if not isinstance(call_id, str) or not (is_sure or call_id.isascii()):
        return None
    return call_id if call_id.strip() else None


def _text_of(body: bytes) -> tuple[str, bool]:
    """Return the text of a body, and whether its encoding is sure."""
    if len(body) <= 65_536 and body.startswith(b"\x1f\x8b\x08"):
        try:
            body = gzip.GzipFile(fileobj=io.BytesIO(body)).read(65_537)
        except (OSError, EOFError, zlib.error):
            raise _BrokenError from None
    if len(body) > 65_536:
        raise _BrokenError
    encoding = json.detect_encoding(body)
    body = body if "8" in encoding else body.decode(encoding).encode()
    for mark in ("\N{ZERO WIDTH NO-BREAK SPACE}".encode(), b""):
        body = body.strip(b" \t\r\n\0").removeprefix(mark)
    try:
        return body.decode(), True
    except UnicodeDecodeError:
        return body.decode("latin-1"), False


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if [name for name, _ in pairs].count("ID_CHAMADA") > 1:
        raise _BrokenError
    return dict(pairs)


def _number(text: str) -> float:
    if math.isinf(float(text)):
        raise _BrokenError
    return float(text)


def _broken(_: str) -> None:
    raise _BrokenError


def _check_value(value: Any, depth: int) -> None:
    if isinstance(value, str):
        value.encode("utf-8")
    elif isinstance(value, dict | list):
        if depth == 32:
            raise _BrokenError
        parts = [*value.keys(), *value.values()] if isinstance(value, dict) else value
        for part in parts:
            _check_value(part, depth + 1)


def check_settled(protocol: Any, seen: Any) -> Outcome:
    """Settle an observation and check all that holds of any settlement.

    Args:
        protocol: The package ``digitro_async.protocol``, or a second copy of it.
        seen: An ``Observation`` of that copy.
    """
    settled = protocol.classify(seen, protocol.COMMANDS["predictive_call"])
    verdict = settled.classification
    error = protocol.error_of(settled, seen, pabx="matriz", attempts=1)
    whole = seen.request_started and seen.status == 200 and seen.failure is None
    call_id = said_call_id(seen.body) if whole else None

    assert type(verdict.outcome) is Outcome
    assert (verdict.outcome is Outcome.ACCEPTED) is (call_id is not None)
    if call_id is not None:
        assert error is None
        assert settled.accepted.call_id == call_id
        assert settled.accepted.raw["ID_CHAMADA"] == call_id
        return Outcome.ACCEPTED
    assert settled.accepted is None
    assert isinstance(error, errors.DigitroError)
    assert error.outcome is verdict.outcome
    assert error.reason.replace("_", "").isalnum()
    assert len(error.reason) < 30
    assert error.__context__ is error.__cause__ is None
    return Outcome(verdict.outcome)
