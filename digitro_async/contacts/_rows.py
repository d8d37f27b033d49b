"""Turns the cells of a row into a contact, or says why they are none."""

import hashlib
import re
import secrets
from collections.abc import Mapping
from typing import Any

from digitro_async._common.text import did_you_mean
from digitro_async.contacts._columns import CALL_FIELDS, Columns
from digitro_async.contacts._contact import Contact, Problem, RejectCode
from digitro_async.contacts._csv_records import Record
from digitro_async.contacts._numbers import read_number
from digitro_async.errors import ConfigurationError, InvalidCallError
from digitro_async.models import PredictiveCall
from digitro_async.privacy import Personal, Secret

__all__ = ["Defaults", "RowReader", "Seen", "check_defaults"]

Defaults = Mapping[str, str | Secret | Personal]
"""Texts for fields of a call that a row leaves empty."""

_REQUIRED = ("device", "device_password")
_DEFAULTABLE = tuple(name for name in CALL_FIELDS if name != "destination")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_LONGEST_ID = 256
_LONGEST_PABX = 64
_SHORTEST_PUBLIC = 8  # a landline without its area code


def check_defaults(file: str, columns: Columns, defaults: Defaults) -> dict[str, Any]:
    """Return what every call of a file begins with.

    Raises:
        ConfigurationError: If a default is unknown or can't stand in a call, or a
            required field is neither a column nor a default. Better said once than
            for a million rows.
    """
    for name in defaults:
        if name == "destination":
            raise ConfigurationError("destination can't have a default")
        if name not in _DEFAULTABLE:
            hint = did_you_mean(str(name), _DEFAULTABLE)
            raise ConfigurationError(f"{name!r} is no field of a call{hint}")
    in_file = {name for _, name in columns.fields}
    for name in _REQUIRED:
        if name not in defaults and name not in in_file:
            raise ConfigurationError(
                f"{name} is missing: {file} has no such column and the call "
                f"defaults don't name it"
            )
    problem = _defaults_problem(defaults)
    if problem:
        raise ConfigurationError(f"call default {problem}")
    return {**dict.fromkeys(_REQUIRED, ""), **defaults}


def _defaults_problem(defaults: Defaults) -> str | None:
    probe: dict[str, Any] = {**dict.fromkeys(_REQUIRED, "0"), **defaults}
    try:
        PredictiveCall(**probe, destination="0")
    except InvalidCallError as error:
        return str(error.args[0])
    return None


class Seen:
    """Remembers texts by an 8-byte digest, under a key no one else has.

    What stands in memory tells nothing about a number, and two different texts of a
    million are taken for the same once in some 37 million runs.
    """

    def __init__(self) -> None:
        self._keyed = hashlib.blake2b(digest_size=8, key=secrets.token_bytes(32))
        self._digests: set[bytes] = set()

    def add(self, text: str) -> bool:
        """Remember the text; False where it was known."""
        digest = self._keyed.copy()
        digest.update(text.encode())
        before = len(self._digests)
        self._digests.add(digest.digest())
        return len(self._digests) > before


class RowReader:
    """Reads the rows of one file.

    Args:
        columns: Where things stand.
        base: What every call begins with.
        strip_punctuation: Whether numbers lose their punctuation.
        seen: Where contacts are remembered, or None to let duplicates pass.
    """

    def __init__(
        self,
        columns: Columns,
        base: Mapping[str, Any],
        *,
        strip_punctuation: bool,
        seen: Seen | None,
    ) -> None:
        self._columns = columns
        self._base = base
        self._strip = strip_punctuation
        self._seen = seen

    def read(self, record: Record) -> Contact | Problem:
        """Return the contact, or what is wrong with the row."""
        columns, cells = self._columns, record.cells
        if len(cells) != columns.width:
            return _width_problem(len(cells), columns.width)
        number = read_number(cells[columns.destination], strip_punctuation=self._strip)
        if isinstance(number, Problem):
            return number
        own_id = "" if columns.id is None else cells[columns.id].strip()
        pabx = "" if columns.pabx is None else cells[columns.pabx].strip()
        problem = _own_problem("id", own_id, _LONGEST_ID) or _own_problem(
            "pabx", pabx, _LONGEST_PABX
        )
        if problem:
            return problem
        call = self._call(number, cells)
        if isinstance(call, Problem):
            return call
        seen_as = f"id {own_id}" if own_id else f"number {number}"
        if self._seen is not None and not self._seen.add(seen_as):
            return _SAME_ID if own_id else _SAME_NUMBER
        return Contact(
            line=record.line, id=own_id or None, call=call, pabx=pabx or None
        )

    def is_whole_row(self, text: str) -> bool:
        """Whether one line looks like a row by itself."""
        cells = text.rstrip("\r\n").split(self._columns.delimiter)
        if len(cells) != self._columns.width:
            return False
        number = cells[self._columns.destination].strip('"')
        bare = read_number(number, strip_punctuation=True)
        return isinstance(bare, str) and len(bare) >= _SHORTEST_PUBLIC

    def _call(self, number: str, cells: list[str]) -> PredictiveCall | Problem:
        values = dict(self._base)
        for index, name in self._columns.fields:
            cell = cells[index]
            if cell and not cell.isspace():
                values[name] = cell
        try:
            return PredictiveCall(**values, destination=number)
        except InvalidCallError as error:
            # Its text is "<field> <problem>" and holds no value.
            field, _, reason = str(error.args[0]).partition(" ")
            return Problem(RejectCode.INVALID_FIELD, reason, field)


_SAME_ID = Problem(RejectCode.DUPLICATE, "an earlier row has the same id", "id")
_SAME_NUMBER = Problem(
    RejectCode.DUPLICATE, "an earlier row has the same number", "destination"
)


def _width_problem(cells: int, width: int) -> Problem:
    few = cells < width
    return Problem(
        RejectCode.TOO_FEW_COLUMNS if few else RejectCode.TOO_MANY_COLUMNS,
        f"has {cells} columns where the header has {width}"
        + ("" if few else "; put quotes around cells that hold the delimiter"),
    )


def _own_problem(field: str, text: str, longest: int) -> Problem | None:
    if len(text) > longest:
        return Problem(
            RejectCode.INVALID_FIELD, f"is longer than {longest} characters", field
        )
    if _CONTROL.search(text):
        return Problem(RejectCode.CONTROL_CHARACTER, "holds a control character", field)
    return None
