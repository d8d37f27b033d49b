import asyncio
import sys

import pytest
from standstill import Case, figures_of, most_in_a_window

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="says what Linux keeps of a connection"
)

SHORT = [
    Case(cap=5, stop=3.0, way="default", total=1.0, first_pause=0.6),
    Case(cap=5, stop=3.0, way="lenient", total=1.0, first_pause=0.6),
    Case(cap=5, stop=4.0, way="killed", total=4.0),
]
REAL = [
    Case(cap=cap, stop=stop, way=way)
    for cap in (3, 5, 50)
    for stop in (5.0, 13.0, 100.0)
    for way in ("default", "lenient", "killed")
]


def name_of(case: Case) -> str:
    """Return a case's name."""
    return f"{case.cap}-{case.stop:g}-{case.way}"


async def test_stopped_processes() -> None:
    """A PABX that is stopped for longer than an attempt never reads above its cap."""
    # Together: they wait, nearly all of the time.
    several = await asyncio.gather(*(figures_of(case) for case in SHORT))

    for case, figures in zip(SHORT, several, strict=True):
        assert figures["most"] <= case.cap, name_of(case)
        answered = figures["accepted"] + figures["unknown"]
        assert answered == case.calls, name_of(case)
        # A kill may come between what was recorded and what was sent of it.
        never_sent = case.calls - figures["read"]
        assert 0 <= never_sent <= (case.cap if case.way == "killed" else 0)


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("case", REAL, ids=name_of)
async def test_a_stopped_process_with_real_times(case: Case) -> None:
    """So it is with the default times, however long it is stopped."""
    figures = await figures_of(case)

    assert figures["most"] <= case.cap
    assert figures["accepted"] + figures["unknown"] == case.calls


def test_windows_are_counted() -> None:
    """Only times within less than a second of each other are counted."""
    assert most_in_a_window([0.0, 0.5, 0.99, 1.0, 1.2]) == 4
