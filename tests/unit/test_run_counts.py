"""The counts of one run."""

from digitro_async import CallResult, Outcome
from digitro_async.cli._counts import RunCounts


def test_seconds_end_with_the_last_result() -> None:
    """What is waited for after the last result does not lower the rate of the calls."""
    counts = RunCounts()
    counts.count(CallResult(call=None, outcome=Outcome.ACCEPTED))
    last = counts.last
    counts.stop()

    assert last is not None
    assert counts.ended == last


def test_seconds_without_a_result() -> None:
    """A run without a result lasted until it was stopped."""
    counts = RunCounts()
    counts.stop()

    assert counts.ended is not None
    assert counts.seconds >= 0
