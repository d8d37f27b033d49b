"""``digitro contacts check``: what a dial would do with each number of a list."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import attrs

from digitro_async._common.csv_cells import csv_line
from digitro_async._common.first_lines import FirstLines
from digitro_async._common.masking import masked
from digitro_async.cli._exit import Exit, exit_after_check
from digitro_async.cli._list_words import say_how_it_is_read, say_what_was_cleaned
from digitro_async.cli._number_checks import CheckAnswer, Gate, NumberCheck, checks_of
from digitro_async.cli._output import hand_out, print_error
from digitro_async.cli._reading_options import FileOptions
from digitro_async.config import load_config
from digitro_async.contacts import ContactFile, ContactRow

__all__ = ["check_contacts"]

_DEFAULT_CONFIG = Path("digitro.toml")
_COLUMNS = ("line", "id", "field", "number", "answer", "code", "reason", "until")
_WIDTH = 24
_MOST_LINES = 5

Write = Callable[[Iterable[bytes]], OSError | None]


def check_contacts(
    file: Path,
    config: Path,
    read: FileOptions,
    *,
    gate: Gate | None = None,
    form: str,
    show_numbers: bool,
) -> Exit:
    """Read a list to its end, and print what would become of each number.

    Args:
        file: The list.
        config: The configuration file.
        read: The ways in which it is read.
        gate: Asked about every number that would be dialled.
        form: How the numbers are printed.
        show_numbers: Whether they are shown in full.

    Raises:
        ConfigurationError: If the file or the configuration can't be used.
        DigitroError: If the file can't be read any further.
    """
    loaded = None
    if config != _DEFAULT_CONFIG or config.exists():
        loaded = load_config(config, can_resume=False)
    else:
        print_error(f"{config} is not there: fields that a call needs are not checked")
    with read.open(file, loaded) as opened:
        say_how_it_is_read(opened)
        view = _View(opened.name, str(opened.reading), is_shown=show_numbers)
        counts = _Counts()
        checks = _counted(opened, counts, gate)
        try:
            problem = hand_out(_LINES[form](view, checks, counts))
        except KeyboardInterrupt:
            print_error("interrupted: the file was not read to its end")
            return Exit.INTERRUPTED
        say_what_was_cleaned(opened)
    return Exit.INCOMPLETE if problem else exit_after_check(counts.refused)


@attrs.define
class _Counts:
    """Counts of the numbers of a list.

    Attributes:
        dialled: Numbers that would be dialled.
        answers: What becomes of the others, to how often.
        reasons: CheckAnswer, code and reason, to how often.
        lines: CheckAnswer, code and reason, to the first lines, as they are printed.
        contacts: Rows that are contacts.
    """

    dialled: int = 0
    answers: Counter[CheckAnswer] = attrs.field(factory=Counter)
    reasons: Counter[tuple[CheckAnswer, str, str]] = attrs.field(factory=Counter)
    lines: dict[tuple[CheckAnswer, str, str], list[str]] = attrs.field(factory=dict)
    contacts: int = 0

    @property
    def refused(self) -> int:
        """Numbers that would not be dialled, though somebody wanted it."""
        return self.answers.total() - self.answers[CheckAnswer.FURTHER]

    def count(self, answer: CheckAnswer) -> int:
        """Return how many numbers have an answer."""
        return self.dialled if answer is CheckAnswer.DIAL else self.answers[answer]

    def take(self, check: NumberCheck) -> None:
        """Count a number that would not be dialled."""
        self.answers[check.answer] += 1
        key = (check.answer, check.code, check.reason)
        self.reasons[key] += 1
        lines = self.lines.setdefault(key, [])
        if len(lines) < _MOST_LINES:
            as_first = "" if check.first is None else f" as line {check.first}"
            lines.append(f"{check.line}{as_first}")


def _counted(
    file: ContactFile, counts: _Counts, gate: Gate | None
) -> Iterator[NumberCheck]:
    """Yield what becomes of each number, and count it."""
    seen = FirstLines()
    for row in file:
        counts.contacts += isinstance(row, ContactRow)
        for check in checks_of(row, seen, gate):
            if check.answer is CheckAnswer.DIAL:  # nearly every number
                counts.dialled += 1
            else:
                counts.take(check)
            yield check


@attrs.frozen
class _View:
    """How numbers are shown.

    Attributes:
        file: Name of the file.
        reading: How it is read.
        is_shown: Whether numbers and ids are shown in full.
    """

    file: str
    reading: str
    is_shown: bool

    def cells(self, check: NumberCheck) -> list[object]:
        """Return the cells of a row."""
        number = check.number if self.is_shown else masked(check.number)
        own_id = check.id if self.is_shown or not check.id else masked(check.id)
        reason = check.reason
        if check.first is not None:
            reason = f"is the contact of line {check.first}"
        return [
            *(check.line, own_id, check.field, number),
            *(check.answer.value, check.code, reason, check.until),
        ]


def _csv(view: _View, checks: Iterator[NumberCheck], _: _Counts) -> Iterator[bytes]:
    yield csv_line(_COLUMNS)
    for check in checks:
        yield csv_line(view.cells(check))


def _json(
    view: _View, checks: Iterator[NumberCheck], counts: _Counts
) -> Iterator[bytes]:
    """Yield one document, a line for each number."""
    head = json.dumps({"file": view.file, "reading": view.reading})
    yield f'{head[:-1]}, "numbers": [\n'.encode()
    before = ""
    for check in checks:
        row = dict(zip(_COLUMNS, view.cells(check), strict=True))
        yield f"{before}{json.dumps(row)}".encode()
        before = ",\n"
    tail = {
        "contacts": counts.contacts,
        "answers": {one.value: counts.count(one) for one in CheckAnswer},
        "reasons": [
            {"answer": answer, "code": code, "reason": reason, "count": count}
            for (answer, code, reason), count in counts.reasons.most_common()
        ],
    }
    yield f"\n], {json.dumps(tail)[1:]}\n".encode()


def _table(_: _View, checks: Iterator[NumberCheck], counts: _Counts) -> Iterator[bytes]:
    """Yield the counts, once the whole list is read."""
    for _check in checks:
        pass
    yield _line("contacts", f"{counts.contacts:,}")
    for answer in CheckAnswer:
        if count := counts.count(answer):
            yield _line(_SAID[answer], f"{count:,}")
        of_answer = [key for key in counts.reasons if key[0] is answer]
        for key in sorted(of_answer, key=lambda one: -counts.reasons[one]):
            count = counts.reasons[key]
            lines = ", ".join(counts.lines[key])
            more = ", ..." if count > _MOST_LINES else ""
            yield _line(f"  {key[1]}", f"{count:,}: {key[2]} (line {lines}{more})")
    yield _line("dialled", "0 (a check)")


_LINES: dict[str, Callable[[_View, Iterator[NumberCheck], _Counts], Iterator[bytes]]]
_LINES = {"csv": _csv, "json": _json, "table": _table}
_SAID = {
    CheckAnswer.DIAL: "numbers to dial",
    CheckAnswer.FURTHER: "further numbers",
    CheckAnswer.REJECTED: "rejected",
    CheckAnswer.DUPLICATE: "duplicates",
    CheckAnswer.DEFERRED: "deferred",
    CheckAnswer.BLOCKED: "blocked",
}


def _line(name: str, text: str) -> bytes:
    return f"{name:<{_WIDTH}} {text}\n".encode()
