"""Holds the pages together: every block is run, and every link leads somewhere."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from pages import BLOCKS, PAGES, ROOT, blocks_of, rows_under, without_blocks

from digitro_async import PABX

TESTS = Path(__file__).parent
GENERATED = {
    "campaign-states": "unit/test_state.py",
    "parts": "docs/test_picture.py",
}
"""Blocks that a program writes, by their mark, and the test that compares them."""

LINKED = [
    *PAGES.values(),
    *(
        ROOT / name
        for name in (
            "CONTRIBUTING.md",
            "SECURITY.md",
            "CODE_OF_CONDUCT.md",
            "CHANGELOG.md",
        )
    ),
    ROOT / "benchmarks" / "README.md",
    ROOT / "examples" / "README.md",
    *sorted((ROOT / "docs" / "pt").glob("*.md")),
    ROOT / "tests" / "unit" / "mutants.md",
]


def test_readme_leads_to_every_page() -> None:
    """README.md links to each page under docs."""
    readme = PAGES["README"].read_text(encoding="utf-8")

    assert len(PAGES) > 1
    assert [page for page in PAGES if f"](docs/{page}.md)" not in readme] == ["README"]


def test_every_block_is_checked() -> None:
    """Some test reads each fenced block of each page."""
    source = "".join(
        path.read_text(encoding="utf-8") for path in sorted(TESTS.glob("*.py"))
    )
    asked = r'blocks_of\(\s*"([^"]+)", "([^"]+)", "(\w+)"\s*\)'
    run = r'tour\("([^"]+)", "([^"]+)"\)'
    read = set(re.findall(asked, source))
    read |= {(page, heading, "python") for page, heading in re.findall(run, source)}
    read |= {("web-backends", name, "python") for name in ("aiohttp.web", "FastAPI")}

    assert {
        (block.page, block.heading, block.language)
        for block in BLOCKS
        if block.language != "mermaid"
    } == read


def test_every_picture_is_generated() -> None:
    """Each picture stands between the marks of a test that compares it."""
    marked = []
    for path in PAGES.values():
        text = path.read_text(encoding="utf-8")
        picture = r"(?ms)^<!-- ([\w-]+) -->\n```mermaid\n.*?^```\n<!-- /\1 -->$"
        marked += re.findall(picture, text)

    assert sorted(marked) == sorted(GENERATED)
    assert len([block for block in BLOCKS if block.language == "mermaid"]) == len(
        marked
    )
    for mark, test in GENERATED.items():
        [path] = ROOT.joinpath("tests").rglob(test)
        assert mark in path.read_text(encoding="utf-8")


def prose(path: Path) -> str:
    """Return the text of a page without code, in which nothing is a link."""
    text = path.read_text(encoding="utf-8")
    text = re.sub(r"(?ms)^```.*?^```$", "", text)
    return re.sub(r"`[^`\n]*`", lambda found: re.sub(r"[\[\]()#]", "", found[0]), text)


def anchors(path: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    made: set[str] = set()
    for heading in re.findall(r"(?m)^#+ (.+)$", prose(path)):
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        anchor = re.sub(r"[^\w\- ]", "", text.lower()).strip().replace(" ", "-")
        repeats = sum(1 for one in made if re.fullmatch(rf"{anchor}(-\d+)?", one))
        made.add(f"{anchor}-{repeats}" if repeats else anchor)
    return made


@pytest.mark.parametrize(
    "page", LINKED, ids=lambda page: f"{page.parent.name}/{page.stem}"
)
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link of a page leads to a file, and its anchor to a heading."""
    stale = []
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if re.match(r"[a-z]+:", link):
            continue
        file, _, anchor = link.partition("#")
        target = page.parent / file if file else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            stale.append(link)

    assert stale == []


def test_stale_links_are_found(tmp_path: Path) -> None:
    """A link to a missing file or heading is told from one that leads somewhere."""
    page = tmp_path / "page.md"
    page.write_text(
        "# A `digitro dial` page\n[good](#a-digitro-dial-page) [bad](#gone)\n"
        "[worse](gone.md) [outside](https://example.com/gone)\n```text\n[no](gone.md)\n```\n"
    )

    with pytest.raises(AssertionError, match=r"'#gone', 'gone\.md'"):
        test_links_lead_somewhere(page)


def test_the_source_archive_has_every_page() -> None:
    """The package for a build from source includes all pages."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    included = project["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]

    for page in LINKED:
        top = page.relative_to(ROOT).parts[0]
        assert f"/{top}" in included


def test_places_are_sized_as_the_page_says() -> None:
    """The block makes a PABX with the places that the page's table gives for it."""
    heading = "How many in flight"
    [block] = blocks_of("performance", "How many in flight", "python")
    names: dict[str, Any] = {}

    exec(compile(block, heading, "exec"), names)

    pabx = names["pabx"]
    assert isinstance(pabx, PABX)
    sizes = {rate: cells for rate, *cells in rows_under("performance", heading)}
    assert sizes["200/s"][2] == str(pabx.max_in_flight)
    for rate, cells in sizes.items():
        number = int(rate.removesuffix("/s").replace(",", ""))
        for latency, cell in zip((0.02, 0.1, 0.5, 2.0), cells, strict=True):
            wanted = 1.5 * number * latency
            assert int(cell.replace(",", "")) == max(1, int(wanted + 0.5)), (rate, cell)


def test_architecture_names_files_that_exist() -> None:
    """Every file that docs/architecture.md names is there."""
    names = re.findall(r"`([\w/]+\.(?:py|sql))`", without_blocks("architecture"))
    inner = re.findall(r"`((?:\w+/)+)`", without_blocks("architecture"))
    tops = (ROOT / "digitro_async", ROOT / "tests", ROOT / "docs")
    places = [place for top in tops for place in (top, *top.rglob("*"))]
    missing = [
        name
        for name in {*names, *inner}
        if not any(place.match(name.rstrip("/")) for place in places)
    ]

    assert names
    assert missing == []
