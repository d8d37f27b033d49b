"""PURE: the sections of a page that show what happened when."""

import math
from collections.abc import Sequence

from digitro_async.call_events import Disposition
from digitro_async.reports._campaign_tally import AttemptOutcome
from digitro_async.reports._campaign_view import CampaignView, Interval
from digitro_async.reports._html_parts import (
    Cell,
    HTMLPiece,
    bar_table,
    joined,
    plain_table,
    text_piece,
)
from digitro_async.reports._svg_charts import (
    LEAST_COLUMNS,
    ChartColumn,
    ChartSeries,
    column_chart,
)
from digitro_async.reports._words import (
    count_text,
    figure_text,
    local_time,
    name_text,
    seconds_words,
    share_text,
)

__all__ = ["ends_section", "outcomes_section", "rate_section"]

_DAY = 86_400


def outcomes_section(view: CampaignView) -> HTMLPiece:
    """Return what came of attempts, in all and by time."""
    if not view.attempted:
        return _paragraph("No attempt was made yet.")
    outcomes = [one for one in AttemptOutcome if view.attempts[one]]
    series = [
        ChartSeries(name=name_text(one), kind=_kind(one.value)) for one in outcomes
    ]
    rows = [(name_text(one), view.attempts[one], _kind(one.value)) for one in outcomes]
    values = [
        [interval.outcomes.get(one, 0) for one in outcomes]
        for interval in view.timeline.intervals
    ]
    return joined(
        [
            _paragraph(
                "Attempts by the time when they began, and what was recorded of them "
                "first. Accepted means that the PABX took the call."
            ),
            bar_table("outcomes", "Attempts", ("outcome", "attempts"), rows),
            _by_time(view, "outcomes-by-time", "Attempts over time", series, values),
            _table_by_time(
                view, "outcomes-table", "Attempts over time", series, values
            ),
        ]
    )


def rate_section(view: CampaignView) -> HTMLPiece:
    """Return how fast attempts began, and what is known of what held them back."""
    intervals = view.timeline.intervals
    if not intervals:
        return _paragraph("No attempt was made yet.")
    width, cap = view.timeline.width, view.timeline.cap
    rates = [[one.begun / width] for one in intervals]
    series = [ChartSeries(name="attempts a second", kind="plain")]
    busiest = max(rates)[0]
    said = (
        f"At most {figure_text(busiest)} attempts a second within {_width_words(width)}"
    )
    if cap is not None:
        said += f"; the cap is {figure_text(cap)} a second"
    chart = column_chart(
        "rate",
        "Attempts a second",
        f"{said}.",
        series=series,
        columns=_columns(view, rates),
        ends_at=_end(view),
        top=f"{figure_text(max(busiest, cap or 0))} a second",
        most=max(busiest, cap or 0),
        line=None if cap is None else (cap, f"cap, {figure_text(cap)} a second"),
    )
    return joined([chart, _paragraph(f"{said}."), _held_back(view), _stops(view)])


def _awaited(view: CampaignView) -> str:
    if not view.awaited:
        return "No end is"
    return count_text(view.awaited, "end is", "ends are")


def ends_section(view: CampaignView) -> HTMLPiece:
    """Return how calls ended, in all, by time and by the hour of the day."""
    if not view.ends and not view.hours:
        waits = f" {count_text(view.awaited, 'end is', 'ends are')} to come."
        return _paragraph(
            "No end of a call is recorded." + (waits if view.awaited else "")
        )
    told = {
        one for interval in view.timeline.intervals for one in interval.dispositions
    }
    order = [one for one in Disposition if one in told]
    series = [ChartSeries(name=name_text(one), kind=_kind(one.value)) for one in order]
    rows = [
        (name_text(one), view.ends[one], _kind(one.value))
        for one in Disposition
        if view.ends.get(one)
    ]
    values = [
        [interval.dispositions.get(one, 0) for one in order]
        for interval in view.timeline.intervals
    ]
    pieces = [
        _paragraph(
            "How calls ended, as events of the PABX told: of each contact the last "
            "call. By time every call counts, at the time when it began. "
            f"{_awaited(view)} to come."
        ),
        bar_table("ends", "Ends of calls", ("end", "contacts"), rows),
        _by_time(view, "ends-by-time", "Ends of calls over time", series, values),
        _table_by_time(view, "ends-table", "Ends of calls over time", series, values),
        _hours(view),
    ]
    for name, durations in (("rang", view.ring), ("talked", view.talk)):
        if durations is not None:
            pieces.append(
                _paragraph(
                    f"Seconds that calls {name}, known of {durations.count:,}: half at "
                    f"most {seconds_words(durations.median)}, nine of ten at most "
                    f"{seconds_words(durations.p90)}."
                )
            )
    return joined(pieces)


def _hours(view: CampaignView) -> HTMLPiece:
    rows = [
        [
            Cell(text=f"{one.hour:02d}:00"),
            Cell(text=f"{one.ended:,}", is_number=True),
            Cell(text=f"{one.answered:,}", is_number=True),
            Cell(text=share_text(one.answered / one.ended), is_number=True),
        ]
        for one in view.hours
        if one.ended
    ]
    if not rows:
        return HTMLPiece("")
    head = [
        Cell(text="hour"),
        *(
            Cell(text=one, is_number=True)
            for one in ("calls with an end", "answered", "share")
        ),
    ]
    return plain_table("hours", f"By the hour of the day ({view.zone})", head, rows)


def _held_back(view: CampaignView) -> HTMLPiece:
    rows = [
        [
            Cell(text=one.pabx),
            Cell(text=one.words),
            Cell(text=f"{one.attempts:,}", is_number=True),
        ]
        for one in view.reasons
        if one.outcome is AttemptOutcome.NOT_PLACED
    ]
    now = [
        _paragraph(f"{one.name}: {words}")
        for one in view.pabx
        for words in one.held_back
    ]
    if not rows:
        return joined(
            [*now, _paragraph("No attempt was given back without having been placed.")]
        )
    head = [
        Cell(text="PABX"),
        Cell(text="attempts that were not placed"),
        Cell(text="attempts", is_number=True),
    ]
    table = plain_table("held-back", "What held attempts back", head, rows)
    return joined([*now, table])


def _stops(view: CampaignView) -> HTMLPiece:
    if not view.standstills:
        return _paragraph("There was no minute without an attempt between two.")
    rows = [
        [
            Cell(text=local_time(one.began_at, view.offset), is_fixed=True),
            Cell(text=seconds_words(one.seconds), is_number=True),
            Cell(text=one.before),
        ]
        for one in view.standstills
    ]
    head = [
        Cell(text="from"),
        Cell(text="time without an attempt", is_number=True),
        Cell(text="the last attempts before"),
    ]
    return plain_table("stops", "The longest times without an attempt", head, rows)


def _by_time(
    view: CampaignView,
    key: str,
    title: str,
    series: Sequence[ChartSeries],
    values: Sequence[Sequence[int]],
) -> HTMLPiece:
    most = max(map(sum, values), default=0)
    total = sum(map(sum, values))
    width = _width_words(view.timeline.width)
    return column_chart(
        key,
        title,
        f"{total:,} in all, at most {most:,} within {width}. The table below has the "
        "figures.",
        series=series,
        columns=_columns(view, values),
        ends_at=_end(view),
        top=f"{most:,} in {width}",
        most=most,
    )


def _table_by_time(
    view: CampaignView,
    key: str,
    caption: str,
    series: Sequence[ChartSeries],
    values: Sequence[Sequence[int]],
) -> HTMLPiece:
    rows = [
        [
            Cell(text=_label(view, interval)),
            *(Cell(text=f"{value:,}", is_number=True) for value in several),
        ]
        for interval, several in zip(view.timeline.intervals, values, strict=True)
        if any(several)
    ]
    head = [
        Cell(text=f"{_width_words(view.timeline.width)} from"),
        *(Cell(text=one.name, is_number=True) for one in series),
    ]
    table = plain_table(key, f"{caption}, in figures", head, rows)
    return HTMLPiece(f"<details><summary>Figures</summary>{table}</details>")


def _columns(
    view: CampaignView, values: Sequence[Sequence[float]]
) -> list[ChartColumn]:
    return [
        ChartColumn(label=_label(view, interval), values=several)
        for interval, several in zip(view.timeline.intervals, values, strict=True)
    ]


def _label(view: CampaignView, interval: Interval) -> str:
    return local_time(interval.begins_at, view.offset, view.timeline.width)


def _end(view: CampaignView) -> str:
    """Return the label of the right end of a chart, which may be further than told."""
    intervals, width = view.timeline.intervals, view.timeline.width
    if not intervals:
        return ""
    places = max(len(intervals), LEAST_COLUMNS)
    ends_at = intervals[0].begins_at + places * width
    return local_time(ends_at, view.offset, width)


def _width_words(width: int) -> str:
    for seconds, name in ((_DAY, "day"), (3600, "hour"), (60, "minute"), (1, "second")):
        if width % seconds == 0:
            return count_text(math.ceil(width / seconds), name)
    return count_text(width, "second")


def _kind(name: str) -> str:
    return name.replace("_", "-")


def _paragraph(text: str) -> HTMLPiece:
    return HTMLPiece(f"<p>{text_piece(text)}</p>")
