"""PURE: whether, when and by which number a contact is tried again after an attempt."""

import enum
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from digitro_async._common.validators import is_seconds, one_line, positive, yes_or_no
from digitro_async.call_events import Disposition
from digitro_async.errors import ConfigurationError, Outcome
from digitro_async.rules._attempt_history import PastAttempt

__all__ = [
    "NextNumber",
    "NoRecall",
    "NoRecallReason",
    "Recall",
    "RecallAnswer",
    "RecallRule",
    "RecallRules",
]


class NextNumber(enum.StrEnum):
    """Which number of the contact a recall takes."""

    SAME = "same"
    NEXT = "next"
    """The next one in their order; after the last one the first."""


class NoRecallReason(enum.StrEnum):
    """Why a contact is not tried again by a rule: a closed set, fit for labels."""

    NO_ATTEMPT = "no_attempt"
    """No attempt may have rung: there is nothing to recall."""
    IN_PROGRESS = "in_progress"
    """What became of the last attempt is not known yet."""
    UNKNOWN = "unknown"
    """The outcome of an attempt is unknown, which no rule recalls."""
    FINAL = "final"
    """No rule recalls after what became of the last attempt."""
    RULE_CAP = "rule_cap"
    """The rule has recalled as often as it may."""
    CONTACT_CAP = "contact_cap"
    """The contact has had as many attempts as all rules together allow."""
    NO_NUMBER = "no_number"
    """Every number of the contact was given up."""


@attrs.frozen
class Recall:
    """The contact is tried again.

    Attributes:
        due: When, at the earliest, a Unix time. The gates are asked then.
        number: The key of the number.
        rule: The disposition whose rule it is.
    """

    due: float
    number: int = attrs.field(repr=False)
    rule: Disposition


@attrs.frozen
class NoRecall:
    """No rule tries the contact again.

    Attributes:
        reason: Why.
    """

    reason: NoRecallReason


RecallAnswer = Recall | NoRecall


def _delays(_: object, field: Any, value: Any) -> None:
    """Demand one delay or more, in seconds."""
    if not value or not all(map(is_seconds, value)):
        raise ConfigurationError(f"{field.name} must be one time or more")


@attrs.frozen(kw_only=True)
class RecallRule:
    """What follows on one disposition.

    Attributes:
        after: Seconds from the end of the attempt to the recall: of the first recall
            by this rule, of the second, and so on; the last one counts for all more.
        most: Most recalls of a contact by this rule.
        number: Which number is taken.
        gives_up_number: Whether the number that was dialled is never dialled again for
            this contact, such as one that does not exist.
    """

    after: tuple[float, ...] = attrs.field(validator=_delays)
    most: int = attrs.field(validator=positive)
    number: NextNumber = NextNumber.SAME
    gives_up_number: bool = attrs.field(default=False, validator=yes_or_no)

    def delay(self, recall: int) -> float:
        """Return the seconds before a recall by this rule, of which 1 is the first."""
        return self.after[min(recall, len(self.after)) - 1]


@attrs.frozen(kw_only=True)
class RecallRules:
    """The rules of a campaign, and the one cap over them all.

    A disposition without a rule is final.

    Attributes:
        rules: Rules by disposition.
        most_attempts: Most attempts of a contact, the first one among them, whatever
            rules brought them about.
        name: Their name.
    """

    rules: Mapping[Disposition, RecallRule] = attrs.field(hash=False)
    most_attempts: int = attrs.field(validator=positive)
    name: str = attrs.field(default="recall", validator=one_line)

    def after(
        self, attempts: Sequence[PastAttempt], numbers: Sequence[int]
    ) -> RecallAnswer:
        """Return whether a contact is tried again.

        Args:
            attempts: Its attempts, in order of their beginning.
            numbers: The keys of its numbers, in the order in which they are tried.
        """
        rung = [attempt for attempt in attempts if attempt.may_have_rung]
        if not rung:
            return NoRecall(NoRecallReason.NO_ATTEMPT)
        if any(attempt.outcome is Outcome.UNKNOWN for attempt in rung):
            return NoRecall(NoRecallReason.UNKNOWN)
        last = rung[-1]
        if last.ended_at is None or last.disposition is None:
            return NoRecall(NoRecallReason.IN_PROGRESS)
        rule = self.rules.get(last.disposition)
        if rule is None:
            return NoRecall(NoRecallReason.FINAL)
        if len(rung) >= self.most_attempts:
            return NoRecall(NoRecallReason.CONTACT_CAP)
        recall = sum(attempt.disposition is last.disposition for attempt in rung)
        if recall > rule.most:
            return NoRecall(NoRecallReason.RULE_CAP)
        number = self._number(rung, rule, numbers)
        if number is None:
            return NoRecall(NoRecallReason.NO_NUMBER)
        ended_at = max(last.began_at, last.ended_at)
        return Recall(ended_at + rule.delay(recall), number, last.disposition)

    def given_up(self, attempts: Sequence[PastAttempt]) -> frozenset[int]:
        """Return the keys of numbers that are never dialled again for a contact.

        Args:
            attempts: Its attempts.
        """
        return frozenset(
            attempt.number
            for attempt in attempts
            if attempt.disposition is not None
            and (its := self.rules.get(attempt.disposition)) is not None
            and its.gives_up_number
        )

    def _number(
        self, rung: Sequence[PastAttempt], rule: RecallRule, numbers: Sequence[int]
    ) -> int | None:
        """Return the key of the number to dial, None where every one is given up."""
        last = rung[-1].number
        given_up = self.given_up(rung)
        if rule.number is NextNumber.SAME and last not in given_up:
            return last
        place = numbers.index(last) + 1 if last in numbers else 0
        order = (*numbers[place:], *numbers[:place])
        return next((number for number in order if number not in given_up), None)
