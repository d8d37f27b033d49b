"""What a pause costs, and how many unknowns it lets happen, by the share of them."""

import random
from collections.abc import Callable

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digitro_async import errors
from digitro_async.dispatch._breaker import Breaker, BreakerState, PauseCause
from digitro_async.errors import Outcome
from digitro_async.protocol import Classification
from digitro_async.settings import PauseSettings

ACCEPTED = Classification(Outcome.ACCEPTED)
UNKNOWN = Classification(Outcome.UNKNOWN, errors.ServerFaultError, "server_fault")
LOST = Classification(Outcome.UNKNOWN, errors.ConnectionLostError, "connection_lost")
UNSENT = Classification(Outcome.NOT_SENT, errors.ConnectFailedError, "connect_failed")

SECONDS_A_CALL = 1 / 49
"""A cap of 50 calls a second, and answers after 20 ms."""


@attrs.define
class Course:
    """What a PABX met that is called without a break, one call after another.

    Attributes:
        seconds: How long it took.
        calls: Calls that it got.
        unknown: Calls of them that came out unknown.
        periods: Unknowns and calls of each time between two pauses.
        pauses: For each pause, the calls until then and how long it began.
    """

    seconds: float = 0.0
    calls: int = 0
    unknown: int = 0
    periods: list[tuple[int, int]] = attrs.field(factory=lambda: [(0, 0)])
    pauses: list[tuple[int, float]] = attrs.field(factory=list)

    @property
    def rate(self) -> float:
        """Calls a second."""
        return self.calls / self.seconds


def call_for(
    seconds: float, fails: Callable[[], bool], settings: PauseSettings
) -> Course:
    """Call a PABX for some virtual seconds; nothing else is on the wire."""
    breaker, course = Breaker(settings), Course()
    while course.seconds < seconds:
        course.seconds = max(course.seconds, breaker.until)
        is_probe, failed = breaker.start(), fails()
        course.seconds += SECONDS_A_CALL
        course.calls += 1
        course.unknown += failed
        if not is_probe:
            unknown, calls = course.periods[-1]
            course.periods[-1] = (unknown + failed, calls + 1)
        breaker.record(
            UNKNOWN if failed else ACCEPTED, course.seconds, probe=is_probe, status=500
        )
        if breaker.state is BreakerState.OPEN and not is_probe:
            course.pauses.append((course.calls, breaker.until - course.seconds))
        if is_probe and breaker.state is BreakerState.CLOSED:
            course.periods.append((0, 0))
    return course


def drawn(share: float, seed: int = 0) -> Callable[[], bool]:
    """Return a function that fails that share of its calls."""
    chance = random.Random(seed)
    return lambda: chance.random() < share


def fail_evenly(breaker: Breaker, every: int, calls: int, now: float = 0.0) -> float:
    """Let every so many calls fail, 20 ms apart, until a pause; return its moment."""
    for number in range(1, calls + 1):
        now += 0.02
        if number % every:
            breaker.record_accepted()
        else:
            breaker.record(UNKNOWN, now, status=500)
        if breaker.state is not BreakerState.CLOSED:
            break
    return now


def close(breaker: Breaker) -> None:
    """End a pause by a good probe."""
    now = breaker.until
    assert breaker.start()

    breaker.record(ACCEPTED, now, probe=True)


class TestShares:
    """A pause is as long as the share of unknowns asks for."""

    def test_brief_where_most_calls_are_accepted(self) -> None:
        """Each unknown of the budget costs the time of three calls."""
        breaker = Breaker(PauseSettings())
        now = fail_evenly(breaker, every=20, calls=220)

        assert (breaker.reason, breaker.state) == ("unknown_budget", BreakerState.OPEN)
        assert breaker.until - now == pytest.approx(3 * 11 * 0.02)
        assert breaker.cause == PauseCause(11, 220, now, (("answered 500", 11),))

    def test_never_longer_than_the_first_pause(self) -> None:
        """A PABX that is called rarely is not left alone for minutes."""
        breaker = Breaker(PauseSettings(first_pause=0.5))
        now = fail_evenly(breaker, every=20, calls=220)

        assert breaker.until - now == 0.5

    @pytest.mark.parametrize(("share", "pause"), [(0.049, 5.0), (0.05, 0.66)])
    def test_the_share_is_a_setting(self, share: float, pause: float) -> None:
        """Over the share that is set the pause has its first length."""
        breaker = Breaker(PauseSettings(unknown_share=share))
        now = fail_evenly(breaker, every=20, calls=220)

        assert breaker.until - now == pytest.approx(pause)

    def test_twice_as_long_when_it_comes_again(self) -> None:
        """Where one of five calls fails again and again, pauses begin ever longer."""
        breaker, now, pauses = Breaker(PauseSettings()), 0.0, []
        for _ in range(6):
            now = fail_evenly(breaker, every=5, calls=55, now=now)
            pauses.append(round(breaker.until - now, 6))
            now = breaker.until
            close(breaker)

        assert pauses == [5, 10, 20, 40, 60, 60]

    def test_a_run_comes_again_like_a_share(self) -> None:
        """A PABX that takes the probe and nothing more gets ever longer pauses too."""
        breaker, pauses = Breaker(PauseSettings()), []
        for _ in range(3):
            for _ in range(10):
                breaker.record(UNKNOWN, 100.0)
            pauses.append(breaker.until - 100.0)
            close(breaker)

        assert pauses == [5, 10, 20]

    @pytest.mark.parametrize(("calls", "pause"), [(989, 5.0), (988, 10.0)])
    def test_forgotten_after_a_window_of_calls(self, calls: int, pause: float) -> None:
        """A long pause counts for as many calls as the window is long."""
        breaker = Breaker(PauseSettings())
        for _ in range(10):
            breaker.record(UNKNOWN, 0.0)
        close(breaker)
        for _ in range(calls):
            breaker.record_accepted()
        for _ in range(10):
            breaker.record(UNKNOWN, 100.0)

        assert breaker.until == 100.0 + pause

    def test_forgotten_by_resume(self) -> None:
        """Who resumes by hand begins anew."""
        breaker = Breaker(PauseSettings())
        for _ in range(2):
            for _ in range(10):
                breaker.record(UNKNOWN, 0.0)
            breaker.resume()
        for _ in range(10):
            breaker.record(UNKNOWN, 0.0)

        assert breaker.until == 5.0

    def test_a_brief_pause_whose_probes_fail_doubles(self) -> None:
        """A PABX that fails for good soon gets pauses of the longest length."""
        breaker = Breaker(PauseSettings())
        now = fail_evenly(breaker, every=20, calls=220)
        for _ in range(8):
            now = breaker.until
            assert breaker.start()
            breaker.record(UNKNOWN, now, probe=True)

        assert breaker.until - now == 60.0
        assert (breaker.tries, breaker.last_problem) == (
            8,
            "answered with a server fault",
        )


class TestCauses:
    """The attempts that a pause came of."""

    def test_several_problems(self) -> None:
        """The most frequent problem comes first."""
        breaker = Breaker(PauseSettings())
        for number in range(10):
            breaker.record(LOST if number % 3 else UNKNOWN, 7.0, status=None)

        assert breaker.cause == PauseCause(
            10,
            10,
            7.0,
            (
                ("lost the connection before an answer", 6),
                ("answered with a server fault", 4),
            ),
        )

    def test_only_the_run_counts(self) -> None:
        """Failures from before the run are not its cause."""
        breaker = Breaker(PauseSettings())
        for failed in [*[UNSENT] * 4, LOST, *[UNSENT] * 5]:
            breaker.record(failed, 3.0)

        assert breaker.cause == PauseCause(
            5, 5, 3.0, (("could not be sent: no connection", 5),)
        )

    def test_only_unknowns_of_the_run_count(self) -> None:
        """Unknowns from before the run are in the window, and not its cause."""
        breaker = Breaker(PauseSettings(unknown_budget=99))
        for classification in [*[LOST] * 3, ACCEPTED, *[UNKNOWN] * 10]:
            breaker.record(classification, 3.0, status=500)

        assert breaker.cause == PauseCause(10, 10, 3.0, (("answered 500", 10),))

    def test_no_more_calls_than_the_window(self) -> None:
        """A share is that of the window, however many calls were made before it."""
        breaker = Breaker(PauseSettings())
        now = fail_evenly(breaker, every=100, calls=5000)

        assert breaker.state is BreakerState.CLOSED

        now = fail_evenly(breaker, every=80, calls=5000, now=now)

        assert breaker.cause is not None
        assert (breaker.cause.failed, breaker.cause.of) == (11, 1000)

    def test_pauses_are_counted(self) -> None:
        """Each pause counts once, whatever its probes come to, and its end is kept."""
        breaker = Breaker(PauseSettings(unknown_run=1))
        breaker.record(UNKNOWN, 3.0)
        breaker.start()
        breaker.record(UNKNOWN, 8.0, probe=True)

        assert (breaker.pauses, breaker.ended, breaker.tries) == (1, None, 1)

        breaker.start()
        breaker.record(ACCEPTED, 18.0, probe=True)
        problems = (("answered with a server fault", 1),)

        assert breaker.past == ("unknown_run", PauseCause(1, 1, 3.0, problems))
        assert (breaker.pauses, breaker.ended) == (1, 18.0)

        breaker.record(LOST, 20.0)

        assert (breaker.pauses, breaker.ended) == (2, None)

    def test_a_pause_by_hand_has_no_tries(self) -> None:
        """Probes of the pause before say nothing of a pause that waits for somebody."""
        breaker = Breaker(PauseSettings(unknown_run=1))
        breaker.record(UNKNOWN, 3.0)
        breaker.start()
        breaker.record(UNKNOWN, 8.0, probe=True)
        breaker.pause_until_resume("operator")

        assert (breaker.tries, breaker.cause) == (0, None)

    def test_forgotten_with_the_pause(self) -> None:
        """A PABX that takes calls has no cause, no tries and no last problem."""
        breaker = Breaker(PauseSettings(unknown_run=1))
        breaker.record(UNKNOWN, 3.0)
        close(breaker)

        assert breaker.cause is None
        assert (breaker.tries, breaker.last_problem) == (0, "")


class TestBounds:
    """What the pauses come to, in virtual time."""

    @pytest.mark.parametrize(
        ("share", "lowest", "highest"),
        [(0.01, 45, 49), (0.05, 37.5, 49), (0.3, 0, 2), (1.0, 0, 0.1)],
    )
    def test_rates(self, share: float, lowest: float, highest: float) -> None:
        """5 % of 500s cost less than a quarter of the rate; of 30 % few calls go."""
        courses = [call_for(600, drawn(share, n), PauseSettings()) for n in range(5)]

        assert all(lowest <= course.rate <= highest for course in courses)

    def test_unknowns_of_a_dead_pabx(self) -> None:
        """Ten in a row, then one for each probe, of which there is one a minute."""
        course = call_for(3600, drawn(1.0), PauseSettings())

        assert course.unknown == 10 + 4 + (3600 - 75) // 60 + 1

    @pytest.mark.parametrize("share", [0.2, 0.3, 0.5])
    def test_unknowns_of_a_sick_pabx(self, share: float) -> None:
        """In an hour there are at most eleven a minute, beside the first pauses."""
        course = call_for(3600, drawn(share), PauseSettings())
        failed_probes = course.unknown - sum(unknown for unknown, _ in course.periods)

        assert sum(unknown for unknown, _ in course.periods) <= 11 * (60 + 5)
        assert failed_probes <= len(course.pauses) + 60

    @given(
        st.lists(st.floats(0.0, 1.0), min_size=1, max_size=6),
        st.integers(0, 2**16),
        st.builds(
            PauseSettings,
            unknown_run=st.integers(1, 15),
            unknown_budget=st.integers(0, 15),
            unknown_window=st.integers(20, 300),
            unknown_share=st.floats(0.0, 0.5),
        ),
    )
    def test_unknowns_whatever_it_answers(
        self, shares: list[float], seed: int, settings: PauseSettings
    ) -> None:
        """Between two pauses never more than the budget of a window, and one.

        A pause for a share over the limit begins twice as long as the one before it,
        or a window of calls lies between them.
        """
        chance, count = random.Random(seed), iter(range(10**9))
        course = call_for(
            300,
            lambda: chance.random() < shares[next(count) // 200 % len(shares)],
            settings,
        )
        window = settings.unknown_window
        for unknown, calls in course.periods:
            assert unknown <= settings.unknown_budget * -(-calls // window) + 1
        last_at, last = -window, 0.0
        for at, pause in course.pauses:
            if pause < 4.99:  # a brief one: of 16 unknowns it takes a second
                continue
            longer = min(2 * last, 60.0) if at - last_at < window else 5.0
            assert pause == pytest.approx(longer)
            last_at, last = at, pause
