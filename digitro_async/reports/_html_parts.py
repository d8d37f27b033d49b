"""PURE: pieces of HTML, all of whose texts are escaped.

A piece is made of texts and of other pieces; whoever makes one from a text has it
escaped by that. No piece has a style attribute or a script.
"""

import html
from collections.abc import Iterable, Sequence

import attrs

from digitro_async._common.text import printable
from digitro_async.reports._words import share_text

__all__ = [
    "Cell",
    "HTMLPiece",
    "bar_table",
    "joined",
    "plain_table",
    "text_piece",
    "tiles",
]


@attrs.frozen
class HTMLPiece:
    """A piece of HTML.

    Attributes:
        html: The HTML.
    """

    html: str

    def __str__(self) -> str:
        return self.html


@attrs.frozen(kw_only=True)
class Cell:
    """A cell of a table, or the head of a column.

    Attributes:
        text: Its text.
        note: What is said of it in a line below; empty for nothing.
        is_number: Whether it stands at the right.
        is_fixed: Whether its characters are of one width, as of a masked number.
    """

    text: str
    note: str = ""
    is_number: bool = False
    is_fixed: bool = False


def text_piece(text: str) -> HTMLPiece:
    """Return a text as HTML."""
    return HTMLPiece(html.escape(printable(text)))


def joined(pieces: Iterable[HTMLPiece]) -> HTMLPiece:
    """Return pieces one after the other."""
    return HTMLPiece("\n".join(piece.html for piece in pieces))


def tiles(facts: Iterable[tuple[str, str, str]]) -> HTMLPiece:
    """Return figures that are seen first: names, values, and a word for their look.

    Args:
        facts: Name, value, and ``good``, ``bad``, ``note`` or an empty text.
    """
    parts = []
    for name, value, look in facts:
        kind = f' class="is-{look}"' if look else ""
        dt, dd = text_piece(name), text_piece(value)
        parts.append(f"<div{kind}><dt>{dt}</dt><dd>{dd}</dd></div>")
    return HTMLPiece(f'<dl class="tiles">{"".join(parts)}</dl>')


def plain_table(
    key: str, caption: str, head: Sequence[Cell], rows: Iterable[Sequence[Cell]]
) -> HTMLPiece:
    """Return a table whose first column names the rows.

    Args:
        key: A name that no other table of the page has.
        caption: What it shows.
        head: The heads of the columns.
        rows: The cells of each row.
    """
    heads = "".join(f'<th scope="col"{_looks(one)}>{_of(one)}</th>' for one in head)
    body = "\n".join(
        f'<tr><th scope="row"{_looks(first)}>{_of(first)}</th>'
        f"{''.join(f'<td{_looks(one)}>{_of(one)}</td>' for one in rest)}</tr>"
        for first, *rest in rows
    )
    return _scrolling(
        key,
        f'<table><caption id="{key}">{text_piece(caption)}</caption>'
        f"<thead><tr>{heads}</tr></thead>\n<tbody>{body}</tbody></table>",
    )


def bar_table(
    key: str,
    caption: str,
    head: tuple[str, str],
    rows: Sequence[tuple[str, int, str]],
) -> HTMLPiece:
    """Return a table of counts with a bar for each.

    Args:
        key: A name that no other table of the page has.
        caption: What it shows.
        head: The heads of the columns of names and of counts.
        rows: Name, count, and the class of the bar.
    """
    most = max((count for _, count, _ in rows), default=0) or 1
    whole = sum(count for _, count, _ in rows) or 1
    body = "\n".join(
        f'<tr><th scope="row">{text_piece(name)}</th>'
        f'<td class="number">{count:,}</td><td class="bar-cell"><div>'
        f"<span>{share_text(count / whole)}</span>{_bar(count / most, kind)}"
        "</div></td></tr>"
        for name, count, kind in rows
    )
    name, count = map(text_piece, head)
    return _scrolling(
        key,
        f'<table><caption id="{key}">{text_piece(caption)}</caption><thead><tr>'
        f'<th scope="col">{name}</th><th scope="col" class="number">{count}</th>'
        '<th scope="col">share of all</th></tr></thead>\n'
        f"<tbody>{body}</tbody></table>",
    )


def _bar(share: float, kind: str) -> str:
    # A bar that would be too narrow to be seen shows that there is something.
    width = max(share * 100, 0.5) if share else 0
    return (
        '<svg class="bar" viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden='
        f'"true"><rect class="{kind}" width="{width:.2f}" height="1"/></svg>'
    )


def _scrolling(key: str, table: str) -> HTMLPiece:
    # Whoever has no mouse scrolls with the keys: the region can have the focus.
    return HTMLPiece(
        f'<div class="scroll" role="group" aria-labelledby="{key}" tabindex="0">'
        f"{table}</div>"
    )


def _looks(cell: Cell) -> str:
    names = [
        name
        for name, has in (("number", cell.is_number), ("fixed", cell.is_fixed))
        if has
    ]
    return f' class="{" ".join(names)}"' if names else ""


def _of(cell: Cell) -> HTMLPiece:
    if not cell.note:
        return text_piece(cell.text)
    note = f'<span class="note">{text_piece(cell.note)}</span>'
    return HTMLPiece(f"{text_piece(cell.text)} {note}")
