"""PURE: charts over time as SVG, with their legends, axes and figures as HTML.

The drawing is stretched to the width that there is. All text stands beside it, so that
it can be read at any width, and by screen readers.
"""

from collections.abc import Sequence

import attrs

from digitro_async.reports._html_parts import HTMLPiece, text_piece

__all__ = ["LEAST_COLUMNS", "ChartColumn", "ChartSeries", "column_chart"]

_HEIGHT = 100.0
LEAST_COLUMNS = 24
"""Fewer columns would be as wide as a hand."""

_GAP = 0.1


@attrs.frozen(kw_only=True)
class ChartSeries:
    """What one part of each column stands for.

    Attributes:
        name: Its name in the legend.
        kind: Its class, which has its colour.
    """

    name: str
    kind: str


@attrs.frozen(kw_only=True)
class ChartColumn:
    """One column.

    Attributes:
        label: What it stands for, such as a time.
        values: The height of each part, from the bottom.
    """

    label: str
    values: Sequence[float]


def column_chart(
    key: str,
    title: str,
    description: str,
    *,
    series: Sequence[ChartSeries],
    columns: Sequence[ChartColumn],
    ends_at: str,
    top: str,
    most: float,
    line: tuple[float, str] | None = None,
    unit: str = "",
) -> HTMLPiece:
    """Return a chart of columns, each of several parts.

    Args:
        key: A name that no other chart of the page has.
        title: What it shows.
        description: The same in a sentence, with its figures.
        series: The parts of the columns.
        columns: The columns.
        ends_at: The label of the right end.
        top: The label of the greatest height.
        most: The greatest height.
        line: A height that is marked from left to right, and its name.
        unit: What stands behind a value.
    """
    places = max(len(columns), LEAST_COLUMNS)
    scale = _HEIGHT / (most or 1.0)
    drawn = "".join(
        _column(place, column, series, scale, unit)
        for place, column in enumerate(columns)
    )
    marked = ""
    if line is not None:
        height = _HEIGHT - line[0] * scale
        marked = (
            f'<line class="cap-line" x1="0" x2="{places}" y1="{height:.2f}" '
            f'y2="{height:.2f}" vector-effect="non-scaling-stroke"/>'
        )
    first = columns[0].label if columns else ""
    return HTMLPiece(
        f'<figure role="group" aria-labelledby="{key}-caption">'
        f'<figcaption id="{key}-caption">{text_piece(title)}</figcaption>'
        f'<div class="axis"><span>{text_piece(top)}</span></div>\n'
        f'<svg class="plot" role="img" aria-labelledby="{key}-title {key}-desc" '
        f'viewBox="0 0 {places} {_HEIGHT:g}" preserveAspectRatio="none">'
        f'<title id="{key}-title">{text_piece(title)}</title>'
        f'<desc id="{key}-desc">{text_piece(description)}</desc>'
        f"{drawn}{marked}</svg>\n"
        f'<div class="axis"><span>{text_piece(first)}</span>'
        f"<span>{text_piece(ends_at)}</span></div>"
        f"{_legend(series, line)}</figure>"
    )


def _column(
    place: int,
    column: ChartColumn,
    series: Sequence[ChartSeries],
    scale: float,
    unit: str,
) -> str:
    parts, below = [], _HEIGHT
    for value, one in zip(column.values, series, strict=True):
        if value > 0:
            height = value * scale
            below -= height
            parts.append(
                f'<rect class="{one.kind}" x="{place + _GAP / 2:.2f}" y="{below:.2f}" '
                f'width="{1 - _GAP:.2f}" height="{height:.2f}"/>'
            )
    said = ", ".join(
        f"{one.name} {value:,.6g}{unit}"
        for value, one in zip(column.values, series, strict=True)
        if value
    )
    if not said:
        return ""
    return (
        f"<g><title>{text_piece(f'{column.label}: {said}')}</title>{''.join(parts)}"
        f'<rect class="hover" x="{place}" y="0" width="1" height="{_HEIGHT:g}"/></g>'
    )


def _legend(series: Sequence[ChartSeries], line: tuple[float, str] | None) -> str:
    items = [
        '<li><svg class="swatch" viewBox="0 0 1 1" aria-hidden="true">'
        f'<rect class="{one.kind}" width="1" height="1"/></svg>'
        f"{text_piece(one.name)}</li>"
        for one in series
    ]
    if line is not None:
        items.append(
            '<li><svg class="swatch" viewBox="0 0 12 12" aria-hidden="true">'
            '<line class="cap-line" x1="0" x2="12" y1="6" y2="6"/></svg>'
            f"{text_piece(line[1])}</li>"
        )
    return f'<ul class="legend">{"".join(items)}</ul>'
