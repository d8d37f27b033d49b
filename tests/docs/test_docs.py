"""Runs what the pages under docs show."""

import re
from pathlib import Path
from typing import Any

import pytest
from places import ROOT

from digitro_async import PABX

PAGES = sorted((ROOT / "docs").glob("*.md"))


def blocks_of(page: Path) -> list[str]:
    """Return the Python blocks of a page."""
    return re.findall(r"(?ms)^```python\n(.*?)^```$", page.read_text(encoding="utf-8"))


def test_there_are_pages() -> None:
    """The pages are looked for where they are, and the README leads to each."""
    assert PAGES
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for page in PAGES:
        assert f"](docs/{page.name})" in readme


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_somewhere(page: Path) -> None:
    """Every file that a page links to is there."""
    links = re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8"))
    assert links
    for link in links:
        assert (page.parent / link).exists(), link


def test_places_are_sized_as_the_page_says() -> None:
    """The block makes a PABX with the places that the page's table gives for it."""
    page = ROOT / "docs" / "performance.md"
    (block,) = blocks_of(page)
    names: dict[str, Any] = {}

    exec(compile(block, str(page), "exec"), names)

    pabx = names["pabx"]
    assert isinstance(pabx, PABX)
    rows = re.findall(r"(?m)^\| ([\d,]+)/s \| (.+) \|$", page.read_text("utf-8"))
    sizes = {rate: cells.split(" | ") for rate, cells in rows if "%" not in cells}
    assert sizes["200"][2] == str(pabx.max_in_flight)
    for rate, cells in sizes.items():
        number = int(rate.replace(",", ""))
        for latency, cell in zip((0.02, 0.1, 0.5, 2.0), cells, strict=True):
            wanted = 1.5 * number * latency
            assert int(cell.replace(",", "")) == max(1, int(wanted + 0.5)), (rate, cell)
