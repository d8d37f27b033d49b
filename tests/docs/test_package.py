"""Holds what a package index shows of this project to what there is."""

import re
import tomllib
from typing import Any

import pytest
from pages import ROOT, read


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    """Read the settings of the project."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_links_of_a_package_index(project: dict[str, Any]) -> None:
    """Every link of README.md is absolute on an index, and leads to a file here."""
    readme = project["tool"]["hatch"]["metadata"]["hooks"]["fancy-pypi-readme"]
    [rule] = readme["substitutions"]
    shown = re.sub(rule["pattern"], rule["replacement"], read("README"))
    source = project["project"]["urls"]["Source"]
    links = re.findall(r"\]\(([^)\s]+)\)", shown)
    files = [link.removeprefix(f"{source}/blob/main/") for link in links]

    assert readme["fragments"] == [{"path": "README.md"}]
    assert len(links) > 20
    assert all(link.startswith(("https://", "#")) for link in links)
    assert [
        file
        for file in files
        if not re.match(r"[a-z]+:|#", file)
        and not (ROOT / file.partition("#")[0]).exists()
    ] == []


def test_urls_have_known_labels(project: dict[str, Any]) -> None:
    """An index knows the labels of the URLs, which all lead to one project."""
    urls = project["project"]["urls"]

    assert set(urls) == {
        "Homepage",
        "Documentation",
        "Source",
        "Issues",
        "Changelog",
    }
    assert all(url.startswith(urls["Source"]) for url in urls.values())


def test_the_version_stands_in_one_place(project: dict[str, Any]) -> None:
    """No file but pyproject.toml, its lock and the changelog says the version."""
    version = project["project"]["version"]
    places = [*ROOT.joinpath("digitro_async").rglob("*.py"), *ROOT.glob("docs/*.md")]
    said = rf"(?<![\d.]){re.escape(version)}(?![\d.])"

    assert [
        place.name for place in places if re.search(said, place.read_text("utf-8"))
    ] == []


def test_developers_have_groups(project: dict[str, Any]) -> None:
    """No extra that users see is for developers, and each group includes the tests."""
    extras = set(project["project"]["optional-dependencies"])
    groups = project["dependency-groups"]

    assert extras.isdisjoint(groups)
    for name in ("dev", "bench", "fuzz", "mutation"):
        assert {"include-group": "test"} in groups[name]
