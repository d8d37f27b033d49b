"""Workers that share a cap by slots of a database, with delays, crashes and pauses."""

import itertools
import math

import attrs
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from digitro_async.dispatch._allotted_pacing import AllottedPacer, SharedCap
from digitro_async.dispatch._counted_pacing import CountedPacer
from digitro_async.dispatch._pacing import Pacer, quarantine_of
from digitro_async.settings import RateLimit

TOTAL = 5.0
LEASE = 10.0
ROUNDING = 1e-6


@attrs.define(eq=False)
class Call:
    """One call, and until when the PABX may count it.

    Attributes:
        start: When it was sent.
        end: The last moment at which the PABX may count it, inf where that is open.
        lost_at: When it was given up without an answer.
    """

    start: float
    end: float = math.inf
    lost_at: float = math.inf


@attrs.define(eq=False)
class Question:
    """One beat of a worker on its way to the database, or the answer on its way back.

    Attributes:
        number: The number of the worker that asks.
        sequence: The number of the question.
        holds: Slots that the worker has.
        asked_at: When it asked.
        slots: The slots that the database lets it have; None before it answered, and
            where the worker is gone there or the question is late.
        is_gone: Whether the database doesn't know the worker any more.
    """

    number: int
    sequence: int
    holds: int
    asked_at: float
    slots: int | None = None
    is_gone: bool = False


class SlotTable:
    """The database: who has the slots. It makes no choice who gets how many.

    Args:
        calls: The slots of the cap.
        after: Seconds from the end of a lease until its slots are free.
    """

    def __init__(self, calls: int, after: float) -> None:
        self.calls, self.after = calls, after
        self.leases: dict[int, float] = {}
        self.sequences: dict[int, int] = {}
        self.granted: dict[int, int] = {}
        self.cooling: list[tuple[int, float]] = []
        self._numbers = itertools.count(1)

    def enroll(self, now: float) -> int:
        """Return the number of a new worker."""
        number = next(self._numbers)
        self.leases[number], self.sequences[number] = now + LEASE, 0
        self.granted[number] = 0
        return number

    def answer(self, question: Question, target: int, now: float) -> None:
        """Answer a question, and give or take slots."""
        self.bury(now)
        number = question.number
        if number not in self.leases:
            question.is_gone = True
            return
        if question.sequence <= self.sequences[number]:
            return
        self.sequences[number] = question.sequence
        self.leases[number] = now + LEASE
        del self.granted[number]
        others = sum(self.granted.values()) + sum(n for n, _ in self.cooling)
        slots = target
        if target > question.holds:
            slots = max(question.holds, min(target, self.calls - others))
        self.granted[number] = max(slots, question.holds)
        question.slots = slots

    def bury(self, now: float) -> None:
        """Let the slots cool of workers whose lease is over."""
        self.cooling = [one for one in self.cooling if one[1] > now]
        for number, ends in list(self.leases.items()):
            if ends <= now:
                del self.leases[number]
                slots = self.granted.pop(number)
                if ends + self.after > now:
                    self.cooling.append((slots, ends + self.after))

    def leave(self, number: int, until: list[float], now: float) -> None:
        """Let a worker go that tells until when its slots are taken."""
        self.bury(now)
        if self.leases.pop(number, None) is not None:
            del self.granted[number]
            self.cooling += [(1, one) for one in until]


class Worker:
    """One process that dials.

    Args:
        pacer: Paces its calls.
        number: Its number.
        now: The time.
    """

    def __init__(self, pacer: AllottedPacer, number: int, now: float) -> None:
        self.pacer, self.number = pacer, number
        self.sequence = 0
        self.question: Question | None = None  # the last one
        self.on_wire: list[Call] = []
        self.calls: list[Call] = []
        self.is_stopped = False
        self.resumed_at = now

    def ask(self, now: float) -> Question:
        """Return a new question."""
        self.sequence += 1
        holds = self.pacer.caps[0].holds(now)
        self.question = Question(self.number, self.sequence, holds, now)
        return self.question


class SharedCapMachine(RuleBasedStateMachine):
    """A PABX, a database and workers that come, stand still, crash and go."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self.calls: list[Call] = []
        self.workers: list[Worker] = []
        self.questions: list[Question] = []  # on the way to the database
        self.answers: list[Question] = []  # on the way back
        self.lowered_at = -math.inf

    @initialize(
        calls=st.integers(1, 8),
        window=st.sampled_from([0.5, 1.0, 8.0, 100.0]),
        counted=st.sampled_from([None, None, 0.5]),
    )
    def begin(self, calls: int, window: float, counted: float | None) -> None:
        """Choose a cap."""
        self.limit = RateLimit(calls, window, counted_within=counted)
        self.delivery = quarantine_of(TOTAL) if counted is None else counted
        self.table = SlotTable(calls, self.delivery + window)
        self.come()

    @rule(seconds=st.floats(0, 0.5) | st.floats(0, 2))
    def wait(self, seconds: float) -> None:
        """Let some time pass."""
        self.now += seconds

    @rule(seconds=st.floats(0, 20) | st.just(quarantine_of(TOTAL)))
    def wait_long(self, seconds: float) -> None:
        """Let so much time pass that leases end."""
        self.now += seconds

    @rule(data=st.data(), wanted=st.integers(0, 8))
    def beat(self, data: st.DataObject, wanted: int) -> None:
        """Let a worker ask and hear the answer at once."""
        worker = self.some_worker(data)
        if worker is not None:
            question = worker.ask(self.now)
            self.table.answer(question, min(wanted, self.table.calls), self.now)
            self.heed(worker, question)

    @precondition(lambda self: len(self.workers) < 4)
    @rule()
    def come(self) -> None:
        """Start a worker."""
        kind = Pacer if self.limit.counted_within is None else CountedPacer
        cap = SharedCap(kind(self.limit, total=TOTAL), self.limit)
        number = self.table.enroll(self.now)
        pacer = AllottedPacer({self.limit: cap})
        self.workers.append(Worker(pacer, number, self.now))

    @rule(data=st.data())
    def ask(self, data: st.DataObject) -> None:
        """Let a worker ask, whether its last question was answered or not."""
        worker = self.some_worker(data)
        if worker is not None:
            self.questions.append(worker.ask(self.now))

    @precondition(lambda self: self.questions)
    @rule(data=st.data(), wanted=st.integers(0, 8))
    def reach_database(self, data: st.DataObject, wanted: int) -> None:
        """Let the database answer some question, in any order."""
        index = data.draw(st.integers(0, len(self.questions) - 1))
        question = self.questions.pop(index)
        self.table.answer(question, min(wanted, self.table.calls), self.now)
        self.answers.append(question)

    @precondition(lambda self: self.answers)
    @rule(data=st.data())
    def reach_worker(self, data: st.DataObject) -> None:
        """Let some answer reach its worker, which heeds only that to its last one."""
        index = data.draw(st.integers(0, len(self.answers) - 1))
        answer = self.answers[index]
        worker = next((one for one in self.workers if one.question is answer), None)
        if worker is None:
            self.answers.pop(index)
        elif not worker.is_stopped:
            self.answers.pop(index)
            self.heed(worker, answer)

    def heed(self, worker: Worker, answer: Question) -> None:
        """Let a worker do what the database says."""
        worker.question = None
        cap = worker.pacer.caps[0]
        if answer.is_gone:
            worker.pacer.ends = -math.inf
            cap.lose(self.now)
            worker.number, worker.sequence = self.table.enroll(self.now), 0
        elif answer.slots is not None:
            cap.allot(answer.slots, self.now)
            worker.pacer.ends = answer.asked_at + LEASE

    @rule(data=st.data(), most=st.integers(1, 8), idle=st.booleans())
    def start(self, data: st.DataObject, most: int, idle: bool) -> None:
        """Let a worker start calls, as soon as it may or those that may go by now."""
        worker = self.some_worker(data)
        if worker is None:
            return
        for _ in range(most):
            when = worker.pacer.earliest(self.now)
            if when > self.now:
                if idle or when == math.inf:
                    return
                self.now = when
                if worker.pacer.earliest(self.now) > self.now:
                    return
            worker.pacer.start(self.now)
            call = Call(self.now)
            worker.pacer.note_sent(call, self.now)
            if self.limit.counted_within is not None:
                call.end = self.now + self.limit.counted_within
            self.calls.append(call)
            worker.calls.append(call)
            worker.on_wire.append(call)
            self.check_window()

    @rule(data=st.data())
    def answer(self, data: st.DataObject) -> None:
        """Answer a call of a worker."""
        worker = self.some_worker(data)
        if worker is None or not worker.on_wire:
            return
        call = worker.on_wire.pop(data.draw(st.integers(0, len(worker.on_wire) - 1)))
        worker.pacer.finish(self.now, call.start, call=call)
        call.end = min(call.end, self.now)
        for other in worker.calls:
            if other.lost_at < call.start:
                other.end = min(other.end, self.now)

    @rule(data=st.data(), everyone=st.booleans())
    def give_up(self, data: st.DataObject, everyone: bool) -> None:
        """Let a worker give a call up, or all that are on the wire."""
        worker = self.some_worker(data)
        if worker is None or not worker.on_wire:
            return
        for _ in range(len(worker.on_wire) if everyone else 1):
            call = worker.on_wire.pop(0)
            worker.pacer.give_up(self.now, call.start, call)
            self.note_given_up(call)

    @rule(data=st.data())
    def not_sent(self, data: st.DataObject) -> None:
        """Find that a call of a worker never left."""
        worker = self.some_worker(data)
        if worker is None or not worker.on_wire:
            return
        call = worker.on_wire.pop(0)
        worker.pacer.finish(self.now, sent=False, call=call)
        self.calls.remove(call)
        worker.calls.remove(call)

    @rule(data=st.data())
    def kill(self, data: st.DataObject) -> None:
        """Kill a worker: nobody tells the database."""
        if not self.workers:
            return
        index = data.draw(st.integers(0, len(self.workers) - 1))
        for call in self.workers.pop(index).on_wire:
            self.note_given_up(call)

    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        """Let a worker without a call on the wire go, which tells the database."""
        worker = self.some_worker(data)
        if worker is None or worker.on_wire:
            return
        until = worker.pacer.caps[0].pacer.taken_until(self.now)
        self.table.leave(worker.number, until, self.now)
        self.workers.remove(worker)

    @rule(data=st.data())
    def stop_or_go_on(self, data: st.DataObject) -> None:
        """Stop a process, or let one that was stopped go on."""
        if self.workers:
            index = data.draw(st.integers(0, len(self.workers) - 1))
            worker = self.workers[index]
            worker.is_stopped = not worker.is_stopped

    @rule(calls=st.integers(1, 8))
    def set_rate(self, calls: int) -> None:
        """Let the operator change the cap."""
        if calls < self.table.calls:
            self.lowered_at = self.now
        self.table.calls = calls

    @invariant()
    def slots_are_within_the_cap(self) -> None:
        """Nobody has more slots than the database lets it have."""
        for worker in self.workers:
            if self.table.leases.get(worker.number, -math.inf) > self.now:
                holds = worker.pacer.caps[0].holds(self.now)
                assert holds <= self.table.granted[worker.number]

    def some_worker(self, data: st.DataObject) -> Worker | None:
        """Return some worker that is not stopped, None where there is none."""
        running = [one for one in self.workers if not one.is_stopped]
        if not running:
            return None
        return running[data.draw(st.integers(0, len(running) - 1))]

    def note_given_up(self, call: Call) -> None:
        """Note that a call was given up now."""
        call.lost_at = self.now
        call.end = min(call.end, max(call.start + self.delivery, self.now))

    def check_window(self) -> None:
        """See that the window that ends now can't hold more than the cap.

        A cap that was lowered holds once the slots of before were given back; until
        then the one that was configured does.
        """
        since = self.now - self.limit.per
        counted = sum(call.end > since + ROUNDING for call in self.calls)
        most = self.table.calls
        given = sum(self.table.granted.values())
        given += sum(n for n, until in self.table.cooling if until > self.now)

        assert counted <= max(most, given)


SharedCapMachine.TestCase.settings = settings(
    max_examples=100, stateful_step_count=50, deadline=None
)
TestSharedCap = SharedCapMachine.TestCase
