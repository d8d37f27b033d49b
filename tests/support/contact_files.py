"""Contact files that tests write and read."""

from pathlib import Path
from typing import Any

import pytest

from digitro_async.contacts import ContactRow, RejectedRow, open_contacts
from digitro_async.errors import ConfigurationError
from digitro_async.privacy import Personal

__all__ = [
    "CANARY",
    "DEFAULTS",
    "NUMBER",
    "numbers",
    "only_reject",
    "path",
    "read",
    "refusal",
    "rows",
    "shown",
]

DEFAULTS = {"device": "1125000", "device_password": "4567"}
NUMBER = "04832817000"
CANARY = "CANARY-7731"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a contact file goes."""
    return tmp_path / "leads.csv"


def read(path: Path, **options: Any) -> list[ContactRow | RejectedRow]:
    """Read a whole contact file."""
    with open_contacts(path, **{"defaults": DEFAULTS, **options}) as file:
        return list(file)


def rows(
    path: Path, text: str | bytes, **options: Any
) -> list[ContactRow | RejectedRow]:
    """Write a contact file and read it."""
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read(path, **options)


def numbers(found: list[ContactRow | RejectedRow]) -> list[str]:
    """The number of each contact and the code of each reject, in order."""
    return [
        row.destination.reveal() if isinstance(row, ContactRow) else row.code.value
        for row in found
    ]


def only_reject(found: list[ContactRow | RejectedRow]) -> RejectedRow:
    """The one row that was rejected."""
    (reject,) = [row for row in found if isinstance(row, RejectedRow)]
    return reject


def refusal(path: Path, text: str | bytes, **options: Any) -> str:
    """The text of the error that opening such a file raises."""
    with pytest.raises(ConfigurationError) as caught:
        rows(path, text, **options)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None

    return str(caught.value)


def shown(row: ContactRow | RejectedRow) -> tuple[str | None, str, str]:
    """The id, number and data of a contact; the code and reason of a reject."""
    if isinstance(row, RejectedRow):
        return None, row.code.value, row.reason
    data = row.fields.get("user_data")
    text = data.reveal() if isinstance(data, Personal) else ""
    return row.id, row.destination.reveal(), text
