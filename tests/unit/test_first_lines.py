"""FirstLines: where each contact came first, exactly and in little memory."""

import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from digitro_async._common.first_lines import FirstLines

PLACES = st.tuples(st.text(max_size=3), st.integers(-(2**63), 2**63 - 1))


@given(st.lists(PLACES, max_size=200))
def test_as_a_dict(places: list[tuple[str, int]]) -> None:
    """The line of a contact is the one that it came with first, whatever came since."""
    lines, known = FirstLines(), dict[str, int]()

    for identity, line in places:
        assert lines.first(identity, line) == known.get(identity)
        known.setdefault(identity, line)


def test_many_contacts() -> None:
    """Of 100,000 contacts each is new once, and keeps its line, in 25 bytes each."""
    count = 100_000
    tracemalloc.start()
    try:
        lines = FirstLines()
        assert all(lines.first(f"id {n}", n) is None for n in range(count))
        size, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert size < 30 * count
    assert all(lines.first(f"id {n}", -1) == n for n in range(count))
    assert lines.first("id", 1) is None
