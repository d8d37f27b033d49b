"""PURE: all knowledge of the vendor's wire; values in, values out."""

from digitro_async.protocol._attempt import (
    AttemptResult,
    build_headers,
    build_url,
    doubtful_answer,
    error_of,
    repeated_call_id,
    settle,
)
from digitro_async.protocol._classification import (
    ACCEPTED_STATUS,
    PABX_REASONS,
    Connection,
    Evidence,
    Failure,
    Observation,
    Verdict,
    is_answer,
    judge,
)
from digitro_async.protocol._codec import (
    MAX_ANSWER_BYTES,
    MAX_ANSWER_DEPTH,
    UnreadableBodyError,
    call_ids_in,
    decode_answer,
    encode_call,
    structure_call,
    unstructure_call,
)
from digitro_async.protocol._names import WIRE_NAMES

__all__ = [
    "ACCEPTED_STATUS",
    "MAX_ANSWER_BYTES",
    "MAX_ANSWER_DEPTH",
    "PABX_REASONS",
    "WIRE_NAMES",
    "AttemptResult",
    "Connection",
    "Evidence",
    "Failure",
    "Observation",
    "UnreadableBodyError",
    "Verdict",
    "build_headers",
    "build_url",
    "call_ids_in",
    "decode_answer",
    "doubtful_answer",
    "encode_call",
    "error_of",
    "is_answer",
    "judge",
    "repeated_call_id",
    "settle",
    "structure_call",
    "unstructure_call",
]
