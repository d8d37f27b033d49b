"""Reads README.md and the pages under docs, for the tests that run what they show.

A page is named by its file without the ending: ``README``, ``dispatch``, ``errors``.
"""

import re
from pathlib import Path

import attrs

__all__ = [
    "BLOCKS",
    "PAGES",
    "ROOT",
    "Block",
    "blocks_of",
    "headings_of",
    "masked",
    "read",
    "rows_under",
    "text_under",
    "ticked",
    "without_blocks",
]

ROOT = Path(__file__).parents[2]
PAGES = {
    path.stem: path
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
}


@attrs.frozen
class Block:
    """One fenced block of a page, and the heading it stands under."""

    page: str
    heading: str
    language: str
    text: str


def read(page: str) -> str:
    """Return the text of a page."""
    return PAGES[page].read_text(encoding="utf-8")


def read_blocks(page: str) -> list[Block]:
    """Return every fenced block of a page."""
    blocks = []
    heading, language = "", None
    lines: list[str] = []
    for line in read(page).splitlines():
        if language is None and line.startswith("#"):
            heading = line.lstrip("#").strip()
        elif language is None and line.startswith("```"):
            language, lines = line.removeprefix("```"), []
        elif line == "```" and language is not None:
            blocks.append(Block(page, heading, language, "\n".join(lines) + "\n"))
            language = None
        else:
            lines.append(line)
    assert language is None, f"a block of {page} has no end"
    return blocks


BLOCKS = [block for page in PAGES for block in read_blocks(page)]


def blocks_of(page: str, heading: str, language: str) -> list[str]:
    """Return the blocks under a heading of a page; there must be one."""
    wanted = (page, heading, language)
    found = [b.text for b in BLOCKS if (b.page, b.heading, b.language) == wanted]
    assert found, f"{page} has no {language} block under {heading!r}"
    return found


def without_blocks(page: str) -> str:
    """Return the text of a page without its fenced blocks."""
    return re.sub(r"(?ms)^```.*?^```$", "", read(page))


def headings_of(page: str) -> list[str]:
    """Return the headings of a page, in order."""
    return re.findall(r"(?m)^#+ (.+)$", without_blocks(page))


def text_under(page: str, heading: str) -> str:
    """Return the text between a heading and the next one, without fenced blocks."""
    pattern = rf"(?ms)^#+ {re.escape(heading)}\n(.*?)(?=^#|\Z)"
    found = re.search(pattern, without_blocks(page))
    assert found, f"{page} has no heading {heading!r}"
    return found[1]


def rows_under(page: str, heading: str) -> list[list[str]]:
    """Return the rows of the tables under a heading, without the tables' heads."""
    rows: list[list[str]] = []
    for line in text_under(page, heading).splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if re.fullmatch(r"[|-]+", line):
            rows.pop()
        elif line.startswith("|"):
            rows.append(cells)
    assert rows, f"{page} has no table under {heading!r}"
    return rows


def ticked(text: str) -> list[str]:
    """Return every text between backticks."""
    return re.findall(r"`([^`]+)`", text)


VARYING = re.compile(
    r"\d{2}/\d{2}/\d{2} \d{2}:\d{2}:\d{2} 010A \d{4}/\d{2}"  # a call id
    r"|\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z|\d+\.\d+"
)
"""Moments, seconds, rates and call ids, which differ from run to run."""


def masked(output: str) -> list[str]:
    """Return the lines of an output with all that differs from run to run masked."""
    return [VARYING.sub("~", line) for line in output.splitlines()]
