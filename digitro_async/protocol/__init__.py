"""PURE: all knowledge of the vendor's wire; values in, values out."""

from typing import TYPE_CHECKING

from digitro_async._common.lazy_names import lazy_names
from digitro_async.protocol._classification import (
    ACCEPTED_STATUS,
    PABX_REASONS,
    Classification,
    Connection,
    Evidence,
    Failure,
    Observation,
    classify_evidence,
    is_answer,
)
from digitro_async.protocol._names import WIRE_NAMES

if TYPE_CHECKING:
    from digitro_async.protocol._attempt import (
        AttemptResult,
        build_headers,
        build_url,
        classify,
        doubtful_answer,
        error_of,
        repeated_call_id,
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
else:
    # A ledger sorts outcomes and makes no calls: it needs no reader of answers.
    __getattr__ = lazy_names(__name__, "_attempt", "_codec")

__all__ = [
    "ACCEPTED_STATUS",
    "MAX_ANSWER_BYTES",
    "MAX_ANSWER_DEPTH",
    "PABX_REASONS",
    "WIRE_NAMES",
    "AttemptResult",
    "Classification",
    "Connection",
    "Evidence",
    "Failure",
    "Observation",
    "UnreadableBodyError",
    "build_headers",
    "build_url",
    "call_ids_in",
    "classify",
    "classify_evidence",
    "decode_answer",
    "doubtful_answer",
    "encode_call",
    "error_of",
    "is_answer",
    "repeated_call_id",
    "structure_call",
    "unstructure_call",
]
