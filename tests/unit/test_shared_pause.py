"""The pause of a PABX that holds for all workers, as one of them sees it."""

import attrs
import pytest

from digitro_async.dispatch._breaker import Breaker, BreakerState
from digitro_async.dispatch._shared_pause import PauseOrder, PauseReport, SharedPause
from digitro_async.dispatch._throttle import Throttle
from digitro_async.errors import AuthenticationError, Outcome, OutcomeUnknownError
from digitro_async.protocol import Classification
from digitro_async.settings import PauseSettings, RetrySettings

UNKNOWN = Classification(Outcome.UNKNOWN, OutcomeUnknownError, "timeout")
REFUSED = Classification(
    Outcome.REFUSED, AuthenticationError, "status_401", needs_operator=True
)
WAIT = PauseOrder(
    code="unknown_run",
    words="3 calls in a row (another)",
    needs_resume=False,
    next_try=5.0,
    is_prober=False,
    rest=0.0,
)
"""What others hear of a pause that one of them tries to end."""
TRY = attrs.evolve(WAIT, is_prober=True)
BY_HAND = attrs.evolve(WAIT, code="operator", words="paused by hand", needs_resume=True)
REST = attrs.evolve(WAIT, code="", words="", rest=20.0)


class Seen:
    """A PABX as one worker sees it."""

    def __init__(self) -> None:
        self.breaker = Breaker(PauseSettings(unknown_run=2, first_pause=10.0))
        self.throttle = Throttle(RetrySettings())
        self.pause = SharedPause(self.breaker, self.throttle)

    def report(self, now: float) -> PauseReport | None:
        """Return what there is to tell."""
        return (
            self.pause.report(now, "in words", 4) if self.pause.has_news(now) else None
        )

    def fail(self, now: float, classification: Classification = UNKNOWN) -> None:
        """Let two calls fail."""
        for _ in range(2):
            self.breaker.record(classification, now)


def test_nothing_to_tell() -> None:
    """A PABX that takes calls is not spoken of, and no order changes it."""
    seen = Seen()

    assert seen.report(100.0) is None
    assert not seen.pause.obey(None, 100.0)


def test_its_own_pause_is_told_and_goes_by_its_own_time() -> None:
    """A worker tells of a pause that it made, and tries again as it would alone."""
    seen = Seen()
    seen.fail(100.0)
    report = seen.report(101.0)

    assert report == PauseReport(
        code="unknown_run", words="in words", ago=1.0, next_try=9.0, waiting=4
    )
    assert not seen.pause.obey(TRY, 101.0)
    assert seen.breaker.until == 110.0


def test_another_one_tries() -> None:
    """Where another tries the PABX first, this one waits for what comes of it."""
    seen = Seen()
    seen.fail(100.0)
    seen.report(101.0)

    assert seen.pause.obey(WAIT, 101.0)
    assert seen.breaker.until == float("inf")
    assert seen.breaker.seconds_left(102.0) == 4.0
    assert seen.report(102.0) == PauseReport(waiting=4)
    assert not seen.pause.obey(WAIT, 102.0)
    assert seen.pause.obey(None, 103.0)
    assert seen.breaker.state is BreakerState.CLOSED


def test_one_that_saw_nothing_waits_too() -> None:
    """A worker whose own calls went well stops for the pause of the others."""
    seen = Seen()

    assert seen.pause.obey(WAIT, 100.0)
    assert seen.breaker.state is BreakerState.OPEN
    assert seen.breaker.until == float("inf")


@pytest.mark.parametrize("before", [None, WAIT])
def test_it_is_told_to_try(before: PauseOrder | None) -> None:
    """Who is to try for all does so when it is time, and tells how it goes."""
    seen = Seen()
    seen.pause.obey(before, 99.0)
    seen.report(99.5)
    seen.pause.obey(TRY, 100.0)

    assert seen.breaker.until == 105.0
    assert seen.breaker.start()
    report = seen.report(105.0)
    assert report is not None
    assert (report.for_others, report.is_probing) == (True, True)
    assert not seen.pause.obey(WAIT, 105.1)  # while its probe is on the wire

    seen.breaker.record(Classification(Outcome.ACCEPTED), 106.0, probe=True)
    report = seen.report(107.0)

    assert report == PauseReport(ended_ago=0.0)
    seen.pause.obey(None, 107.0)
    assert seen.report(108.0) is None


def test_an_end_that_was_not_told_yet() -> None:
    """A good probe that ends between report and answer is not undone by the answer."""
    seen = Seen()
    seen.fail(100.0)
    seen.report(101.0)
    seen.breaker.resume()

    assert not seen.pause.obey(TRY, 101.0)
    assert seen.breaker.state is BreakerState.CLOSED
    assert seen.report(102.0) == PauseReport(ended_ago=0.0)


def test_a_wrong_set_up_pauses_until_resume() -> None:
    """A pause that needs the operator is told so, and holds until all go on."""
    seen = Seen()
    seen.fail(100.0, REFUSED)
    report = seen.report(101.0)
    assert report is not None
    assert (report.code, report.needs_resume) == ("status_401", True)
    assert not seen.pause.obey(attrs.evolve(BY_HAND, code="status_401"), 101.0)

    seen.report(102.0)
    assert seen.pause.obey(None, 102.0)
    assert seen.breaker.state is BreakerState.CLOSED


def test_the_operator_pauses_and_resumes() -> None:
    """An ordered pause is no own one, and its end is no news to the others."""
    seen = Seen()
    assert seen.pause.obey(BY_HAND, 100.0)
    assert seen.breaker.state is BreakerState.PAUSED_BY_HAND
    assert seen.report(101.0) == PauseReport(waiting=4)

    assert seen.pause.obey(None, 102.0)
    assert seen.report(103.0) is None


def test_a_program_resumes_for_all() -> None:
    """A program that resumes an ordered pause here ends it for the others, too."""
    seen = Seen()
    seen.pause.obey(BY_HAND, 100.0)
    seen.breaker.resume()

    assert seen.report(101.0) == PauseReport(ended_ago=0.0)
    assert seen.report(102.0) == PauseReport(ended_ago=1.0)


def test_a_pause_after_the_report_is_not_undone() -> None:
    """An answer to a report of before does not end a pause that began since."""
    seen = Seen()
    seen.report(99.0)
    seen.fail(100.0)

    assert not seen.pause.obey(None, 100.0)
    assert seen.breaker.state is BreakerState.OPEN


def test_its_own_rest_is_told() -> None:
    """A worker tells of the rest that it was asked for, and since when."""
    seen = Seen()
    seen.throttle.record(30.0, 100.0, 0.0)
    first, later = seen.report(101.0), seen.report(103.0)

    assert first is not None
    assert later is not None
    assert later.rest == pytest.approx(first.rest - 2.0)
    assert (first.rest_ago, later.rest_ago) == (0.0, 2.0)


def test_the_rest_of_others() -> None:
    """A rest that others were asked for is kept, not told on, and lifted for all."""
    seen = Seen()
    assert not seen.pause.obey(REST, 100.0)
    assert seen.throttle.until == 120.0
    assert seen.report(101.0) is None
    assert not seen.pause.obey(attrs.evolve(REST, rest=18.9), 101.0)

    assert seen.pause.obey(None, 102.0)
    assert seen.throttle.until < 102.0


def test_its_own_rest_is_lifted_for_all() -> None:
    """Where the operator lifts a rest that this worker told of, it ends here."""
    seen = Seen()
    seen.throttle.record(30.0, 100.0, 0.0)
    seen.report(101.0)

    assert seen.pause.obey(None, 101.0)
    assert seen.throttle.until < 101.0
