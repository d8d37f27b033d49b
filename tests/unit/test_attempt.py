import email.utils
import enum
import math
import time
import traceback
from datetime import UTC, datetime

import pytest
from helpers import PREDICTIVE_CALL, make_call
from hypothesis import example, given
from hypothesis import strategies as st

from digitro_async import errors
from digitro_async.errors import (
    ConfigurationError,
    DigitroError,
    Outcome,
    ThrottledError,
)
from digitro_async.models import PABX, CallAccepted
from digitro_async.privacy import Personal
from digitro_async.protocol import (
    AttemptResult,
    Classification,
    Failure,
    Observation,
    build_headers,
    build_request,
    classify,
    encode_call,
    error_of,
    repeated_call_id,
)
from digitro_async.settings import UnsetFields

CANARY = "CANARY-7731"
NOON = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC).timestamp()
DOCUMENTED = b'{"ID_CHAMADA": "08/07/24 10:46:19 010A 0974/00"}'


def seen(status: int, body: bytes = b"", retry_after: str | None = None) -> Observation:
    """A whole answer to a sent request."""
    return Observation(True, status, body, None, retry_after)


def classified(observation: Observation, now: float = 0.0) -> AttemptResult:
    """The result of an attempt to make a predictive call."""
    return classify(observation, PREDICTIVE_CALL, now=now)


def error_after(observation: Observation, attempts: int = 1) -> DigitroError | None:
    """The error of an attempt to make a predictive call."""
    settled = classified(observation)
    return error_of(settled, observation, pabx="matriz", attempts=attempts)


def wait_of(retry_after: str | None, now: float = NOON) -> float | None:
    """The wait that a throttle with that header asks for."""
    return classified(seen(429, retry_after=retry_after), now=now).retry_after


class TestRequest:
    """The body, the path and the headers of a POST."""

    @pytest.mark.parametrize("channel_id", [12345, 0, 7, 10**30])
    def test_documented_path(self, channel_id: int) -> None:
        """The path is the documented one, with the channel as its number."""
        request = build_request(make_call(), channel_id)

        assert request.path == f"/requests/{channel_id}/chamada-preditiva"
        assert request.body == encode_call(make_call())

    def test_a_channel_that_only_counts_as_a_number(self) -> None:
        """A channel of a class of its own is written as the number that it is."""

        class Channel(enum.IntEnum):
            MAIN = 77_001

        path = build_request(make_call(), Channel.MAIN).path

        assert path == "/requests/77001/chamada-preditiva"

    def test_any_number_of_channels(self) -> None:
        """Each channel has a path of its own, however many there were before."""
        for _ in range(2):
            paths = [PREDICTIVE_CALL.paths[channel] for channel in range(700)]
            assert len(set(paths)) == 700
            assert paths[-1] == "/requests/699/chamada-preditiva"

    def test_channel_is_needed(self) -> None:
        """Without a channel there is no request, and the error says what to do."""
        with pytest.raises(ConfigurationError, match=r"^channel_id is not set: give"):
            build_request(make_call(), None)

    @pytest.mark.parametrize("unset", UnsetFields)
    def test_unset_fields(self, unset: UnsetFields) -> None:
        """Fields that are not set are written as the PABX wants them."""
        request = build_request(make_call(), 1, unset)

        assert request.body == encode_call(make_call(), unset)
        assert (b"null" in request.body) is (unset is UnsetFields.NULL)

    def test_it_shows_no_content(self) -> None:
        """The body of a request does not show in its text."""
        request = build_request(make_call("04899990000"), 5)

        assert b"04899990000" in request.body
        assert repr(request) == "Request(path='/requests/5/chamada-preditiva')"

    def test_headers(self) -> None:
        """The key stands in its documented header, and no compression is asked for."""
        assert build_headers(PABX("matriz", "http://pabx", 1, "a-key")) == {
            "x-api-key": "a-key",
            "Content-Type": "application/json",
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": "digitro-async",
        }


class TestSettling:
    """The result of one attempt."""

    def test_acceptance(self) -> None:
        """A whole documented answer to a sent request is an acceptance."""
        settled = classified(seen(200, DOCUMENTED))

        assert settled == AttemptResult(
            Classification(Outcome.ACCEPTED),
            CallAccepted(
                "08/07/24 10:46:19 010A 0974/00",
                {"ID_CHAMADA": "08/07/24 10:46:19 010A 0974/00"},
            ),
        )

    @pytest.mark.parametrize(
        ("body", "reason"),
        [
            (b"", "empty_answer"),
            (b"[]", "not_an_object"),
            (b"{}", "no_call_id"),
            (b'{"ID_CHAMADA": null}', "no_call_id"),
            (b"[" * 40, "deep_answer"),
            (b" " * 65_537, "oversized_answer"),
            (b'{"ID_CHAMADA": "x", "ID_CHAMADA": "y"}', "repeated_key"),
        ],
    )
    def test_unreadable_successes(self, body: bytes, reason: str) -> None:
        """A 200 whose body breaks the contract is unknown and says how."""
        assert classified(seen(200, body)) == AttemptResult(
            Classification(Outcome.UNKNOWN, errors.UnreadableAnswerError, reason)
        )

    @given(
        request_started=st.booleans(),
        status=st.none() | st.integers(100, 999) | st.just(200),
        body=st.sampled_from([DOCUMENTED, b"", b"{}"]) | st.binary(max_size=20),
        failure=st.none() | st.sampled_from(Failure),
        retry_after=st.none() | st.text(max_size=10),
    )
    def test_acceptance_needs_everything(
        self,
        request_started: bool,
        status: int | None,
        body: bytes,
        failure: Failure | None,
        retry_after: str | None,
    ) -> None:
        """Nothing short of a whole, readable 200 to a sent request is an acceptance."""
        observation = Observation(request_started, status, body, failure, retry_after)
        settled = classified(observation, now=NOON)
        accepted = settled.classification.outcome is Outcome.ACCEPTED
        error = error_of(settled, observation, pabx="matriz", attempts=1)

        assert accepted is (
            request_started and status == 200 and failure is None and body == DOCUMENTED
        )
        assert (settled.accepted is not None) is accepted
        assert (error is None) is accepted
        assert error is None or error.outcome is settled.classification.outcome

    def test_only_a_throttle_is_waited_for(self) -> None:
        """A Retry-After that comes with any other answer is not looked at."""
        waited = {
            status
            for status in range(100, 1000)
            if classified(seen(status, retry_after="120")).retry_after is not None
        }

        assert waited == {425, 429}

    def test_repeated_call_id(self) -> None:
        """An acceptance seen before is unknown, and a protocol violation."""
        assert repeated_call_id() == AttemptResult(
            Classification(
                Outcome.UNKNOWN,
                errors.UnreadableAnswerError,
                "repeated_call_id",
                protocol_violation=True,
            )
        )


class TestErrors:
    """The error of a settled attempt."""

    def test_accepted_has_none(self) -> None:
        """An acceptance has no error."""
        observation = seen(200, DOCUMENTED)

        assert error_after(observation) is None

    def test_facts(self) -> None:
        """An error carries what is known of the attempt, the PABX's words masked."""
        observation = seen(400, CANARY.encode())
        error = error_of(
            classified(observation), observation, pabx="matriz", attempts=2
        )

        assert type(error) is errors.RejectedError
        assert (error.pabx, error.status, error.reason, error.attempts) == (
            "matriz",
            400,
            "status_400",
            2,
        )
        assert error.detail == Personal(CANARY)

    @given(status=st.integers(100, 999), more=st.binary())
    def test_no_error_shows_the_body(self, status: int, more: bytes) -> None:
        """The text of the PABX is in no text of the error."""
        observation = seen(status, CANARY.encode() + more, CANARY)
        error = error_of(
            classified(observation), observation, pabx="matriz", attempts=1
        )

        assert error is not None
        shown = "".join(traceback.format_exception(error))
        assert CANARY not in f"{shown} {error!r} {error.args} {vars(error)}"

    def test_an_empty_body_is_no_detail(self) -> None:
        """Where the PABX wrote nothing there is no detail."""
        observation = seen(500)
        error = error_of(
            classified(observation), observation, pabx="matriz", attempts=1
        )

        assert error is not None
        assert error.detail is None

    def test_detail_is_cut(self) -> None:
        """At most 2 KiB are kept of what the PABX wrote, readable whatever they are."""
        observation = seen(400, b"\xff" + b"x" * 5000)
        error = error_of(
            classified(observation), observation, pabx="matriz", attempts=1
        )

        assert error is not None
        assert error.detail == Personal("\ufffd" + "x" * 2047)

    @pytest.mark.parametrize(
        ("header", "wait"), [("7", 7.0), (None, None), ("x", None)]
    )
    def test_throttle_tells_the_wait(
        self, header: str | None, wait: float | None
    ) -> None:
        """The error of a throttle says how long the PABX asked to wait."""
        observation = seen(429, retry_after=header)
        error = error_of(
            classified(observation), observation, pabx="matriz", attempts=1
        )

        assert type(error) is ThrottledError
        assert error.retry_after == wait

    @pytest.mark.parametrize("failure", Failure)
    def test_failures_have_errors(self, failure: Failure) -> None:
        """Without an answer the error's reason is the failure and it has no status."""
        observation = Observation(request_started=False, failure=failure)
        error = error_of(
            classified(observation), observation, pabx="matriz", attempts=1
        )

        assert isinstance(error, errors.NotSentError)
        assert (error.reason, error.status, error.detail) == (failure, None, None)


class TestRetryAfter:
    """The Retry-After header, as any server may write it."""

    @pytest.mark.parametrize(
        ("header", "wait"),
        [
            ("0", 0.0),
            ("1", 1.0),
            ("120", 120.0),
            ("007", 7.0),
            (" 5 ", 5.0),
            ("999999999999", 999_999_999_999.0),
        ],
    )
    def test_seconds(self, header: str, wait: float) -> None:
        """A whole number is seconds."""
        assert wait_of(header) == wait

    @pytest.mark.parametrize(
        "header",
        [
            "Mon, 23 Nov 2026 12:00:30 GMT",
            "Monday, 23-Nov-26 12:00:30 GMT",
            "Mon Nov 23 12:00:30 2026",
            "Mon, 23 Nov 2026 12:00:30 -0000",
            "Mon, 23 Nov 2026 09:00:30 -0300",
            "  Mon, 23 Nov 2026 12:00:30 GMT  ",
        ],
    )
    def test_dates(self, header: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """A date in any form of HTTP is the seconds until then, in any time zone."""
        monkeypatch.setenv("TZ", "Asia/Tokyo")
        if hasattr(time, "tzset"):
            time.tzset()
        try:
            assert wait_of(header) == 30.0
        finally:
            monkeypatch.undo()
            if hasattr(time, "tzset"):
                time.tzset()

    @pytest.mark.parametrize(
        "header",
        [
            "Mon, 23 Nov 2026 12:00:00 GMT",
            "Mon, 23 Nov 2026 11:59:59 GMT",
            "Thu, 01 Jan 1970 00:00:00 GMT",
            "Sun Nov  6 08:49:37 1994",
        ],
    )
    def test_past_dates(self, header: str) -> None:
        """A date that has passed is no wait at all."""
        assert wait_of(header) == 0.0

    @pytest.mark.parametrize(
        "header",
        [
            None,
            "",
            " ",
            "-1",
            "+1",
            "1.5",
            "1e3",
            "0x10",
            "1,2",
            "1 2",
            "NaN",
            "inf",
            "Infinity",
            "soon",
            "²",
            "\uff11\uff12",
            "1\x00",
            "\ud800",
            "9" * 13,
            "9" * 5000,
            "Mon, 99 Nov 2026 12:00:00 GMT",
            "Mon, 23 Nov 99999999999999999999 12:00:00 GMT",
            "Mon, 23 Nov 2026",
            "2026-11-23T12:00:00Z",
            "Mon,",
            ",,,",
            "GMT",
        ],
    )
    def test_nonsense(self, header: str | None) -> None:
        """A header that is neither counts as absent."""
        assert wait_of(header) is None

    @given(
        header=st.text()
        | st.from_regex(
            r"\A[A-Za-z]{0,4},? ?-?[0-9]{1,6}[ -][A-Z][a-z]{2}[ -]-?[0-9]{1,6} "
            r"[0-9:.]{1,9} ?([A-Z]{1,4}|[+-][0-9]{1,5})?\Z"
        ),
        now=st.floats(0, 4e9),
    )
    @example(header="Mon, 23 Nov 0001 00:00:00 +2359", now=0.0)
    @example(header="Mon, 31 Dec 9999 23:59:59 -2359", now=0.0)
    @example(header="Mon, 23 Nov 2026 12:00:00 +999999999", now=0.0)
    def test_any_text(self, header: str, now: float) -> None:
        """Any text at all is a finite wait that is not negative, or nothing."""
        wait = wait_of(header, now)

        assert wait is None or (math.isfinite(wait) and wait >= 0.0)

    @given(st.integers(0, 10**9))
    def test_dates_round_trip(self, seconds: int) -> None:
        """A date some seconds ahead is a wait of the same number of seconds."""
        header = email.utils.formatdate(NOON + seconds, usegmt=True)

        assert wait_of(header) == seconds
