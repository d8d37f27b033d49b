"""Pacing where the PABX is known to count a call soon after it was sent."""

import copy
import heapq
import itertools
import math

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

from digitro_async import RateLimit
from digitro_async.dispatch._counted_pacing import CountedPacer
from digitro_async.dispatch._pacing import Pacer, quarantine_of
from digitro_async.ledger._occupied_slots import SlotEvent, occupied_slots
from digitro_async.ledger._state import Step

TOTAL = 5.0
QUARANTINE = quarantine_of(TOTAL)
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
        is_noted: Whether it was noted that it was sent.
    """

    number: int
    start: float
    end: float = math.inf
    lost_at: float = math.inf
    is_noted: bool = False


def one_of(calls: list[Call], data: st.DataObject) -> Call:
    """Return some call."""
    return calls[data.draw(st.integers(0, len(calls) - 1))]


class PromptPABX(RuleBasedStateMachine):
    """A PABX that counts each call within a known time of its sending, or never.

    It answers at any time, or not at all. The dialling process is killed now and then.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self.numbers = itertools.count(1)
        self.calls: list[Call] = []
        self.on_wire: list[Call] = []
        self.events: list[SlotEvent] = []

    @initialize(
        calls=st.integers(1, 6),
        window=st.sampled_from([0.5, 1.0, 8.0, 100.0]),
        within=st.sampled_from([0.01, 0.4, 1.0, 9.0, 500.0]),
    )
    def begin(self, calls: int, window: float, within: float) -> None:
        """Choose a cap."""
        self.limit = RateLimit(calls, window, counted_within=within)
        self.within = within
        self.pacer = CountedPacer(self.limit, total=TOTAL)

    @rule(seconds=st.floats(0, 1) | st.floats(0, 20) | st.just(QUARANTINE))
    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds

    @rule(most=st.integers(1, 8), idle=st.booleans(), sends=st.booleans())
    def start(self, most: int, idle: bool, sends: bool) -> None:
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
            if sends:
                self.note(call)

    @precondition(lambda self: self.unnoted())
    @rule(data=st.data())
    def send(self, data: st.DataObject) -> None:
        """Send a call that had no connection until now."""
        self.note(one_of(self.unnoted(), data))

    @precondition(lambda self: self.on_wire)
    @rule(data=st.data())
    def answer(self, data: st.DataObject) -> None:
        """Answer a call, whose sending may not have been noted."""
        call = self.take(data)
        self.pacer.finish(self.now, call.start, call=call)
        call.end = min(call.end, self.now)
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
            self.pacer.give_up(self.now, call.start, call)
            self.note_given_up(call)
            self.tell(call, Step.MARK_UNKNOWN, "timeout")

    @precondition(lambda self: self.unnoted())
    @rule(data=st.data())
    def not_sent(self, data: st.DataObject) -> None:
        """Find that a call never left."""
        call = one_of(self.unnoted(), data)
        self.on_wire.remove(call)
        self.pacer.finish(self.now, sent=False, call=call)
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
        self.pacer = CountedPacer(self.limit, total=TOTAL)
        self.pacer.reserve(held.cooling, held.lost, now=self.now)

        assert len(held.cooling) + len(held.lost) <= self.limit.calls

    @invariant()
    def somebody_goes_in_time(self) -> None:
        """The next start is known, however many of the calls sent have no answer."""
        if self.calls and all(call.is_noted for call in self.on_wire):
            pacer = copy.deepcopy(self.pacer)  # asking lets its time go on
            now, asked = self.now, 0
            while (when := pacer.earliest(now)) > now:
                assert when <= self.now + self.within + 2 * self.limit.per + QUARANTINE
                now, asked = when, asked + 1
                assert asked <= 3 * self.limit.calls + 3
        assert list(self.pacer._cooling) == sorted(self.pacer._cooling)

    def take(self, data: st.DataObject) -> Call:
        """Take some call off the wire."""
        call = one_of(self.on_wire, data)
        self.on_wire.remove(call)
        return call

    def unnoted(self) -> list[Call]:
        """Return the calls on the wire whose sending was not noted."""
        return [call for call in self.on_wire if not call.is_noted]

    def note(self, call: Call) -> None:
        """Note that a call was sent now."""
        self.pacer.note_sent(call, self.now)
        call.is_noted = True
        call.end = self.now + self.within

    def note_given_up(self, call: Call) -> None:
        """Note that a call was given up now; it may have been sent just before."""
        call.lost_at = self.now
        bounds = [call.end, self.now + self.within]
        call.end = min(*bounds, max(call.start + QUARANTINE, self.now))

    def tell(self, call: Call, step: Step, reason: str | None = None) -> None:
        """Write an event into the ledger; no two happen at once."""
        self.now += TICK
        self.events.append((call.number, step, self.now - TICK, "one", reason))

    def check_window(self) -> None:
        """See that the window that ends now can't hold more than the cap."""
        since = self.now - self.limit.per
        counted = sum(call.end > since + ROUNDING for call in self.calls)

        assert counted <= self.limit.calls


PromptPABX.TestCase.settings = settings(max_examples=200, stateful_step_count=50)
TestPromptPABX = PromptPABX.TestCase


def rate_of(pacer: Pacer, latency: float, seconds: float = 30.0) -> float:
    """Return the calls a second that a pacer lets go, each sent as it starts."""
    at, count = 0.0, 0
    answers: list[tuple[float, int]] = []
    while at < seconds:
        when = pacer.earliest(at)
        if when > at:
            at = min(when, answers[0][0] if answers else math.inf)
            while answers and answers[0][0] <= at:
                when, number = heapq.heappop(answers)
                pacer.finish(when, when - latency, call=number)
            continue
        pacer.start(at)
        pacer.note_sent(count, at)
        heapq.heappush(answers, (at + latency, count))
        count += 1
    return count / seconds


@pytest.mark.parametrize(
    ("within", "allowed"),
    [(None, 50 / 3), (5.0, 50 / 3), (1.0, 25.0), (0.2, 50 / 1.2), (0.05, 50 / 1.05)],
)
def test_what_a_cap_allows_at_slow_answers(
    within: float | None, allowed: float
) -> None:
    """At 2 s latency a cap of 50/s allows 50 x W / (W + S), where S is known."""
    limit = RateLimit(50, counted_within=within)
    pacer = Pacer(limit) if within is None else CountedPacer(limit)

    assert rate_of(pacer, 2.0) == pytest.approx(allowed, rel=0.05)
    assert limit.calls / limit.seconds_held(2.0) == pytest.approx(allowed)
