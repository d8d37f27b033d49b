"""The time that this process works, judged so that a busy machine changes nothing.

One measurement says little: another program's use of the caches, a full collection of
garbage or a slow moment of the machine falls into it. What is slow by itself is slow
each time; so only the least of several tries is compared with anything.
"""

import contextlib
import gc
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator

__all__ = [
    "STEEPEST",
    "TRIES",
    "assert_in_proportion",
    "cpu_seconds",
    "is_slow",
    "no_collection",
]

TRIES = 5
STEEPEST = 4
"""How much more than in proportion many may take: a search for each would take as much
more as they are more, and a busy machine's caches and memory take something."""

Act = Callable[[], Awaitable[object]]


@contextlib.contextmanager
def no_collection() -> Iterator[None]:
    """Collect no garbage in here."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


async def cpu_seconds(act: Act) -> float:
    """Return how long a process works on something; others don't count."""
    gc.collect()
    with no_collection():
        began = time.process_time()
        await act()
        return time.process_time() - began


def is_slow(act: Callable[[], object], seconds: float) -> bool:
    """Whether this thread works longer than that on something, each time it tries."""
    with no_collection():
        for _ in range(TRIES):
            began = time.thread_time()
            act()
            if time.thread_time() - began < seconds:
                return False
    return True


async def assert_in_proportion(
    prepare: Callable[[int], Awaitable[Act]],
    few: int,
    many: int,
    *,
    steepest: float = STEEPEST,
) -> None:
    """Check that many take no more than their share of what few take, at best.

    Args:
        prepare: Makes ready what so many do, and returns what is measured.
        few: How many are few; ``many`` should be ten times as many at least.
        many: How many are many.
        steepest: How much more than in proportion many may take.
    """
    for_few, for_many = list[float](), list[float]()
    for _ in range(TRIES):
        for_few.append(await cpu_seconds(await prepare(few)))
        for_many.append(await cpu_seconds(await prepare(many)))
        if min(for_many) < steepest * statistics.median(for_few) * many / few:
            return
    raise AssertionError(f"{few} take {for_few} s, and {many} take {for_many} s")
