"""PURE: how the numbers of a contact stand in a database: as JSON."""

import json
from collections.abc import Sequence
from typing import Any

from digitro_async._common.validators import personal
from digitro_async.ledger._records import NumberOfContact
from digitro_async.privacy import Personal

__all__ = [
    "all_numbers",
    "is_plain",
    "number_at",
    "read_numbers",
    "text_of_numbers",
]


def is_plain(numbers: Sequence[NumberOfContact]) -> bool:
    """Whether the destination alone says all of a contact's numbers."""
    if not numbers:
        return True
    first = numbers[0]
    return len(numbers) == 1 and first.kind is None and not first.hours


def text_of_numbers(numbers: Sequence[NumberOfContact]) -> str | None:
    """Return all numbers of a contact as JSON; None where it has one alone."""
    if is_plain(numbers):
        return None
    rows = [[one.destination.reveal(), one.kind, one.hours] for one in numbers]
    return json.dumps(rows)


def read_numbers(text: str | None) -> tuple[NumberOfContact, ...]:
    """Return the numbers that stand in a database; empty for a contact of one.

    Raises:
        ValueError: If the text is damaged.
    """
    if not text:
        return ()
    rows: list[Any] = json.loads(text)
    return tuple(
        NumberOfContact(
            destination=personal(destination),
            kind=kind,
            hours=tuple((int(begin), int(end)) for begin, end in hours),
        )
        for destination, kind, hours in rows
    )


def all_numbers(
    text: str | None, destination: str | Personal
) -> tuple[NumberOfContact, ...]:
    """Return all numbers of a contact, also where it has one alone.

    Args:
        text: The numbers as they stand in a database.
        destination: The number to dial.
    """
    found = read_numbers(text)
    if found:
        return found
    return (NumberOfContact(destination=personal(destination)),)


def number_at(place: int, text: str | None, destination: str) -> str:
    """Return the number of a place; the first where the contact has fewer by now.

    Args:
        place: The place, 0 for the first.
        text: The numbers as they stand in a database.
        destination: The number to dial.
    """
    if not place or not text:
        return destination
    numbers = read_numbers(text)
    return numbers[place].destination.reveal() if place < len(numbers) else destination
