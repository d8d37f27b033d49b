"""Random lives of a schedule beside a model of it, with crashes at any moment."""

import asyncio
import contextlib
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from ledgers import an_end, end_call, new_contact, settle
from schedules import Scene, plain_key
from waiting_model import Tried, Waiting

from digitro_async import ClaimLostError, Disposition, Outcome
from digitro_async.ledger import (
    AgreedCallback,
    AttemptPlan,
    ClaimOwner,
    Deferral,
    Refusal,
    State,
    Step,
    WaitKind,
)

OWNERS = (ClaimOwner("first"), ClaimOwner("second"))
LEASE = 10_000_000.0  # no lease ends: who is gone has crashed
KINDS = (None, *WaitKind)
OUTCOMES = {
    Step.ACCEPT: (State.ACCEPTED, Outcome.ACCEPTED),
    Step.REJECT: (State.REJECTED, Outcome.REJECTED),
    Step.MARK_UNKNOWN: (State.UNKNOWN, Outcome.UNKNOWN),
    Step.NOT_PLACED: (State.CLAIMED, Outcome.NOT_SENT),
}
DELAYS = st.sampled_from([0.0, 5.0, 20.0])


class ScheduleMachine(RuleBasedStateMachine):
    """Anything that runs with rules may do with a ledger, in any order."""

    kind = "memory"

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = Path(tempfile.mkdtemp())
        self.scene = Scene(self.kind, self.folder)
        self.model: dict[int, Waiting] = {}
        self.blocks: dict[int, float | None] = {}
        self.call_ids = 0
        self.do(self.scene.ledger.__aenter__())

    def do(self, act: Any) -> Any:
        """Run one thing to its end."""

        async def run() -> Any:
            return await act

        return self.runner.run(run())

    def teardown(self) -> None:
        """Close the ledger."""
        with contextlib.ExitStack() as stack:
            stack.callback(shutil.rmtree, self.folder)
            stack.callback(self.runner.close)
            self.do(self.scene.ledger.__aexit__(None, None, None))

    @property
    def now(self) -> float:
        """The time."""
        return self.scene.now

    @property
    def schedule(self) -> Any:
        """The schedule of the ledger as it is open now."""
        return self.scene.ledger.schedule

    def known(self, data: st.DataObject) -> int:
        """Draw a contact."""
        return data.draw(st.integers(1, len(self.model)))

    @precondition(lambda self: len(self.model) < 6)
    @rule(count=st.integers(1, 3))
    def add(self, count: int) -> None:
        """Put contacts in."""
        first = len(self.model) + 1
        lines = range(first, first + count)
        self.do(self.scene.ledger.add([new_contact(line) for line in lines]))
        self.model |= {line: Waiting() for line in lines}

    @rule(seconds=st.sampled_from([1.0, 6.0, 30.0]))
    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.scene.now += seconds

    @rule(
        owner=st.sampled_from(OWNERS),
        kinds=st.sets(st.sampled_from(KINDS), min_size=1),
        limit=st.integers(1, 4),
    )
    def claim(self, owner: ClaimOwner, kinds: set[WaitKind | None], limit: int) -> None:
        """Claim contacts: nobody before it is due, and everybody once it is."""
        due = [
            number
            for number, one in self.model.items()
            if one.state is State.PENDING
            and one.wait in kinds
            and (one.due is None or one.due <= self.now)
        ]
        due.sort(key=self.turn)
        claimed = self.do(
            self.schedule.claim(limit, owner, LEASE, now=self.now, kinds=kinds)
        )

        assert [one.claimed.number for one in claimed] == due[:limit]
        for one in claimed:
            model = self.model[one.claimed.number]
            assert (one.due, one.wait) == (model.due, model.wait)
            assert one.callback == model.callback
            model.state, model.owner = State.CLAIMED, owner
            model.end_plans()

    def turn(self, number: int) -> tuple[float, ...]:
        """Return by what a contact comes in order."""
        due = self.model[number].due
        return (1, 0.0, number) if due is None else (0, due, number)

    @rule(owner=st.sampled_from(OWNERS))
    def claim_without_rules(self, owner: ClaimOwner) -> None:
        """Claim all as a run without rules does, which leaves out who waits."""
        claimed = self.do(self.scene.ledger.claim(9, owner, LEASE))
        expected = [
            number
            for number, one in self.model.items()
            if one.state is State.PENDING and (one.due is None or one.due <= self.now)
        ]

        assert [one.number for one in claimed] == expected
        for number in expected:
            self.model[number].state, self.model[number].owner = State.CLAIMED, owner
            self.model[number].end_plans()
        self.do(self.scene.ledger.release(owner, expected))
        for number in expected:
            self.model[number].state = State.PENDING

    @precondition(lambda self: self.model)
    @rule(data=st.data(), owner=st.sampled_from(OWNERS), key=st.integers(1, 3))
    def plan(self, data: st.DataObject, owner: ClaimOwner, key: int) -> None:
        """Plan an attempt; none to a number that is being called."""
        one = self.model[number := self.known(data)]
        is_held = any(
            other is not one
            and other.state in {State.CLAIMED, State.INTENT}
            and other.tried
            and not other.tried[-1].is_over
            and other.tried[-1].key == key
            for other in self.model.values()
        )
        plan = AttemptPlan(number=number, place=0, key=key)
        left = self.do(self.schedule.plan(owner, [plan], hold_numbers=True))

        assert bool(left) == (is_held or not one.is_claimed_by(owner))
        if not left:
            one.end_plans()
            one.tried.append(Tried(key))

    @precondition(lambda self: self.model)
    @rule(data=st.data(), owner=st.sampled_from(OWNERS))
    def intend(self, data: st.DataObject, owner: ClaimOwner) -> None:
        """Begin a call that was planned."""
        one = self.model[number := self.known(data)]
        if not one.is_claimed_by(owner) or not one.tried or one.tried[-1].is_over:
            return
        self.do(self.intended(number, owner))
        one.state, one.callback, one.has_end = State.INTENT, None, False
        one.attempts += 1
        one.tried[-1].began_at, one.tried[-1].outcome = self.now, None

    async def intended(self, number: int, owner: ClaimOwner) -> None:
        """Record an intent, and that nobody else can."""
        ledger = self.scene.ledger
        await ledger.intend(number, owner, "one", self.now)
        with pytest.raises(ClaimLostError):
            await ledger.intend(number, owner, "one", self.now)

    @precondition(lambda self: self.model)
    @rule(data=st.data(), step=st.sampled_from(list(OUTCOMES)), is_ended=st.booleans())
    def settle(self, data: st.DataObject, step: Step, is_ended: bool) -> None:
        """Record what a call came to, and perhaps its end."""
        one = self.model[number := self.known(data)]
        if one.state is not State.INTENT:
            return
        self.call_ids += 1
        call_id = f"{self.call_ids}" if step is Step.ACCEPT else None
        ledger, owner = self.scene.ledger, one.owner
        given = {"call_id": call_id, "owner": owner, "reason": None}
        self.do(settle(ledger, number, step, "one", self.now, **given))
        one.state, one.tried[-1].outcome = OUTCOMES[step]
        if is_ended and call_id is not None:
            self.do(end_call(ledger, number, an_end(Disposition.BUSY, call_id)))
            one.has_end = True

    @precondition(lambda self: self.model)
    @rule(data=st.data(), owner=st.sampled_from(OWNERS), seconds=DELAYS)
    def put_off(self, data: st.DataObject, owner: ClaimOwner, seconds: float) -> None:
        """Put a contact off."""
        one = self.model[number := self.known(data)]
        deferral = Deferral(number=number, due=self.now + seconds, reason="hours")
        self.do(self.schedule.put_off(owner, [deferral], now=self.now))
        if one.is_claimed_by(owner):
            one.state, one.due = State.PENDING, self.now + seconds
            one.wait = one.wait or WaitKind.DEFERRED

    @precondition(lambda self: self.model)
    @rule(data=st.data(), owner=st.sampled_from(OWNERS))
    def refuse(self, data: st.DataObject, owner: ClaimOwner) -> None:
        """Refuse a call for good."""
        one = self.model[number := self.known(data)]
        refusal = Refusal(number=number, reason="blocked")
        self.do(self.schedule.refuse(owner, [refusal], now=self.now))
        if one.is_claimed_by(owner):
            one.state, one.callback = State.SKIPPED, None

    @precondition(lambda self: self.model)
    @rule(data=st.data(), seconds=DELAYS, missed=st.integers(0, 1))
    def recall(self, data: st.DataObject, seconds: float, missed: int) -> None:
        """Recall a contact: nobody unknown, nobody twice, nobody without an end."""
        one = self.model[number := self.known(data)]
        due = self.now + seconds
        is_recalled = self.do(
            self.schedule.recall(
                number,
                attempts=one.attempts - missed,
                due=due,
                place=0,
                reason="busy",
                now=self.now,
            )
        )
        expected = one.state is State.ACCEPTED and one.has_end and not missed

        assert is_recalled == expected
        if is_recalled:
            one.state, one.due, one.wait = State.PENDING, due, WaitKind.RECALL
            one.tried[-1].is_over = True

    @precondition(lambda self: self.model)
    @rule(data=st.data(), seconds=DELAYS)
    def call_back(self, data: st.DataObject, seconds: float) -> None:
        """Agree on a callback."""
        one = self.model[number := self.known(data)]
        callback = AgreedCallback(at=self.now + seconds)
        if one.state in {State.PENDING, State.ACCEPTED}:
            if one.tried and one.tried[-1].began_at is not None:
                one.tried[-1].is_over = True
            one.state, one.wait = State.PENDING, WaitKind.CALLBACK
            one.due, one.callback = callback.at, callback

        act = self.schedule.call_back(number, callback, now=self.now)
        assert self.do(act) is one.state

    @rule(key=st.integers(1, 3), until=st.sampled_from([None, 2e9]))
    def block(self, key: int, until: float | None) -> None:
        """Block a number."""
        self.do(self.schedule.block(key, reason="asked", until=until, now=self.now))
        self.blocks[key] = until

    @rule(key=st.integers(1, 3))
    def unblock(self, key: int) -> None:
        """Take a number off."""
        was_blocked = self.blocks.pop(key, 0) != 0
        assert self.do(self.schedule.unblock(key)) == was_blocked

    @precondition(lambda self: self.model)
    @rule(data=st.data(), accepted=st.booleans())
    def reconcile(self, data: st.DataObject, accepted: bool) -> None:
        """Settle an unknown contact by evidence."""
        one = self.model[number := self.known(data)]
        if one.state is not State.UNKNOWN:
            return
        act = self.scene.ledger.reconcile(
            number, accepted=accepted, evidence="seen", now=self.now + 9_999
        )
        self.do(act)
        one.state = State.ACCEPTED if accepted else State.PENDING
        one.attempts *= accepted
        one.tried[-1].outcome = Outcome.ACCEPTED if accepted else Outcome.NOT_SENT

    @rule()
    def crash(self) -> None:
        """Lose all owners, as a killed process does, and open the ledger again."""
        self.do(self.scene.reopen())
        for one in self.model.values():
            if one.state is State.CLAIMED:
                one.state = State.PENDING
            elif one.state is State.INTENT:
                one.state, one.tried[-1].outcome = State.UNKNOWN, Outcome.UNKNOWN

    @invariant()
    def no_attempt_is_lost(self) -> None:
        """Every attempt has its number, its beginning and its outcome, in order."""
        found = self.do(self.schedule.attempts_of(list(self.model), ()))
        expected = [
            (number, tried.key, tried.began_at, tried.outcome)
            for number, one in self.model.items()
            for tried in one.tried
            if tried.began_at is not None or one.state is State.CLAIMED
        ]

        assert [
            (one.contact, plain_key(one), one.began_at, one.outcome) for one in found
        ] == expected

    @invariant()
    def no_block_is_lost(self) -> None:
        """Every block is there, with its terms."""
        found = {one.hash: one.until for one in self.do(self.schedule.blocks())}
        hashed = self.schedule.block_hash

        assert found == {hashed(key): until for key, until in self.blocks.items()}

    @invariant()
    def nobody_is_lost(self) -> None:
        """Who waits is known, and until when."""
        counts = self.do(self.schedule.waiting(now=self.now))
        dues = [
            one.due
            for one in self.model.values()
            if one.state is State.PENDING and one.due is not None and one.due > self.now
        ]

        assert sum(counts.kinds.values()) == len(dues)
        assert counts.next_due == min(dues, default=None)


def schedule_machine_of(kind: str) -> type[ScheduleMachine]:
    """Return the machine of one kind of ledger."""
    return type(f"{kind.title()}ScheduleMachine", (ScheduleMachine,), {"kind": kind})


SCHEDULE_MACHINES = [
    (schedule_machine_of("memory"), 60),
    (schedule_machine_of("sqlite"), 12),
    (schedule_machine_of("postgres"), 3),
]


def run(machine: type[ScheduleMachine], examples: int, steps: int) -> None:
    """Run lives of one kind, where that kind keeps a schedule."""
    with tempfile.TemporaryDirectory() as folder:
        scene = Scene(machine.kind, Path(folder))
        if not hasattr(scene.ledger, "schedule"):
            pytest.skip("this kind of ledger keeps no schedule")
    chosen = settings(max_examples=examples, stateful_step_count=steps)
    run_state_machine_as_test(machine, settings=chosen)


@pytest.mark.parametrize(("machine", "examples"), SCHEDULE_MACHINES)
def test_random_schedules(machine: type[ScheduleMachine], examples: int) -> None:
    """Whatever happens to a schedule, no deferral, recall, block or attempt is lost."""
    run(machine, examples, 25)


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("machine", "examples"), SCHEDULE_MACHINES)
def test_many_random_schedules(machine: type[ScheduleMachine], examples: int) -> None:
    """Whatever happens in long lives, no deferral, recall, block or attempt is lost."""
    run(machine, min(1_500, examples * 40), 50)
