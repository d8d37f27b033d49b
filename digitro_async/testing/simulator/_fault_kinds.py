"""PURE: the catalogue of what can go wrong at the simulated PABX."""

import enum

__all__ = ["EARLY", "NOT_PLACED", "STATUSES", "FaultKind", "Stage"]


class FaultKind(enum.StrEnum):
    """What happens on the wire.

    Kinds marked (places) ring the phone unless ``placed=False`` says otherwise; the
    others don't unless ``placed=True`` does. All of it is the simulator's invention:
    the vendor documents 400, 401, 403 and 500 and nothing else that can go wrong.
    """

    RESET_ON_CONNECT = "reset_on_connect"
    """RST as soon as the connection is accepted; ordinals count connections."""
    UNASKED_ANSWER = "unasked_answer"
    """A whole 200 is sent as soon as the connection is accepted, before any request;
    ordinals count connections."""
    RESET_BEFORE_READING = "reset_before_reading"
    """RST at the first bytes of a request, none of which is read."""
    CLOSE_BEFORE_READING = "close_before_reading"
    """FIN at the first bytes of a request, none of which is read."""
    ANSWER_BEFORE_READING = "answer_before_reading"
    """A whole 200 at the first bytes of a request, none of which is read."""
    RESET_AFTER_READING = "reset_after_reading"
    """The whole request is read, then RST."""
    LOSE_ANSWER = "lose_answer"
    """(places) The connection is closed without an answer."""
    STALL = "stall"
    """(places) No answer ever comes; ends when the client leaves."""
    ERROR_500_AFTER_PLACING = "error_500_after_placing"
    """(places) 500."""
    ERROR_503 = "error_503"
    """503."""
    THROTTLE_429 = "throttle_429"
    """429, with ``retry_after`` if given."""
    STATUS = "status"
    """Any ``status``, with ``retry_after`` and ``location`` if given."""
    REDIRECT = "redirect"
    """A redirect to ``location`` ("/elsewhere") with ``status`` (302)."""
    HALF_ANSWER = "half_answer"
    """(places) Half of the 200's body, then FIN."""
    SLOW_ANSWER = "slow_answer"
    """(places) The 200 byte by byte, ``pause`` seconds (0.001) after each."""
    ANSWER_TWICE = "answer_twice"
    """(places) The 200, and a second one nobody asked for behind it."""
    DUPLICATE_ANSWER = "duplicate_answer"
    """(places) The 200, and the same once more ``pause`` seconds (0.008) later: on a
    kept connection it answers whatever was asked next."""
    STRAY_ANSWER = "stray_answer"
    """(places) The 200, and ``pause`` seconds (0.008) later one that nobody asked for,
    with a call id that belongs to no call."""
    HUGE_ANSWER = "huge_answer"
    """(places) A 200 with a body of ``size`` bytes (64 MiB and 1)."""
    DEEP_JSON = "deep_json"
    """(places) A 200 whose call id is nested ``size`` levels deep (100,000)."""
    GARBAGE_200 = "garbage_200"
    """(places) A 200 of JSON's type whose body is not JSON."""
    HTML_200 = "html_200"
    """A 200 with a page of HTML, as a proxy in between would send."""
    NOT_HTTP = "not_http"
    """An answer that is not HTTP, then FIN."""
    NULL_CALL_ID = "null_call_id"
    """(places) A 200 whose call id is null."""
    NUMERIC_CALL_ID = "numeric_call_id"
    """(places) A 200 whose call id is a number."""
    EMPTY_CALL_ID = "empty_call_id"
    """(places) A 200 whose call id is empty text."""
    REPEATED_CALL_ID = "repeated_call_id"
    """(places) A 200 with the call id of the call before."""


class Stage(enum.Enum):
    """When a fault is decided."""

    CONNECT = enum.auto()
    ARRIVAL = enum.auto()
    CALL = enum.auto()


_K = FaultKind
EARLY = {
    _K.RESET_ON_CONNECT: Stage.CONNECT,
    _K.UNASKED_ANSWER: Stage.CONNECT,
    _K.RESET_BEFORE_READING: Stage.ARRIVAL,
    _K.CLOSE_BEFORE_READING: Stage.ARRIVAL,
    _K.ANSWER_BEFORE_READING: Stage.ARRIVAL,
}
NOT_PLACED = {
    *EARLY,
    *(_K.RESET_AFTER_READING, _K.ERROR_503, _K.THROTTLE_429, _K.STATUS, _K.REDIRECT),
    *(_K.HTML_200, _K.NOT_HTTP),
}
STATUSES = {
    _K.RESET_AFTER_READING: None,
    _K.LOSE_ANSWER: None,
    _K.STALL: None,
    _K.NOT_HTTP: None,
    _K.ERROR_500_AFTER_PLACING: 500,
    _K.ERROR_503: 503,
    _K.THROTTLE_429: 429,
    _K.REDIRECT: 302,
}
