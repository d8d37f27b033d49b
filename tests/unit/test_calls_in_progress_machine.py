"""Calls in progress against a PABX that loses, repeats, delays and reorders events."""

import random
from collections.abc import Callable
from typing import Any

import attrs
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from digitro_async import CallEnd, CallPhase, CallSeen, Disposition, EndEvidence
from digitro_async.dispatch._call_history import Sighting
from digitro_async.dispatch._calls_in_progress import (
    CallInProgress,
    CallsInProgress,
    EndRules,
)

MOST = 12
OLDEST_EVENT = 15.0
"""Seconds after which an event is lost, if it is not delivered by then."""

LONGEST_CALL = 60.0
RULES = EndRules(
    end_timeout=100.0, grace=1.0, gap_timeout=None, match_window=10.0, keep=60.0
)
OURS, OTHERS = (b"a", b"b", b"c", b"d"), (b"x", b"y")
PHASES = (CallPhase.STARTED, CallPhase.RINGING, CallPhase.ANSWERED, CallPhase.ENDED)


@attrs.define(eq=False)
class Placed:
    """One call as the PABX knows it."""

    call_id: str
    number: bytes
    began: float
    events: int = 0
    is_placed: bool = True
    ours: CallInProgress | None = None
    is_swapped: bool = False
    ended_at: float | None = None
    news: list[CallEnd | CallSeen] = attrs.field(factory=list)


class World:
    """A PABX, those who call over it, and the calls in progress that are tested.

    Every call ends once, none is counted for ever, and none is settled wrongly. Others
    call other numbers, events come within some seconds, and calls are shorter than the
    deadline: that is what the rules ask for.

    Args:
        chance: Decides what happens.
    """

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.calls = CallsInProgress(RULES, MOST)
        self.calls.open("one", -1.0)
        self.now = 0.0
        self.placed: list[Placed] = []
        self.waiting: list[Placed] = []  # for their answers
        self.by_call: dict[CallInProgress, Placed] = {}
        self.queue: list[tuple[float, Placed, CallPhase]] = []
        self.settled = 0

    def take(self, several: list[Any]) -> Any:
        """Take one of several away."""
        return several.pop(self.chance.randrange(len(several)))

    def send(self) -> None:
        """Send a call, as far as one more may be in progress."""
        if not self.calls.has_room():
            return
        number = self.chance.choice(OURS)
        self.calls.enter()
        call = self.calls.send(None, None, "one", number, self.now)
        placed = Placed(
            str(len(self.placed)),
            number,
            self.now,
            is_placed=self.chance.random() < 0.7,
            ours=call,
        )
        self.placed.append(placed)
        self.waiting.append(placed)
        self.by_call[call] = placed

    def send_of_others(self) -> None:
        """Somebody else makes a call."""
        number = self.chance.choice(OTHERS)
        self.placed.append(Placed(str(len(self.placed)), number, self.now))

    def answer(self) -> None:
        """Answer a call, or lose the answer."""
        if not self.waiting:
            return
        placed = self.take(self.waiting)
        if self.chance.random() < 0.5:
            self.calls.lose(placed.ours, self.now)
        elif placed.is_placed:
            self.calls.accept(placed.ours, placed.call_id, self.now)
        else:
            self.calls.not_placed(placed.ours)

    def swap(self) -> None:
        """Give two calls each other's answer, which is found out later."""
        several = [one for one in self.waiting if one.is_placed]
        if len(several) < 2:
            return
        one, other = self.chance.sample(several, 2)
        for placed, call_id in ((one, other.call_id), (other, one.call_id)):
            self.waiting.remove(placed)
            placed.is_swapped = True
            assert placed.ours is not None
            self.calls.accept(placed.ours, call_id, self.now)
        for placed in (one, other):
            assert placed.ours is not None
            self.calls.doubt(placed.ours)

    def go_on(self) -> None:
        """Let something happen to a call, of which an event is on its way."""
        if not self.placed:
            return
        placed = self.chance.choice(self.placed[-8:])
        if not placed.is_placed or placed.events == len(PHASES):
            return
        if self.now - placed.began > LONGEST_CALL:
            return
        phase = PHASES[placed.events]
        placed.events += 1
        if phase is CallPhase.ENDED:
            placed.ended_at = self.now
        self.queue += [(self.now, placed, phase)] * self.chance.choice((1, 1, 2))

    def deliver(self) -> None:
        """Deliver one of the events, not in order, or lose it."""
        if not self.queue:
            return
        _, placed, phase = self.take(self.queue)
        if self.chance.random() < 0.8:
            seen = Sighting(phase, None, None, self.now, None, "NAME", self.now)
            self.calls.see(placed.call_id, seen, placed.number)
        self.take_news()

    def gap(self) -> None:
        """Lose the channel, and all that is on its way."""
        self.calls.close("one", self.now)
        self.queue.clear()
        self.wait(self.chance.choice((0.0, 5.0)))
        self.calls.open("one", self.now)

    def wait(self, seconds: float | None = None) -> None:
        """Let time pass."""
        if seconds is None:
            seconds = self.chance.choice((0.2, 0.5, 1.0, 3.0, 11.0))
        until = self.now + seconds
        while self.calls.next_due <= until:
            self.now = max(self.now, self.calls.next_due)
            self.calls.expire(self.now)
        self.now = until
        self.queue = [one for one in self.queue if one[0] + OLDEST_EVENT >= self.now]
        self.take_news()

    def take_news(self) -> None:
        """Check what is new of each call."""
        news = self.calls.news[:]
        self.calls.news.clear()
        for call, one in news:
            placed = self.by_call[call]
            assert not any(isinstance(before, CallEnd) for before in placed.news)
            placed.news.append(one)
            if isinstance(one, CallSeen):
                self.settled += 1
                assert placed.is_placed, "a call that was not placed was settled"
                assert one.call_id == placed.call_id, "settled by another call"
            elif not placed.is_swapped and one.call_id is not None:
                assert one.call_id == placed.call_id
            if isinstance(one, CallEnd) and one.evidence is not EndEvidence.DEADLINE:
                assert placed.is_swapped or placed.ended_at is not None

    def check(self) -> None:
        """No more calls are counted than may be, and at least those that go on."""
        go_on = [
            one
            for one in self.placed
            if one.ours is not None
            and not one.ours.was_not_placed
            and one.is_placed
            and one.ended_at is None
            and one.began + LONGEST_CALL > self.now
        ]
        assert len(go_on) <= self.calls.count <= MOST

    def finish(self) -> None:
        """In the end each call that may have been placed has an end; none is left."""
        for placed in self.waiting:
            assert placed.ours is not None
            self.calls.lose(placed.ours, self.now)
        self.queue.clear()
        self.wait(RULES.end_timeout + 1)

        assert self.calls.count == len(self.calls) == 0
        assert self.calls.next_due == float("inf")
        for call, placed in self.by_call.items():
            ends = [one for one in placed.news if isinstance(one, CallEnd)]
            assert len(ends) == (0 if call.was_not_placed else 1)
            if ends and not placed.is_placed:
                assert ends[0].disposition is Disposition.NONE_SEEN


ACTS = {
    World.send: 6,
    World.send_of_others: 2,
    World.answer: 6,
    World.go_on: 16,
    World.deliver: 16,
    World.wait: 3,
    World.gap: 0.1,
    World.swap: 0.5,
}
"""What may happen, and how often."""


class Machine(RuleBasedStateMachine):
    """The world, with hypothesis to choose what happens."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(random.Random(0))

    @rule(act=st.sampled_from(list(ACTS)), chance=st.randoms(use_true_random=False))
    def act(self, act: Callable[[World], None], chance: random.Random) -> None:
        """Let one thing happen."""
        self.world.chance = chance
        act(self.world)

    @invariant()
    def check(self) -> None:
        """Check the count."""
        self.world.check()

    def teardown(self) -> None:
        """Check all ends."""
        self.world.finish()


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=30, stateful_step_count=40, deadline=None)


def test_many_seeds() -> None:
    """The same holds for long runs of what is likely, in which calls are settled."""
    settled = 0
    for seed in range(150):
        world = World(random.Random(seed))
        for act in world.chance.choices(list(ACTS), list(ACTS.values()), k=1000):
            act(world)
            world.check()
        world.finish()
        settled += world.settled

    assert settled > 100
