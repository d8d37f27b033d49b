"""The one timer of all attempts."""

import asyncio

import pytest
from virtual_time import virtual_time

from digitro_async.transport._deadlines import Deadlines


async def _sleep_under(
    deadlines: Deadlines, seconds: float, ended: list[tuple[float, bool]]
) -> None:
    """Sleep that long at most; note when it ended and whether its time ran out."""
    task = asyncio.current_task()
    assert task is not None
    loop = asyncio.get_running_loop()
    cancelling = task.cancelling()
    deadlines.start(task)
    try:
        await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        ran_out = deadlines.stop(task)
        ended.append((loop.time(), ran_out))
        if not ran_out or task.uncancel() > cancelling:
            raise
    else:
        ended.append((loop.time(), deadlines.stop(task)))


@virtual_time
async def test_each_ends_at_its_own_time() -> None:
    """Tasks that began one after another are cancelled one after another."""
    deadlines = Deadlines(10)
    ended: list[tuple[float, bool]] = []
    tasks = []
    for _ in range(4):
        tasks.append(asyncio.create_task(_sleep_under(deadlines, 99, ended)))
        await asyncio.sleep(3)
    await asyncio.gather(*tasks)

    assert ended == [(10, True), (13, True), (16, True), (19, True)]
    assert not any(task.cancelling() for task in tasks)


@virtual_time
async def test_who_is_ready_in_time_is_left_alone() -> None:
    """The timer of a task that ended passes over to the next one."""
    deadlines = Deadlines(10)
    ended: list[tuple[float, bool]] = []
    await _sleep_under(deadlines, 4, ended)
    await _sleep_under(deadlines, 9, ended)
    await _sleep_under(deadlines, 11, ended)

    assert ended == [(4, False), (13, False), (23, True)]


@virtual_time
async def test_a_foreign_cancellation_at_the_same_moment_wins() -> None:
    """A task that somebody cancels while its time runs out is cancelled."""
    deadlines = Deadlines(10)
    ended: list[tuple[float, bool]] = []
    task = asyncio.create_task(_sleep_under(deadlines, 99, ended))
    await asyncio.sleep(0)
    asyncio.get_running_loop().call_at(10, task.cancel)
    with pytest.raises(asyncio.CancelledError):
        await task

    assert ended == [(10, True)]


@virtual_time
async def test_what_goes_on_keeps_its_end_after_closing() -> None:
    """A task that is still waiting when all is closed ends at its time."""
    deadlines = Deadlines(10)
    ended: list[tuple[float, bool]] = []
    task = asyncio.create_task(_sleep_under(deadlines, 50, ended))
    await asyncio.sleep(1)
    deadlines.close()
    await task

    assert ended == [(10, True)]


@virtual_time
async def test_closing_leaves_no_timer() -> None:
    """Nothing is left in the loop where no task is waiting."""
    deadlines = Deadlines(10)
    ended: list[tuple[float, bool]] = []
    await _sleep_under(deadlines, 4, ended)
    deadlines.close()

    assert deadlines._timer is None
