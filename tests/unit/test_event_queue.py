"""Events wait in order for whoever takes them, up to a bound."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digitro_async import ChannelEvent, Gap, OtherEvent, Personal
from digitro_async.events import EventQueue


def event(number: int, pabx: str = "matriz") -> OtherEvent:
    """Return an event whose name is a number."""
    return OtherEvent(
        pabx=pabx, seen_at=float(number), name=str(number), data=Personal("")
    )


async def taken(queue: EventQueue, most: int = 10**6) -> list[ChannelEvent]:
    """Take what waits."""
    found: list[ChannelEvent] = []
    while len(queue) and len(found) < most:
        one = await queue.get()
        assert one is not None
        found.append(one)
    return found


@given(st.integers(1, 6), st.lists(st.sampled_from("ppppt"), max_size=60))
def test_nothing_is_lost_without_a_gap(size: int, steps: list[str]) -> None:
    """What is put in comes out in order, or is counted by the gap in its place."""

    async def run() -> None:
        queue, put, found = EventQueue(size), 0, list[ChannelEvent]()
        for step in steps:
            if step == "p":
                queue.put(event(put))
                put += 1
                assert len(queue) <= size + 1
            else:
                found += await taken(queue, 1)
        queue.close()
        found += [one async for one in queue]
        seen = 0
        for one in found:
            if isinstance(one, Gap):
                assert one.lost
                assert one.since == seen
                seen += one.lost
            else:
                assert isinstance(one, OtherEvent)
                assert one.name == str(seen)
                seen += 1
        assert seen == put

    asyncio.run(run())


async def test_gaps_of_several_pabx() -> None:
    """Each PABX has a gap of its own, and gaps inside of a gap are counted."""
    queue = EventQueue(1)
    queue.put(event(0))
    queue.put(event(1))
    queue.put(event(2, "filial"))
    queue.put(Gap(pabx="filial", seen_at=4.0, since=3.0, reason="x", lost=5))
    queue.put(Gap(pabx="filial", seen_at=5.0, since=3.0, reason="x"))

    _, *gaps = await taken(queue)

    assert [
        (gap.pabx, gap.since, gap.seen_at, gap.lost)
        for gap in gaps
        if isinstance(gap, Gap)
    ] == [("matriz", 1.0, 1.0, 1), ("filial", 2.0, 5.0, 6)]


async def test_waiting_and_closing() -> None:
    """Whoever waits gets the next event, and an end where there is none."""
    queue = EventQueue(5)
    waiter = asyncio.ensure_future(queue.get())
    await asyncio.sleep(0)

    with pytest.raises(RuntimeError, match="another task"):
        await queue.get()
    queue.put(event(1))
    assert await waiter == event(1)
    waiter = asyncio.ensure_future(queue.get())
    await asyncio.sleep(0)
    queue.close()
    queue.put(event(2))
    assert await waiter is None
    assert await queue.get() is None


async def test_a_cancelled_wait_takes_nothing() -> None:
    """An event is not lost where the wait for it is cut off."""
    queue = EventQueue(5)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await queue.get()
    queue.put(event(1))

    assert await queue.get() == event(1)
