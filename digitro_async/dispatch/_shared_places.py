"""PURE: the places for calls in progress that this worker has, of a shared cap."""

from digitro_async.dispatch._calls_in_progress import CallsInProgress

__all__ = ["SharedPlaces"]


class SharedPlaces:
    """The places for calls in progress that this worker has. Time is an argument.

    A place that a call leaves is given back where there are too many.

    Args:
        calls: The calls to the address, with the cap that is configured.

    Attributes:
        most: Places that there are over all workers, as this one is configured.
        used: Calls in progress.
        end_timeout: Seconds from an answer within which a call ends at the latest.
    """

    def __init__(self, calls: CallsInProgress) -> None:
        self._calls = calls
        self.most = calls.most or 0
        self.end_timeout = calls.end_timeout
        calls.most = 0

    @property
    def used(self) -> int:
        """Calls in progress."""
        return self._calls.count

    @property
    def has_some(self) -> bool:
        """Whether it has any place, free or taken."""
        return bool(self._calls.most)

    def holds(self, now: float) -> int:  # noqa: ARG002 - as a SharedCap
        """Return the places that it has."""
        return max(self._calls.most or 0, self._calls.count)

    def allot(self, slots: int, now: float) -> None:  # noqa: ARG002 - as a SharedCap
        """Have that many places: more at once, fewer as calls leave them."""
        self._calls.most = slots

    def lose(self, now: float) -> None:  # noqa: ARG002 - as a SharedCap
        """Have no places any more; calls that go on keep theirs."""
        self._calls.most = 0

    def begin_period(self) -> None:
        """Begin to look anew; there is nothing to forget."""

    def taken_until(self, now: float) -> list[float]:
        """Return for each place that is taken when it is free at the latest."""
        return [now + self.end_timeout] * self._calls.count
