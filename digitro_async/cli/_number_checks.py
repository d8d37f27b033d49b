"""PURE: what becomes of each number of a row, and why."""

import enum
from collections.abc import Callable, Sequence
from typing import Final

import attrs

from digitro_async._common.first_lines import FirstLines
from digitro_async.contacts import ContactRow, DayHours, RejectCode, RejectedRow

__all__ = ["CheckAnswer", "Gate", "NumberCheck", "checks_of"]


class CheckAnswer(enum.StrEnum):
    """What becomes of a number."""

    DIAL = "dial"
    """It would be dialled."""
    FURTHER = "further"
    """It is a contact's second number or a later one, and an earlier one is dialled."""
    REJECTED = "rejected"
    """It is no number to dial, or its row is no contact."""
    DUPLICATE = "duplicate"
    """An earlier row is the same contact."""
    DEFERRED = "deferred"
    """A rule lets it be dialled later."""
    BLOCKED = "blocked"
    """A rule lets it never be dialled."""


# There is one for each number of a list: frozen ones take twice as long to make.
@attrs.define(repr=False, eq=False)
class NumberCheck:
    """What becomes of one number.

    Attributes:
        line: Number of its row's first line.
        answer: What becomes of it.
        id: The contact's own id, empty where it has none.
        field: The column of the number, or the one that is wrong.
        number: The number as it would be dialled, empty where there is none.
        code: Code of the reason, empty where it would be dialled.
        reason: The reason for a person to read.
        until: The time before which it is not dialled, empty where there is none.
        first: The line on which its contact came before, None where it is new.
    """

    line: int
    answer: CheckAnswer
    id: str = ""
    field: str = ""
    number: str = ""
    code: str = ""
    reason: str = ""
    until: str = ""
    first: int | None = None


Gate = Callable[[NumberCheck, DayHours], None]
"""Takes a number that would be dialled, and its hours; writes what rules make of it."""

_DIAL: Final = CheckAnswer.DIAL


def checks_of(
    row: ContactRow | RejectedRow, seen: FirstLines, gate: Gate | None = None
) -> Sequence[NumberCheck]:
    """Return what becomes of each number of a row.

    Args:
        row: The row.
        seen: The contacts of earlier rows; this one is added.
        gate: Asked about every number that would be dialled.
    """
    if isinstance(row, RejectedRow):
        return [_rejected(row)]
    own_id, text = row.id or "", row.destination.reveal()
    # The same identity as the ledger's: the id, or else the number.
    identity = f"id {own_id}" if own_id else f"number {text}"
    first = seen.first(identity, row.line)
    checks = [NumberCheck(row.line, _DIAL, own_id, row.number_field, text)]
    for one in row.further:
        text = one.destination.reveal()
        checks.append(NumberCheck(row.line, _DIAL, own_id, one.field, text))
    if first is not None:
        for check in checks:
            check.answer, check.code = CheckAnswer.DUPLICATE, RejectCode.DUPLICATE.value
            check.reason, check.first = "an earlier row is the same contact", first
    elif gate is not None:
        gate(checks[0], row.hours)
        for check, one in zip(checks[1:], row.further, strict=True):
            gate(check, one.hours)
    if row.further and first is None:
        _tell_further(checks)
    checks.extend(_rejected(one, own_id) for one in row.rejected_numbers)
    return checks


def _tell_further(checks: Sequence[NumberCheck]) -> None:
    """Let the first number that would be dialled be the only one."""
    dialled = [one for one in checks if one.answer is _DIAL]
    for check in dialled[1:]:
        check.answer, check.code = CheckAnswer.FURTHER, "further_number"
        check.reason = "the contact has a number before it"


def _rejected(row: RejectedRow, own_id: str = "") -> NumberCheck:
    return NumberCheck(
        row.line,
        CheckAnswer.REJECTED,
        id=own_id,
        field=row.field or "",
        code=row.code.value,
        reason=row.reason,
    )
