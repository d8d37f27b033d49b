from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digitro_async.dispatch._statistics import (
    AVERAGE_SECONDS,
    RATE_SECONDS,
    Counters,
    PABXStatistics,
    Statistics,
)
from digitro_async.errors import Outcome


def make(name: str, **given: Any) -> PABXStatistics:
    """Make the statistics of one PABX."""
    blank = {
        "in_flight": 0,
        "waiting": 0,
        "attempts": 0,
        "outcomes": dict.fromkeys(Outcome, 0),
        "rate": 0.0,
        "paused": "",
        "resumes_in": None,
        "alarms": 0,
    }
    return PABXStatistics(name=name, **{**blank, **given})


def count_evenly(rate: float, seconds: float, begin: float = 0.0) -> Counters:
    """Count POSTs that begin evenly spaced."""
    counters = Counters()
    for index in range(round(rate * seconds)):
        counters.start(begin + index / rate)
    return counters


class TestCounters:
    """The counts of one PABX."""

    def test_at_first_everything_is_zero(self) -> None:
        """New counters have counted nothing, with a place for every outcome."""
        counters = Counters()

        assert (counters.in_flight, counters.attempts, counters.alarms) == (0, 0, 0)
        assert counters.outcomes == dict.fromkeys(Outcome, 0)
        assert counters.rate(0.0) == counters.rate(1e9) == 0.0

    def test_starts_are_counted(self) -> None:
        """A POST that begins is an attempt and is on the wire."""
        counters = Counters()
        counters.start(1.0)
        counters.start(2.0)

        assert (counters.in_flight, counters.attempts) == (2, 2)

    @pytest.mark.parametrize("rate", [1, 50, 700])
    @pytest.mark.parametrize("seconds", [3.0, 10.0, 10.5, 10.99, 30.25])
    def test_rate_of_even_starts(self, rate: float, seconds: float) -> None:
        """Evenly spaced starts are read as the rate they have, whatever the moment."""
        counters = count_evenly(rate, seconds)

        assert counters.rate(seconds) == pytest.approx(rate, rel=0.05, abs=0.5)

    @given(rate=st.integers(1, 200), begin=st.floats(0, 1e6), seconds=st.floats(0, 20))
    def test_rate_is_never_overstated(
        self, rate: int, begin: float, seconds: float
    ) -> None:
        """An even pace is never shown as more than it is, but for its first call."""
        counters = count_evenly(rate, seconds, begin)

        assert counters.rate(begin + seconds) <= rate + 1 + 1e-6

    def test_rate_of_the_first_second(self) -> None:
        """A rate is never worked out over less than a second."""
        assert count_evenly(100, 0.1).rate(0.1) == 10.0
        assert count_evenly(100, 1.5).rate(1.5) == pytest.approx(100.0)

    def test_rate_fades(self) -> None:
        """Seconds after the last start there is no rate any more."""
        counters = count_evenly(10, 10.0)

        assert RATE_SECONDS == 5
        assert counters.rate(10.0) == pytest.approx(10.0)
        assert 0 < counters.rate(14.0) < 5
        assert counters.rate(15.0) == counters.rate(100.0) == 0.0

    def test_memory_does_not_grow(self) -> None:
        """A long run is remembered for half a minute only."""
        assert len(count_evenly(2, 1000.0)._seconds) == AVERAGE_SECONDS + 1

    @pytest.mark.parametrize("rate", [1, 50, 700])
    @pytest.mark.parametrize("seconds", [3.0, 10.5, 29.99, 30.25, 100.5])
    def test_average_rate_of_even_starts(self, rate: int, seconds: float) -> None:
        """Evenly spaced starts are averaged to the rate they have."""
        counters = count_evenly(rate, seconds)

        assert counters.average_rate(seconds) == pytest.approx(rate, rel=0.05, abs=0.5)

    def test_average_rate_counts_pauses(self) -> None:
        """Seconds in which nothing starts lower the average, not the current rate."""
        counters = count_evenly(50, 10.0)
        for index in range(250):
            counters.start(25.0 + index / 50)

        assert counters.average_rate(30.0) == pytest.approx(25.0, rel=0.02)
        assert counters.rate(30.0) == pytest.approx(50.0, rel=0.02)
        assert counters.average_rate(100.0) == 0.0

    def test_silence_is_counted_from_the_last_answer(self) -> None:
        """Nothing is silent without calls in flight; then since the first began."""
        counters = Counters()
        assert counters.silent_for(50.0) == 0.0

        counters.start(50.0)
        counters.start(53.0)

        assert counters.silent_for(57.0) == 7.0


class TestStatistics:
    """The snapshot that users see."""

    def test_totals(self) -> None:
        """The totals are sums over all PABX."""
        accepted = {**dict.fromkeys(Outcome, 0), Outcome.ACCEPTED: 3}
        statistics = Statistics(
            {
                "a": make("a", in_flight=1, attempts=4, rate=0.5, outcomes=accepted),
                "b": make("b", in_flight=2, attempts=8, rate=1.25, outcomes=accepted),
            }
        )

        assert statistics.in_flight == 3
        assert statistics.attempts == 12
        assert statistics.rate == 1.75
        assert statistics.outcomes == {
            **dict.fromkeys(Outcome, 0),
            Outcome.ACCEPTED: 6,
        }

    def test_without_any_pabx(self) -> None:
        """Nothing sums up to zero."""
        statistics = Statistics({})

        assert (statistics.in_flight, statistics.attempts, statistics.rate) == (0, 0, 0)
        assert statistics.outcomes == dict.fromkeys(Outcome, 0)

    @pytest.mark.parametrize("made", [Statistics({}), make("a")])
    def test_snapshots_are_frozen(self, made: Any) -> None:
        """A snapshot can't be changed."""
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            made.pabx = {}
