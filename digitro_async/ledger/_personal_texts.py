"""PURE: the texts by which a person may be known, wherever they stand."""

import json
from collections.abc import Collection, Sequence
from typing import Any, Final

__all__ = ["ERASED", "FORGOTTEN", "holds_any", "texts_of"]

FORGOTTEN: Final = "forgotten"
"""Reason of a contact that was to be called, and was forgotten."""

ERASED: Final = "***"
"""What stands in place of a text that was erased."""

_SHORTEST: Final = 4
"""Shorter texts of a person stand in too many others by chance."""


def texts_of(values: Sequence[Any]) -> set[str]:
    """Return the texts by which a person may be known.

    Args:
        values: Id, destination, fields and all numbers, as they stand in a ledger.
    """
    own_id, destination, fields, numbers = values
    found = {own_id, destination}
    if fields:
        found.update(str(value) for value in json.loads(fields).values())
    if numbers:
        found.update(str(one[0]) for one in json.loads(numbers))
    return {text for text in found if text and len(text) >= _SHORTEST}


def holds_any(text: str, several: Collection[str]) -> bool:
    """Whether one of several texts stands in another one."""
    return any(one in text for one in several)
