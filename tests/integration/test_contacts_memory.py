"""How much memory and time a large list takes. In full: ``pytest -m long``."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
from contact_files import DEFAULTS
from peak_memory import PEAK

from digitro_async.contacts import open_contacts
from digitro_async.testing import sample_contacts

pytestmark = [pytest.mark.long, pytest.mark.timeout(1200)]


def write(path: Path, count: int) -> Path:
    """Write a list with numbers in several spellings, and return its path."""
    with path.open("w", encoding="utf-8") as file:
        file.write("id;destination;user_data\n")
        for at, row in enumerate(sample_contacts(count)):
            number = row["destination"]
            area, first, last = number[1:3], number[3:-4], number[-4:]
            spelt = (
                number,
                number[1:],
                f"({area}) {first}-{last}",
                f"0 15 {number[1:]}",
            )
            file.write(f"{row['id']};{spelt[at % 4]};x\n")
    return path


READER = f"""{PEAK}
import sys
from digitro_async.contacts import open_contacts
defaults = {DEFAULTS}
with open_contacts(sys.argv[1], defaults=defaults, number_form="0ddd") as file:
    for _ in file:
        pass
print(peak())
"""


def peak(path: Path) -> int:
    """Return the most kilobytes of a process that reads a whole list."""
    done = subprocess.run(
        [sys.executable, "-c", READER, str(path)],
        capture_output=True,
        text=True,
        check=True,
        timeout=1000,
    )
    return int(done.stdout)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not tell the peak")
def test_memory_does_not_grow_with_the_list(tmp_path: Path) -> None:
    """A list ten times as long is read in the same memory, numbers checked."""
    few = peak(write(tmp_path / "few.csv", 100_000))
    many = peak(write(tmp_path / "many.csv", 1_000_000))

    assert many < few + 8 * 1024


def test_a_hundred_thousand_rows(tmp_path: Path) -> None:
    """100,000 rows are read and their numbers checked; the figure is printed."""
    path = write(tmp_path / "rows.csv", 100_000)
    times = []
    for _ in range(3):
        began = time.process_time()
        with open_contacts(path, defaults=DEFAULTS, number_form="0ddd") as file:
            read = sum(1 for _ in file)
        times.append(time.process_time() - began)

    assert read == 100_000
    assert min(times) < 60
    sys.stdout.write(f"100,000 rows in {min(times):.2f} s of one core\n")
