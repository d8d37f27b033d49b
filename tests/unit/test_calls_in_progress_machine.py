"""Calls in progress against a PABX that loses, repeats, delays and reorders events."""

import random
from typing import Any

import attrs
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
)

from digitro_async import CallEnd, CallPhase, CallSeen, Disposition, EndEvidence
from digitro_async.dispatch._call_history import Sighting
from digitro_async.dispatch._calls_in_progress import (
    CallInProgress,
    CallsInProgress,
    EndRules,
)

MOST = 6
OLDEST_EVENT = 15.0
"""Seconds after which an event is lost, if it is not delivered by then."""

LONGEST_CALL = 60.0
RULES = EndRules(
    end_timeout=100.0, grace=1.0, gap_timeout=None, match_window=10.0, keep=60.0
)
OURS, OTHERS = st.sampled_from([b"a", b"b", b"c"]), st.sampled_from([b"x", b"y"])
PHASES = (CallPhase.STARTED, CallPhase.RINGING, CallPhase.ANSWERED, CallPhase.ENDED)
CHANCES = st.randoms(use_true_random=False)


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


class Machine(RuleBasedStateMachine):
    """Every call ends once, none is counted for ever, and none is settled wrongly.

    Others call other numbers, events come within some seconds, and calls are shorter
    than the deadline: that is what the rules ask for.
    """

    def __init__(self) -> None:
        super().__init__()
        self.calls = CallsInProgress(RULES, MOST)
        self.calls.open("one", -1.0)
        self.now = 0.0
        self.placed: list[Placed] = []
        self.waiting: list[Placed] = []  # for their answers
        self.accepted: list[Placed] = []
        self.by_call: dict[CallInProgress, Placed] = {}
        self.queue: list[tuple[float, Placed, CallPhase]] = []

    def pick(self, several: list[Any], chance: random.Random) -> Any:
        """Take one of several away."""
        return several.pop(chance.randrange(len(several)))

    @rule(number=OURS, is_placed=st.booleans())
    def send(self, number: bytes, *, is_placed: bool) -> None:
        """Send a call, as far as one more may be in progress."""
        if not self.calls.has_room():
            return
        self.calls.enter()
        call = self.calls.send(None, None, "one", number, self.now)
        placed = Placed(
            str(len(self.placed)), number, self.now, is_placed=is_placed, ours=call
        )
        self.placed.append(placed)
        self.waiting.append(placed)
        self.by_call[call] = placed

    @rule(number=OTHERS)
    def send_of_others(self, number: bytes) -> None:
        """Somebody else makes a call."""
        self.placed.append(Placed(str(len(self.placed)), number, self.now))

    @precondition(lambda self: self.waiting)
    @rule(chance=CHANCES, is_lost=st.booleans())
    def answer(self, chance: random.Random, *, is_lost: bool) -> None:
        """Answer a call, or lose the answer."""
        placed = self.pick(self.waiting, chance)
        if is_lost:
            self.calls.lose(placed.ours, self.now)
        elif placed.is_placed:
            self.calls.accept(placed.ours, placed.call_id, self.now)
            self.accepted.append(placed)
        else:
            self.calls.not_placed(placed.ours)

    @precondition(lambda self: sum(one.is_placed for one in self.waiting) > 1)
    @rule(chance=CHANCES)
    def swap(self, chance: random.Random) -> None:
        """Give two calls each other's answer, which is found out later."""
        several = [one for one in self.waiting if one.is_placed]
        one, other = chance.sample(several, 2)
        self.waiting.remove(one)
        self.waiting.remove(other)
        one.is_swapped = other.is_swapped = True
        assert one.ours is not None
        assert other.ours is not None
        self.calls.accept(one.ours, other.call_id, self.now)
        self.calls.accept(other.ours, one.call_id, self.now)
        self.calls.doubt(one.ours)
        self.calls.doubt(other.ours)

    @precondition(lambda self: self.placed)
    @rule(chance=CHANCES)
    def go_on(self, chance: random.Random) -> None:
        """Let something happen to a call, of which an event is on its way."""
        placed = chance.choice(self.placed)
        if not placed.is_placed or placed.events == len(PHASES):
            return
        if self.now - placed.began > LONGEST_CALL:
            return
        phase = PHASES[placed.events]
        placed.events += 1
        if phase is CallPhase.ENDED:
            placed.ended_at = self.now
        self.queue += [(self.now, placed, phase)] * chance.choice((1, 1, 2))

    @precondition(lambda self: self.queue)
    @rule(chance=CHANCES, is_lost=st.sampled_from((False, False, False, True)))
    def deliver(self, chance: random.Random, *, is_lost: bool) -> None:
        """Deliver one of the events, not in order, or lose it."""
        _, placed, phase = self.pick(self.queue, chance)
        if not is_lost:
            seen = Sighting(phase, None, None, self.now, None, "NAME", self.now)
            self.calls.see(placed.call_id, seen, placed.number)
        self.take_news()

    @rule()
    def gap(self) -> None:
        """Lose the channel, and all that is on its way."""
        self.calls.close("one", self.now)
        self.queue.clear()
        self.calls.open("one", self.now)

    @rule(seconds=st.sampled_from((0.5, 3.0, 11.0, 30.0)))
    def wait(self, seconds: float) -> None:
        """Let time pass."""
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
                assert placed.is_placed, "a call that was not placed was settled"
                assert one.call_id == placed.call_id, "settled by another call"
            elif not placed.is_swapped and one.call_id is not None:
                assert one.call_id == placed.call_id
            if isinstance(one, CallEnd) and one.evidence is not EndEvidence.DEADLINE:
                assert placed.is_swapped or placed.ended_at is not None

    @invariant()
    def never_over(self) -> None:
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
        assert len(go_on) <= self.calls.count <= MOST + 2  # a doubt counts again

    def teardown(self) -> None:
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
            if not placed.is_placed:
                assert call.was_not_placed or (
                    ends[0].disposition is Disposition.NONE_SEEN
                )


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=60, stateful_step_count=50, deadline=None)
