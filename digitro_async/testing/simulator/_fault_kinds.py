"""PURE: the catalogue of what can go wrong at the simulated PABX.

A kind of fault is one member of ``FaultKind``, with its text and its traits. How it is
injected stands in ``_injection.py``; no other module names a kind. Faults of the event
channel stand in ``_event_fault_kinds.py``.
"""

from typing import Final

from digitro_async.errors import Outcome
from digitro_async.testing.simulator._fault_traits import (
    FaultTraits,
    KindWithTraits,
    Stage,
)

__all__ = ["FaultKind"]


_ACCEPTED: Final = (Outcome.ACCEPTED,)
_REFUSED: Final = (Outcome.REFUSED,)
_T = FaultTraits


class FaultKind(KindWithTraits):
    """A way in which the simulator misbehaves on the wire.

    Kinds marked (places) ring the phone unless ``placed=False`` says otherwise; the
    others don't unless ``placed=True`` does. All of it is the simulator's invention:
    the vendor documents 400, 401, 403 and 500 and nothing else that can go wrong.

    Attributes:
        traits: Facts about the kind.
    """

    RESET_ON_CONNECT = (
        "reset_on_connect",
        _T(stage=Stage.CONNECT, outcomes=[Outcome.NOT_SENT, Outcome.UNKNOWN]),
    )
    """RST as soon as the connection is accepted; ordinals count connections."""
    UNASKED_ANSWER = (
        "unasked_answer",
        _T(
            stage=Stage.CONNECT,
            outcomes=[Outcome.NOT_SENT, Outcome.UNKNOWN, Outcome.ACCEPTED],
        ),
    )
    """A whole 200 is sent as soon as the connection is accepted, before any request;
    ordinals count connections."""
    RESET_BEFORE_READING = "reset_before_reading", _T(stage=Stage.ARRIVAL)
    """RST at the first bytes of a request, none of which is read."""
    CLOSE_BEFORE_READING = "close_before_reading", _T(stage=Stage.ARRIVAL)
    """FIN at the first bytes of a request, none of which is read."""
    ANSWER_BEFORE_READING = (
        "answer_before_reading",
        _T(stage=Stage.ARRIVAL, outcomes=_ACCEPTED),
    )
    """A whole 200 at the first bytes of a request, none of which is read."""
    RESET_AFTER_READING = "reset_after_reading", _T(status=None)
    """The whole request is read, then RST."""
    LOSE_ANSWER = "lose_answer", _T(places=True, status=None)
    """(places) The connection is closed without an answer."""
    STALL = "stall", _T(places=True, status=None)
    """(places) No answer ever comes; ends when the client leaves."""
    ERROR_500_AFTER_PLACING = "error_500_after_placing", _T(places=True, status=500)
    """(places) 500."""
    ERROR_503 = "error_503", _T(status=503, details=["retry_after"])
    """503."""
    THROTTLE_429 = (
        "throttle_429",
        _T(status=429, outcomes=_REFUSED, details=["retry_after"]),
    )
    """429, with ``retry_after`` if given."""
    STATUS = (
        "status",
        _T(
            outcomes=[Outcome.REJECTED, Outcome.REFUSED, Outcome.UNKNOWN],
            details=["status", "location", "retry_after"],
            required=["status"],
        ),
    )
    """Any ``status``, with ``retry_after`` and ``location`` if given."""
    REDIRECT = "redirect", _T(status=302, details=["status", "location"])
    """A redirect to ``location`` ("/elsewhere") with ``status`` (302)."""
    HALF_ANSWER = "half_answer", _T(places=True)
    """(places) Half of the 200's body, then FIN."""
    SLOW_ANSWER = (
        "slow_answer",
        _T(
            places=True,
            outcomes=[Outcome.ACCEPTED, Outcome.UNKNOWN],
            is_whole=True,
            details=["pause"],
        ),
    )
    """(places) The 200 byte by byte, ``pause`` seconds (0.001) after each."""
    ANSWER_TWICE = (
        "answer_twice",
        _T(places=True, outcomes=_ACCEPTED, is_whole=True),
    )
    """(places) The 200, and a second one behind it that belongs to no request."""
    DUPLICATE_ANSWER = (
        "duplicate_answer",
        _T(places=True, outcomes=_ACCEPTED, is_whole=True, details=["pause"]),
    )
    """(places) The 200, and the same once more ``pause`` seconds (0.008) later: on a
    kept connection the client takes it for the answer to its next request."""
    STRAY_ANSWER = (
        "stray_answer",
        _T(places=True, outcomes=_ACCEPTED, is_whole=True, details=["pause"]),
    )
    """(places) The 200, and ``pause`` seconds (0.008) later one that belongs to no
    request, with a call id that belongs to no call."""
    HUGE_ANSWER = "huge_answer", _T(places=True, details=["size"])
    """(places) A 200 with a body of ``size`` bytes (64 MiB and 1)."""
    DEEP_JSON = "deep_json", _T(places=True, details=["size"])
    """(places) A 200 whose call id is nested ``size`` levels deep (100,000)."""
    GARBAGE_200 = "garbage_200", _T(places=True)
    """(places) A 200 of JSON's type whose body is not JSON."""
    HTML_200 = "html_200"
    """A 200 with a page of HTML, as a proxy in between would send."""
    NOT_HTTP = "not_http", _T(status=None)
    """An answer that is not HTTP, then FIN."""
    NULL_CALL_ID = "null_call_id", _T(places=True)
    """(places) A 200 whose call id is null."""
    NUMERIC_CALL_ID = "numeric_call_id", _T(places=True)
    """(places) A 200 whose call id is a number."""
    EMPTY_CALL_ID = "empty_call_id", _T(places=True)
    """(places) A 200 whose call id is empty text."""
    REPEATED_CALL_ID = "repeated_call_id", _T(places=True, repeats_call_id=True)
    """(places) A 200 with the call id of the call before."""
