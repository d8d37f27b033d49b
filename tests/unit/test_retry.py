"""Whether and when a call is sent again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digitro_async import errors
from digitro_async.dispatch._retry import RetryQuota, may_be_sent_again, retry_delay
from digitro_async.errors import Outcome
from digitro_async.protocol import (
    AttemptResult,
    Classification,
    Failure,
    Observation,
    classify_evidence,
)
from digitro_async.settings import RetrySettings

ACCEPTED = Classification(Outcome.ACCEPTED)
NOT_SENT = Classification(Outcome.NOT_SENT, errors.ConnectFailedError, "connect_failed")
REJECTED = Classification(Outcome.REJECTED, errors.RejectedError, "status_400")
THROTTLED = Classification(Outcome.REFUSED, errors.ThrottledError, "throttled")
UNKNOWN = Classification(Outcome.UNKNOWN, errors.ServerFaultError, "server_fault")
FORBIDDEN = Classification(
    Outcome.REFUSED, errors.PermissionDeniedError, "status_403", needs_operator=True
)


seconds = st.floats(0, 1000)


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
