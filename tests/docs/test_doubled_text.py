"""Finds what a merge leaves twice in the pages: rows of tables, entries, paragraphs."""

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest
from pages import PAGES, ROOT, headings_of, read, rows_under

WRITTEN = [
    *PAGES.values(),
    *(ROOT / name for name in ("CHANGELOG.md", "SECURITY.md", "CODE_OF_CONDUCT.md")),
    *sorted((ROOT / "docs" / "pt").glob("*.md")),
    *(ROOT / folder / "README.md" for folder in ("examples", "benchmarks")),
]
SHORT = 80
"""Paragraphs and lines up to this length may come again, such as "See there."."""


def doubled(text: str) -> list[str]:
    """Return doubled rows of tables, and long lines and paragraphs that come again."""
    text = re.sub(r"(?ms)^```.*?^```$", "", text)
    tables = re.findall(r"(?m)(?:^\|.*\n?)+", text)
    found = [row for table in tables for row in twice(table.splitlines())]
    prose = re.sub(r"(?m)^\|.*$", "", text)
    paragraphs = [part.strip() for part in re.split(r"\n\s*\n|\n(?=- )", prose)]
    for parts in (paragraphs, prose.splitlines()):
        found += twice(part for part in parts if len(part) > SHORT)
    return found


def twice(parts: Iterable[str]) -> list[str]:
    """Return the parts that come more than once."""
    return [part for part, times in Counter(parts).items() if times > 1]


@pytest.mark.parametrize(
    "page", WRITTEN, ids=lambda page: f"{page.parent.name}/{page.stem}"
)
def test_nothing_stands_twice(page: Path) -> None:
    """No table of a page has a row twice, and no long line or paragraph comes again."""
    assert doubled(page.read_text(encoding="utf-8")) == []


def test_what_stands_twice_is_found() -> None:
    """A doubled row, entry and last line are told from what may come again."""
    entry = f"- {'word ' * 20}end."
    last = f"{'Changes are in the changelog. ' * 4}MIT licence."
    row = "| a | b |"
    table = f"{row}\n|---|---|\n"

    assert doubled(f"{table}| 1 | 2 |\n| 1 | 2 |\n") == ["| 1 | 2 |"]
    assert set(doubled(f"{entry}\n- other\n{entry}\n")) == {entry}
    assert set(doubled(f"One.\n{last}\nTwo.\n{last}\n")) == {last}
    assert doubled(f"{table}\nSee there.\n\n{table}\nSee there.\n") == []


def test_readme_names_every_page_once() -> None:
    """The list of pages has each page under docs in one row, and ends with one line."""
    listed = read("README").partition("## Where the rest is")[2]
    rows = re.findall(r"(?m)^\| \[.*", listed)
    pages = [page for row in rows for page in re.findall(r"\]\(docs/(.+?)\.md\)", row)]
    portuguese = [f"pt/{path.stem}" for path in ROOT.glob("docs/pt/*.md")]

    assert sorted(pages) == sorted([*PAGES.keys() - {"README"}, *portuguese])
    assert listed.count("(CHANGELOG.md)") == 1


def test_changelog_has_each_section_once_in_order() -> None:
    """Sections of a release are those of Keep a Changelog, in its order."""
    text = ROOT.joinpath("CHANGELOG.md").read_text(encoding="utf-8")
    sections = re.findall(r"(?m)^### (.+)$", re.split(r"(?m)^## ", text)[1])
    order = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"]

    assert sections == [name for name in order if name in sections]


def test_entries_of_the_changelog_are_short() -> None:
    """No entry of the changelog has more than three lines."""
    text = ROOT.joinpath("CHANGELOG.md").read_text(encoding="utf-8")
    entries = [part for part in re.split(r"\n(?=- |\n|#|\|)", text) if part[:2] == "- "]

    assert len(entries) > 100
    assert [entry for entry in entries if entry.count("\n") >= 3] == []


def test_the_glossary_is_sorted() -> None:
    """Each table of the glossary is in the order of the alphabet."""
    for heading in headings_of("glossary")[1:]:
        words = [
            re.sub(r"`", "", row[0]).casefold()
            for row in rows_under("glossary", heading)
        ]
        assert words == sorted(words), heading
