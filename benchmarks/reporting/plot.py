"""PURE: a record of figures -> a picture of them, as SVG that needs nothing else."""

import statistics
from collections.abc import Iterable
from typing import Any
from xml.sax.saxutils import escape

import attrs

WIDTH, LABELS, ROW, HEAD = 890, 220, 22, 52
"""Pixels: of the picture, of the names at its left, of a bar's row, of a heading."""
BARS = WIDTH - LABELS - 240
"""Pixels of the longest bar; the figures stand to its right."""
TOO_LONG = 10
"""Times the median bar, beyond which a bar is cut so that the others can be seen."""

_STYLE = """\
text { font: 12px system-ui, sans-serif; fill: #1f2328 }
.head { font-size: 14px; font-weight: 600 }
.note { fill: #59636e }
.back { fill: #ffffff }
.ours { fill: #2f6fde }
.other { fill: #8c959f }
.limit { fill: #d0d7de }
.mark { stroke: #1f2328; stroke-width: 1.5; fill: none }
.one { stroke: #59636e; stroke-dasharray: 3 3 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .note { fill: #9198a1 }
  .back { fill: #0d1117 }
  .ours { fill: #4c8dff }
  .other { fill: #6e7681 }
  .limit { fill: #3d444d }
  .mark { stroke: #e6edf3 }
  .one { stroke: #9198a1 }
}
"""

_COLOURS = "blue: this library; grey: other clients; pale: limits, which may be cut"
_OURS = ("digitro", "digitro-public", "campaign")
_LIMITS = ("raw-protocol", "wrk")


@attrs.frozen
class Bar:
    """One contender in a panel.

    Attributes:
        label: Its name.
        value: The median.
        low: The lowest of all rounds.
        high: The highest.
    """

    label: str
    value: float
    low: float
    high: float

    @property
    def kind(self) -> str:
        """The class of the bar: ours, other or limit."""
        if self.label.startswith(_OURS):
            return "ours"
        return "limit" if self.label.startswith(_LIMITS) else "other"


@attrs.frozen
class Panel:
    """The bars of a scenario.

    Attributes:
        title: Title.
        note: Help for the reader, under the title.
        bars: The bars, in order.
        unit: Unit behind each figure.
        line: Value at which a line is drawn for comparison, None for none.
    """

    title: str
    note: str
    bars: list[Bar]
    unit: str = ""
    line: float | None = None


def draw(record: dict[str, Any]) -> str:
    """Return the picture of a record: a panel for each of its scenarios.

    Calls a second are shown by gather's of the same round; where calls were due at
    fixed times everybody makes the same number of them, so it is latency instead.
    """
    parts = [part for part in record["parts"].items() if "to_gather" in part[1]]
    panels = [
        _latencies(name, part) if part["scenario"].get("rate") else _ratios(name, part)
        for name, part in parts
    ]
    machine = record["machine"]
    taken = f"{machine['taken_at']}, Python {machine['python']}, {machine['processor']}"
    return picture([panel for panel in panels if panel.bars], taken)


def _ratios(name: str, part: dict[str, Any]) -> Panel:
    bars = [
        Bar(one["ours"], one["speed"], one["lowest"], one["highest"])
        for one in part["to_gather"]
    ]
    title = f"{name}: calls a second, gather = 1"
    note = "median of all rounds; line: lowest to highest"
    if part["scenario"]["tls"]:
        note += "; +tls: over https, to gather over https"
    return Panel(title, note, bars, "", 1.0)


def _latencies(name: str, part: dict[str, Any]) -> Panel:
    bars = []
    for contender, one in part["medians"].items():
        every = [
            figures
            for figures_of_round in part["rounds"]
            for figures in figures_of_round
            if figures["contender"] == contender
        ]
        clean = [figures for figures in every if not figures["noisy"]]
        seen = [figures["p99_ms"] for figures in clean or every]
        bars.append(Bar(contender, one["values"]["p99_ms"], min(seen), max(seen)))
    note = "from when a call was due to its answer; less is better"
    return Panel(f"{name}: p99 latency in ms", note, bars, " ms")


def picture(panels: list[Panel], taken: str) -> str:
    """Return panels, one under the other, as SVG.

    Args:
        panels: The panels.
        taken: Time and machine of the figures.
    """
    body: list[str] = []
    top = 54
    for panel in panels:
        body += _panel(panel, top)
        top += HEAD + ROW * len(panel.bars) + 18
    summary = "; ".join(
        f"{panel.title}: "
        + ", ".join(f"{bar.label} {_text(bar, panel.unit)}" for bar in panel.bars)
        for panel in panels
    )
    shape = (
        f'xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top}" '
        f'width="{WIDTH}" height="{top}" role="img" aria-labelledby="title desc"'
    )
    return "\n".join(
        (
            f"<svg {shape}>",
            '<title id="title">Benchmarks of digitro-async</title>',
            f'<desc id="desc">{escape(f"{taken}. {summary}")}</desc>',
            f"<style>{_STYLE}</style>",
            f'<rect class="back" width="{WIDTH}" height="{top}"/>',
            _words(12, 22, taken, "note"),
            _words(12, 40, _COLOURS, "note"),
            *body,
            "</svg>\n",
        )
    )


def _panel(panel: Panel, top: float) -> Iterable[str]:
    yield _words(12, top + 16, panel.title, "head")
    yield _words(12, top + 34, panel.note, "note")
    most = max(longest(panel.bars), panel.line or 0)
    scale = BARS / most
    first = top + HEAD
    if panel.line is not None:
        at, end = LABELS + panel.line * scale, first + ROW * len(panel.bars)
        yield f'<path class="one" d="M{at:.1f} {first - 4}V{end}"/>'
    for number, bar in enumerate(panel.bars):
        yield from _bar(bar, panel.unit, first + ROW * number, scale, most)


def longest(bars: list[Bar]) -> float:
    """Return the value of the longest bar that is drawn whole, its line included.

    Limits don't count where there are others: they would make those too short to be
    compared.
    """
    seen = [bar for bar in bars if bar.kind != "limit"] or bars
    usual = TOO_LONG * statistics.median(bar.value for bar in seen)
    return max([bar.high for bar in seen if bar.value <= usual] + [1e-9])


def _bar(bar: Bar, unit: str, top: float, scale: float, most: float) -> Iterable[str]:
    cut = bar.value > most
    length = BARS + 12 if cut else bar.value * scale
    middle = top + ROW / 2 - 2
    yield _words(LABELS - 8, middle + 4, bar.label, "", end=True)
    yield (
        f'<rect class="{bar.kind}" x="{LABELS}" y="{top}" width="{length:.1f}" '
        f'height="{ROW - 6}" rx="2"/>'
    )
    end = length
    if cut:
        at = LABELS + BARS
        yield f'<path class="mark" d="M{at - 3} {top + ROW - 4}l6 {2 - ROW}"/>'
    else:
        low, high = (LABELS + value * scale for value in (bar.low, bar.high))
        end = max(length, bar.high * scale)
        yield (
            f'<path class="mark" d="M{low:.1f} {middle}H{high:.1f}'
            f'M{low:.1f} {middle - 4}v8M{high:.1f} {middle - 4}v8"/>'
        )
    text = _text(bar, unit) + (" (bar cut)" if cut else "")
    yield _words(LABELS + end + 8, middle + 4, text, "")


def _text(bar: Bar, unit: str) -> str:
    digits = 2 if bar.value < 10 else 1 if bar.value < 1000 else 0
    low, value, high = (f"{one:.{digits}f}" for one in (bar.low, bar.value, bar.high))
    return f"{value}{unit} ({low} to {high})"


def _words(x: float, y: float, text: str, kind: str, *, end: bool = False) -> str:
    kinds = f' class="{kind}"' if kind else ""
    anchor = ' text-anchor="end"' if end else ""
    return f'<text x="{x:.1f}" y="{y:.1f}"{kinds}{anchor}>{escape(text)}</text>'
