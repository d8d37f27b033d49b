"""The lines of a screen, at any width."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from run_views import make_one, make_view, refused

from digitro_async import Disposition, Outcome, RateLimit
from digitro_async.cli._run_view import RunPhase
from digitro_async.cli._screen_lines import plain_line, screen_lines
from digitro_async.cli._screen_parts import Line

STYLES = {"", "bold", "green", "red", "magenta"}


def texts(lines: list[Line]) -> list[str]:
    """Return lines without their colours."""
    return ["".join(span.text for span in line) for line in lines]


VIEWS = st.builds(
    lambda done, total, names, pause, **given: make_view(
        *(make_one(name, pause=pause) for name in names),
        done=min(done, total),
        total=total,
        **given,
    ),
    done=st.integers(0, 10**7),
    total=st.integers(0, 10**7),
    names=st.lists(st.text("ab\u00e7\u4e2d", min_size=1), min_size=1, max_size=9),
    pause=st.none() | st.builds(refused, tries=st.integers(0, 99)),
    put_back=st.integers(0, 10),
    time_left=st.none() | st.floats(0, 1e7),
)


@given(VIEWS, st.integers(1, 300), st.booleans())
def test_nothing_is_wider_than_the_terminal(
    view: Any, width: int, ascii_only: bool
) -> None:
    """No line has more columns than there are, and only the named colours are used."""
    lines = screen_lines(view, width, ascii_only=ascii_only)

    assert all(len(text) <= width for text in texts(lines))
    assert {span.style for line in lines for span in line} <= STYLES


@given(VIEWS)
def test_the_plain_line_tells_the_same(view: Any) -> None:
    """Each word of a wide screen stands in the plain line, but for the bar."""
    shown = texts(screen_lines(view, 1000))
    words = " ".join([shown[0].split("  ")[-1], *shown[1:]]).split()
    said = set("".join(span.text for span in plain_line(view)).split())

    assert {word.strip(",;") for word in words} <= {word.strip(",;") for word in said}


@pytest.mark.parametrize(
    ("done", "total", "text"),
    [
        (1678, 19701, "1,678 of 19,701 (8.5 %)"),
        (19700, 19701, "19,700 of 19,701 (99.9 %)"),
        (5, 5, "5 of 5 (100.0 %)"),
        (0, 0, "0 of 0 (100.0 %)"),
    ],
)
def test_share(done: int, total: int, text: str) -> None:
    """A share is 100 % where nothing is left, and nowhere else."""
    assert texts(screen_lines(make_view(done=done, total=total), 80))[0].endswith(text)


def test_bar_grows() -> None:
    """The bar is as full as the share is done, in one width."""
    bars = [
        texts(screen_lines(make_view(done=done, total=10), 80))[0] for done in range(11)
    ]

    assert bars[0].count("\u2501") == 0
    assert bars[10].count("\u2500") == 0
    assert [bar.count("\u2501") for bar in bars] == sorted(
        bar.count("\u2501") for bar in bars
    )


def test_ascii() -> None:
    """A terminal without line drawing gets number signs and dashes."""
    shown = "\n".join(texts(screen_lines(make_view(), 80, ascii_only=True)))

    assert shown.isascii()
    assert shown.startswith("####---")


def test_narrow_terminal() -> None:
    """At 40 columns figures go to further lines, and no word is broken."""
    assert texts(screen_lines(make_view(make_one(pause=refused())), 40)) == [
        "\u2501" + "\u2500" * 14 + "  1,678 of 19,701 (8.5 %)",
        "48.9/s on average   answers in 0.02 s",
        "on the wire 1   time left 6:09",
        "accepted 1,664   unknown 14",
        "rejected rows 3",
        "paused: connection refused at",
        "10.20.0.5:8089; next try in 0:20, third",
        "try",
    ]


def test_put_back_is_not_not_sent() -> None:
    """Contacts that were put back are told apart from those that could not be sent."""
    view = make_view(outcomes={Outcome.NOT_SENT: 12}, put_back=10, rejected_rows=0)

    assert texts(screen_lines(view, 80))[2] == "accepted 0   not sent 2   put back 10"


def test_a_stopped_run_has_no_time_left() -> None:
    """Where the rest is not dialled, no time is told until the list is done."""
    view = make_view(phase=RunPhase.STOPPING)

    assert "time left" not in "".join(texts(screen_lines(view, 80)))


def test_many_pabx_leave_room() -> None:
    """Of ten PABX that differ four have a line."""
    several = [
        make_one(f"p{number}", pause=refused(next_try_in=number))
        for number in range(10)
    ]
    shown = texts(screen_lines(make_view(*several), 200))

    assert len(shown) == 8
    assert shown[-1] == "and 6 more"


def test_ends_of_calls() -> None:
    """What became of calls is added over PABX, and calls in progress over addresses."""
    heard = {**dict.fromkeys(Disposition, 0), Disposition.BUSY: 3}
    view = make_view(
        make_one("a", dispositions=heard, in_progress=7, address="x:1"),
        make_one("b", dispositions=heard, in_progress=7, address="x:1"),
        make_one("c", dispositions=heard, in_progress=2, address="y:1"),
    )

    assert "in progress 9   busy 9" in texts(screen_lines(view, 200))
    assert "in progress" not in "".join(texts(screen_lines(make_view(), 200)))


def test_a_worker_has_no_bar() -> None:
    """Where others dial too, nothing is shown as if the rest were known."""
    [first, *others] = texts(screen_lines(make_view(total=None), 80))
    shared = make_view(whole_caps={make_one().address: [RateLimit(60)]})
    alone = make_view(whole_caps={make_one().address: [RateLimit(50)]})

    assert first == "1,678 contacts done"
    assert "time left" not in "".join(others)
    assert "time left" not in "".join(texts(screen_lines(shared, 80)))
    assert "time left" in "".join(texts(screen_lines(alone, 80)))
    assert plain_line(make_view(total=None, done=1))[0].text == "1 contact done"
