"""PURE: reads the rows of a block file: number, last day of the block, reason."""

import datetime as dt
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

import attrs

from digitro_async.rules._block_list import (
    SHIFT,
    BlockBuilder,
    BlockTerms,
    end_of_block,
)
from digitro_async.rules._called_number import called_number
from digitro_async.rules._dialling_areas import dialling_areas

__all__ = ["BadBlockRow", "BlockRows"]

_COLUMNS: Final = ("number", "until", "reason")
_WORDS: Final = {
    **dict.fromkeys(("number", "numero", "número", "telefone", "fone"), "number"),
    **dict.fromkeys(("celular", "phone", "msisdn", "destino", "destination"), "number"),
    **dict.fromkeys(("area", "área", "ddd"), "area"),
    **dict.fromkeys(("until", "ate", "até", "validade", "fim"), "until"),
    **dict.fromkeys(("reason", "motivo", "razao", "razão"), "reason"),
}
_SEPARATOR: Final = re.compile(r"[;,\t]")
_OF_SPREADSHEET: Final = re.compile(r"(\d{8,15})\.0", re.ASCII)
_PUNCTUATION: Final = re.compile(r"[\s.()/+-]")
_ISO: Final = re.compile(r"(\d{4})-(\d\d)-(\d\d)", re.ASCII)
_BRAZILIAN: Final = re.compile(r"(\d\d)/(\d\d)/(\d{4})", re.ASCII)
_FEWEST: Final = 8
_MOST: Final = 15
_WITHOUT_AREA: Final = (8, 9)
_LONGEST_REASON: Final = 64
_LONGEST_ROW: Final = 1_000
_PLAIN_MOBILE: Final = 11
_NINE: Final = ord("9")


@attrs.frozen(kw_only=True)
class BadBlockRow:
    """A row of a block file that can't be used. It shows nothing of the row.

    Attributes:
        line: Its line.
        field: The field that is wrong.
        problem: What is wrong with it.
        file: The file.
    """

    line: int
    field: str
    problem: str
    file: Path | None = None

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.field}: {self.problem}"


class BlockRows:
    """Reads rows into a builder.

    Args:
        builder: Takes the numbers.
        terms: Terms of rows that give none.
        home_area: Area code of numbers without one.
    """

    def __init__(
        self, builder: BlockBuilder, terms: BlockTerms, home_area: str
    ) -> None:
        self._builder = builder
        self._terms = terms
        self._home_area = home_area
        self._columns: tuple[str, ...] = _COLUMNS
        self._line = 0
        self._codes = frozenset(dialling_areas())
        self._appends: dict[bytes, Callable[[int], None]] = {}

    def read(self, pieces: Iterable[bytes]) -> Iterator[BadBlockRow]:
        """Put the numbers of a file into the builder, and yield what can't be used.

        Args:
            pieces: The bytes of the file, cut anywhere.
        """
        rest = b""
        is_long = False
        for piece in pieces:
            lines = (rest + piece).replace(b"\r\n", b"\n").split(b"\n")
            rest = lines.pop()
            if is_long and lines:  # the first of them is the end of that line
                is_long = False
                lines[0] = b""
            yield from self._read_lines(lines)
            if len(rest) > _LONGEST_ROW:
                if not is_long:
                    problem = f"is longer than {_LONGEST_ROW} characters"
                    line = self._line + 1
                    yield BadBlockRow(line=line, field="number", problem=problem)
                is_long, rest = True, b""
        if rest.strip() and not is_long:
            yield from self._read_lines([rest])

    def _read_lines(self, lines: list[bytes]) -> Iterator[BadBlockRow]:
        # Nearly all rows of a long list are area code and mobile number alone.
        number = self._builder.number_of(self._terms)
        appends = self._appends
        for text in lines:
            self._line += 1
            if len(text) == _PLAIN_MOBILE and text.isdigit():
                append = appends.get(text[:5])
                if append is not None:
                    append(int(text[5:]) << SHIFT | number)
                    continue
                if text[2] == _NINE and text[:2].decode() in self._codes:
                    bucket = self._builder.bucket(int(text[:5]))
                    appends[text[:5]] = bucket.append
                    bucket.append(int(text[5:]) << SHIFT | number)
                    continue
            if text and (bad := self._read_row(text)) is not None:
                yield bad

    def _read_row(self, row: bytes) -> BadBlockRow | None:
        try:
            text = row.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = row.decode("cp1252", "replace")
        cells = [cell.strip().strip('"').strip() for cell in _SEPARATOR.split(text)]
        if not any(cells) or text.startswith("#"):
            return None
        if self._line == 1 and self._is_header(cells):
            return None
        pairs = [*zip(self._columns, cells, strict=False)]
        values = dict(pairs)
        if len(cells) > len(self._columns) and any(cells[len(self._columns) :]):
            return self._bad("reason", "the row has more fields than columns")
        terms: BlockTerms | str = self._terms_of(values)
        if isinstance(terms, str):
            return self._bad("until", terms)
        # Each of several numbers in a row is blocked: a phone and a mobile, perhaps.
        numbers = [cell for name, cell in pairs if name == "number" and cell] or [""]
        found = [self._take(values.get("area", ""), one, terms) for one in numbers]
        return next((bad for bad in found if bad is not None), None)

    def _is_header(self, cells: list[str]) -> bool:
        """Whether a row names the columns; they are taken from it then."""
        if any(char.isdigit() for cell in cells for char in cell):
            return False
        columns = [_WORDS.get(cell.lower(), "") for cell in cells]
        if "number" not in columns:
            return False
        self._columns = tuple(columns)
        return True

    def _take(self, area: str, text: str, terms: BlockTerms) -> BadBlockRow | None:
        if whole := _OF_SPREADSHEET.fullmatch(text):
            text = whole[1]
        digits = _PUNCTUATION.sub("", text)
        if area and len(digits) in _WITHOUT_AREA:
            text = digits = area.lstrip("0") + digits
        if not digits.isascii() or not digits.isdigit():
            problem = "holds something else than a number" if digits else "is empty"
        elif not _FEWEST <= len(digits) <= _MOST:
            problem = f"has {len(digits)} digits"
        elif len(digits) in _WITHOUT_AREA and not self._home_area:
            problem = "has no area code (DDD)"
        else:
            number = called_number(text, home_area=self._home_area)
            self._builder.add(number.key, terms)
            return None
        return self._bad("number", problem)

    def _terms_of(self, values: dict[str, str]) -> BlockTerms | str:
        """Return the terms of a row, or what is wrong with its end date."""
        reason = values.get("reason", "")[:_LONGEST_REASON] or self._terms.reason
        date = values.get("until", "")
        if not date:
            return attrs.evolve(self._terms, reason=reason)
        try:
            if found := _ISO.fullmatch(date):
                day = dt.date(int(found[1]), int(found[2]), int(found[3]))
            elif found := _BRAZILIAN.fullmatch(date):
                day = dt.date(int(found[3]), int(found[2]), int(found[1]))
            else:
                return "is no date such as 2026-12-31 or 31/12/2026"
            return BlockTerms(reason, end_of_block(day))
        except (ValueError, OverflowError):
            return "is no day of the calendar"

    def _bad(self, field: str, problem: str) -> BadBlockRow:
        return BadBlockRow(line=self._line, field=field, problem=problem)
