import gc
from collections.abc import Iterator

import pytest

from digitro_async import tune_process


@pytest.fixture(autouse=True)
def thresholds() -> Iterator[tuple[int, int, int]]:
    """The collector's thresholds as they were, put back after the test."""
    before = gc.get_threshold()
    yield before
    gc.set_threshold(*before)


def test_it_tunes_the_collector() -> None:
    """Young objects are looked at every 50,000 allocations."""
    tune_process()

    assert gc.get_threshold()[:2] == (50_000, 10)


def test_it_can_be_undone(thresholds: tuple[int, int, int]) -> None:
    """The undo puts the thresholds back, as often as it is called."""
    undo = tune_process()
    undo()

    assert gc.get_threshold() == thresholds

    undo()

    assert gc.get_threshold() == thresholds


def test_it_keeps_the_users_own_thresholds() -> None:
    """The undo puts back what was set before, not Python's defaults."""
    gc.set_threshold(1234, 5, 6)
    tune_process()()

    assert gc.get_threshold()[:2] == (1234, 5)


def test_it_leaves_the_collector_on() -> None:
    """Tuning never turns the collector off."""
    tune_process()

    assert gc.isenabled()
