"""Compares docs/report.md with what a report shows."""

import datetime as dt
from pathlib import Path

from filled_ledgers import fill
from ledgers import NOW
from pages import blocks_of, rows_under
from report_pages import make_large_ledger

from digitro_async.ledger import open_ledger_reader
from digitro_async.reports import (
    CampaignReading,
    CampaignView,
    page_sections,
    summary_lines,
)


def view_of(path: Path) -> CampaignView:
    """Return the view of a ledger."""
    with open_ledger_reader(path) as reader:
        return CampaignReading(path.name, zone=dt.UTC).read(reader, NOW)


def test_the_lines_that_are_shown(tmp_path: Path) -> None:
    """The lines on the page are those of such a ledger."""
    make_large_ledger(tmp_path / "campaign.db", 30_000)
    [shown] = blocks_of("report", "In the terminal", "text")

    assert shown.splitlines() == summary_lines(view_of(tmp_path / "campaign.db"))


async def test_tables_of_the_page(tmp_path: Path) -> None:
    """Every section of a report and every formula stands on the page, in order."""
    await fill(tmp_path / "l.db")
    view = view_of(tmp_path / "l.db")
    titles = [section.title for section in page_sections(view)]
    told = [row[0] for row in rows_under("report", "As a page")]

    assert [title for title in told if title in titles] == titles
    assert [tuple(row) for row in rows_under("report", "Formulas")] == [
        (one.name, one.formula.replace(" - ", " - ")) for one in view.figures
    ]
