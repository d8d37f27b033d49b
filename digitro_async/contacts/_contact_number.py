"""ContactNumber: one of the numbers of a contact, in the order of its row."""

import re
from typing import Final

import attrs

from digitro_async._common.drafts import draft_of
from digitro_async._common.validators import personal, quiet_init
from digitro_async.privacy import Personal

__all__ = ["MOST_NUMBERS", "ContactNumber", "DayHours", "number_of_cell", "read_hours"]

MOST_NUMBERS: Final = 9
"""Most numbers of one contact."""

DayHours = tuple[tuple[int, int], ...]
"""Times of a day at which a number may be rung: begin and end of each, in minutes from
midnight where the called person is; one that ends before it begins goes over midnight.
Empty where the row says nothing."""


@quiet_init
@attrs.frozen(kw_only=True)
class ContactNumber:
    """A number at which a contact can be reached.

    Args:
        destination: The number, exactly as the PABX shall get it.
        kind: The kind that the list gives it, such as ``Celular``.
        hours: The times of a day at which it may be rung.
        field: The column that it stands in: ``destination``, ``destination2`` and so
            on.
    """

    destination: Personal = attrs.field(converter=personal)
    kind: str | None = None
    hours: DayHours = ()
    field: str = "destination"


_NumberDraft = draft_of(ContactNumber)


def number_of_cell(
    number: str, kind: str | None, hours: DayHours, field: str
) -> ContactNumber:
    """Return a number that was checked; the constructor takes several times as long.

    Args:
        number: The number.
        kind: The kind that the list gives it.
        hours: The times of a day at which it may be rung.
        field: The column that it stands in.
    """
    draft = _NumberDraft()
    draft.destination, draft.kind = personal(number), kind
    draft.hours, draft.field = hours, field
    draft.__class__ = ContactNumber
    made: ContactNumber = draft
    return made


_TIME = r"([0-9]{1,2})(?:(?:[:h.]([0-9]{2}))|h)?"
_HOURS: Final = re.compile(
    rf"\s*{_TIME}\s*(?:-|\u2013|at\u00e9|\u00e0s|as|to|a)\s*{_TIME}\s*", re.IGNORECASE
)
_DAY: Final = 24 * 60
_MINUTES: Final = 60


def read_hours(text: str) -> DayHours | None:
    """Return the times of a day that a cell gives, None where it gives none.

    Args:
        text: Such as ``09:00-12:00, 14h-18h``.
    """
    found = [_HOURS.fullmatch(part) for part in re.split(r"[,;/]|\be\b", text)]
    hours = []
    for one in found:
        if one is None:
            return None
        begin, end = _minutes(one[1], one[2]), _minutes(one[3], one[4])
        if begin is None or end is None or begin in (end, _DAY):
            return None
        hours.append((begin, end))
    return tuple(hours)


def _minutes(hour: str, minute: str | None) -> int | None:
    minutes = int(minute or 0)
    total = int(hour) * _MINUTES + minutes
    return total if minutes < _MINUTES and total <= _DAY else None
