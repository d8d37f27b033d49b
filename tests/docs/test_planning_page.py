"""The page that plans for many machines says what the measured costs come to."""

import json
from typing import Any

import pytest
from benchmark_modules import ROOT, module
from pages import blocks_of

pytestmark = pytest.mark.usefixtures("checkout")

PAGE = ROOT / "docs" / "planning.md"


def planned(**given: Any) -> Any:
    """Return what a fleet takes by made-up costs."""
    many_machines = module("questions.many_machines")
    costs = many_machines.Costs(
        statement=1000, call=100, wal=1000, contact=1000, connections=4
    )
    values = {"workers": 1, "pabx": 1, "rate": 1, "contacts": 0, **given}
    return many_machines.plan(
        many_machines.Fleet(**values), costs, many_machines.Server()
    )


def test_the_page_is_made_of_what_was_measured() -> None:
    """Table and picture are those that the command writes."""
    many_machines = module("questions.many_machines")
    measured = json.loads(many_machines.COSTS.read_text())
    text = many_machines.report(measured, many_machines.Server())

    assert text in PAGE.read_text(encoding="utf-8")
    [picture] = blocks_of("planning", "What it costs", "text")
    assert picture.strip() in text


def test_more_takes_more() -> None:
    """Each thing that a fleet has more of takes more of the server."""
    one = planned(rate=10)

    assert planned(rate=20).processor > one.processor
    assert planned(rate=20).wal == 2 * one.wal
    assert planned(rate=10, workers=2).connections == 2 * one.connections
    assert planned(rate=10, contacts=4e9).databases == 2
    assert planned(rate=10, contacts=4e9).first == "disk"


def test_many_calls_share_statements() -> None:
    """The same calls of fewer workers take less of the processor."""
    assert planned(rate=10_000).processor < planned(rate=10_000, workers=50).processor


def test_costs_are_a_line() -> None:
    """What a statement takes and what a call takes are told apart."""
    rows = [
        {
            "statements_a_call": statements,
            "server_us_a_call": 100 + 50 * statements,
            "wal_bytes_a_call": 7,
        }
        for statements in (1, 2, 4)
    ]
    costs = module("questions.many_machines").Costs.of_file(
        {"in_flight": rows, "bytes_a_contact": {"a": 3}, "connections_a_worker": 4}
    )

    assert costs.statement == pytest.approx(50)
    assert costs.call == pytest.approx(100)


def test_the_page_is_written(tmp_path: Any) -> None:
    """What stands between the marks is replaced, and nothing else."""
    many_machines = module("questions.many_machines")
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- many-machines -->\nold\n<!-- /many-machines -->\nb\n")
    many_machines.write_page("new\n", page)

    assert page.read_text() == (
        "a\n<!-- many-machines -->\n\nnew\n\n<!-- /many-machines -->\nb\n"
    )
