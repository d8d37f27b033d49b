"""cattrs converters: a call -> bytes of JSON, bytes of JSON -> an acceptance.

The models know no wire names; they are given here, from ``_names``. The only place
where secrets and personal data are opened.
"""

import json
import math
import re
from collections.abc import Mapping
from typing import Any, Final

from cattrs import Converter
from cattrs.errors import ForbiddenExtraKeysError
from cattrs.fns import identity
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override

from digitro_async._common.drafts import draft_of
from digitro_async.models import CallAccepted, PredictiveCall
from digitro_async.privacy import Personal, Secret
from digitro_async.protocol._names import CALL_ID, WIRE_NAMES
from digitro_async.settings import UnsetFields

orjson: Any  # None where it is not installed
try:
    import orjson
    from cattrs.preconf.orjson import make_converter
except ImportError:
    orjson = None
    from cattrs.preconf.json import make_converter  # type: ignore[assignment]

__all__ = [
    "MAX_ANSWER_BYTES",
    "MAX_ANSWER_DEPTH",
    "MAX_CALL_ID",
    "UnreadableBodyError",
    "call_ids_in",
    "decode_answer",
    "encode_call",
    "structure_call",
    "unstructure_call",
]

MAX_ANSWER_BYTES: Final = 64 * 1024
"""Largest answer that is read; the documented one has 48 bytes."""

MAX_ANSWER_DEPTH: Final = 32
"""Deepest nesting that is parsed; the documented answer has one level."""


MAX_CALL_ID: Final = 1024
"""Longest call id that is taken, in characters; the documented one has 30. Our bound,
not the vendor's: call ids are remembered, and kept in ledgers."""


class UnreadableBodyError(Exception):
    """The body breaks the contract; the only argument is a code, never its text."""


def _strict_text(value: object, _: object) -> str:
    if type(value) is not str:  # cattrs alone would make 'None' of null
        raise UnreadableBodyError("not_text")
    return value


def _structure_answer(answer: object, _: object) -> CallAccepted:
    if not isinstance(answer, dict):
        raise UnreadableBodyError("not_an_object")
    call_id = answer.get(CALL_ID)
    if not isinstance(call_id, str) or not call_id.strip():
        raise UnreadableBodyError("no_call_id")
    if len(call_id) > MAX_CALL_ID:
        raise UnreadableBodyError("oversized_call_id")
    return CallAccepted(call_id, answer)


def _make_converter() -> Converter:
    converter = make_converter(detailed_validation=False)
    converter.register_structure_hook(str, _strict_text)
    converter.register_structure_hook(Secret, lambda v, _: Secret(_strict_text(v, _)))
    converter.register_structure_hook(
        Personal, lambda v, _: Personal(_strict_text(v, _))
    )
    converter.register_structure_hook(
        PredictiveCall,
        make_dict_structure_fn(
            PredictiveCall,
            converter,
            _cattrs_forbid_extra_keys=True,
            **{name: override(rename=wire) for name, wire in WIRE_NAMES.items()},  # type: ignore[arg-type]  # cattrs names its own options here
        ),
    )
    converter.register_structure_hook(CallAccepted, _structure_answer)
    return converter


_CONVERTER: Final = _make_converter()
_STRUCTURE_CALL: Final = _CONVERTER.get_structure_hook(PredictiveCall)
_UNSTRUCTURE_TEXTS: Final = make_dict_unstructure_fn(
    PredictiveCall,  # given a call's texts instead, which have its fields, opened
    _CONVERTER,
    **{
        name: override(rename=wire, unstruct_hook=identity)
        for name, wire in WIRE_NAMES.items()
    },  # type: ignore[arg-type]  # same
)
_JSON: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
_OMIT: Final = UnsetFields.OMIT


def unstructure_call(
    call: PredictiveCall, unset: UnsetFields = UnsetFields.NULL
) -> dict[str, str | None]:
    """Return the call as the wire's mapping: SECRETS AND PERSONAL DATA ARE OPEN."""
    texts = call._texts  # noqa: SLF001 - the one place that opens them
    mapping: dict[str, str | None] = _UNSTRUCTURE_TEXTS(texts)
    if unset is _OMIT:  # here: cattrs would write what it may omit after the rest
        return {name: text for name, text in mapping.items() if text is not None}
    return mapping


def structure_call(mapping: Mapping[str, Any]) -> PredictiveCall:
    """Return the call that a wire mapping means.

    Raises:
        UnreadableBodyError: If a value is not text, a required field is missing or
            there is a field that is none of the 13.
        InvalidCallError: If a text can't stand in a call.
    """
    try:
        call: PredictiveCall = _STRUCTURE_CALL(mapping, PredictiveCall)
    except (KeyError, TypeError, AttributeError, ForbiddenExtraKeysError):
        pass
    else:
        return call
    raise UnreadableBodyError("wrong_fields")  # here, for the same reason as below


def encode_call(call: PredictiveCall, unset: UnsetFields = UnsetFields.NULL) -> bytes:
    """Return the body of the request: UTF-8 JSON in the documented field order."""
    mapping = unstructure_call(call, unset)
    if orjson is not None:
        body: bytes = orjson.dumps(mapping)
        return body
    return _JSON.encode(mapping).encode()


def decode_answer(body: bytes) -> CallAccepted:
    """Return the acceptance that the body of a 200 says.

    Unknown keys are kept in ``raw``.

    Raises:
        UnreadableBodyError: If the body is too large or too deep, is not UTF-8 JSON,
            or is not an object with one text under ID_CHAMADA that is neither empty
            nor too long.
    """
    if orjson is not None and _is_plain(body):
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
            pass  # a closer look finds out what is wrong
    answer = _read_closely(body)
    if answer is _NOT_JSON:  # here, so that no foreign error is the context
        raise UnreadableBodyError("not_json")
    return _structure_answer(answer, CallAccepted)


def _is_plain(body: bytes) -> bool:
    """Whether it can only be an answer of the documented shape, or no JSON.

    Four quotes and no escape are one key with one text: nothing can be nested or
    repeated, and orjson and the standard library read it alike.
    """
    return (
        len(body) <= _PLAIN_BYTES
        and body.count(_QUOTE) == _PLAIN_QUOTES
        and _BACKSLASH not in body
    )


_AcceptedDraft: Final = draft_of(CallAccepted)
_PLAIN_BYTES: Final = 256
_PLAIN_QUOTES: Final = 4
_QUOTE: Final = ord('"')  # numbers are sooner found among bytes than bytes are
_BACKSLASH: Final = ord("\\")


def _read_closely(body: bytes) -> object:
    if len(body) > MAX_ANSWER_BYTES:
        raise UnreadableBodyError("oversized_answer")
    if not _is_shallow(body):
        raise UnreadableBodyError("deep_answer")
    try:
        return _loads(body)
    except (ValueError, RecursionError):
        return _NOT_JSON


_NOT_JSON: Final = object()


def _loads(body: bytes) -> object:
    text = body.decode("utf-8")
    answer = _DECODER.decode(text)
    if "\\u" in text:  # half a surrogate pair is not text: this raises ValueError
        json.dumps(answer, ensure_ascii=False).encode()
    return answer


def _read_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs) and [name for name, _ in pairs].count(CALL_ID) > 1:
        raise UnreadableBodyError("repeated_key")  # which of the two is meant?
    return found


def _read_whole_number(text: str) -> float:
    if len(text) <= _LONGEST_WHOLE_NUMBER:
        return int(text)
    return _read_number(text)  # as orjson does; exact beyond 64 bits helps nobody


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
    """Return the call ids that stand in bytes of the wire, whole answers or not."""
    return set(_CALL_IDS.findall(data))


_CALL_IDS: Final = re.compile(rb'"%b"\s*:\s*"([^"]*)' % CALL_ID.encode())
