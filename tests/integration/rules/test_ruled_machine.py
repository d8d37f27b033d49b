"""Hypothesis: whenever a run dies, no rule is broken and nobody is forgotten."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    precondition,
    rule,
    run_state_machine_as_test,
)
from postgres_server import needs_postgres
from ruled_world import ENDS, MOST, NUMBERS, RuledWorld

from digitro_async.ledger import State

SOME = st.lists(st.sampled_from(NUMBERS), min_size=1, max_size=3, unique=True)
PENDING = {State.PENDING, State.CLAIMED, State.INTENT}


class RuledMachine(RuleBasedStateMachine):
    """A campaign that applies rules, dies, is blocked and has its clock set."""

    kind = "memory"

    def __init__(self) -> None:
        super().__init__()
        self.world = RuledWorld(self.kind)

    @rule(several=st.lists(SOME, min_size=1, max_size=3))
    def add(self, several: list[list[str]]) -> None:
        """Contacts are added; some share their numbers."""
        for numbers in several:
            self.world.add(tuple(numbers))

    @rule(seconds=st.sampled_from([-7200.0, 60.0, 1000.0, 3700.0, 12_000.0, 43_000.0]))
    def pass_time(self, seconds: float) -> None:
        """Time passes, or the clock is set back."""
        self.world.clock.set(seconds)

    @rule(number=st.sampled_from(NUMBERS), is_blocked=st.booleans())
    def block(self, number: str, is_blocked: bool) -> None:
        """A number is blocked, or taken off."""
        self.world.block(number, is_blocked=is_blocked)

    @precondition(lambda self: self.world.numbers)
    @rule(data=st.data(), after=st.sampled_from([600.0, 30_000.0]))
    def call_back(self, data: st.DataObject, after: float) -> None:
        """A callback is agreed on."""
        contact = data.draw(st.sampled_from(sorted(self.world.numbers)))
        self.world.call_back(contact, self.world.clock() + after)

    @rule(disposition=st.sampled_from(ENDS), lasted=st.sampled_from([0.0, 120.0]))
    def end(self, disposition: object, lasted: float) -> None:
        """A call has its end."""
        self.world.end(disposition, lasted)  # type: ignore[arg-type]  # of ENDS

    @rule(number=st.sampled_from(NUMBERS), is_lost=st.booleans())
    def fail_next(self, number: str, is_lost: bool) -> None:
        """The next call to a number is lost, or not sent."""
        self.world.fail_next(number, is_lost=is_lost)

    @rule()
    def run(self) -> None:
        """A run dials what may be dialled now, and finds every recall."""
        self.world.run()

        assert self.world.lost_recalls() == []

    @rule(dies_at=st.integers(1, 40), is_done=st.booleans())
    def die(self, dies_at: int, is_done: bool) -> None:
        """A run dies before or after one of its questions to the ledger."""
        self.world.run(dies_at=dies_at, is_done=is_done)

    def teardown(self) -> None:
        """In the end nobody is left: each was called, is unknown, or was refused."""
        world = self.world
        try:
            for _ in range(60):
                world.run()
                assert world.lost_recalls() == []
                left = [one for one in world.entries().values() if one.state in PENDING]
                if not left:
                    break
                world.clock.set(4 * 3600.0)
            self.check(world)
        finally:
            world.close()

    @staticmethod
    def check(world: RuledWorld) -> None:
        """Look at where each contact has come to."""
        for number, entry in world.entries().items():
            assert entry.state not in PENDING, entry
            if entry.state is State.ACCEPTED:
                assert world.calls_of(number)
            if entry.state is State.SKIPPED:
                is_blocked = world.ever_blocked.issuperset(world.numbers[number])
                is_capped = len(world.calls_of(number)) >= MOST
                may_be = {
                    "blocked": is_blocked,
                    "attempt_cap": is_capped,
                    "callback_missed": number in world.ever_agreed,
                }
                assert may_be.get(entry.reason or ""), entry


def run(kind: str, examples: int, steps: int) -> None:
    """Run lives over one kind of ledger."""
    machine = type(f"Ruled{kind}", (RuledMachine,), {"kind": kind})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples, stateful_step_count=steps, deadline=None
        ),
    )


@pytest.mark.parametrize(
    ("kind", "examples"),
    [
        ("memory", 12),
        ("sqlite", 4),
        pytest.param("postgres", 2, marks=needs_postgres),
    ],
)
def test_lives(kind: str, examples: int) -> None:
    """In any order of events no rule is broken, and nobody is forgotten."""
    run(kind, examples, 15)


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    ("kind", "examples"),
    [
        ("memory", 300),
        ("sqlite", 300),
        pytest.param("postgres", 60, marks=needs_postgres),
    ],
)
def test_many_lives(kind: str, examples: int) -> None:
    """The same, for many more lives."""
    run(kind, examples, 30)
