"""Hypothesis: no contact is lost and no rule broken, in any order of events."""

import contextlib
from typing import Any

import attrs
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from rule_values import moment

from digitro_async.call_events import Disposition
from digitro_async.errors import Outcome
from digitro_async.rules import (
    ALLOW,
    AttemptCap,
    AttemptGate,
    BlockGate,
    BlockTerms,
    Callback,
    CalledNumber,
    CallingHours,
    CallingQueue,
    CapClock,
    ContactClosed,
    Counted,
    DialNow,
    Gate,
    Gates,
    HoursGate,
    MemoryAttemptHistory,
    NextNumber,
    NothingUntil,
    OwnBlocks,
    PastAttempt,
    PlannedCall,
    QueuedContact,
    Recall,
    RecallRule,
    RecallRules,
    Spacing,
    called_number,
    week_of,
)

LEAST, ASSUMED, A_DAY, MOST = 3600.0, 600.0, 2, 4
NUMBERS = [
    *map(called_number, ("011987654321", "011912345678", "068987654321", "40041234"))
]
HOURS = CallingHours(name="h", week=week_of({"all": ["08:00-20:00"]}))
RECALL = RecallRules(
    rules={
        Disposition.BUSY: RecallRule(after=(900.0,), most=2),
        Disposition.NO_ANSWER: RecallRule(
            after=(60.0, 7200.0), most=3, number=NextNumber.NEXT
        ),
        Disposition.INVALID_NUMBER: RecallRule(
            after=(0.0,), most=3, number=NextNumber.NEXT, gives_up_number=True
        ),
    },
    most_attempts=MOST,
)
CONTACT_CAP = AttemptCap(
    name="life", most=MOST, clock=CapClock.LIFETIME, counts=Counted.CONTACT
)
ENDS = (
    *(Disposition.BUSY, Disposition.NO_ANSWER, Disposition.ANSWERED),
    *(Disposition.INVALID_NUMBER, Disposition.NONE_SEEN),
)


class QueueMachine(RuleBasedStateMachine):
    """A campaign that dials, crashes, is blocked and has its clock set."""

    def __init__(self) -> None:
        super().__init__()
        self.now = moment("2026-11-30 12:00")
        self.history = MemoryAttemptHistory()
        self.blocks = OwnBlocks("own")
        self.numbers: dict[int, tuple[CalledNumber, ...]] = {}
        self.on_wire: dict[int, PastAttempt] = {}
        self.closed: set[int] = set()
        self.unknown: set[int] = set()
        self.queue = self.make_queue()

    def make_queue(self) -> CallingQueue:
        """Return a queue over what is written down."""
        gates: list[Gate] = [
            BlockGate([self.blocks]),
            HoursGate([HOURS]),
            AttemptGate(
                self.history,
                spacings=[Spacing(name="1 h", least=LEAST, assumed=ASSUMED)],
                caps=[
                    AttemptCap(name="a day", most=A_DAY, clock=CapClock.DAY),
                    CONTACT_CAP,
                ],
            ),
        ]
        self.gates = Gates(gates)
        return CallingQueue(self.gates, self.history, recall=RECALL)

    @rule(
        numbers=st.lists(st.sampled_from(NUMBERS), min_size=1, max_size=3, unique=True)
    )
    def add(self, numbers: list[CalledNumber]) -> None:
        """A contact is added while the campaign runs."""
        name = len(self.numbers)
        self.numbers[name] = tuple(numbers)
        self.queue.put(
            QueuedContact(contact=name, numbers=tuple(numbers), number=numbers[0])
        )

    @rule(seconds=st.sampled_from([-90_000.0, -60.0, 1.0, 600.0, 3700.0, 40_000.0]))
    def pass_time(self, seconds: float) -> None:
        """Time passes, or the clock is set back."""
        self.now += seconds

    @rule()
    def dial(self) -> None:
        """Whoever is next is dialled, and every rule is looked at by hand."""
        step = self.queue.next(self.now)
        if isinstance(step, ContactClosed):
            self.closed.add(step.contact)  # type: ignore[arg-type]  # contacts are numbers here
        elif isinstance(step, DialNow):
            self.check(step.call)
            self.begin(step.call)
        elif step.until is not None:
            assert step.until > self.now

    @rule()
    def wait_and_dial(self) -> None:
        """At the moment that is told somebody's turn comes."""
        step = self.queue.next(self.now)
        if isinstance(step, NothingUntil) and step.until is not None:
            self.now = step.until
            step = self.queue.next(self.now)
        if isinstance(step, ContactClosed):
            self.closed.add(step.contact)  # type: ignore[arg-type]  # as above
        elif isinstance(step, DialNow):
            self.check(step.call)
            self.begin(step.call)

    def check(self, call: PlannedCall) -> None:
        """Look at a call by what was done before, without the gates."""
        contact: Any = call.contact
        assert contact not in self.on_wire
        assert contact not in self.unknown
        assert call.number in self.numbers[contact]
        assert self.gates.ask(call, self.now) is ALLOW
        assert self.blocks.find(call.number, self.now) is None
        rung = self.history.of_number(call.number.key)
        for one in rung:
            ended = one.began_at + ASSUMED if one.ended_at is None else one.ended_at
            assert self.now >= ended + LEAST
        assert sum(one.began_at > self.now - 4 * 3600 for one in rung) <= A_DAY
        assert len(self.history.of_contact(contact)) < MOST

    def begin(self, call: PlannedCall) -> None:
        """Write down that a call begins."""
        contact: Any = call.contact
        begun = PastAttempt(contact=contact, number=call.number.key, began_at=self.now)
        self.history.add(begun)
        self.on_wire[contact] = begun

    @rule(
        disposition=st.sampled_from(ENDS), lasted=st.sampled_from([5.0, 300.0, -50.0])
    )
    def end(self, disposition: Disposition, lasted: float) -> None:
        """The oldest call ends, and its rule decides."""
        if not self.on_wire:
            return
        contact, begun = next(iter(self.on_wire.items()))
        del self.on_wire[contact]
        ended = attrs.evolve(
            begun,
            outcome=Outcome.ACCEPTED,
            disposition=disposition,
            ended_at=begun.began_at + lasted,
        )
        self.history.replace(begun, ended)
        answer = self.queue.end(contact, self.numbers[contact])
        if isinstance(answer, Recall):
            assert disposition in RECALL.rules
            assert answer.due >= begun.began_at
        else:
            self.closed.add(contact)

    @rule()
    def crash(self) -> None:
        """The process dies: what was on the wire is unknown, what waited waits."""
        kept = self.queue.contacts()
        for contact, begun in self.on_wire.items():
            lost = attrs.evolve(begun, outcome=Outcome.UNKNOWN)
            self.history.replace(begun, lost)
            self.queue.end(contact, self.numbers[contact])
            self.unknown.add(contact)
        self.on_wire.clear()
        self.queue = self.make_queue()
        for one in kept:
            self.queue.put(one)

    @rule(number=st.sampled_from(NUMBERS), seconds=st.none() | st.just(5000.0))
    def block(self, number: CalledNumber, seconds: float | None) -> None:
        """A person asks not to be called, for good or for a while."""
        until = None if seconds is None else self.now + seconds
        self.blocks.add(number, BlockTerms("asked", until))

    @rule(number=st.sampled_from(NUMBERS))
    def unblock(self, number: CalledNumber) -> None:
        """An entry is taken off the list."""
        self.blocks.remove(number)

    @rule(later=st.sampled_from([-5000.0, 60.0, 30_000.0]))
    def agree_on_callback(self, later: float) -> None:
        """A contact that waits or is closed gets a callback."""
        for contact in self.numbers.keys() - self.on_wire.keys() - self.unknown:
            callback = Callback(contact=contact, at=self.now + later)
            self.queue.call_back(callback, self.numbers[contact])
            self.closed.discard(contact)
            return

    @rule()
    def remove(self) -> None:
        """A contact is withdrawn."""
        with contextlib.suppress(IndexError):
            contact: Any = self.queue.contacts()[0].contact
            assert self.queue.remove(contact)
            self.closed.add(contact)

    @invariant()
    def nobody_is_lost(self) -> None:
        """Each contact waits, is on the wire, is unknown or is closed, and only one."""
        waits: list[Any] = [one.contact for one in self.queue.contacts()]
        assert sorted([*waits, *self.on_wire, *self.unknown, *self.closed]) == sorted(
            self.numbers
        )


QueueMachine.TestCase.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None
)
TestQueueMachine = QueueMachine.TestCase
