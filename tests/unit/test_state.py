import itertools
import re

import pytest
from places import ROOT

from digitro_async import IllegalTransitionError, LedgerError, Outcome
from digitro_async.ledger import State, Step
from digitro_async.ledger._codes import STATE_CODES, STATES, STEP_CODES
from digitro_async.ledger._state import (
    DOUBTFUL,
    FINAL,
    OTHER_DATA,
    TRANSITIONS,
    diagram,
    next_state,
    step_for,
)

PAGE = ROOT / "docs" / "campaigns.md"
MARKED = re.compile(
    r"<!-- campaign-states -->\s*```mermaid\n(.*?)\n```\s*<!-- /campaign-states -->",
    re.DOTALL,
)

# Written out once more and by hand, so that no change of the table goes unnoticed.
LEGAL = {
    ("pending", "claim"): "claimed",
    ("pending", "invalidate"): "invalid",
    ("pending", "skip"): "skipped",
    ("pending", "withhold"): "withheld",
    ("pending", "update"): "pending",
    ("withheld", "update"): "pending",
    ("withheld", "confirm"): "pending",
    ("withheld", "skip"): "skipped",
    ("claimed", "release"): "pending",
    ("claimed", "recover"): "pending",
    ("claimed", "invalidate"): "invalid",
    ("claimed", "skip"): "skipped",
    ("claimed", "intend"): "intent",
    ("intent", "accept"): "accepted",
    ("intent", "reject"): "rejected",
    ("intent", "lose"): "unknown",
    ("intent", "recover"): "unknown",
    ("intent", "return"): "claimed",
    ("unknown", "reconcile_accepted"): "accepted",
    ("unknown", "reconcile_not_placed"): "pending",
    ("accepted", "doubt"): "unknown",
    ("rejected", "doubt"): "unknown",
    ("pending", "doubt"): "unknown",
    ("claimed", "doubt"): "unknown",
    ("withheld", "doubt"): "unknown",
    ("pending", "restore"): "unknown",
    ("claimed", "restore"): "unknown",
    ("withheld", "restore"): "unknown",
    ("claimed", "defer"): "pending",
    ("accepted", "recall"): "pending",
    ("accepted", "call_back"): "pending",
    ("pending", "call_back"): "pending",
}


@pytest.mark.parametrize(("state", "step"), [*itertools.product(State, Step)])
def test_every_step_in_every_state(state: State, step: Step) -> None:
    """A step leads where the table says, and is refused where it says nothing."""
    expected = LEGAL.get((state.value, step.value))
    if expected is None:
        with pytest.raises(IllegalTransitionError, match="is not legal") as caught:
            next_state(state, step)

        assert caught.value.reason == "illegal_step"
        assert isinstance(caught.value, LedgerError)
        assert caught.value.__context__ is None
    else:
        assert next_state(state, step) is State(expected)


def test_no_way_out_of_a_final_state() -> None:
    """A doubt or another call leads out of a final state; a step out of all others."""
    again = {Step.DOUBT, Step.RECALL, Step.CALL_BACK}
    left = {state for state, step in TRANSITIONS if step not in again}

    assert left.isdisjoint(FINAL)
    assert left | FINAL == set(State)


def test_only_what_was_accepted_is_called_again() -> None:
    """A contact that is called again was accepted, or is pending; never unknown."""
    again = {old for old, step in TRANSITIONS if step in {Step.RECALL, Step.CALL_BACK}}

    assert again == {State.ACCEPTED, State.PENDING}


def test_unknown_is_left_by_reconciliation_only() -> None:
    """Only evidence leads out of unknown."""
    steps = {step for state, step in TRANSITIONS if state is State.UNKNOWN}

    assert steps == {Step.RECONCILE_ACCEPTED, Step.RECONCILE_NOT_PLACED}


def test_a_doubt_makes_unknown_whatever_rests_on_an_answer() -> None:
    """A doubt leads to unknown, and never from where no answer can have led."""
    doubted = {old for (old, step) in TRANSITIONS if step is Step.DOUBT}

    assert {TRANSITIONS[old, Step.DOUBT] for old in doubted} == {State.UNKNOWN}
    assert doubted.isdisjoint({State.INTENT, State.INVALID, State.SKIPPED})


def test_an_open_intent_never_becomes_pending_at_once() -> None:
    """From an intent no single step leads to pending, and a lost owner to unknown."""
    reached = {new for (state, _), new in TRANSITIONS.items() if state is State.INTENT}

    assert State.PENDING not in reached
    assert next_state(State.INTENT, Step.RECOVER) is State.UNKNOWN


def test_an_intent_is_opened_by_a_claim_only() -> None:
    """The only way to an intent is from claimed, by intending."""
    ways = [way for way, new in TRANSITIONS.items() if new is State.INTENT]

    assert ways == [(State.CLAIMED, Step.INTEND)]


def test_every_state_is_reached() -> None:
    """Every state is reached from pending."""
    reached = {State.PENDING}
    while new := {TRANSITIONS[way] for way in TRANSITIONS if way[0] in reached}:
        if new <= reached:
            break
        reached |= new

    assert reached == set(State)


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        (Outcome.ACCEPTED, State.ACCEPTED),
        (Outcome.REJECTED, State.REJECTED),
        (Outcome.UNKNOWN, State.UNKNOWN),
        (Outcome.REFUSED, State.CLAIMED),
        (Outcome.NOT_SENT, State.CLAIMED),
    ],
)
def test_outcomes(outcome: Outcome, state: State) -> None:
    """Each outcome of an attempt is a legal step from an open intent."""
    assert next_state(State.INTENT, step_for(outcome)) is state


def test_no_attempt_ends_invalid() -> None:
    """An attempt can't end invalid: it would not have been begun."""
    with pytest.raises(
        IllegalTransitionError, match="no attempt ends as invalid"
    ) as caught:
        step_for(Outcome.INVALID)

    assert caught.value.reason == "illegal_step"


def test_codes() -> None:
    """States and steps stand in files under these numbers, whatever the version."""
    assert {state.value: code for state, code in STATE_CODES.items()} == {
        "pending": 1,
        "claimed": 2,
        "intent": 3,
        "accepted": 4,
        "rejected": 5,
        "unknown": 6,
        "invalid": 7,
        "skipped": 8,
        "withheld": 9,
    }
    assert list(STEP_CODES) == list(Step)
    assert list(STEP_CODES.values()) == list(range(1, 21))
    assert {STATES[code] for code in STATE_CODES.values()} == set(State)


def test_diagram() -> None:
    """The diagram shows each transition of the table once, and where it ends."""
    lines = diagram().splitlines()

    assert lines[:2] == ["stateDiagram-v2", "    [*] --> pending"]
    assert sorted(lines[2:]) == sorted(
        [f"    {old} --> {new}: {step}" for (old, step), new in LEGAL.items()]
        + [f"    {state} --> [*]" for state in FINAL]
    )


def test_diagram_of_the_page() -> None:
    """The diagram in docs/campaigns.md is the one that the table makes."""
    found = MARKED.search(PAGE.read_text(encoding="utf-8"))

    assert found is not None, f"{PAGE.name} has no diagram of the states"

    assert found[1] == diagram()


def test_reasons_that_a_ledger_keeps() -> None:
    """The texts in ledgers that are there stay as they are."""
    assert (DOUBTFUL, OTHER_DATA) == ("doubtful_answer", "other_data")
