"""Reads a file of evidence: what became of unknown contacts, and how that is known."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import attrs

from digitro_async._common.csv_cells import text_of_cell
from digitro_async._common.text import printable
from digitro_async.campaign._small_csv import records_of, text_of_file
from digitro_async.errors import ConfigurationError
from digitro_async.privacy import Personal

__all__ = ["EvidenceProblem", "EvidenceRow", "read_evidence"]

_COLUMNS: Mapping[str, str] = {
    **{name: name for name in ("contact", "id", "outcome", "evidence")},
    "verdict": "outcome",
}
_OUTCOMES = {"accepted": True, "not placed": False}


@attrs.frozen(kw_only=True)
class EvidenceRow:
    """What became of one contact, and how that is known.

    Attributes:
        line: Number of its first line in the file, from 1; the header counts.
        number: The ledger's number of the contact.
        id: Your id of the contact. Where both are given they must be one contact.
        accepted: Whether it was called.
        evidence: The source of that knowledge; None for the one of all rows.
    """

    line: int
    number: int | None = None
    id: Personal | None = None
    accepted: bool
    evidence: str | None = attrs.field(default=None, repr=False)


@attrs.frozen
class EvidenceProblem:
    """A row that settles no contact.

    Attributes:
        line: Number of its first line.
        reason: Why, without anything that the row says.
    """

    line: int
    reason: str


def read_evidence(
    path: str | os.PathLike[str],
) -> Iterator[EvidenceRow | EvidenceProblem]:
    """Read the rows of a CSV file with the columns ``id``, ``outcome``, ``evidence``.

    The file may be one of ``digitro results``, to which the column ``outcome`` was
    added: its ``contact`` names contacts too, and other columns are passed over. The
    outcome is ``accepted`` or ``not placed``. Rows without one are passed over: nothing
    is known of them yet.

    Args:
        path: The file, in UTF-8 or cp1252.

    Raises:
        ConfigurationError: If it can't be read or has no such columns.
    """
    name = printable(Path(path).name)
    records = records_of(name, text_of_file(Path(path), name))
    _, header = next(records, (1, []))
    columns = [_COLUMNS.get(cell.strip().lower()) for cell in header]
    missing = [
        words
        for words, names in (
            ("id or contact", {"id", "contact"}),
            ("outcome", {"outcome"}),
        )
        if names.isdisjoint(columns)
    ]
    twice = [one for one in _COLUMNS if columns.count(one) > 1]
    if missing or twice:
        problem = f"has no column {missing[0]}" if missing else f"has {twice[0]} twice"
        raise ConfigurationError(
            f"{name} {problem}: its first line must name id, outcome and evidence"
        )
    return _rows(records, columns)


def _rows(
    records: Iterator[tuple[int, list[str]]], columns: Sequence[str | None]
) -> Iterator[EvidenceRow | EvidenceProblem]:
    for line, cells in records:
        pairs = zip(columns, cells, strict=False)
        row = {name: cell for name, cell in pairs if name is not None}
        if any("\ud800" <= sign <= "\udfff" for cell in cells for sign in cell):
            yield EvidenceProblem(line, "holds bytes that mean nothing in UTF-8")
        elif any(cell.strip() for cell in cells[len(columns) :]):
            yield EvidenceProblem(line, "is longer than the header")
        elif outcome := " ".join(
            row.get("outcome", "").lower().replace("-", " ").replace("_", " ").split()
        ):
            yield _row(line, row, outcome)


def _row(
    line: int, row: Mapping[str, str], outcome: str
) -> EvidenceRow | EvidenceProblem:
    if outcome not in _OUTCOMES:
        return EvidenceProblem(line, "its outcome is not accepted or not placed")
    contact = row.get("contact", "").strip().removeprefix("#")
    number = int(contact) if contact.isascii() and contact.isdigit() else 0
    if contact and not 0 < number < 2**63:
        return EvidenceProblem(line, "its contact is no number such as #17")
    own_id = row.get("id", "").strip()
    if not contact and not own_id:
        return EvidenceProblem(line, "it names no contact: its id is empty")
    return EvidenceRow(
        line=line,
        number=number or None,
        id=Personal(own_id) if own_id else None,
        accepted=_OUTCOMES[outcome],
        evidence=text_of_cell(row.get("evidence", "").strip()) or None,
    )
