"""What is shown while a contact file is read."""

import re
from pathlib import Path

import pytest

from digitro_async.cli._import_display import ImportDisplay
from digitro_async.contacts import open_contacts

DEFAULTS = {"device": "1125000", "device_password": "4567"}
NOBODY = "nobody is called before the whole file is in the ledger"


@pytest.fixture
def contacts(tmp_path: Path) -> Path:
    """Write a file of 30,000 contacts."""
    path = tmp_path / "c.csv"
    path.write_text("id;destination\n" + "".join(f"{n};0483\n" for n in range(30_000)))
    return path


def test_share_of_the_file(contacts: Path) -> None:
    """Rows read, and the share of the file's bytes, are shown as they grow."""
    with open_contacts(contacts, defaults=DEFAULTS) as opened:
        times = iter((100.0, 100.5, 100.9, 103.0))
        display = ImportDisplay(opened, clock=lambda: next(times))
        for _ in range(15_000):
            next(opened)
        [drawn, read, reason] = display.screen(80, ascii_only=False)
        counted = drawn[-1].text
        line = "".join(span.text for span in display.line())
        rest = list(opened)
        [ended, *_] = display.screen(80, ascii_only=True)

    assert len(rest) == 15_000
    assert re.fullmatch(r"15,000 rows \((4[5-9]|5[0-5])\.\d %\)", counted)
    assert read[0].text == "reading c.csv, 15,000/s"
    assert reason[0].text == NOBODY
    assert line == f"reading c.csv: {counted}, 15,000/s; {NOBODY}"
    assert ended[-1].text == "30,000 rows (100.0 %)"
    assert "-" not in "".join(span.text for span in ended)


def test_narrow_terminal(contacts: Path) -> None:
    """Nothing is wider than the terminal."""
    with open_contacts(contacts, defaults=DEFAULTS) as opened:
        for line in ImportDisplay(opened).screen(20, ascii_only=False):
            assert sum(len(span.text) for span in line) <= 20
