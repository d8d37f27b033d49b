"""PURE: a campaign in some lines for a terminal, with its course as small bars."""

from collections.abc import Iterator, Sequence
from typing import Final

from digitro_async.call_events import Disposition
from digitro_async.reports._campaign_tally import AttemptOutcome
from digitro_async.reports._campaign_view import CampaignView
from digitro_async.reports._words import (
    count_text,
    figure_text,
    local_time,
    name_text,
    seconds_words,
    share_text,
)

__all__ = ["sparkline", "summary_lines"]

_BLOCKS: Final = "\u2581\u2582\u2583\u2584\u2585\u2586\u2587\u2588"
_SIGNS: Final = ".:-=+*#@"
"""The same for a terminal that shows ASCII alone."""

_COLUMNS: Final = 48
_NAME: Final = 14
_MOST_ROWS: Final = 8


def sparkline(values: Sequence[float], *, ascii_only: bool = False) -> str:
    """Return values as one small bar each; nothing at all is a blank.

    Args:
        values: The values, none below 0.
        ascii_only: Whether the terminal shows ASCII alone.
    """
    bars = _SIGNS if ascii_only else _BLOCKS
    most = max(values, default=0.0)
    return "".join(
        bars[min(int(value / most * len(bars)), len(bars) - 1)] if value else " "
        for value in values
    )


def summary_lines(view: CampaignView, *, ascii_only: bool = False) -> list[str]:
    """Return the lines.

    Args:
        view: The campaign.
        ascii_only: Whether the terminal shows ASCII alone.
    """
    attempts = count_text(view.attempted, "attempt")
    lines = [f"{view.name}: {count_text(view.contacts, 'contact')}, {attempts}"]
    if view.problem:
        lines.append(view.problem)
    lines += _states(view)
    lines += _course(view, ascii_only=ascii_only)
    lines += _ends(view, ascii_only=ascii_only)
    lines += _answers(view)
    lines += [*_figures(view), *_held_back(view), *_waits(view), *_to_do(view)]
    return lines


def _course(view: CampaignView, *, ascii_only: bool) -> Iterator[str]:
    intervals, width = view.timeline.intervals, view.timeline.width
    if not intervals:
        yield "no attempt was made yet"
        return
    begin = local_time(intervals[0].begins_at, view.offset)
    end = local_time(intervals[-1].begins_at + width, view.offset)
    yield f"attempts from {begin} to {end} ({view.zone})"
    busiest = max(one.begun for one in intervals) / width
    cap = "" if view.timeline.cap is None else f", cap {figure_text(view.timeline.cap)}"
    bars = _bars([one.begun for one in intervals], ascii_only=ascii_only)
    yield _row("rate", bars, f"at most {figure_text(busiest)} a second{cap}")
    for outcome in AttemptOutcome:
        count = view.attempts[outcome]
        if count:
            values = [one.outcomes.get(outcome, 0) for one in intervals]
            yield _row(
                name_text(outcome),
                _bars(values, ascii_only=ascii_only),
                f"{count:,} ({share_text(count / view.attempted)})",
            )


def _ends(view: CampaignView, *, ascii_only: bool) -> Iterator[str]:
    if view.ends or view.awaited:
        to_come = f", {view.awaited:,} to come" if view.awaited else ""
        yield f"ends of calls: {sum(view.ends.values()):,} known{to_come}"
    for disposition in Disposition:
        count = view.ends.get(disposition)
        if count:
            values = [
                one.dispositions.get(disposition, 0) for one in view.timeline.intervals
            ]
            bars = _bars(values, ascii_only=ascii_only)
            yield _row(name_text(disposition), bars, f"{count:,}")


def _answers(view: CampaignView) -> Iterator[str]:
    if view.latency is not None:
        yield (
            f"answers: half within {seconds_words(view.latency.median)}, 99 of 100 "
            f"within {seconds_words(view.latency.p99)}"
        )
    for one in view.pabx[:_MOST_ROWS] if len(view.pabx) > 1 else ():
        cap = "" if one.cap is None else f", cap {figure_text(one.cap)}"
        yield (
            f"  {one.name}: {count_text(one.attempts, 'attempt')}, "
            f"{one.outcomes[AttemptOutcome.ACCEPTED]:,} accepted, busiest second "
            f"{one.peak:,}{cap}"
        )


def _figures(view: CampaignView) -> Iterator[str]:
    yield "the list:"
    for one in view.figures:
        share = f"{share_text(one.share):>8}"
        yield f"  {one.name.lower():<{_NAME}}{share}  {one.part:,} of {one.whole:,}"


def _held_back(view: CampaignView) -> Iterator[str]:
    if view.reasons:
        yield "not accepted:"
    for one in view.reasons[:_MOST_ROWS]:
        attempts = count_text(one.attempts, "attempt")
        yield f"  {one.pabx}: {attempts} {one.words} ({name_text(one.outcome)})"
    left = len(view.reasons) - _MOST_ROWS
    if left > 0:
        yield f"  and {left} more in the page: --out report.html"
    if view.standstills:
        longest = view.standstills[0]
        yield (
            f"longest time without an attempt: {seconds_words(longest.seconds)}, from "
            f"{local_time(longest.began_at, view.offset)}; the attempts before "
            f"{longest.before}"
        )


def _waits(view: CampaignView) -> Iterator[str]:
    waits = view.waits
    if waits is None or not sum(waits.counts.values()):
        return
    due = local_time(waits.next_due, view.offset)
    total = count_text(waits.contacts.total, "contact waits", "contacts wait")
    yield f"{total}, the next one until {due}:"
    for words, count in waits.counts.items():
        if count:
            yield f"  {count:,} {words}"


def _to_do(view: CampaignView) -> Iterator[str]:
    if view.unknown.total:
        yield (
            f"to reconcile: {count_text(view.unknown.total, 'unknown contact')}; "
            "digitro reconcile settles them with evidence"
        )


def _states(view: CampaignView) -> Iterator[str]:
    for state, count in view.states.items():
        if count:
            share = share_text(count / view.contacts)
            yield f"  {name_text(state):<{_NAME}}{count:>12,}  {share:>7}"


def _row(name: str, bars: str, figures: str) -> str:
    return f"  {name:<{_NAME}}{bars}  {figures}"


def _bars(values: Sequence[int], *, ascii_only: bool) -> str:
    """Return the small bars of values, as many as fit: of several their sum."""
    each = -(-len(values) // _COLUMNS)
    sums = [sum(values[i : i + each]) for i in range(0, len(values), each)]
    return sparkline(sums, ascii_only=ascii_only)
