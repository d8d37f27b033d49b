"""Compares the picture in docs/architecture.md with the imports."""

import pytest
from package_imports import MODULES
from pages import read
from picture import MARKED, draw, imports_of_parts, reduced, update

PARTS = "parts"  # the mark of the picture


def test_picture_of_the_parts() -> None:
    """The picture is the one that the imports make (run tests/support/picture.py)."""
    page = read("architecture")

    assert f"<!-- {PARTS} -->" in page
    assert len(MARKED.findall(page)) == 1
    assert update(page) == page, "run: python tests/support/picture.py"


def test_every_part_is_in_the_picture() -> None:
    """The picture shows every module and folder of the package's top folder."""
    shown = draw(imports_of_parts())

    for part in {module.part for module in MODULES.values()}:
        assert f"    p_{part.strip('_')}[" in shown


def test_an_import_more_changes_the_picture() -> None:
    """An import that follows from no other is an arrow, and one that follows is not."""
    graph = {"a": {"b"}, "b": {"c"}, "c": set(), "d": set()}
    drawn = draw(graph)

    assert draw({**graph, "a": {"b", "c"}}) == drawn
    assert draw({**graph, "d": {"c"}}) != drawn
    assert reduced({**graph, "a": {"b", "c"}}) == graph


def test_a_circle_is_refused() -> None:
    """Imports in a circle have no picture, and the circle is named."""
    with pytest.raises(ValueError, match="a -> b -> a"):
        draw({"a": {"b"}, "b": {"a"}})
