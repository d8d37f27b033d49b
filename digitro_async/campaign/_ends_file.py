"""Reads a file of ends: what became of calls, as a report of a PABX says it."""

import datetime as dt
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import attrs

from digitro_async._common.csv_cells import text_of_cell
from digitro_async._common.text import printable
from digitro_async.call_events import Disposition
from digitro_async.campaign._small_csv import records_of, text_of_file
from digitro_async.errors import ConfigurationError
from digitro_async.privacy import Personal

__all__ = ["EndProblem", "EndRow", "read_ends"]

_KEYS: Final = ("contact", "id", "call_id")
_TIMES: Final = ("rang_at", "answered_at", "ended_at")
_COLUMNS: Final = (*_KEYS, "disposition", "word", *_TIMES)
_IMPORTED: Final = {one.value: one for one in Disposition if one != "none_seen"}


@attrs.frozen(kw_only=True)
class EndRow:
    """What became of the call of one contact.

    Attributes:
        line: Number of its first line in the file, from 1; the header counts.
        number: The ledger's number of the contact.
        id: Your id of the contact.
        call_id: The call id. Where several are given they must be one contact's.
        disposition: What became of the call.
        word: The word for it, as the file says it.
        rang_at: When it rang, a Unix time.
        answered_at: When it was answered.
        ended_at: When it ended.
    """

    line: int
    number: int | None = None
    id: Personal | None = None
    call_id: str | None = None
    disposition: Disposition
    word: str | None = None
    rang_at: float | None = None
    answered_at: float | None = None
    ended_at: float | None = None


@attrs.frozen
class EndProblem:
    """A row that tells the end of no call.

    Attributes:
        line: Number of its first line.
        reason: Why, without anything that the row says.
    """

    line: int
    reason: str


def read_ends(
    path: str | os.PathLike[str],
    *,
    words: Mapping[str, Disposition] | None = None,
    zone: dt.tzinfo | None = None,
) -> Iterator[EndRow | EndProblem]:
    """Read the rows of a CSV file with the end of a call each.

    Its columns are ``contact`` (the ledger's number), ``id`` or ``call_id``;
    ``disposition``; and, as far as they are known, ``word``, ``rang_at``,
    ``answered_at`` and ``ended_at``. Other columns are passed over.

    Args:
        path: The file, in UTF-8 or cp1252.
        words: Words of the file for dispositions, beside their own names.
        zone: The zone of times that name none; None where each must name its own.

    Raises:
        ConfigurationError: If it can't be read or has no such columns.
    """
    name = printable(Path(path).name)
    records = records_of(name, text_of_file(Path(path), name))
    _, header = next(records, (1, []))
    columns = [cell.strip().lower() for cell in header]
    twice = [one for one in _COLUMNS if columns.count(one) > 1]
    if twice:
        raise ConfigurationError(f"{name} has the column {twice[0]} twice")
    if not set(_KEYS) & set(columns) or "disposition" not in columns:
        raise ConfigurationError(
            f"{name}: its first line must name contact, id or call_id, and disposition"
        )
    known = {**_IMPORTED, **{_plain(key): one for key, one in (words or {}).items()}}
    return _rows(records, columns, known, zone)


def _rows(
    records: Iterator[tuple[int, list[str]]],
    columns: Sequence[str],
    words: Mapping[str, Disposition],
    zone: dt.tzinfo | None,
) -> Iterator[EndRow | EndProblem]:
    for line, cells in records:
        row = dict(zip(columns, cells, strict=False))
        if any("\ud800" <= sign <= "\udfff" for cell in cells for sign in cell):
            yield EndProblem(line, "holds bytes that mean nothing in UTF-8")
        elif any(cell.strip() for cell in cells[len(columns) :]):
            yield EndProblem(line, "is longer than the header")
        else:
            found = _row(line, row, words, zone)
            yield EndProblem(line, found) if isinstance(found, str) else found


def _row(
    line: int,
    row: Mapping[str, str],
    words: Mapping[str, Disposition],
    zone: dt.tzinfo | None,
) -> EndRow | str:
    contact = row.get("contact", "").strip().removeprefix("#")
    number = int(contact) if contact.isascii() and contact.isdigit() else 0
    if contact and not 0 < number < 2**63:
        return "its contact is no number such as #17"
    own_id = row.get("id", "").strip()
    call_id = text_of_cell(row.get("call_id", "").strip())
    if not (contact or own_id or call_id):
        return "it names no call: contact, id and call_id are empty"
    said = text_of_cell(row["disposition"].strip()) if "disposition" in row else ""
    disposition = words.get(_plain(said))
    if disposition is None:
        return (
            f"its disposition is none of {', '.join(_IMPORTED)}, and no word that was"
            " given a meaning"
        )
    times = {name: _time(row.get(name, "").strip(), zone) for name in _TIMES}
    for name, when in times.items():
        if isinstance(when, str):
            return f"its {name} {when}"
    order = [when for when in times.values() if isinstance(when, float)]
    if order != sorted(order):
        return "its times are not in order: rang_at, answered_at, ended_at"
    given = {name: when for name, when in times.items() if isinstance(when, float)}
    return EndRow(
        line=line,
        number=number or None,
        id=Personal(own_id) if own_id else None,
        call_id=call_id or None,
        disposition=disposition,
        word=text_of_cell(row.get("word", "").strip()) or said or None,
        **given,
    )


def _plain(word: str) -> str:
    """Return a word as it is compared: in small letters, its blanks as underscores."""
    return "_".join(word.casefold().replace("-", " ").replace("_", " ").split())


def _time(text: str, zone: dt.tzinfo | None) -> float | str | None:
    """Return a time, None where there is none, or what is wrong with it."""
    if not text:
        return None
    try:
        moment = dt.datetime.fromisoformat(text)
        if moment.tzinfo is None:
            if zone is None:
                return "names no zone: write it as 2026-12-01T09:00:00-03:00"
            moment = moment.replace(tzinfo=zone)
        return moment.timestamp()
    except (ValueError, OverflowError):
        return "is no time such as 2026-12-01T09:00:00-03:00"
