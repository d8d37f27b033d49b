"""Finds which contact a text means, also where an output has written its id."""

import contextlib
import json
import re
from collections.abc import Sequence

from digitro_async._common.csv_cells import text_of_cell
from digitro_async.ledger._records import storable
from digitro_async.privacy import Personal

__all__ = ["ids_written_as", "readings_of"]

_NUMBERED = re.compile(r"#([1-9]\d{0,18})", re.ASCII)
_GREATEST_NUMBER = 2**63 - 1
_CONTROLS = {"t": "\t", "n": "\n", "r": "\r"}
_SHOWN = re.compile(
    r"\\(?:([tnr])|[xuU]((?<=x)[0-9a-f]{2}|(?<=u)[0-9a-f]{4}|[0-9a-f]{8}))"
)


def readings_of(contact: str | int | Personal) -> tuple[Sequence[str], int | None]:
    """Return the ids and the ledger's number that a text may mean.

    Text like ``#17`` may be either: both are looked for, and they must be one contact.
    So are an id and what the outputs of this library write in its place.
    """
    ids: Sequence[str] = ()
    number: int | None = None
    if isinstance(contact, Personal):
        ids = (contact.reveal(),)
    elif isinstance(contact, str):
        ids = ids_written_as(contact)
        numbered = _NUMBERED.fullmatch(contact)
        number = None if numbered is None else int(numbered[1])
    elif type(contact) is int:  # True is no number
        number = contact
    if number is not None and not 0 < number <= _GREATEST_NUMBER:
        number = None
    return ids, number


def ids_written_as(text: str) -> Sequence[str]:
    """Return the ids that may be written as this text: by nobody, in CSV, in JSON."""
    ids = [text, text_of_cell(text)]
    if "\\" in text:
        with contextlib.suppress(ValueError):
            ids.append(str(json.loads(f'"{text}"')))
        # How a terminal is shown what would steer it.
        with contextlib.suppress(ValueError):
            ids.append(_SHOWN.sub(_sign_of, text))
    return tuple(dict.fromkeys(storable(one) for one in ids))


def _sign_of(code: re.Match[str]) -> str:
    return _CONTROLS[code[1]] if code[1] else chr(int(code[2], 16))
