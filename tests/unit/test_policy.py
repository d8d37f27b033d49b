import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digitro_async import errors
from digitro_async.dispatch._policy import (
    Breaker,
    BreakerState,
    RetryQuota,
    may_be_sent_again,
    retry_delay,
)
from digitro_async.errors import Outcome
from digitro_async.protocol import (
    AttemptResult,
    Classification,
    Failure,
    Observation,
    classify_evidence,
)
from digitro_async.settings import PauseSettings, RetrySettings

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

seconds = st.floats(0, 1000)


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


class TestSentAgain:
    """Whether, and when, a call is sent again."""

    def test_only_what_was_not_placed(self) -> None:
        """A call goes out again exactly where it was not sent or was throttled."""
        for sending in (False, True):
            for status in (None, *range(100, 1000)):
                for failure in (None, *Failure):
                    classification = classify_evidence(
                        Observation(sending, status, b"", failure)
                    )
                    may = classification.outcome is Outcome.NOT_SENT or (
                        sending and status in (425, 429)
                    )

                    assert may_be_sent_again(classification) is may
                    assert may is False or not (
                        classification.error and classification.error.may_have_dialed
                    )

    @pytest.mark.parametrize("classification", [ACCEPTED, REJECTED, UNKNOWN, FORBIDDEN])
    @given(attempts=st.integers(1, 10), chance=st.floats(0, 1))
    def test_anything_else_is_final(
        self, classification: Classification, attempts: int, chance: float
    ) -> None:
        """Nothing else is sent again, whatever attempts are left."""
        settled = AttemptResult(classification, retry_after=1.0)

        assert (
            retry_delay(settled, attempts, RetrySettings(max_attempts=99), chance)
            is None
        )

    @given(
        classification=st.sampled_from([NOT_SENT, THROTTLED]),
        attempts=st.integers(1, 12),
        max_attempts=st.integers(1, 12),
    )
    def test_attempts_count_the_first(
        self, classification: Classification, attempts: int, max_attempts: int
    ) -> None:
        """There is another attempt exactly while fewer were made than allowed."""
        settings = RetrySettings(max_attempts=max_attempts)
        delay = retry_delay(AttemptResult(classification), attempts, settings, 0.5)

        assert (delay is not None) is (attempts < max_attempts)

    @given(
        attempts=st.integers(1, 5000),
        base=seconds,
        longest=seconds,
        chance=st.floats(0, 1),
    )
    def test_full_jitter(
        self, attempts: int, base: float, longest: float, chance: float
    ) -> None:
        """The back-off lies between zero and a ceiling that doubles."""
        settings = RetrySettings(
            max_attempts=10_000, base_delay=base, max_delay=longest
        )
        delay = retry_delay(AttemptResult(NOT_SENT), attempts, settings, chance)
        ceiling = min(longest, base * 2.0 ** min(attempts - 1, 1000))

        assert delay is not None
        assert delay == pytest.approx(ceiling * chance)
        assert 0 <= delay <= longest

    def test_ceilings(self) -> None:
        """The ceilings are the base, then twice as much, and so on to the longest."""
        settings = RetrySettings(max_attempts=99, base_delay=0.5, max_delay=20.0)

        assert [
            retry_delay(AttemptResult(NOT_SENT), attempts, settings, 1.0)
            for attempts in range(1, 9)
        ] == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 20.0, 20.0]

    @given(retry_after=seconds, longest=seconds, chance=st.floats(0, 1))
    def test_retry_after(
        self, retry_after: float, longest: float, chance: float
    ) -> None:
        """The PABX's wish is honoured up to a cap, and never shortens the back-off."""
        settings = RetrySettings(max_retry_after=longest)
        settled = AttemptResult(THROTTLED, retry_after=retry_after)
        delay = retry_delay(settled, 1, settings, chance)

        assert delay == max(0.5 * chance, min(retry_after, longest))


class TestRetryQuota:
    """The bucket that bounds retries of one PABX."""

    def test_retries_empty_it(self) -> None:
        """A full bucket pays for as many retries as fit into it."""
        quota = RetryQuota(RetrySettings(quota=12, cost=5))

        assert [quota.take() for _ in range(4)] == [True, True, False, False]

    def test_acceptances_fill_it(self) -> None:
        """Each acceptance gives one unit back."""
        quota = RetryQuota(RetrySettings(quota=5, cost=5))
        taken = [quota.take()]
        for _ in range(5):
            taken.append(quota.take())
            quota.refund()
        taken.append(quota.take())

        assert taken == [True, *[False] * 5, True]

    def test_it_never_overflows(self) -> None:
        """Acceptances fill it to its size and no further."""
        quota = RetryQuota(RetrySettings(quota=9, cost=5))
        for _ in range(100):
            quota.refund()

        assert [quota.take(), quota.take()] == [True, False]

    def test_an_empty_quota_forbids_retries(self) -> None:
        """A quota of zero means no retries at all."""
        quota = RetryQuota(RetrySettings(quota=0))
        quota.refund()

        assert not quota.take()

    @given(st.lists(st.booleans(), max_size=300), st.integers(0, 30), st.integers(1, 9))
    def test_retries_are_paid_for(
        self, events: list[bool], size: int, cost: int
    ) -> None:
        """No more retries are made than the bucket and the acceptances pay for."""
        quota = RetryQuota(RetrySettings(quota=size, cost=cost))
        taken = 0
        for event in events:
            if event:
                taken += quota.take()
            else:
                quota.refund()

        assert taken * cost <= size + events.count(False)


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
        """What needs somebody to look pauses at once, until they resume."""
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

    @pytest.mark.parametrize("state", ["closed", "open", "held"])
    def test_abandoning_without_a_probe(self, state: str) -> None:
        """A probe that ends after the breaker moved on changes nothing."""
        breaker = make_breaker()
        if state == "open":
            record(breaker, NOT_SENT, 5)
        if state == "held":
            breaker.hold("operator")
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
        breaker.hold("operator")
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
                st.sampled_from([*ORDINARY, FORBIDDEN, "start", "resume", "hold"]),
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
            elif event == "hold":
                breaker.hold("operator")
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
        "held",
    ]
