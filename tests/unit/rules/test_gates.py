"""All gates of a campaign as one."""

from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rule_values import attempt, moment, planned, wall

from digitro_async.rules import (
    ALLOW,
    AttemptGate,
    CallingHours,
    Defer,
    GateAnswer,
    GateReason,
    Gates,
    HoursGate,
    MemoryAttemptHistory,
    PlannedCall,
    Refuse,
    Spacing,
    combine,
    week_of,
)

REFUSAL = Refuse(GateReason.BLOCKED, "list")


@attrs.frozen
class AnsweringGate:
    """A gate with one answer."""

    answer: GateAnswer
    name: str = "answering"

    def ask(self, call: PlannedCall, when: float) -> GateAnswer:
        """Return the answer."""
        return self.answer


def deferral(until: float) -> Defer:
    """A deferral until a moment."""
    return Defer(until, GateReason.SPACING, "spacing")


answers = st.sampled_from([ALLOW, REFUSAL, deferral(5.0), deferral(7.0)])


@given(st.lists(answers, max_size=6))
def test_several_answers(given_answers: list[GateAnswer]) -> None:
    """The first refusal wins; without one, the latest deferral."""
    refusals = [one for one in given_answers if isinstance(one, Refuse)]
    deferrals = [one for one in given_answers if isinstance(one, Defer)]
    wanted: GateAnswer = ALLOW
    if refusals:
        wanted = refusals[0]
    elif deferrals:
        wanted = max(deferrals, key=lambda one: one.until)

    gates = Gates([AnsweringGate(one) for one in given_answers])
    assert combine(given_answers) == wanted
    assert gates.ask(planned(), 0.0) == wanted
    assert [one.answer for one in gates.explain(planned(), 0.0)] == given_answers


def test_the_next_moment_suits_every_gate() -> None:
    """A deferral into closed hours goes on to their opening."""
    history = MemoryAttemptHistory()
    history.add(attempt("011987654321", moment("2026-11-30 19:00"), lasted=60))
    gates = Gates(
        [
            AttemptGate(history, spacings=[Spacing(name="2 h", least=7200)]),
            HoursGate(
                [CallingHours(name="h", week=week_of({"mon-fri": ["08:00-20:00"]}))]
            ),
        ]
    )
    now = moment("2026-11-30 19:10")

    asked = gates.ask(planned(), now)
    assert isinstance(asked, Defer)
    assert wall(asked.until) == "2026-11-30 21:01:00"
    answer = gates.next_moment(planned(), now)
    assert isinstance(answer, Defer)
    assert wall(answer.until) == "2026-12-01 08:00:00"
    assert answer.rule == "h"
    assert gates.next_moment(planned(), answer.until) is ALLOW


def test_a_refusal_that_comes_later_counts_now() -> None:
    """Nobody waits for a moment at which the call is refused."""

    class Later:
        """Defers first, and refuses then."""

        name = "later"

        def ask(self, call: PlannedCall, when: float) -> GateAnswer:
            """Return the answer of a moment."""
            return deferral(10.0) if when < 10 else REFUSAL

    assert Gates([Later()]).next_moment(planned(), 0.0) == REFUSAL


def test_gates_show_no_number() -> None:
    """Nothing that a gate takes or gives shows a number or a contact."""
    call: Any = planned("011987654321", contact="maria", originating="4832817000")

    for shown in (repr(call), repr(REFUSAL), repr(deferral(1.0))):
        assert "98765" not in shown
        assert "maria" not in shown
        assert "4832817000" not in shown


@pytest.mark.parametrize("when", [0.0, 1e9])
def test_no_gates(when: float) -> None:
    """Without a rule every call is allowed."""
    assert Gates([]).next_moment(planned(), when) is ALLOW
