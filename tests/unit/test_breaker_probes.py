"""How a pause ends: by probes, by hand, or not."""

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


class TestProbes:
    """One call that shows whether a pause may end."""

    def test_one_probe_at_a_time(self) -> None:
        """After the pause one call goes, and the others wait for what it tells."""
        breaker = make_breaker()
        record(breaker, NOT_SENT, 5)

        assert breaker.start()
        assert breaker.state is BreakerState.PROBING
        assert breaker.reason == "not_sent_run"
        assert earliest(breaker, 1e9) == math.inf
        assert not breaker.start()

    @pytest.mark.parametrize("classification", [ACCEPTED, REJECTED])
    def test_a_good_probe_closes_it(self, classification: Classification) -> None:
        """A probe that the PABX answered ends the pause and forgets what was before."""
        breaker = make_breaker()
        record(breaker, NOT_SENT, 5)
        probe(breaker, classification, now=6.0)

        assert (breaker.state, breaker.reason) == (BreakerState.CLOSED, "")
        assert earliest(breaker, 6.0) == 6.0

        record(breaker, NOT_SENT, 4)

        assert breaker.state is BreakerState.CLOSED

        record(breaker, NOT_SENT, now=10.0)

        assert breaker.until == 15.0

    @pytest.mark.parametrize("classification", [UNKNOWN, NOT_SENT, THROTTLED])
    def test_a_bad_probe_opens_it_longer(self, classification: Classification) -> None:
        """Each bad probe doubles the pause, up to the longest."""
        breaker = make_breaker(first_pause=5.0, max_pause=60.0)
        record(breaker, NOT_SENT, 5)
        pauses = []
        for now in range(1000, 7000, 1000):
            probe(breaker, classification, now)
            pauses.append(breaker.until - now)

            assert (breaker.state, breaker.reason) == (
                BreakerState.OPEN,
                "not_sent_run",
            )

        assert pauses == [10.0, 20.0, 40.0, 60.0, 60.0, 60.0]

    def test_the_pause_is_short_again_after_a_good_probe(self) -> None:
        """A pause after a good probe begins with the first length."""
        breaker = make_breaker()
        record(breaker, NOT_SENT, 5)
        probe(breaker, NOT_SENT, 10.0)
        probe(breaker, ACCEPTED, 30.0)
        record(breaker, NOT_SENT, 5, now=40.0)

        assert breaker.until == 45.0

    def test_a_good_probe_empties_the_budget(self) -> None:
        """Unknowns from before the pause do not count after it."""
        breaker = make_breaker(unknown_budget=2)
        record(breaker, UNKNOWN, 3)
        probe(breaker, ACCEPTED, 10.0)
        record(breaker, UNKNOWN, 2)

        assert breaker.state is BreakerState.CLOSED

    @pytest.mark.parametrize("classification", [FORBIDDEN, REDIRECT])
    def test_a_probe_may_hold_it(self, classification: Classification) -> None:
        """A probe that needs somebody to look pauses until they resume."""
        breaker = make_breaker()
        record(breaker, NOT_SENT, 5)
        probe(breaker, classification, 10.0)

        assert (breaker.state, breaker.reason) == (
            BreakerState.PAUSED_BY_HAND,
            classification.reason,
        )

    def test_an_abandoned_probe(self) -> None:
        """A cancelled probe tells nothing: the next one may go at once."""
        breaker = make_breaker()
        record(breaker, NOT_SENT, 5)
        breaker.start()
        breaker.abandon_probe(9.0)

        assert (breaker.state, breaker.reason) == (BreakerState.OPEN, "not_sent_run")
        assert earliest(breaker, 9.0) == 9.0
        assert breaker.start()

    @pytest.mark.parametrize("state", ["closed", "open", "paused_by_hand"])
    def test_abandoning_without_a_probe(self, state: str) -> None:
        """A probe that ends after the breaker moved on changes nothing."""
        breaker = make_breaker()
        if state == "open":
            record(breaker, NOT_SENT, 5)
        if state == "paused_by_hand":
            breaker.pause_until_resume("operator")
        before = (breaker.state, breaker.reason, breaker.until)
        breaker.abandon_probe(9.0)

        assert (breaker.state, breaker.reason, breaker.until) == before

    @pytest.mark.parametrize("classification", ORDINARY)
    def test_late_answers_do_not_end_a_pause(
        self, classification: Classification
    ) -> None:
        """Answers to calls from before the pause neither end nor lengthen it."""
        breaker = make_breaker()
        record(breaker, UNKNOWN, 10)
        record(breaker, classification, 19, now=3.0)

        assert (breaker.state, breaker.until) == (BreakerState.OPEN, 5.0)

        breaker.start()
        record(breaker, classification, now=6.0)

        assert breaker.state in (BreakerState.PROBING, BreakerState.PAUSED_BY_HAND)

    def test_a_late_refusal_holds_an_open_breaker(self) -> None:
        """An answer that needs somebody to look is heard during a pause too."""
        breaker = make_breaker()
        record(breaker, UNKNOWN, 10)
        record(breaker, FORBIDDEN)

        assert breaker.state is BreakerState.PAUSED_BY_HAND

    @pytest.mark.parametrize("classification", [*ORDINARY, FORBIDDEN])
    def test_held_is_held(self, classification: Classification) -> None:
        """Nothing that is answered ends a pause that waits for somebody."""
        breaker = make_breaker()
        breaker.pause_until_resume("operator")
        record(breaker, classification, 50)
        breaker.record(classification, 0.0, probe=True)

        assert (breaker.state, breaker.reason) == (
            BreakerState.PAUSED_BY_HAND,
            "operator",
        )
        assert earliest(breaker, 1e9) == breaker.until == math.inf

    def test_resume(self) -> None:
        """Resuming takes calls again and forgets what was before."""
        breaker = make_breaker()
        record(breaker, UNKNOWN, 9)
        record(breaker, FORBIDDEN)
        breaker.resume()

        assert (breaker.state, breaker.reason) == (BreakerState.CLOSED, "")
        assert earliest(breaker, 1.0) == 1.0

        record(breaker, UNKNOWN, 9)

        assert breaker.state is BreakerState.CLOSED

    @pytest.mark.parametrize("classification", ORDINARY)
    def test_a_probe_from_before_a_resume(self, classification: Classification) -> None:
        """A probe that ends after somebody resumed counts like any other call."""
        breaker = make_breaker()
        record(breaker, NOT_SENT, 5)
        breaker.start()
        breaker.resume()
        breaker.record(classification, 9.0, probe=True)

        assert (breaker.state, breaker.reason) == (BreakerState.CLOSED, "")

    @given(
        st.lists(
            st.tuples(
                st.sampled_from([*ORDINARY, FORBIDDEN, "start", "resume", "pause"]),
                st.booleans(),
            ),
            max_size=100,
        )
    )
    def test_reason_tells_the_state(self, events: list[tuple[Any, bool]]) -> None:
        """Whatever happens, there is a reason exactly where no calls are taken."""
        breaker = make_breaker(
            unknown_run=2, not_sent_run=2, rejected_run=3, unknown_budget=3
        )
        for now, (event, is_probe) in enumerate(events):
            if event == "start":
                breaker.start()
            elif event == "resume":
                breaker.resume()
            elif event == "pause":
                breaker.pause_until_resume("operator")
            else:
                breaker.record(event, now, probe=is_probe)

            assert bool(breaker.reason) is (breaker.state is not BreakerState.CLOSED)
            assert (earliest(breaker, now) == now) is (
                breaker.state is BreakerState.CLOSED
                or (breaker.state is BreakerState.OPEN and breaker.until <= now)
            )
            assert earliest(breaker, now) >= now


def test_state_names() -> None:
    """The states are written as these words."""
    assert [str(state) for state in BreakerState] == [
        "closed",
        "open",
        "probing",
        "paused_by_hand",
    ]
