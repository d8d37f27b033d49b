"""PURE: the lines of a screen, for any width: a bar, figures, what holds the run back.

Colours are names that terminals map to what can be read on their background, light or
dark; nothing is told by a colour alone.
"""

import textwrap
from collections.abc import Iterator, Sequence

from digitro_async.call_events import Disposition
from digitro_async.cli._figure_words import clock, per_second, seconds_text
from digitro_async.cli._limit_words import explain, notes
from digitro_async.cli._run_view import RunPhase, RunView
from digitro_async.cli._screen_parts import GOOD, Line, Span, bar, percent
from digitro_async.dispatch._limits import Limit
from digitro_async.dispatch._statistics import PABXStatistics
from digitro_async.errors import Outcome

__all__ = ["plain_line", "screen_lines"]

MOST_REASONS = 4
"""Most lines of what holds the run back; a hundred PABX would fill the screen."""

BAD, NOTE = "red", "magenta"

_WITHOUT_TIME_LEFT = frozenset({RunPhase.STOPPING, RunPhase.ENDING, RunPhase.WAITING})
"""Phases in which the list won't be done, or is."""

_STYLES = {Outcome.ACCEPTED: GOOD, Outcome.UNKNOWN: BAD}


def screen_lines(view: RunView, width: int, *, ascii_only: bool = False) -> list[Line]:
    """Return the lines of a screen.

    Args:
        view: The run.
        width: Columns of the terminal.
        ascii_only: Whether the terminal shows ASCII alone.
    """
    width = max(width, 1)
    lines = [_first_line(view, width, ascii_only=ascii_only)]
    lines += _flow(_figures(view), width)
    lines += _flow(_outcomes(view), width)
    lines += _flow(_ends(view), width)
    for text, style in _reasons(view):
        parts = textwrap.wrap(text, width, break_on_hyphens=False)
        lines += [[Span(part, style)] for part in parts]
    return lines


def plain_line(view: RunView) -> Line:
    """Return everything that the screen shows as one line."""
    line = [Span(_counted(view), "bold")]
    for part in (*_figures(view), *_outcomes(view), *_ends(view)):
        line += [Span(", "), *part]
    for text, style in _reasons(view):
        line += [Span("; "), Span(text, style)]
    return line


def _first_line(view: RunView, width: int, *, ascii_only: bool) -> Line:
    counted = _counted(view)
    if view.total is None:  # nobody knows how much of it that is
        return [Span(counted[:width], "bold")]
    share = view.done / view.total if view.total else 1.0
    return bar(share, counted, width, ascii_only=ascii_only)


def _counted(view: RunView) -> str:
    if view.total is None:
        return f"{view.done:,} {'contact' if view.done == 1 else 'contacts'} done"
    share = view.done / view.total if view.total else 1.0
    return f"{view.done:,} of {view.total:,} ({percent(share)})"


def _figures(view: RunView) -> Iterator[Line]:
    rate = view.rate
    yield [Span(f"{per_second(round(rate, 1))}", "bold"), Span(" on average")]
    latency = _latency(view.pabx)
    if latency is not None:
        yield [Span("answers in "), Span(seconds_text(latency), "bold")]
    yield [Span("on the wire "), Span(f"{view.in_flight:,}", "bold")]
    if _has_time_left(view):
        left = "unknown" if view.time_left is None else clock(view.time_left)
        yield [Span("time left "), Span(left, "bold")]


def _has_time_left(view: RunView) -> bool:
    if view.total is None or view.is_one_of_several:  # others take what is left
        return False
    if view.is_between_calls:  # nobody knows yet how many are called again
        return False
    return view.phase not in _WITHOUT_TIME_LEFT


def _latency(pabx: Sequence[PABXStatistics]) -> float | None:
    known = [one.latency for one in pabx if one.latency is not None]
    return max(known, default=None)


def _outcomes(view: RunView) -> Iterator[Line]:
    for outcome in Outcome:
        count = view.outcomes.get(outcome, 0)
        if outcome is Outcome.NOT_SENT:
            count -= view.put_back
        if count or outcome is Outcome.ACCEPTED:
            name = outcome.value.replace("_", " ")
            yield [Span(f"{name} "), Span(f"{count:,}", _STYLES.get(outcome, NOTE))]
    if view.put_back:
        yield [Span("put back "), Span(f"{view.put_back:,}", NOTE)]
    for name, count in view.by_rules.items():
        yield [Span(f"{name} "), Span(f"{count:,}", NOTE)]
    if view.rejected_rows:
        yield [Span("rejected rows "), Span(f"{view.rejected_rows:,}", NOTE)]


def _ends(view: RunView) -> Iterator[Line]:
    """Yield what became of calls, where that is heard."""
    if not view.hears_ends:
        return
    yield [Span("in progress "), Span(f"{view.in_progress:,}", "bold")]
    for disposition, count in view.dispositions.items():
        name = disposition.value.replace("_", " ")
        style = GOOD if disposition is Disposition.ANSWERED else ""
        yield [Span(f"{name} "), Span(f"{count:,}", style)]


def _reasons(view: RunView) -> Iterator[tuple[str, str]]:
    texts = explain(view)
    for text in texts[:MOST_REASONS]:
        yield text, _style_of(view, text)
    if len(texts) > MOST_REASONS:
        yield f"and {len(texts) - MOST_REASONS} more", ""
    for text in notes(view)[:MOST_REASONS]:
        yield text, NOTE


def _style_of(view: RunView, text: str) -> str:
    if view.phase is RunPhase.STOPPING:
        return NOTE
    if "paused" in text:
        return BAD
    calm = {Limit.CAP, Limit.SOURCE, Limit.IDLE}
    return GOOD if all(view.limit_of(one) in calm for one in view.pabx) else NOTE


def _flow(parts: Iterator[Line], width: int) -> list[Line]:
    """Put parts into lines, none of them broken up unless it is wider than a line."""
    lines: list[Line] = []
    room = 0
    for part in parts:
        columns = sum(len(span.text) for span in part)
        if lines and columns + 3 <= room:
            lines[-1] += [Span("   "), *part]
            room -= columns + 3
        else:
            lines.append(_cut(part, width))
            room = width - columns
    return lines


def _cut(line: Line, width: int) -> Line:
    cut = []
    for span in line:
        cut.append(Span(span.text[: max(0, width)], span.style))
        width -= len(span.text)
    return cut
