"""When answers pause a PABX."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digitro_async import errors
from digitro_async.dispatch._breaker import Breaker, BreakerState
from digitro_async.errors import Outcome
from digitro_async.protocol import (
    Classification,
)
from digitro_async.settings import PauseSettings

ACCEPTED = Classification(Outcome.ACCEPTED)
NOT_SENT = Classification(Outcome.NOT_SENT, errors.ConnectFailedError, "connect_failed")
REJECTED = Classification(Outcome.REJECTED, errors.RejectedError, "status_400")
THROTTLED = Classification(Outcome.REFUSED, errors.ThrottledError, "throttled")
UNKNOWN = Classification(Outcome.UNKNOWN, errors.ServerFaultError, "server_fault")
FORBIDDEN = Classification(
    Outcome.REFUSED, errors.PermissionDeniedError, "status_403", needs_operator=True
)
REDIRECT = Classification(
    Outcome.UNKNOWN, errors.UnexpectedRedirectError, "redirect", needs_operator=True
)
ORDINARY = [ACCEPTED, NOT_SENT, REJECTED, THROTTLED, UNKNOWN]


def make_breaker(**given: Any) -> Breaker:
    """Make a breaker."""
    return Breaker(PauseSettings(**given))


def record(
    breaker: Breaker, classification: Classification, times: int = 1, now: float = 0.0
) -> None:
    """Record one classification several times."""
    for _ in range(times):
        breaker.record(classification, now)


def earliest(breaker: Breaker, now: float) -> float:
    """When the breaker lets a call start."""
    return max(now, breaker.until)


def probe(breaker: Breaker, classification: Classification, now: float) -> None:
    """Let a probe through and record what it came to."""
    assert breaker.start()

    breaker.record(classification, now, probe=True)


class TestBreaker:
    """When a PABX is paused, and how it comes back."""

    def test_at_first_it_takes_calls(self) -> None:
        """A new breaker lets every call through and none as a probe."""
        breaker = make_breaker()

        assert breaker.state is BreakerState.CLOSED
        assert breaker.reason == ""
        assert earliest(breaker, 7.0) == 7.0
        assert not breaker.start()
        assert breaker.state is BreakerState.CLOSED

    @pytest.mark.parametrize(
        ("classification", "run", "reason"),
        [(UNKNOWN, 10, "unknown_run"), (NOT_SENT, 5, "not_sent_run")],
    )
    def test_runs_open_it(
        self, classification: Classification, run: int, reason: str
    ) -> None:
        """So many in a row pause the PABX for the first pause, and one fewer do not."""
        breaker = make_breaker()
        record(breaker, classification, run - 1)

        assert breaker.state is BreakerState.CLOSED

        record(breaker, classification, now=100.0)

        assert (breaker.state, breaker.reason) == (BreakerState.OPEN, reason)
        assert breaker.until == 105.0
        assert earliest(breaker, 101.0) == 105.0
        assert earliest(breaker, 105.0) == 105.0
        assert earliest(breaker, 200.0) == 200.0

    @pytest.mark.parametrize(
        ("classification", "run"), [(UNKNOWN, 10), (NOT_SENT, 5), (REJECTED, 20)]
    )
    @pytest.mark.parametrize("between", ORDINARY)
    def test_a_run_is_broken_by_anything_else(
        self, classification: Classification, run: int, between: Classification
    ) -> None:
        """A run that is broken starts anew."""
        if between is classification:
            return
        breaker = make_breaker(unknown_budget=1000)
        record(breaker, classification, run - 1)
        record(breaker, between)
        record(breaker, classification, run - 1)

        assert breaker.state is BreakerState.CLOSED

        record(breaker, classification)

        assert breaker.state is not BreakerState.CLOSED

    def test_rejections_in_a_row_hold_it(self) -> None:
        """Twenty rejections in a row are the set-up's fault: somebody must look."""
        breaker = make_breaker()
        record(breaker, REJECTED, 19)

        assert breaker.state is BreakerState.CLOSED

        record(breaker, REJECTED)

        assert (breaker.state, breaker.reason) == (
            BreakerState.PAUSED_BY_HAND,
            "rejected_run",
        )
        assert earliest(breaker, 1e9) == math.inf

    @pytest.mark.parametrize("classification", [FORBIDDEN, REDIRECT])
    def test_one_wrong_set_up_holds_it(self, classification: Classification) -> None:
        """An answer that needs an operator pauses at once, until ``resume``."""
        breaker = make_breaker()
        record(breaker, classification)

        assert (breaker.state, breaker.reason) == (
            BreakerState.PAUSED_BY_HAND,
            classification.reason,
        )
        assert earliest(breaker, 1e9) == math.inf
        assert not breaker.start()

    @pytest.mark.parametrize("classification", [ACCEPTED, THROTTLED])
    def test_acceptances_and_throttles_never_open_it(
        self, classification: Classification
    ) -> None:
        """Neither acceptances nor throttles pause the PABX."""
        breaker = make_breaker()
        record(breaker, classification, 5000)

        assert breaker.state is BreakerState.CLOSED

    @given(
        st.lists(st.sampled_from(ORDINARY), max_size=60),
        st.integers(0, 5),
        st.integers(1, 12),
    )
    def test_the_short_cut_for_acceptances(
        self, verdicts: list[Classification], budget: int, window: int
    ) -> None:
        """Recording acceptances the short way makes no difference."""
        settings = {
            "unknown_budget": budget,
            "unknown_window": window,
            "unknown_run": 3,
            "not_sent_run": 2,
            "rejected_run": 3,
        }
        one, other = make_breaker(**settings), make_breaker(**settings)
        for now, classification in enumerate(verdicts):
            one.record(classification, now)
            if classification is ACCEPTED:
                other.record_accepted()
            else:
                other.record(classification, now)

            assert (one.state, one.reason, one.until) == (
                other.state,
                other.reason,
                other.until,
            )

    def test_unknown_budget(self) -> None:
        """More unknowns than the budget within the window pause, in a row or not."""
        breaker = make_breaker(unknown_budget=3, unknown_window=20)
        for _ in range(3):
            record(breaker, UNKNOWN)
            record(breaker, ACCEPTED, 3)

        assert breaker.state is BreakerState.CLOSED

        record(breaker, UNKNOWN, now=50.0)

        assert (breaker.state, breaker.reason) == (BreakerState.OPEN, "unknown_budget")
        assert breaker.until == 55.0

    def test_budget_forgets_what_leaves_the_window(self) -> None:
        """An unknown counts for exactly as many calls as the window is long."""
        breaker = make_breaker(unknown_budget=1, unknown_window=4)
        for _ in range(10):
            record(breaker, UNKNOWN)
            record(breaker, ACCEPTED, 3)

        assert breaker.state is BreakerState.CLOSED

        record(breaker, ACCEPTED)
        record(breaker, UNKNOWN)
        record(breaker, ACCEPTED, 2)
        record(breaker, UNKNOWN)

        assert breaker.reason == "unknown_budget"

    def test_every_acceptance_moves_the_window(self) -> None:
        """Acceptances recorded the short way count as one call each."""
        breaker = make_breaker(unknown_budget=1, unknown_window=4)
        for _ in range(10):
            record(breaker, UNKNOWN)
            for _ in range(3):
                breaker.record_accepted()

        assert breaker.state is BreakerState.CLOSED

        record(breaker, UNKNOWN)
        breaker.record_accepted()
        breaker.record_accepted()
        record(breaker, UNKNOWN)

        assert breaker.reason == "unknown_budget"

    @given(
        st.lists(st.sampled_from([ACCEPTED, UNKNOWN, REJECTED]), max_size=80),
        st.integers(0, 5),
        st.integers(1, 12),
    )
    def test_budget_is_a_sliding_count(
        self, verdicts: list[Classification], budget: int, window: int
    ) -> None:
        """It opens as soon as the last calls hold more unknowns than the budget."""
        breaker = make_breaker(
            unknown_run=999,
            rejected_run=999,
            unknown_budget=budget,
            unknown_window=window,
        )
        for count in range(1, len(verdicts) + 1):
            record(breaker, verdicts[count - 1])
            recent = verdicts[max(0, count - window) : count]
            if recent.count(UNKNOWN) > budget:
                assert breaker.reason == "unknown_budget"
                return

            assert breaker.state is BreakerState.CLOSED
