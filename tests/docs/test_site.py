"""What the site of the documentation is made of; CI builds it."""

import re
from pathlib import Path

import pytest
from pages import PAGES, ROOT

from digitro_async.cli._app import COMMANDS, app
from tools.docs_site import checks, reference_pages, sources

PORTUGUESE = sorted((ROOT / "docs" / "pt").glob("*.md"))


def test_every_page_has_a_place(tmp_path: Path) -> None:
    """Each page of the repository is in the navigation, once."""
    names = sources.stage_pages(tmp_path)
    nav = sources.navigation([*names, "cli"], ["api/digitro_async"])
    listed = [name for section in nav.values() for name in section]

    assert sorted(listed) == sorted([*names, "cli", "api/digitro_async"])
    assert {page.lower() for page in PAGES} - {"readme"} <= set(names)
    for section in sources.SECTIONS.values():
        assert set(section) <= {*names, "cli"}


def test_links_lead_to_the_site_or_to_the_repository(tmp_path: Path) -> None:
    """A link to a page stays in the site, and any other one to a file's source."""
    sources.stage_pages(tmp_path)
    index = (tmp_path / "index.md").read_text(encoding="utf-8")
    architecture = (tmp_path / "dispatch.md").read_text(encoding="utf-8")
    portuguese = (tmp_path / "pt" / "operacao.md").read_text(encoding="utf-8")

    assert "](errors.md)" in index
    assert "](docs/" not in index
    assert "](index.md#one-call)" in architecture + index
    assert "](../backup.md)" in portuguese
    for path in tmp_path.rglob("*.md"):
        links = re.findall(r"\]\((?![a-z]+:|#)([^)#\s]+)", path.read_text("utf-8"))
        assert [one for one in links if not (path.parent / one).exists()] == [], path


def test_the_page_of_the_commands() -> None:
    """The page has each command and each option that ``--help`` has."""
    page = reference_pages.command_page()

    assert re.findall(r"(?m)^## digitro (\w+)$", page) == list(COMMANDS)
    for name in COMMANDS:
        part = page.partition(f"\n## digitro {name}\n")[2].partition("\n## digitro ")[0]
        for argument in app[name].assemble_argument_collection():
            if argument.parameter.show is False:
                continue
            assert argument.name.split("=")[0] in part, (name, argument.name)


@pytest.mark.parametrize("facade", reference_pages.FACADES)
def test_pages_of_the_reference(facade: str) -> None:
    """Every public name of a module is on its page."""
    told: dict[str, str] = {}
    page = reference_pages.api_page(facade, "Purpose", told)
    module = __import__(facade, fromlist=["__all__"])

    for name in module.__all__:
        assert re.search(rf"(\.|## ){re.escape(name)}\b", page), name


def test_faults_of_a_build_are_found(tmp_path: Path) -> None:
    """A warning in the log is found, and so is a link that leads nowhere."""
    log = "Building\n\x1b[33mWARNING\x1b[0m griffe: no type\ngriffe: a.py:1: no x\n"
    page = tmp_path / "one"
    page.mkdir()
    (tmp_path / "index.html").write_text('<p id="here"><a href="one/#there">x</a>')
    (page / "index.html").write_text('<a href="../#here">x</a><a href="../two/">x</a>')

    assert checks.complaints(log) == ["WARNING griffe: no type", "griffe: a.py:1: no x"]
    assert checks.broken_links(tmp_path) == [
        "index.html: one/#there",
        "one/index.html: ../two/",
    ]


@pytest.mark.parametrize("page", PORTUGUESE, ids=lambda page: page.stem)
def test_portuguese_pages_say_what_the_english_ones_do(page: Path) -> None:
    """Every block of a Portuguese page is one of README.md, which the tests run."""
    fenced = r"(?ms)^```\w+\n.*?^```$"
    readme = re.findall(fenced, PAGES["README"].read_text(encoding="utf-8"))

    for block in re.findall(fenced, page.read_text(encoding="utf-8")):
        assert block in readme


def test_commands_of_the_portuguese_operator() -> None:
    """Every command and option on the page of the operator exists."""
    text = (ROOT / "docs" / "pt" / "operacao.md").read_text(encoding="utf-8")
    shown = reference_pages.command_page()
    commands = re.findall(r"`digitro ([^`]+)`", text)

    assert len(commands) > 15
    for words in commands:
        first, *others = words.split()
        assert first in COMMANDS
        for option in (one for one in others if one.startswith("--")):
            assert option in shown
