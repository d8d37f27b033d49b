"""Runs the blocks of docs/telemetry.md, and compares its tables and the dashboard."""

import asyncio
import json
import logging
import re
from collections.abc import Iterator
from typing import get_args

import pytest
import structlog
from dashboard import DASHBOARD
from examples import Tour, filial, tour
from pages import blocks_of, rows_under, text_under, ticked

from digitro_async import Activity
from digitro_async.exporters import METRICS
from digitro_async.exporters._label_values import NO_PABX, OTHER
from digitro_async.observe._activity_stream import MOST_WAITING

__all__ = ["filial", "tour"]

SAMPLES = {
    "counter": ("_total",),
    "gauge": ("",),
    "histogram": ("_bucket", "_count", "_sum"),
}
WRITTEN = {
    f"{metric.name}{ending}": {*metric.labels, *({"le"} if ending == "_bucket" else ())}
    for metric in METRICS
    for ending in SAMPLES[metric.kind]
}
"""The names that are written for Prometheus, each with its labels."""


@pytest.fixture
def loggers() -> Iterator[None]:
    """Take off what the examples put on the library's loggers."""
    kept = [logging.getLogger(f"digitro_async{name}") for name in ("", ".activity")]
    before = [(one, list(one.handlers), one.level) for one in kept]
    yield
    for logger, handlers, level in before:
        logger.handlers[:] = handlers
        logger.setLevel(level)
    structlog.reset_defaults()


async def test_every_block_runs(
    tour: Tour, loggers: None, capfd: pytest.CaptureFixture[str]
) -> None:
    """The examples run as they stand, in order, in one program."""
    names = await tour("telemetry", "What happens")
    assert names["names"][:3] == ["CallQueued", "CallSent", "CallSettled"]
    assert set(names["names"][3:]) <= {"ClientEvent"}
    assert "1 accepted 0." in capfd.readouterr().out

    names = await tour("telemetry", "Prometheus")
    assert b'digitro_calls_in_flight{pabx="matriz"}' in names["text"]

    await tour("telemetry", "OpenTelemetry")
    await tour("telemetry", "Logs")
    lines = capfd.readouterr().err.splitlines()
    (shown,) = blocks_of("telemetry", "Logs", "json")
    wanted, written = json.loads(shown), json.loads(lines[-1])
    settled = next(one for one in map(json.loads, lines) if "serial" in one)
    assert list(settled) == list(wanted)
    assert settled["event"] == "call_settled"
    assert written["logger"].startswith("digitro_async")

    logging.getLogger("digitro_async").handlers.clear()
    await tour("telemetry", "structlog")
    await tour("telemetry", "Logs")
    told = [json.loads(one) for one in capfd.readouterr().err.splitlines()]
    by_structlog = [one for one in told if "logger" not in one and "serial" in one]
    assert [one["event"] for one in by_structlog] == ["call_settled"]
    assert by_structlog[0]["level"] == "info"
    assert by_structlog[0]["outcome"] == "accepted"
    await asyncio.sleep(0)


def test_every_activity_is_described() -> None:
    """The table names every class that a client tells of."""
    shown = [ticked(cells[0])[0] for cells in rows_under("telemetry", "What happens")]

    assert {name for name in shown if name[0].isupper()} == {
        kind.__name__ for kind in get_args(Activity)
    }


def test_every_metric_is_described() -> None:
    """The table has every metric, as it is written, and no other."""
    shown = [
        (ticked(name)[0], kind, tuple(ticked(labels)))
        for name, kind, labels, _ in rows_under("telemetry", "Prometheus")
    ]

    assert shown == [
        (
            metric.name + ("_total" if metric.kind == "counter" else ""),
            metric.kind,
            metric.labels,
        )
        for metric in METRICS
    ]


def test_what_stands_for_the_unknown() -> None:
    """The page names the label of a reason or a PABX that is not known."""
    assert {NO_PABX, OTHER} <= set(ticked(text_under("telemetry", "Prometheus")))


def test_most_activities_that_wait() -> None:
    """The page says how many activities may wait."""
    assert f"{MOST_WAITING:,} activities" in text_under(
        "telemetry", "What happens"
    ).replace("\n", " ")


def test_the_commands_that_serve_metrics() -> None:
    """The example has the option of both commands that dial."""
    (shown,) = blocks_of("telemetry", "Prometheus", "console")

    assert re.findall(r"digitro (\w+) .*--metrics-port \d+", shown) == [
        *("dial", "worker")
    ]


def queries() -> list[str]:
    """Return every query of the dashboard."""
    return [
        target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]
    ]


@pytest.mark.parametrize("query", queries())
def test_a_query_of_the_dashboard(query: str) -> None:
    """A query asks for names and labels that are written, and for no others."""
    asked = re.findall(r"(digitro_\w+)(?:\{([^}]*)\})?", query)
    summed = {
        label
        for labels in re.findall(r"by \(([^)]*)\)", query)
        for label in labels.split(", ")
    }

    assert asked
    for name, selected in asked:
        labels = {one.split("=")[0].strip() for one in selected.split(",") if one}
        assert name in WRITTEN
        assert labels | summed <= WRITTEN[name]


def test_every_metric_is_on_the_dashboard() -> None:
    """Whatever is counted is shown somewhere."""
    asked = set(re.findall(r"digitro_\w+", " ".join(queries())))

    assert [
        metric.name
        for metric in METRICS
        if not any(f"{metric.name}{ending}" in asked for ending in SAMPLES[metric.kind])
    ] == []


def test_the_bounds_of_short_calls() -> None:
    """A bound that the dashboard names is one of a bucket's, as it is written."""
    bounds = set(re.findall(r'le="([^"]+)"', " ".join(queries())))

    assert bounds == {"6.0"}


def test_panels_have_places_of_their_own() -> None:
    """No two panels of the dashboard lie on each other, and each has its number."""
    taken = [
        (panel["gridPos"]["x"] + x, panel["gridPos"]["y"] + y)
        for panel in DASHBOARD["panels"]
        for x in range(panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["h"])
    ]
    numbers = [panel["id"] for panel in DASHBOARD["panels"]]

    assert len(taken) == len(set(taken))
    assert len(numbers) == len(set(numbers))
    assert {place[0] for place in taken} == set(range(24))
