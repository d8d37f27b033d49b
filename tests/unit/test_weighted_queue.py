"""Calls of several campaigns get turns by weight, and none is forgotten."""

import asyncio
from collections import Counter

import attrs
from virtual_time import virtual_time

from digitro_async.dispatch._waiters import Waiter, Waiting
from digitro_async.dispatch._weighted_queue import WeightedQueue, campaign_of


@attrs.frozen
class Named:
    """A recorder that names a campaign."""

    campaign: object


def waiter(campaign: str) -> Waiter:
    """Return a call of a campaign that waits."""
    turn = asyncio.get_running_loop().create_future()
    return Waiter(turn, True, True, recorder=Named(campaign))


def served(queue: WeightedQueue, turns: int) -> Counter[str]:
    """Give turns to calls, each of which is followed by another of its campaign."""
    counts: Counter[str] = Counter()
    for _ in range(turns):
        one = queue.popleft()
        counts[campaign_of(one)] += 1
        queue.append(waiter(campaign_of(one)))
    return counts


@virtual_time
async def test_turns_by_weight() -> None:
    """A campaign with thrice the weight gets thrice the turns."""
    weights = {"small": 1.0, "large": 3.0}
    some = [waiter(name) for name in ("small", "small", "large", "large")]
    queue = WeightedQueue(some, weights.__getitem__)

    assert served(queue, 400) == {"small": 100, "large": 300}
    assert len(queue) == 4


@virtual_time
async def test_who_comes_later_has_no_claim_on_the_past() -> None:
    """A campaign that had nothing to send does not get all turns once it has."""
    queue = WeightedQueue([waiter("first")], lambda _: 1.0)
    served(queue, 100)
    queue.append(waiter("second"))

    assert served(queue, 10) == {"first": 5, "second": 5}


@virtual_time
async def test_a_weight_of_none() -> None:
    """A campaign without weight gets a turn at long last."""
    weights = {"none": 0.0, "all": 1.0}
    queue = WeightedQueue([waiter("all"), waiter("none")], weights.__getitem__)

    assert served(queue, 3000)["none"] >= 2


@virtual_time
async def test_a_cancelled_call_takes_no_turn() -> None:
    """The place of a call that is gone counts as no turn of its campaign."""
    gone = [waiter("first") for _ in range(3)]
    for one in gone:
        one.turn.cancel()
    queue = WeightedQueue([*gone, waiter("first"), waiter("second")], lambda _: 1.0)
    order = [campaign_of(queue.popleft()) for _ in range(5)]

    assert order[3:] == ["first", "second"]


@virtual_time
async def test_waiters_move_into_it() -> None:
    """Calls that wait already keep their places when turns are shared."""
    waiting = Waiting()
    first, second = waiter("a"), waiter("b")
    waiting.join(first)
    waiting.join(second)
    waiting.queue_lists(lambda some: WeightedQueue(some, lambda _: 1.0))

    assert list(waiting) == [first, second]
    assert waiting.first() is first
    waiting.serve(second, "ticket")
    assert second.turn.result() == "ticket"
    waiting.leave(first)
    assert waiting.first() is None


def test_a_recorder_without_a_campaign() -> None:
    """A recorder that names none, or no text, is that of calls without a campaign."""
    loop = asyncio.new_event_loop()
    turn = loop.create_future()
    loop.close()

    assert campaign_of(Waiter(turn, True)) == ""
    assert campaign_of(Waiter(turn, True, recorder=Named(7))) == ""
