"""The time left of a list: what it says, and that it does not jump."""

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digitro_async.cli._time_left import TimeLeft


def follow(done_at: list[int], total: int, step: float) -> list[float | None]:
    """Return the time left after each step."""
    time_left = TimeLeft()
    return [
        time_left.update(number * step, done, total - done)
        for number, done in enumerate(done_at)
    ]


def test_even_pace() -> None:
    """At an even pace it counts down to the true end, a second each second."""
    shown = follow([number * 50 for number in range(120)], 6000, 1.0)

    assert shown[:3] == [None, None, None]
    assert shown[3:] == pytest.approx([120.0 - number for number in range(3, 120)])


def test_nothing_left() -> None:
    """A list that is done takes no more time, and one that stands still any."""
    assert TimeLeft().update(0.0, 10, 0) == 0.0
    assert follow([7] * 200, 10, 1.0) == [None] * 200


def test_a_few_contacts_tell_no_pace() -> None:
    """Nine contacts and a long pause are no pace; ten are one."""
    assert follow([9] * 60, 20_000, 1.0) == [None] * 60
    assert follow([0, *[9] * 60], 20_000, 1.0)[-1] is None
    assert follow([0, *[10] * 60], 20_000, 1.0)[-1] is not None


def test_pause_of_a_minute() -> None:
    """A pause lets it rise slowly, and no step is more than a part of the change."""
    before = [number * 50 for number in range(60)]
    paused = [before[-1]] * 60
    after = [before[-1] + number * 50 for number in range(1, 60)]
    shown = [one for one in follow(before + paused + after, 19701, 1.0) if one]
    steps = [abs(b - a) for a, b in itertools.pairwise(shown)]

    assert max(steps) < 0.05 * max(shown)


def test_outage_is_no_pace() -> None:
    """While no PABX can be reached it stands still, and goes on as before after it."""
    time_left = TimeLeft()
    for second in range(31):
        before = time_left.update(second, 50 * second, 6000 - 50 * second)
    for second in range(31, 91):
        assert time_left.update(second, 1500, 4500, is_down=True) == before

    assert before == pytest.approx(90.0)
    assert time_left.update(91, 1550, 4450) == pytest.approx(89.0)


@given(st.integers(0, 2**16), st.floats(0.2, 5.0))
def test_it_never_jumps(seed: int, step: float) -> None:
    """However unevenly the calls go, a step changes it by a part of its own length."""
    chance, done = random.Random(seed), 0
    time_left, before = TimeLeft(), None
    for number in range(200):
        done += chance.choice([0, 1, 20, 40, 200])
        left = max(1, 50_000 - done)
        shown = time_left.update(number * step, done, left)
        if shown is not None and before is not None and number * step > 20:
            assert abs(shown - before) < 0.7 * max(before, shown) + step
        before = shown


def test_wrong_estimates_are_mended() -> None:
    """Where the pace changes for good, it is right again within its look back."""
    fast = [number * 100 for number in range(30)]
    slow = [fast[-1] + number * 10 for number in range(1, 300)]
    shown = follow(fast + slow, 20_000, 1.0)[-1]

    assert shown == pytest.approx((20_000 - slow[-1]) / 10, rel=0.03)
