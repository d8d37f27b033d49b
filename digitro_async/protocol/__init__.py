"""PURE: all knowledge of the vendor's wire; values in, values out."""

from digitro_async.protocol._codec import (
    MAX_ANSWER_BYTES,
    MAX_ANSWER_DEPTH,
    UnreadableBodyError,
    decode_answer,
    encode_call,
    structure_call,
    unstructure_call,
)
from digitro_async.protocol._exchange import (
    Settled,
    build_headers,
    build_url,
    error_of,
    repeated_call_id,
    settle,
)
from digitro_async.protocol._names import WIRE_NAMES
from digitro_async.protocol._outcome import (
    ACCEPTED_STATUS,
    Evidence,
    Failure,
    Observation,
    Verdict,
    is_answer,
    judge,
)

__all__ = [
    "ACCEPTED_STATUS",
    "MAX_ANSWER_BYTES",
    "MAX_ANSWER_DEPTH",
    "WIRE_NAMES",
    "Evidence",
    "Failure",
    "Observation",
    "Settled",
    "UnreadableBodyError",
    "Verdict",
    "build_headers",
    "build_url",
    "decode_answer",
    "encode_call",
    "error_of",
    "is_answer",
    "judge",
    "repeated_call_id",
    "settle",
    "structure_call",
    "unstructure_call",
]
