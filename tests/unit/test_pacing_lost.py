"""The slots of calls that were sent and never answered."""

import heapq
import itertools
import math
import random

import attrs
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from digitro_async.dispatch._pacing import Pacer, Together, quarantine_of
from digitro_async.ledger._occupied_slots import SlotEvent, occupied_slots
from digitro_async.ledger._state import Step
from digitro_async.settings import RateLimit

TOTAL = 5.0
QUARANTINE = quarantine_of(TOTAL)
REST = 5.0
ROUNDING = 1e-6
TICK = 1e-4


@attrs.define(eq=False)
class Call:
    """One call, and how long the PABX may count it.

    Attributes:
        number: Its number.
        start: When it was started.
        end: The last moment at which the PABX may count it, inf where that is open.
        lost_at: When it was given up without an answer.
    """

    number: int
    start: float
    end: float = math.inf
    lost_at: float = math.inf


class StandingPABX(RuleBasedStateMachine):
    """A PABX that may stand still for any time, and reads later what it was sent.

    A call that it answers may be counted from its start to its answer. One that it does
    not may be counted from its start until the PABX answers a call that was started
    after the first was given up, or until the quarantine is over, whatever became of
    its connection. The dialling process is killed now and then.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self.numbers = itertools.count(1)
        self.calls: list[Call] = []
        self.on_wire: list[Call] = []
        self.events: list[SlotEvent] = []

    @initialize(calls=st.integers(1, 6), window=st.sampled_from([0.5, 1.0, 8.0, 100.0]))
    def begin(self, calls: int, window: float) -> None:
        """Choose a cap."""
        self.limit = RateLimit(calls, window)
        self.pacer = Pacer(self.limit, total=TOTAL, rest=REST)

    @rule(seconds=st.floats(0, 1) | st.floats(0, 20) | st.just(QUARANTINE))
    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds

    @rule(most=st.integers(1, 8), idle=st.booleans())
    def start(self, most: int, idle: bool) -> None:
        """Start calls, as soon as the pacer lets them or when they may go by now."""
        for _ in range(most):
            when = self.pacer.earliest(self.now)
            if when > self.now:
                if idle or when == math.inf:
                    return
                self.now = when
                if self.pacer.earliest(self.now) > self.now:
                    return
            self.pacer.start(self.now)
            call = Call(next(self.numbers), self.now)
            self.calls.append(call)
            self.on_wire.append(call)
            self.check_window()
            self.tell(call, Step.INTEND)

    @precondition(lambda self: self.on_wire)
    @rule(data=st.data())
    def answer(self, data: st.DataObject) -> None:
        """Answer a call."""
        call = self.take(data)
        self.pacer.finish(self.now, call.start)
        call.end = self.now
        for other in self.calls:
            if other.lost_at < call.start:
                other.end = min(other.end, self.now)
        self.tell(call, Step.ACCEPT)

    @precondition(lambda self: self.on_wire)
    @rule(data=st.data(), everyone=st.booleans())
    def give_up(self, data: st.DataObject, everyone: bool) -> None:
        """Give a call up, or all that are on the wire."""
        for _ in range(len(self.on_wire) if everyone else 1):
            call = self.take(data)
            self.pacer.give_up(self.now, call.start)
            self.note_given_up(call)
            self.tell(call, Step.MARK_UNKNOWN, "timeout")

    @precondition(lambda self: self.on_wire)
    @rule(data=st.data())
    def not_sent(self, data: st.DataObject) -> None:
        """Find that a call never left."""
        call = self.take(data)
        self.pacer.finish(self.now, sent=False)
        self.tell(call, Step.NOT_PLACED, "connect_failed")
        self.calls.remove(call)

    @rule(seconds=st.just(0.0) | st.floats(0, 300))
    def kill(self, seconds: float) -> None:
        """Lose the process and everything that it knew but the ledger."""
        for call in self.on_wire:
            self.note_given_up(call)
        self.now += seconds
        for call in self.on_wire:
            self.tell(call, Step.RECOVER, "owner_gone")
        self.on_wire.clear()
        held = occupied_slots(
            reversed(self.events),
            limit=self.limit,
            quarantine=QUARANTINE,
            now=self.now,
            latest=lambda at: at,
        )
        self.pacer = Pacer(self.limit, total=TOTAL, rest=REST)
        self.pacer.reserve(held.cooling, held.lost, now=self.now)

        assert len(held.cooling) + len(held.lost) <= self.limit.calls

    @invariant()
    def somebody_goes_some_day(self) -> None:
        """While nobody is on the wire the next start is known."""
        if not self.on_wire and self.calls:
            assert self.pacer.earliest(self.now) < math.inf

    def take(self, data: st.DataObject) -> Call:
        """Take some call off the wire."""
        return self.on_wire.pop(data.draw(st.integers(0, len(self.on_wire) - 1)))

    def note_given_up(self, call: Call) -> None:
        """Note that a call was given up now."""
        call.lost_at = self.now
        call.end = max(call.start + QUARANTINE, self.now)

    def tell(self, call: Call, step: Step, reason: str | None = None) -> None:
        """Write an event into the ledger; no two happen at once."""
        self.now += TICK
        self.events.append((call.number, step, self.now - TICK, "one", reason))

    def check_window(self) -> None:
        """See that the window that ends now can't hold more than the cap."""
        since = self.now - self.limit.per
        counted = sum(call.end > since + ROUNDING for call in self.calls)

        assert counted <= self.limit.calls


StandingPABX.TestCase.settings = settings(max_examples=200, stateful_step_count=50)
TestStandingPABX = StandingPABX.TestCase


def lose_all(pacer: Pacer, starts: list[float], at: float) -> None:
    """Start calls, and give them all up without an answer."""
    for start in starts:
        assert pacer.earliest(start) <= start
        pacer.start(start)
    for start in starts:
        pacer.give_up(at, start)


def test_a_lost_call_keeps_its_slot_for_a_quarantine() -> None:
    """The slot of a call that was never answered outlasts a window by far."""
    pacer = Pacer(RateLimit(1, 8.0), total=5.0)
    lose_all(pacer, [100.0], 105.0)

    assert pacer.earliest(113.0) == 100.0 + quarantine_of(5.0) + 8.0
    assert pacer.earliest(178.0) <= 178.0


def test_an_answer_to_a_later_call_frees_it() -> None:
    """A window after the answer to a call that was started later, the slot is back."""
    pacer = Pacer(RateLimit(3), total=5.0)
    lose_all(pacer, [100.0, 101.0], 106.0)
    pacer.start(112.0)

    assert pacer.earliest(112.0) == math.inf

    pacer.finish(113.0, 112.0)

    assert pacer.earliest(113.0) == 114.0
    assert pacer._left == 3


def test_an_answer_to_an_earlier_call_does_not() -> None:
    """An answer to a call that was on the wire with it proves nothing."""
    pacer = Pacer(RateLimit(2, 8.0), total=5.0)
    for start in (100.0, 104.0):
        pacer.start(start)
    pacer.give_up(105.0, 100.0)
    pacer.finish(106.0, 104.0)

    assert pacer._left == 1


@pytest.mark.parametrize("calls", [2, 3, 5, 50])
def test_the_last_slot_is_kept_for_one_that_goes_alone(calls: int) -> None:
    """However many wait, one slot is left when a PABX that answered stands still."""
    pacer = Pacer(RateLimit(calls), total=5.0, rest=REST)
    pacer.start(99.0)
    pacer.finish(99.01, 99.0)
    now, starts = 101.0, []
    while pacer.earliest(now) < math.inf:
        now = max(now, pacer.earliest(now))
        pacer.start(now)
        starts.append(now)
    assert len(starts) == calls - 1
    for start in starts:
        pacer.give_up(start + 5.0, start)

    probe = starts[-1] + 5.0 + REST
    assert pacer.earliest(starts[-1] + 5.0) == pytest.approx(probe)

    pacer.start(probe)

    assert pacer.earliest(probe) == math.inf

    pacer.give_up(probe + 5.0, probe)

    again = starts[0] + quarantine_of(5.0) + 1.0
    assert pacer.earliest(probe + 5.0) == pytest.approx(again)
    assert pacer.earliest(again) <= again

    pacer.start(again)

    assert pacer.earliest(again + 100.0) == math.inf


def test_slow_answers_use_the_last_slot_too() -> None:
    """Where answers take longer than half a window no slot is kept."""
    pacer = Pacer(RateLimit(3))
    pacer.start(99.0)
    pacer.finish(101.0, 99.0)
    for start in (102.0, 103.0, 104.0):
        assert pacer.earliest(start) <= start
        pacer.start(start)


def starts_of(pacer: Pacer, latencies: list[float]) -> list[float]:
    """Return when calls that take so long are started, as soon as they may go."""
    now, starts = 0.0, []
    on_wire: list[tuple[float, float]] = []
    for latency in latencies:
        while (when := pacer.earliest(now)) > now:
            answer = on_wire[0][0] if on_wire else math.inf
            now = min(when, answer)
            while on_wire and on_wire[0][0] <= now:
                _, start = heapq.heappop(on_wire)
                pacer.finish(now, start)
        pacer.start(now)
        starts.append(now)
        heapq.heappush(on_wire, (now + latency, now))
    return starts


@pytest.mark.parametrize("calls", [1, 2, 3, 5, 50])
@pytest.mark.parametrize("longest", [0.02, 0.2, 0.5, 1.0, 5.0])
def test_the_kept_slot_costs_nothing(calls: int, longest: float) -> None:
    """At least 99 % of the calls go that would go if no slot were kept."""
    chance = random.Random(7)
    latencies = [chance.uniform(longest / 2, longest) for _ in range(60 * calls)]
    free = Pacer(RateLimit(calls))
    free._slow, free._patient_until = math.inf, math.inf

    lasted = starts_of(Pacer(RateLimit(calls)), latencies)[-1]
    assert lasted <= starts_of(free, latencies)[-1] / 0.99


def test_the_strictest_of_several_caps_holds() -> None:
    """A call that several caps hold for takes a slot in each and waits for all."""
    limits = [RateLimit(2, 1.0), RateLimit(1, 60.0)]
    both = Together({limit: Pacer(limit, total=5.0) for limit in limits})
    both.start(100.0)
    both.finish(100.0, 100.0)

    assert both.earliest(100.0) == 160.0

    both.start(160.0)
    both.finish(160.0, sent=False)
    both.start(220.0)
    both.give_up(225.0, 220.0)

    assert both.earliest(230.0) == 220.0 + quarantine_of(5.0) + 60.0


def test_more_slots_held_than_there_are() -> None:
    """Where more slots are held than the cap has, all of them are waited for."""
    pacer = Pacer(RateLimit(2), total=5.0)
    pacer.reserve([100.5, 100.7], [150.0, 151.0, 160.0], now=100.0)

    assert pacer.earliest(100.0) == 150.0
    assert pacer.earliest(155.0) <= 155.0

    pacer.start(155.0)

    assert pacer.earliest(155.0) == math.inf
