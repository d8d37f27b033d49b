"""PURE: all knowledge of the vendor's protocol; takes values and returns values."""

from digitro_async.protocol._attempt import (
    MAX_RETRY_AFTER,
    NO_SUCH_COMMAND,
    AttemptResult,
    classify,
    doubtful_answer,
    error_of,
    repeated_call_id,
)
from digitro_async.protocol._channel_encoding import (
    OutgoingRequest,
    SubscriptionAnswer,
    build_channel_request,
    read_subscription,
)
from digitro_async.protocol._classification import (
    ACCEPTED_STATUS,
    OWN_FAULTS,
    PABX_REASONS,
    Classification,
    Connection,
    Evidence,
    Failure,
    Observation,
    classify_evidence,
    is_answer,
)
from digitro_async.protocol._commands import (
    COMMANDS,
    SECRET_WIRE_NAMES,
    Command,
    WireField,
    command_of,
    path_of,
)
from digitro_async.protocol._connect_cause import CAUSES, ConnectCause, cause_text
from digitro_async.protocol._decoding import (
    MAX_ANSWER_BYTES,
    MAX_ANSWER_DEPTH,
    UnreadableBodyError,
    call_ids_in,
    decode_answer,
    decode_object,
)
from digitro_async.protocol._encoding import encode_call, unstructure_call
from digitro_async.protocol._event_fields import all_fields, first_text, members_of
from digitro_async.protocol._event_fit import fit_events
from digitro_async.protocol._event_reading import EventReading, channel_id_of
from digitro_async.protocol._event_survey import EventSurvey, events_in
from digitro_async.protocol._fitted_settings import FittedSettings, KnownCall
from digitro_async.protocol._names import WIRE_NAMES
from digitro_async.protocol._request import Request, build_headers, build_request
from digitro_async.protocol._sse import EventParser, RawEvent

__all__ = [
    "ACCEPTED_STATUS",
    "CAUSES",
    "COMMANDS",
    "MAX_ANSWER_BYTES",
    "MAX_ANSWER_DEPTH",
    "MAX_RETRY_AFTER",
    "NO_SUCH_COMMAND",
    "OWN_FAULTS",
    "PABX_REASONS",
    "SECRET_WIRE_NAMES",
    "WIRE_NAMES",
    "AttemptResult",
    "Classification",
    "Command",
    "ConnectCause",
    "Connection",
    "EventParser",
    "EventReading",
    "EventSurvey",
    "Evidence",
    "Failure",
    "FittedSettings",
    "KnownCall",
    "Observation",
    "OutgoingRequest",
    "RawEvent",
    "Request",
    "SubscriptionAnswer",
    "UnreadableBodyError",
    "WireField",
    "all_fields",
    "build_channel_request",
    "build_headers",
    "build_request",
    "call_ids_in",
    "cause_text",
    "channel_id_of",
    "classify",
    "classify_evidence",
    "command_of",
    "decode_answer",
    "decode_object",
    "doubtful_answer",
    "encode_call",
    "error_of",
    "events_in",
    "first_text",
    "fit_events",
    "is_answer",
    "members_of",
    "path_of",
    "read_subscription",
    "repeated_call_id",
    "unstructure_call",
]
