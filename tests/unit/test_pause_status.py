"""Why a PABX is paused, and what happens next, for programs."""

from typing import Any

import attrs
import pytest
from helpers import make_pabx

from digitro_async import Limit, PauseSettings, PauseStatus, RetrySettings, errors
from digitro_async.dispatch._needs import NEEDS_OF_A_CALL, Needs
from digitro_async.dispatch._standing import Standing
from digitro_async.errors import Outcome
from digitro_async.protocol import AttemptResult, Classification

AUTH = Classification(
    Outcome.REFUSED, errors.AuthenticationError, "status_401", needs_operator=True
)
FAULT = Classification(Outcome.UNKNOWN, errors.ServerFaultError, "server_fault")
LOST = Classification(Outcome.UNKNOWN, errors.ConnectionLostError, "connection_lost")
REFUSED = Classification(Outcome.NOT_SENT, errors.ConnectFailedError, "connect_failed")
REJECTED = Classification(Outcome.REJECTED, errors.RejectedError, "status_400")
THROTTLED = Classification(Outcome.REFUSED, errors.ThrottledError, "throttled")


LOST_WORDS = "lost the connection before an answer"


@attrs.define
class Turn:
    """The turn of a call that was not made."""

    started: float
    recorded: float
    is_probe: bool
    channel_id: int | None = 1
    needs: Needs = NEEDS_OF_A_CALL


def make_standing(**given: Any) -> Standing:
    """Return the standing of a PABX at port 9."""
    return Standing(make_pabx(**given), RetrySettings(), PauseSettings(), lambda: 1.0)


def call(
    standing: Standing,
    classification: Classification,
    times: int = 1,
    now: float = 100.0,
    **given: Any,
) -> None:
    """Make calls that come out like that."""
    for _ in range(times):
        probe = standing.start(now)
        turn = Turn(started=now, recorded=now, is_probe=probe)
        standing.record(AttemptResult(classification, **given), now, turn)


def pause_of(standing: Standing, now: float = 101.0) -> PauseStatus:
    """Return the pause of a PABX that has one."""
    pause = standing.snapshot(now, 0).pause
    assert pause is not None
    return pause


def test_takes_calls() -> None:
    """A PABX that takes calls has no pause."""
    assert make_standing().snapshot(0.0, 0).pause is None


def test_refused_connections() -> None:
    """It names the address, the tries and the seconds until the next one."""
    standing = make_standing()
    call(standing, REFUSED, 5)

    assert pause_of(standing) == PauseStatus(
        code="not_sent_run",
        text="no connection at 127.0.0.1:9",
        address="127.0.0.1:9",
        next_try_in=4.0,
        seconds=1.0,
    )

    call(standing, LOST, now=105.0)
    pause = pause_of(standing, 106.0)

    assert (pause.tries, pause.next_try_in, pause.seconds) == (1, 9.0, 6.0)
    assert pause.last_try == LOST_WORDS

    standing.start(115.0)

    assert pause_of(standing, 115.5).is_probing
    assert pause_of(standing, 115.5).next_try_in == 20.0


@pytest.mark.parametrize(
    ("calls", "text"),
    [
        ([(FAULT, 10)], "10 calls in a row answered 500"),
        (
            [(FAULT, 6), (LOST, 4)],
            f"10 calls in a row are unknown (6 answered 500, 4 {LOST_WORDS})",
        ),
        ([(REJECTED, 20)], "20 calls in a row answered 400: rejected"),
        ([(AUTH, 1)], "a call answered 401: the api key is not taken"),
    ],
)
def test_causes(calls: list[tuple[Classification, int]], text: str) -> None:
    """The cause is told with the number of calls that it came of."""
    standing = make_standing()
    for classification, times in calls:
        call(standing, classification, times, status=500)

    assert pause_of(standing).text == text


def test_pause_by_hand() -> None:
    """A pause by hand has the operator's own reason, and no next try."""
    standing = make_standing()
    standing.breaker.pause_until_resume("operator")
    assert pause_of(standing).text == "paused by hand"

    standing.breaker.pause_until_resume("lunch")
    pause = pause_of(standing)

    assert (pause.code, pause.text) == ("lunch", "paused by hand (lunch)")
    assert (pause.next_try_in, pause.seconds) == (None, None)


def test_throttle() -> None:
    """A throttle has the Retry-After that the PABX gave."""
    standing = make_standing()
    call(standing, THROTTLED, retry_after=30.0, status=429)
    pause = pause_of(standing, 110.0)

    assert (pause.code, pause.next_try_in) == ("throttled", 20.0)
    assert pause.text == "the PABX asked for fewer calls (429, Retry-After 30 s)"
    assert standing.snapshot(131.0, 0).pause is None


def test_channel() -> None:
    """Without a channel id the pause says whether one is waited for."""
    standing = Standing(
        make_pabx().__class__("one", "http://10.0.0.1", None, "key"),
        RetrySettings(),
        PauseSettings(),
    )
    pause = pause_of(standing)
    assert (pause.code, pause.text) == ("no_channel", "has no channel id")

    standing.set_channel(None)
    assert pause_of(standing).text == "waits for a channel id"
    assert pause_of(standing).address == "10.0.0.1:80"


def test_pauses_that_are_over_are_counted() -> None:
    """The last pause is told after its end, with the seconds since it began."""
    standing = make_standing()
    call(standing, FAULT, 10, status=500)
    call(standing, Classification(Outcome.ACCEPTED), now=105.0)
    now = standing.snapshot(110.0, 0)

    assert now.pause is None
    assert now.pauses == 1
    assert now.last_pause is not None
    assert now.last_pause.text == "10 calls in a row answered 500"
    assert (now.last_pause.seconds, now.last_pause.over_for) == (10.0, 5.0)


def test_latency_is_that_of_answers() -> None:
    """Calls that were not sent say nothing of how long answers take."""
    standing = make_standing()
    call(standing, REFUSED)
    assert standing.snapshot(100.0, 0).latency is None

    for seconds in (1.0, 3.0, 2.0):
        standing.start(100.0)
        turn = Turn(started=100.0, recorded=100.5, is_probe=False)
        standing.record(AttemptResult(FAULT, status=500), 100.5 + seconds, turn)

    assert standing.snapshot(110.0, 0).latency == 2.0


def test_fewer_places_are_told_with_their_reason() -> None:
    """Where this machine holds fewer calls, the statistics say how many, and why."""
    standing = make_standing()
    standing.start(100.0)
    standing.start(100.0)
    full = Classification(
        Outcome.NOT_SENT, errors.ConnectFailedError, "too_many_open_files"
    )
    call(standing, full)
    now = standing.snapshot(100.5, 1)

    assert (now.max_in_flight, now.limit) == (2, Limit.PLACES)
    assert now.lack == "too many open files on this machine"
    assert make_standing().snapshot(0.0, 0).lack == ""
