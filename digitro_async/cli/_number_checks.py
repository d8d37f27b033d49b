"""PURE: what becomes of each number of a row, and why."""

import enum
from collections.abc import Callable, Iterator

import attrs

from digitro_async.contacts import ContactNumber, ContactRow, RejectCode, RejectedRow

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


@attrs.frozen(kw_only=True, repr=False)
class NumberCheck:
    """What becomes of one number.

    Attributes:
        line: Number of its row's first line.
        id: The contact's own id, empty where it has none.
        field: The column of the number, or the one that is wrong.
        number: The number as it would be dialled, empty where there is none.
        answer: What becomes of it.
        code: Code of the reason, empty where it would be dialled.
        reason: The reason for a person to read.
        until: The time before which it is not dialled, empty where there is none.
    """

    line: int
    id: str = ""
    field: str = ""
    number: str = ""
    answer: CheckAnswer
    code: str = ""
    reason: str = ""
    until: str = ""


Gate = Callable[[ContactRow, ContactNumber, NumberCheck], NumberCheck]
"""Takes a number that would be dialled, and returns what rules make of it."""


def checks_of(
    row: ContactRow | RejectedRow, known: set[int], gate: Gate | None = None
) -> Iterator[NumberCheck]:
    """Yield what becomes of each number of a row.

    Args:
        row: The row.
        known: Hashes of the contacts of earlier rows; this one is added.
        gate: Asked about every number that would be dialled.
    """
    if isinstance(row, RejectedRow):
        yield _rejected(row)
        return
    own_id = row.id or ""
    # The same identity as the ledger's: the id, or else the number.
    key = hash(f"id {own_id}" if own_id else f"number {row.destination.reveal()}")
    is_known = key in known
    known.add(key)
    has_one = False
    for number in row.numbers:
        answer, code, reason = CheckAnswer.DIAL, "", ""
        if is_known:
            answer, code = CheckAnswer.DUPLICATE, RejectCode.DUPLICATE.value
            reason = "an earlier row is the same contact"
        check = NumberCheck(
            line=row.line,
            id=own_id,
            field=number.field,
            number=number.destination.reveal(),
            answer=answer,
            code=code,
            reason=reason,
        )
        if gate is not None and answer is CheckAnswer.DIAL:
            check = gate(row, number, check)
        if check.answer is CheckAnswer.DIAL:
            if has_one:
                check = attrs.evolve(
                    check,
                    answer=CheckAnswer.FURTHER,
                    code="further_number",
                    reason="the contact has a number before it",
                )
            has_one = True
        yield check
    for rejected in row.rejected_numbers:
        yield attrs.evolve(_rejected(rejected), id=own_id)


def _rejected(row: RejectedRow) -> NumberCheck:
    return NumberCheck(
        line=row.line,
        field=row.field or "",
        answer=CheckAnswer.REJECTED,
        code=row.code.value,
        reason=row.reason,
    )
