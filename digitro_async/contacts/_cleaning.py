"""Counts what is taken away from cells before they are used, and keeps samples."""

import attrs

from digitro_async.contacts._characters import (
    AROUND,
    drop_invisible,
    drop_punctuation,
    without_text_mark,
)
from digitro_async.privacy import Personal

__all__ = ["CleanedNumber", "Cleaning", "CleaningCounts"]

MOST_SAMPLES = 5


@attrs.frozen(kw_only=True)
class CleanedNumber:
    """A number that is not dialled as its cell is written.

    Attributes:
        line: Number of the row's first line, from 1.
        before: The cell as it is written.
        after: The number that is dialled.
    """

    line: int
    before: Personal
    after: Personal


@attrs.frozen(kw_only=True)
class CleaningCounts:
    """Numbers of contacts from which something was taken away, by kind.

    A number may stand in several counts.

    Attributes:
        punctuation: Numbers that lost blanks, dashes, dots, parentheses or slashes.
        invisible: Numbers that lost invisible characters.
        text_marks: Cells, of numbers or of other columns, that lost the sign by which
            a spreadsheet says that they are text: an apostrophe, or ``="..."``.
        rewritten: Numbers that were written in another form, which was asked for.
    """

    punctuation: int = 0
    invisible: int = 0
    text_marks: int = 0
    rewritten: int = 0

    def __bool__(self) -> bool:
        return bool(
            self.punctuation or self.invisible or self.text_marks or self.rewritten
        )

    def __str__(self) -> str:
        parts = (
            ("punctuation from numbers", self.punctuation),
            ("invisible characters from numbers", self.invisible),
            ("the apostrophe before a text", self.text_marks),
        )
        taken = ", ".join(f"{text}: {count}" for text, count in parts if count)
        text = f"taken away: {taken or 'nothing'}"
        if self.rewritten:
            text += f"; numbers written in another form: {self.rewritten}"
        return text


class Cleaning:
    """Counts the cells of one file that were cleaned, and keeps the first numbers."""

    def __init__(self) -> None:
        self.samples: list[CleanedNumber] = []
        self._punctuation = 0
        self._invisible = 0
        self._text_marks = 0
        self._rewritten = 0

    @property
    def counts(self) -> CleaningCounts:
        """The counts so far."""
        return CleaningCounts(
            punctuation=self._punctuation,
            invisible=self._invisible,
            text_marks=self._text_marks,
            rewritten=self._rewritten,
        )

    def note_text_marks(self, count: int) -> None:
        """Count cells that lost the sign that they are text."""
        self._text_marks += count

    def note_number(self, line: int, cell: str, number: str) -> None:
        """Count a number of a contact, if it was not dialled as written."""
        written = cell.strip(AROUND)
        if written == number:
            return
        if len(self.samples) < MOST_SAMPLES:
            self.samples.append(
                CleanedNumber(line=line, before=Personal(cell), after=Personal(number))
            )
        if written.isdigit() and written.isascii():  # only its form is another
            self._rewritten += 1
            return
        seen = drop_invisible(written)
        self._invisible += seen != written
        bare = without_text_mark(seen.strip(AROUND)).strip(AROUND)
        self._text_marks += bare != seen.strip(AROUND)
        plain = drop_punctuation(bare)
        self._punctuation += bare != plain
        self._rewritten += plain != number
