"""Compares the captures of docs/screens.md with what the command's code draws."""

import pytest
from pages import blocks_of, read
from screens import capture, page_of, plain, scenes, summary


def test_captures_are_what_is_drawn() -> None:
    """``python tests/support/screens.py`` would change nothing."""
    page = read("screens")

    assert page_of(page) == page


def test_every_scene_is_on_the_page() -> None:
    """Each scene is captured at 80 columns, and two of them at 200."""
    narrow = blocks_of("screens", "At 80 columns", "text")
    wide = blocks_of("screens", "At 200 columns", "text")
    each = list(scenes())

    assert [block.strip() for block in narrow] == [
        capture(one.view, 80, 24) for one in each
    ]
    assert [block.strip() for block in wide] == [
        capture(one.view, 200, 50)
        for one in each
        if one.name in {"Running", "One of two PABX is down"}
    ]


def test_lines_and_the_end_are_on_the_page() -> None:
    """The lines of a log and the end of a run are as they are printed."""
    [lines] = blocks_of("screens", "Without a terminal", "text")
    [end] = blocks_of("screens", "The end of a run", "text")

    assert lines.split("\n")[0] == plain(next(scenes()).view)
    assert end.strip() == summary()


@pytest.mark.parametrize("width", [40, 80, 200])
def test_captures_fit(width: int) -> None:
    """No capture is wider or higher than its terminal."""
    for scene in scenes():
        lines = capture(scene.view, width, 24).splitlines()

        assert len(lines) < 12
        assert max(map(len, lines)) <= width
