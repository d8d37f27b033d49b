"""Aligned plain text: tables of medians, of ratios, and of what changed."""

from collections.abc import Sequence
from typing import Any

from benchmarks.harness.scenarios import Scenario
from benchmarks.harness.selection import is_limit
from benchmarks.reporting.summary import Medians, Ratio

ENOUGH = 3
"""Undisturbed rounds that a median should rest on."""

_HEAD = (
    "contender",
    "calls/s",
    "CPU us/call",
    "CPU/wall",
    "p50 ms",
    "p99 ms",
    "p99.9 ms",
    "peak MiB",
    "clean",
)
_RATIO_HEAD = ("ratio", "who", "calls/s", "lowest-highest", "CPU/call", "p99", "clean")


def align(rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """Return the rows with aligned columns, a line under the first.

    Args:
        rows: Cells; the first row is the heading.
        left: Number of columns that are text, and so aligned to the left.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            cell.ljust(width) if number < left else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines)


def table(scenario: Scenario, medians: list[Medians], ratios: list[Ratio]) -> str:
    """Return the medians and, right under them, all ratios."""
    rows = [_HEAD, *(_median_row(one) for one in medians)]
    parts = [f"{scenario.title}; medians", "", align(rows)]
    limits = [one.contender for one in medians if is_limit(one.contender)]
    if limits:
        parts += ["", f"{', '.join(limits)}: what can be had at all, no client to use"]
    if "wrk" in limits:
        parts.append("wrk: nobody looked at the answers' call ids")
    if ratios:
        rows = [_RATIO_HEAD, *(_ratio_row(one) for one in ratios)]
        parts += ["", "ratios, round by round; medians", "", align(rows, left=2)]
    if min(one.clean for one in medians) < ENOUGH:
        parts += ["", f"~: fewer than {ENOUGH} undisturbed rounds; do not quote it"]
    return "\n".join(parts)


def _median_row(one: Medians) -> tuple[str, ...]:
    values = one.values
    return (
        one.contender,
        f"{values['calls_per_second']:,.0f}",
        f"{values['cpu_us']:.1f}",
        f"{values['cpu_share']:.0%}",
        f"{values['p50_ms']:.1f}",
        f"{values['p99_ms']:.1f}",
        f"{values['p999_ms']:.1f}",
        f"{values['peak_mib']:.1f}",
        _clean(one),
    )


def _ratio_row(one: Ratio) -> tuple[str, ...]:
    return (
        one.claim,
        f"{one.ours} / {one.other}",
        f"{one.speed:.2f}",
        f"{one.lowest:.2f}-{one.highest:.2f}",
        f"{one.cpu:.2f}",
        f"{one.p99:.2f}",
        _clean(one),
    )


def _clean(one: Medians | Ratio) -> str:
    return f"{'~' if one.clean < ENOUGH else ''}{one.clean}/{one.rounds}"


def changes(name: str, before: dict[str, Any], now: dict[str, Any]) -> str:
    """Return what changed between two records of a scenario.

    Args:
        name: Name of the scenario.
        before: The scenario's part of the earlier file.
        now: Its record now.
    """
    rows = [("what", "before", "now", "change")]
    old = {(one["ours"], one["other"]): one["speed"] for one in before["ratios"]}
    for one in now["ratios"]:
        pair = (one["ours"], one["other"])
        if pair in old:
            rows.append(_change(f"{pair[0]} / {pair[1]}", old[pair], one["speed"]))
    for contender, one in now["medians"].items():
        then = before["medians"].get(contender)
        if then is not None:
            values = (then["values"]["cpu_us"], one["values"]["cpu_us"])
            rows.append(_change(f"{contender}: CPU us a call", *values))
            if now["scenario"].get("rate"):
                values = (then["values"]["p99_ms"], one["values"]["p99_ms"])
                rows.append(_change(f"{contender}: p99 ms", *values))
    if len(rows) == 1:
        return f"{name}: nothing in common with the earlier file"
    note = "" if before["plan"] == now["plan"] else " (WITH ANOTHER PLAN)"
    return f"{name}: against the earlier file{note}\n\n{align(rows)}"


def _change(what: str, before: float, now: float) -> tuple[str, str, str, str]:
    return what, f"{before:.2f}", f"{now:.2f}", f"{now / before - 1:+.0%}"
