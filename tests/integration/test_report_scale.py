"""A report of a large ledger takes little memory."""

import datetime as dt
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest
from peak_memory import PEAK
from report_pages import make_large_ledger

from digitro_async.ledger import open_ledger_reader
from digitro_async.reports import CampaignReading, report_page

MEGABYTE = 1_000_000
SCRIPT = f"""{PEAK}
import sys, time
from pathlib import Path
from digitro_async.ledger import open_ledger_reader
from digitro_async.reports import CampaignReading, report_page
before = peak()
with open_ledger_reader(Path(sys.argv[1])) as reader:
    page = report_page(CampaignReading("l").read(reader, time.time()))
after = peak()
print(after - before, len(page))
"""


def peak_of(path: Path) -> tuple[int, int]:
    """Return the bytes that a report takes at most, and those of its page."""
    tracemalloc.start()
    try:
        with open_ledger_reader(path) as reader:
            page = report_page(CampaignReading("l", zone=dt.UTC).read(reader, 1.8e9))
        return tracemalloc.get_traced_memory()[1], len(page)
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_contacts(tmp_path: Path) -> None:
    """Ten times as many contacts take a byte or two each, and no longer page."""
    make_large_ledger(tmp_path / "small.db", 3_000)
    make_large_ledger(tmp_path / "large.db", 30_000)
    peak_of(tmp_path / "small.db")  # what is loaded at the first use is no part of it
    small, short = peak_of(tmp_path / "small.db")
    large, long = peak_of(tmp_path / "large.db")

    assert large < small + MEGABYTE
    assert long < 2 * short


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_a_million_contacts(tmp_path: Path) -> None:
    """A million contacts take less than 50 MB more than an empty process."""
    make_large_ledger(tmp_path / "l.db", 1_000_000)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "l.db")],
        capture_output=True,
        text=True,
        check=True,
    )
    kilobytes, characters = map(int, done.stdout.split())

    assert kilobytes < 50_000
    assert characters < MEGABYTE
