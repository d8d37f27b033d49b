"""Counts by time lose nothing, and stay few."""

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digitro_async.reports._time_buckets import WIDTHS, TimeBuckets, width_for

times = st.lists(
    st.one_of(
        st.integers(1_800_000_000, 1_800_000_500),
        st.integers(1_800_000_000, 1_803_000_000),
        st.integers(0, 4_000_000_000),
    ),
    max_size=60,
)
offsets = st.sampled_from([0.0, -10_800.0, 19_800.0, 3600.0])


def begins_of(buckets: TimeBuckets[str]) -> list[float]:
    """Return when each interval begins."""
    span = buckets.span
    if span is None:
        return []
    begin, end = span
    return [
        begin + i * buckets.width for i in range(int((end - begin) / buckets.width))
    ]


@given(times, offsets)
def test_nothing_is_lost(given_times: list[int], offset: float) -> None:
    """Every count stands in the interval that its time falls into."""
    buckets: TimeBuckets[str] = TimeBuckets(offset)
    for at in given_times:
        buckets.add(at, "a" if at % 2 else "b")
    begins = begins_of(buckets)
    counts = buckets.counts(begins)

    width = buckets.width
    wanted: Counter[tuple[float, str]] = Counter()
    for at in given_times:
        begin = (at + offset) // width * width - offset
        wanted[begin, "a" if at % 2 else "b"] += 1
    found = Counter(
        {
            (begin, kind): count
            for begin, several in zip(begins, counts, strict=True)
            for kind, count in several.items()
        }
    )
    assert found == wanted


@given(times, offsets)
def test_intervals_stay_few(given_times: list[int], offset: float) -> None:
    """There are never more than 120 intervals, however long the time is."""
    buckets: TimeBuckets[str] = TimeBuckets(offset)
    for at in given_times:
        buckets.add(at, "")

    assert len(begins_of(buckets)) <= 120


@given(times, times)
def test_more_may_come_after_a_look(first: list[int], second: list[int]) -> None:
    """Counts that were looked at go on as if they had not been."""
    looked_at: TimeBuckets[str] = TimeBuckets()
    left_alone: TimeBuckets[str] = TimeBuckets()
    for at in first:
        looked_at.add(at, "")
        left_alone.add(at, "")
    looked_at.counts(begins_of(looked_at))
    for at in second:
        looked_at.add(at, "")
        left_alone.add(at, "")

    begins = begins_of(left_alone)
    assert begins_of(looked_at) == begins
    assert looked_at.counts(begins) == left_alone.counts(begins)


def test_hours_and_days_begin_with_those_of_the_clock() -> None:
    """Where local time is behind UTC, a day begins at its own midnight."""
    buckets: TimeBuckets[str] = TimeBuckets(-10_800.0)
    buckets.widen(86_400)
    buckets.add(1_800_000_000, "")  # 2027-01-15 05:00 in Brasilia

    assert buckets.span == (1_799_982_000.0, 1_800_068_400.0)


@pytest.mark.parametrize("seconds", [1, 119, 3600, 86_400, 31e6, 3e9])
def test_width_for_a_time(seconds: float) -> None:
    """The width for a time is the least of which 120 cover it, wherever it begins."""
    width = width_for(seconds)

    assert seconds / width + 1 <= 121
    assert width in WIDTHS or width % WIDTHS[-1] == 0


def test_widths_can_be_merged() -> None:
    """Each width is a whole number of the one before."""
    assert all(wide % narrow == 0 for narrow, wide in pairwise(WIDTHS))
