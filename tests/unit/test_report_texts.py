"""Texts of a report: short, right, and of nobody."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digitro_async.ledger import ledger_address
from digitro_async.privacy import MASK, Personal
from digitro_async.reports import sparkline
from digitro_async.reports._html_parts import Cell, bar_table, plain_table, text_piece
from digitro_async.reports._shown_texts import (
    masked_number,
    shown_ledger,
    shown_pabx,
    shown_reason,
)
from digitro_async.reports._words import (
    figure_text,
    local_time,
    seconds_words,
    share_text,
)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.0, "0 ms"),
        (0.0123, "12.3 ms"),
        (0.5, "500 ms"),
        (0.9997, "1,000 ms"),
        (1.5, "1.5 s"),
        (59.9, "59.9 s"),
        (61, "1 min 1 s"),
        (5400, "1 h 30 min"),
        (90_000, "1 d 1 h"),
    ],
)
def test_durations(seconds: float, words: str) -> None:
    """A duration has its unit, and no more figures than anybody needs."""
    assert seconds_words(seconds) == words


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (None, "-"),
        (0.0, "0.0 %"),
        (1.0, "100.0 %"),
        (0.99999, "99.9 %"),
        (1e-9, "0.1 %"),
    ],
)
def test_shares(share: float | None, text: str) -> None:
    """100 % is all of it and 0 % nothing, and nearly so is neither."""
    assert share_text(share) == text


@pytest.mark.parametrize("at", [None, float("nan"), 1e18, -1e18])
def test_times_that_are_none(at: float | None) -> None:
    """A time that is none is a dash."""
    assert local_time(at, 0.0) == "-"


@given(st.text(alphabet="0123456789+-() *#", max_size=25))
def test_numbers_are_masked(number: str) -> None:
    """At most the first and the last two digits of a number are seen."""
    shown = masked_number(Personal(number))

    assert sum(char.isdigit() for char in shown) <= 4
    if len([char for char in number if char.isdigit()]) < 8:
        assert shown == MASK


@pytest.mark.parametrize(
    ("reason", "shown"),
    [
        ("", ""),
        ("timeout", "timeout"),
        ("status_409", "status_409"),
        ("Maria 48991234567", "another_reason"),
        ("48991234567", "another_reason"),
        ("asked_48991234567", "another_reason"),
        ("maria@example.org", "another_reason"),
    ],
)
def test_reasons(reason: str, shown: str) -> None:
    """A code is shown, and any other text that stands as a reason is not."""
    assert shown_reason(reason) == shown


@pytest.mark.parametrize(
    "name", ["http://u:p@h", "10.1.2.3", "10.1.2.3:8080", "pabx:8080", "fe80::1", "u@h"]
)
def test_names_that_are_addresses(name: str) -> None:
    """An address that somebody took for a name is masked."""
    assert shown_pabx(name) == MASK
    assert shown_pabx("matriz 2") == "matriz 2"


def test_names_of_ledgers() -> None:
    """A ledger is named without its folder, its host and its user."""
    url = "postgresql://maria:canary@db.internal/calls"

    assert shown_ledger(ledger_address("/home/maria/spring.db")) == "spring.db"
    assert shown_ledger(ledger_address(url)) == "campaign default"
    assert shown_ledger(ledger_address(url, campaign="spring")) == "campaign spring"


def test_sparklines() -> None:
    """The greatest value has the tallest bar, nothing none, and the least is seen."""
    assert sparkline([0, 1, 50, 100]) == " \u2581\u2585\u2588"
    assert sparkline([0, 1, 100], ascii_only=True) == " .@"
    assert sparkline([]) == sparkline([], ascii_only=True) == ""
    assert sparkline([0, 0]) == "  "


@given(st.text(max_size=40))
def test_pieces_are_escaped(text: str) -> None:
    """No text makes a tag, an entity of its own, or a sign that steers anything."""
    piece = text_piece(text).html

    assert not set("<>\"'") & set(piece)
    assert piece.isprintable()
    table = plain_table("k", text, [Cell(text=text)], [[Cell(text=text, note=text)]])
    bars = bar_table("k", text, (text, text), [(text, 1, "plain")])
    for made, pieces in ((table, 4), (bars, 4)):
        assert made.html.count(piece) >= (pieces if piece else 0)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.25, "0.25"),
        (3.333333, "3.33"),
        (99.4, "99.4"),
        (99.96, "100"),
        (1000, "1,000"),
        (1234.5, "1,234"),
        (25_000, "25,000"),
    ],
)
def test_figures(value: float, text: str) -> None:
    """A figure has three digits, or all before the point, and never an exponent."""
    assert figure_text(value) == text
