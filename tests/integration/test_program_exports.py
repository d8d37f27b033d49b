"""What is dialled, rejected and said of the files that other programs write."""

from pathlib import Path

import pytest
from contact_files import DEFAULTS
from program_exports import EXPORTS, Export

from digitro_async.contacts import ContactRow, RejectedRow, open_contacts
from digitro_async.errors import ConfigurationError


@pytest.mark.parametrize("export", EXPORTS, ids=lambda one: one.writer)
def test_exports(tmp_path: Path, export: Export) -> None:
    """Of each file the right numbers are dialled, and all else is said."""
    path = tmp_path / "export.csv"
    path.write_bytes(export.content)
    if export.refused:
        with pytest.raises(ConfigurationError) as caught:
            open_contacts(path, defaults=DEFAULTS, **export.options)
        said = str(caught.value)
        found: list[ContactRow | RejectedRow] = []
    else:
        with open_contacts(path, defaults=DEFAULTS, **export.options) as file:
            found = list(file)
        said = " ".join((str(file.reading), *file.reading.doubts))

    contacts = [row for row in found if isinstance(row, ContactRow)]
    rejects = [row for row in found if isinstance(row, RejectedRow)]
    assert [row.destination.reveal() for row in contacts] == export.dialled
    assert [(row.line, row.code.value) for row in rejects] == export.rejected
    assert [text for text in export.said if text not in said] == []


def test_there_are_enough() -> None:
    """Thirty files, each with a habit of its own."""
    assert len({export.habit for export in EXPORTS}) == len(EXPORTS) >= 30
