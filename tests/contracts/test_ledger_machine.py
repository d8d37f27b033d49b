"""Random lives of a ledger beside a model of it in plain Python."""

import asyncio
import contextlib
import shutil
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

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
    run_state_machine_as_test,
)
from ledgers import NOW, SHELVES, new_contact, settle, some

from digitro_async import (
    CallEnd,
    ClaimLostError,
    IllegalTransitionError,
    LedgerError,
)
from digitro_async.ledger import ClaimOwner, Ledger, State, Step
from digitro_async.ledger._reconciliation import QUARANTINE

QUARANTINE_SECONDS = 50.0
OUTCOMES = {
    Step.ACCEPT: State.ACCEPTED,
    Step.REJECT: State.REJECTED,
    Step.MARK_UNKNOWN: State.UNKNOWN,
    Step.NOT_PLACED: State.CLAIMED,
}


OWNERS = (ClaimOwner("first"), ClaimOwner("second", "with a label"))
LEASE_SECONDS = 100.0


@attrs.define
class Model:
    """One contact as the model knows it.

    Attributes:
        state: Where it is.
        owner: Who claimed it last.
        attempts: Intents that count.
        intents: All intents that were ever opened.
        allowed: Intents that may ever be opened: one, and one more each time that a
            call was provably not placed.
        sent_at: When the last one was.
        settled_at: When the last outcome was.
        call_id: The call id of its last call, where one was given.
        end: The end of its last call.
    """

    state: State = State.PENDING
    owner: ClaimOwner | None = None
    attempts: int = 0
    intents: int = 0
    allowed: int = 1
    sent_at: float = 0.0
    settled_at: float = 0.0
    call_id: str | None = None
    end: CallEnd | None = None

    def is_claimed_by(self, owner: ClaimOwner) -> bool:
        """Whether that owner has a claim on it."""
        return self.state is State.CLAIMED and self.owner == owner


class LedgerMachine(RuleBasedStateMachine):
    """Anything that two owners may do with a ledger, in any order."""

    kind = "memory"

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = Path(tempfile.mkdtemp())
        self.now = NOW
        self.shelf = SHELVES[self.kind](self.folder, lambda: self.now)
        self.model: dict[int, Model] = {}
        self.leases: dict[ClaimOwner, float] = {}
        self.lines: list[int] = []
        self.call_ids: set[str] = set()
        self.recovered = 0
        self.ledger: Ledger = self.shelf.ledger()
        self.do(self.ledger.__aenter__())

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
            self.do(self.ledger.__aexit__(None, None, None))

    def known(self, data: st.DataObject) -> int:
        """Draw a contact that is there, or one that is not."""
        return data.draw(st.integers(1, len(self.model) + 1))

    @initialize(seconds=st.sampled_from([0.0, QUARANTINE_SECONDS]))
    def set_up(self, seconds: float) -> None:
        """Say how long the quarantine is."""
        self.quarantine = seconds
        self.do(self.ledger.set_setting(QUARANTINE, f"{seconds:g}"))

    @rule(lines=st.lists(st.integers(1, 12), max_size=6))
    def add(self, lines: list[int]) -> None:
        """Put contacts in, some of them known."""
        expected, known = [], len(self.model)
        for line in lines:
            expected.append(line not in self.lines)
            if expected[-1]:
                self.model[len(self.model) + 1] = Model()
                self.lines.append(line)
        added = self.do(self.ledger.add([new_contact(line) for line in lines]))

        assert [one.new for one in added] == expected
        assert len(self.model) == known + sum(expected)

    def is_over(self, owner: ClaimOwner | None) -> bool:
        """Whether the lease of an owner is over."""
        return owner is not None and self.leases.get(owner, 0.0) <= self.now

    def can_be_claimed(self, one: Model) -> bool:
        """Whether a contact is pending, or claimed under a lease that is over."""
        if one.state is State.CLAIMED:
            return self.is_over(one.owner)
        return one.state is State.PENDING

    @rule(seconds=st.sampled_from([1.0, LEASE_SECONDS / 2, 2 * LEASE_SECONDS]))
    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds

    @rule(owner=st.sampled_from(OWNERS))
    def renew(self, owner: ClaimOwner) -> None:
        """Begin a lease anew."""
        self.do(self.ledger.renew(owner, LEASE_SECONDS))
        self.leases[owner] = self.now + LEASE_SECONDS

    @rule(
        owner=st.sampled_from(OWNERS),
        limit=st.integers(1, 5),
        after=st.integers(0, 4),
        most=st.one_of(st.none(), st.integers(1, 3)),
        within=st.sampled_from([None, range(1, 4), range(3, 9)]),
    )
    def claim(
        self,
        owner: ClaimOwner,
        limit: int,
        after: int,
        most: int | None,
        within: range | None,
    ) -> None:
        """Claim contacts, also those of an owner whose lease is over."""
        ledger, lease = self.ledger, LEASE_SECONDS
        claimed = self.do(
            ledger.claim(
                limit, owner, lease, after=after, max_attempts=most, within=within
            )
        )
        self.leases[owner] = self.now + LEASE_SECONDS
        expected = [
            number
            for number, one in self.model.items()
            if self.can_be_claimed(one)
            and number > after
            and (within is None or number in within)
            and (most is None or one.attempts < most)
        ][:limit]

        assert [one.number for one in claimed] == expected
        for one in claimed:
            model = self.model[one.number]
            assert one.attempts == model.attempts
            model.state, model.owner = State.CLAIMED, owner

    @rule(data=st.data(), owner=st.sampled_from(OWNERS), everybody=st.booleans())
    def release(self, data: st.DataObject, owner: ClaimOwner, everybody: bool) -> None:
        """Give claims of one owner back."""
        numbers = None if everybody else [self.known(data)]
        self.do(self.ledger.release(owner, numbers))
        for number in self.model if numbers is None else numbers:
            one = self.model.get(number)
            if one is not None and one.is_claimed_by(owner):
                one.state = State.PENDING

    @rule(owner=st.one_of(st.none(), st.sampled_from(OWNERS)))
    def recover(self, owner: ClaimOwner | None) -> None:
        """Close what an owner left open, or all whose leases are over."""
        found = self.do(self.ledger.recover(owner))
        meant = [
            one
            for one in self.model.values()
            if (self.is_over(one.owner) if owner is None else one.owner == owner)
        ]

        assert found == sum(one.state is State.INTENT for one in meant)
        self.close(meant)
        self.recovered += found
        assert self.ledger.recovered == self.recovered

    def close(self, several: list[Model]) -> None:
        """Close what is open of these contacts."""
        for one in several:
            if one.state is State.CLAIMED:
                one.state = State.PENDING
            elif one.state is State.INTENT:
                one.state = State.UNKNOWN

    @rule(data=st.data(), owner=st.sampled_from(OWNERS))
    def invalidate(self, data: st.DataObject, owner: ClaimOwner) -> None:
        """Note that a contact can't be called."""
        one = self.model.get(number := self.known(data))
        if one is not None and one.is_claimed_by(owner):
            self.do(self.ledger.invalidate(number, owner, "x"))
            one.state = State.INVALID
        else:
            with pytest.raises(IllegalTransitionError):
                self.do(self.ledger.invalidate(number, owner, "x"))

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def withdraw(self, data: st.DataObject) -> None:
        """Let nobody begin the call of a contact any more, whoever has it."""
        one = self.model[number := data.draw(st.integers(1, len(self.model)))]
        if one.state in {State.PENDING, State.CLAIMED}:
            one.state, one.allowed = State.SKIPPED, one.intents

        act = self.ledger.withdraw(number, reason="operator", now=self.now)
        assert self.do(act) is one.state

    @rule(data=st.data(), owners=st.lists(st.sampled_from(OWNERS), min_size=1))
    def intend(self, data: st.DataObject, owners: list[ClaimOwner]) -> None:
        """Open an intent, perhaps several times at once: one at most succeeds."""
        number = self.known(data)
        self.now += 1

        async def all_at_once() -> list[object]:
            intents = (
                self.ledger.intend(number, owner, "one", self.now) for owner in owners
            )
            return await asyncio.gather(*intents, return_exceptions=True)

        results = self.do(all_at_once())
        one = self.model.get(number)
        may = one is not None and any(one.is_claimed_by(owner) for owner in owners)

        assert results.count(None) == may
        lost = sum(type(result) is ClaimLostError for result in results)
        assert lost == len(owners) - may
        if one is not None and may:
            assert owners[results.index(None)] == one.owner
            one.state, one.sent_at = State.INTENT, self.now
            one.call_id = one.end = None
            one.attempts += 1
            one.intents += 1

    @rule(
        data=st.data(),
        owner=st.sampled_from(OWNERS),
        step=st.sampled_from(list(OUTCOMES)),
        call_id=st.sampled_from("abcdefghij"),
    )
    def settle(
        self, data: st.DataObject, owner: ClaimOwner, step: Step, call_id: str
    ) -> None:
        """Record what a call came to."""
        one = self.model.get(number := self.known(data))
        given = call_id if step is Step.ACCEPT else None

        async def settled() -> State:
            return await settle(
                self.ledger, number, step, "one", self.now, call_id=given, owner=owner
            )

        if one is None or one.state is not State.INTENT or one.owner != owner:
            with pytest.raises(IllegalTransitionError):
                self.do(settled())
            return
        repeated = step is Step.ACCEPT and call_id in self.call_ids
        one.state = State.UNKNOWN if repeated else OUTCOMES[step]
        one.allowed += step is Step.NOT_PLACED
        one.settled_at = self.now
        one.call_id = None if repeated else given
        if step is Step.ACCEPT:
            self.call_ids.add(call_id)

        assert self.do(settled()) is one.state

    @rule()
    def crash(self) -> None:
        """Lose all owners and open the ledger again."""
        open_intents = [one for one in self.model.values() if one.state is State.INTENT]
        self.do(self.shelf.lose_owner(self.ledger))
        self.ledger = self.shelf.ledger()
        self.do(self.ledger.__aenter__())

        self.recovered = len(open_intents)
        assert self.ledger.recovered == self.recovered
        self.close(list(self.model.values()))

    @precondition(lambda self: self.model)
    @rule(data=st.data(), accepted=st.booleans(), later=st.sampled_from([0, 60, -3600]))
    def reconcile(self, data: st.DataObject, accepted: bool, later: int) -> None:
        """Settle by evidence."""
        one = self.model.get(number := self.known(data))
        act = self.ledger.reconcile(
            f"#{number}", accepted=accepted, evidence="seen", now=self.now + later
        )
        if one is None or one.state is not State.UNKNOWN:
            with pytest.raises(LedgerError):
                self.do(act)
        elif one.sent_at + self.quarantine > self.now + later:
            with pytest.raises(LedgerError, match="too early"):
                self.do(act)
        else:
            one.state = State.ACCEPTED if accepted else State.PENDING
            one.attempts = one.attempts if accepted else 0
            one.allowed += not accepted
            one.settled_at = self.now + later

            assert self.do(act).state is one.state

    @invariant()
    def counts_are_those_of_the_model(self) -> None:
        """Every contact is in one state, the model's."""
        expected = Counter(one.state for one in self.model.values())

        assert some(self.do(self.ledger.counts())) == expected

    @invariant()
    def nobody_is_called_without_leave(self) -> None:
        """A contact has one intent, and one more for each time it was not placed."""
        assert all(one.intents <= one.allowed for one in self.model.values())

    async def entries(self) -> list[tuple[State, int]]:
        """Return what the ledger shows of each contact."""
        return [(entry.state, entry.attempts) async for entry in self.ledger.entries()]

    @rule()
    def look(self) -> None:
        """See each contact as the model does."""
        expected = [(one.state, one.attempts) for one in self.model.values()]

        assert self.do(self.entries()) == expected


def machine_of(kind: str) -> type[LedgerMachine]:
    """Return the machine of one kind of ledger."""
    return type(f"{kind.title()}Machine", (LedgerMachine,), {"kind": kind})


MACHINES: list[tuple[type[LedgerMachine], int]] = [
    (machine_of("memory"), 100),
    (machine_of("sqlite"), 40),
    (machine_of("postgres"), 5),
]


@pytest.mark.parametrize(("machine", "examples"), MACHINES)
def test_random_lives(machine: type[LedgerMachine], examples: int) -> None:
    """Whatever happens to a ledger, it holds what the model says."""
    run_state_machine_as_test(
        machine, settings=settings(max_examples=examples, stateful_step_count=30)
    )


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("machine", "examples"), MACHINES)
def test_many_random_lives(machine: type[LedgerMachine], examples: int) -> None:
    """Whatever happens in long lives, a ledger holds what the model says."""
    many = min(1_500, examples * 40)
    run_state_machine_as_test(
        machine, settings=settings(max_examples=many, stateful_step_count=50)
    )
