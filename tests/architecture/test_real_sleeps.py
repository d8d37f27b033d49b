"""Unit tests wait on a clock that jumps, and on no other."""

import asyncio
import time

import pytest
from virtual_time import no_real_sleep, virtual_time


async def test_a_real_sleep_is_seen() -> None:
    """Whoever waits on a real clock fails at once, and may yield to the loop."""
    with no_real_sleep():
        await asyncio.sleep(0)
        with pytest.raises(AssertionError, match="waits for real"):
            await asyncio.sleep(0.001)


def test_a_sleep_of_the_whole_process_is_seen() -> None:
    """Whoever stops the process fails at once, and after that nobody does."""
    with no_real_sleep(), pytest.raises(AssertionError, match="waits for real"):
        time.sleep(0.001)

    time.sleep(0)


@virtual_time
async def test_virtual_time_may_pass() -> None:
    """A clock that jumps does so under the guard too."""
    before = asyncio.get_running_loop().time()
    with no_real_sleep():
        await asyncio.sleep(1000)

    assert asyncio.get_running_loop().time() - before == pytest.approx(1000)
