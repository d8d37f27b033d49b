"""Whether, when and by which number a contact is tried again."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rule_values import attempt

from digitro_async.call_events import Disposition
from digitro_async.errors import ConfigurationError, Outcome
from digitro_async.rules import (
    NextNumber,
    NoRecall,
    NoRecallReason,
    PastAttempt,
    Recall,
    RecallRule,
    RecallRules,
    called_number,
)

FIRST, SECOND, THIRD = ("011987654321", "011912345678", "04832817000")
KEYS = tuple(called_number(number).key for number in (FIRST, SECOND, THIRD))
BUSY = RecallRule(after=(900.0, 3600.0), most=3)
NO_ANSWER = RecallRule(after=(7200.0,), most=5, number=NextNumber.NEXT)
INVALID = RecallRule(after=(0.0,), most=5, number=NextNumber.NEXT, gives_up_number=True)
RULES = RecallRules(
    rules={
        Disposition.BUSY: BUSY,
        Disposition.NO_ANSWER: NO_ANSWER,
        Disposition.INVALID_NUMBER: INVALID,
    },
    most_attempts=6,
)


def made(*dispositions: Disposition, numbers: Any = ()) -> list[PastAttempt]:
    """Attempts with these ends, of the first number if nothing else is said."""
    dialled = [*numbers, *[FIRST] * len(dispositions)]
    return [
        attempt(number, 1000.0 * place, disposition)
        for place, (number, disposition) in enumerate(
            zip(dialled, dispositions, strict=False)
        )
    ]


def test_waits_count_from_the_end_of_the_attempt() -> None:
    """The first wait, the second, and the last one for all more."""
    busy = Disposition.BUSY
    for count, wait in ((1, 900.0), (2, 3600.0), (3, 3600.0)):
        attempts = made(*[busy] * count)
        ended_at = attempts[-1].ended_at
        assert ended_at is not None
        assert RULES.after(attempts, KEYS) == Recall(ended_at + wait, KEYS[0], busy)


@pytest.mark.parametrize(
    ("attempts", "reason"),
    [
        ([], NoRecallReason.NO_ATTEMPT),
        ([attempt(FIRST, 1.0, outcome=Outcome.REJECTED)], NoRecallReason.NO_ATTEMPT),
        ([attempt(FIRST, 1.0, None, lasted=None)], NoRecallReason.IN_PROGRESS),
        ([attempt(FIRST, 1.0, outcome=Outcome.UNKNOWN)], NoRecallReason.UNKNOWN),
        (made(Disposition.ANSWERED), NoRecallReason.FINAL),
        (made(*[Disposition.BUSY] * 4), NoRecallReason.RULE_CAP),
        (made(*[Disposition.NO_ANSWER] * 6), NoRecallReason.CONTACT_CAP),
        (
            made(*[Disposition.INVALID_NUMBER] * 3, numbers=(FIRST, SECOND, THIRD)),
            NoRecallReason.NO_NUMBER,
        ),
    ],
)
def test_no_recall(attempts: list[PastAttempt], reason: NoRecallReason) -> None:
    """Each reason why a contact is not tried again is told."""
    assert RULES.after(attempts, KEYS) == NoRecall(reason)


def test_one_cap_over_all_rules() -> None:
    """The attempts by different rules count together."""
    mixed = [Disposition.BUSY, Disposition.NO_ANSWER] * 3

    assert isinstance(RULES.after(made(*mixed[:5]), KEYS), Recall)
    assert RULES.after(made(*mixed), KEYS) == NoRecall(NoRecallReason.CONTACT_CAP)


@pytest.mark.parametrize(
    ("numbers", "dispositions", "next_number"),
    [
        ([FIRST], [Disposition.BUSY], KEYS[0]),
        ([FIRST], [Disposition.NO_ANSWER], KEYS[1]),
        ([THIRD], [Disposition.NO_ANSWER], KEYS[0]),
        ([FIRST], [Disposition.INVALID_NUMBER], KEYS[1]),
        (
            [FIRST, SECOND],
            [Disposition.INVALID_NUMBER, Disposition.NO_ANSWER],
            KEYS[2],
        ),
        (
            [SECOND, FIRST],
            [Disposition.INVALID_NUMBER, Disposition.NO_ANSWER],
            KEYS[2],
        ),
        ([FIRST, FIRST], [Disposition.INVALID_NUMBER, Disposition.BUSY], KEYS[1]),
        (["041987654321"], [Disposition.NO_ANSWER], KEYS[0]),
    ],
)
def test_which_number(
    numbers: list[str], dispositions: list[Disposition], next_number: int
) -> None:
    """A rule takes the same number or the next one, and none that was given up."""
    answer = RULES.after(made(*dispositions, numbers=numbers), KEYS)

    assert isinstance(answer, Recall)
    assert answer.number == next_number


def test_a_clock_set_back_in_a_call() -> None:
    """A call that ended before it began ended when it began."""
    [begun] = made(Disposition.BUSY)
    odd = attempt(FIRST, 5000.0, Disposition.BUSY, lasted=-4000.0)

    answer = RULES.after([odd], KEYS)
    assert isinstance(answer, Recall)
    assert answer.due == 5900.0
    assert begun.began_at == 0.0


ends = st.sampled_from([*Disposition])


@given(
    dispositions=st.lists(ends, max_size=10),
    unknown=st.none() | st.integers(0, 9),
)
def test_any_course_of_a_contact(
    dispositions: list[Disposition], unknown: int | None
) -> None:
    """No rule recalls over the cap, after an unknown outcome, or before the end."""
    attempts = made(*dispositions)
    if unknown is not None and unknown < len(attempts):
        attempts[unknown] = attempt(FIRST, 1000.0 * unknown, outcome=Outcome.UNKNOWN)
    answer = RULES.after(attempts, KEYS)

    if isinstance(answer, Recall):
        assert 0 < len(attempts) < RULES.most_attempts
        assert all(one.outcome is Outcome.ACCEPTED for one in attempts)
        assert attempts[-1].ended_at is not None
        assert answer.due >= attempts[-1].ended_at
        assert answer.number in KEYS


@pytest.mark.parametrize("after", [(), (-1.0,), (float("nan"),)])
def test_wrong_waits(after: tuple[float, ...]) -> None:
    """A rule has one wait or more, of seconds."""
    with pytest.raises(ConfigurationError, match="after must be"):
        RecallRule(after=after, most=1)
