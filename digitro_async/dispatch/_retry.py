"""PURE: whether and when a call is sent again, and how long a throttled PABX rests.

Sent again is only a call that provably was not placed: NOT_SENT, and a documented
throttle. A command that does no harm twice, by the word of whoever gave it, is also
sent again where its outcome is unknown.
"""

from digitro_async.errors import Outcome, ThrottledError
from digitro_async.protocol import AttemptResult, Classification
from digitro_async.settings import RetrySettings

__all__ = [
    "RetryQuota",
    "may_be_sent_again",
    "retry_delay",
    "throttle_pause",
]


_MOST_DOUBLINGS = 1000
"""More would be too large for a float."""


def may_be_sent_again(
    classification: Classification, *, is_repeat_safe: bool = False
) -> bool:
    """Whether the same call may go out a second time at all.

    Args:
        classification: The classification of its last attempt.
        is_repeat_safe: Whether it may be carried out twice.
    """
    if is_repeat_safe and classification.outcome is Outcome.UNKNOWN:
        return not classification.needs_operator  # else it would end the same way
    return (
        classification.outcome is Outcome.NOT_SENT
        or classification.error is ThrottledError
    )


def retry_delay(
    result: AttemptResult,
    attempts: int,
    settings: RetrySettings,
    chance: float,
    *,
    is_repeat_safe: bool = False,
) -> float | None:
    """Return seconds to wait before the next attempt, None where there is none.

    Args:
        result: The result of the last attempt.
        attempts: Attempts made so far.
        settings: The limits.
        chance: A number from 0 to 1: the jitter.
        is_repeat_safe: Whether it may be carried out twice.
    """
    may_be = may_be_sent_again(result.classification, is_repeat_safe=is_repeat_safe)
    if not may_be or attempts >= settings.max_attempts:
        return None
    doubled = settings.base_delay * 2.0 ** min(attempts - 1, _MOST_DOUBLINGS)
    ceiling = min(settings.max_delay, doubled)
    backoff = ceiling * chance
    if result.retry_after is None:
        return backoff
    return max(backoff, min(result.retry_after, settings.max_retry_after))


def throttle_pause(
    retry_after: float | None, run: int, settings: RetrySettings, chance: float
) -> float:
    """Return seconds in which a PABX that asked for fewer calls gets none.

    It is the PABX's pause, whatever becomes of the call that was throttled: half of it
    is certain, the other half is jitter.

    Args:
        retry_after: Seconds it asked for, None if it did not say.
        run: Number of times it asked since it last accepted a call.
        settings: The limits.
        chance: A number from 0 to 1: the jitter.
    """
    wished = min(retry_after or 0.0, settings.max_retry_after)
    if wished > 0:
        return wished
    doubled = settings.base_delay * 2.0 ** min(run - 1, _MOST_DOUBLINGS)
    return min(settings.max_delay, doubled) * (1 + chance) / 2


class RetryQuota:
    """A bucket that retries empty and accepted calls slowly fill again."""

    __slots__ = ("_cost", "_left", "_size")

    def __init__(self, settings: RetrySettings) -> None:
        self._size = self._left = settings.quota
        self._cost = settings.cost

    def take(self) -> bool:
        """Take the price of one retry; False where the bucket does not hold it."""
        if self._left < self._cost:
            return False
        self._left -= self._cost
        return True

    def refund(self) -> None:
        """Put one unit back: a call was accepted."""
        if self._left < self._size:
            self._left += 1
