"""``digitro results``: one row for each contact of a ledger."""

import contextlib
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, BinaryIO, Literal

import attrs
from cyclopts import Parameter

from digitro_async._common.csv_cells import csv_line
from digitro_async._common.private_files import create_own
from digitro_async._common.text import iso_time, printable, words_of_os_error
from digitro_async.call_events import Disposition
from digitro_async.cli._arguments import MaxAttempts, Switch
from digitro_async.cli._exit import Exit, exit_after_results
from digitro_async.cli._ledger_view import LedgerView, say_unfinished
from digitro_async.cli._named_ledger import NO_LEDGER_NAMED, LedgerOptions
from digitro_async.cli._output import hand_out, print_error, print_line
from digitro_async.errors import ConfigurationError
from digitro_async.ledger import (
    ContactRecord,
    LedgerAddress,
    State,
    open_ledger_reader,
)

__all__ = ["results", "write_results"]

FOLLOW_SECONDS = 1.0
"""Seconds between two looks at a ledger that is followed."""

_SHARE = 10
"""Seconds of rest for each second that a look takes: to follow a ledger of a million
contacts must not slow down the dial."""

_COLUMNS = (
    *("contact", "id", "line", "state", "call_id"),
    *("pabx", "attempts", "reason", "sent_at", "settled_at", "evidence"),
    *("disposition", "word", "end_evidence", "rang_at", "answered_at", "ended_at"),
    *("ring_seconds", "talk_seconds", "wait", "due", "priority"),
)

Form = Literal["csv", "jsonl"]
Write = Callable[[Iterable[bytes]], OSError | None]
"""Writes lines and returns why that could not be done, None where it could."""


def results(
    *,
    ledger: LedgerOptions = NO_LEDGER_NAMED,
    out: Path | None = None,
    form: Annotated[Form, Parameter(name=["--format"])] = "csv",
    state: Annotated[list[State] | None, Parameter(negative="")] = None,
    disposition: Annotated[list[Disposition] | None, Parameter(negative="")] = None,
    follow: Switch = False,
    max_attempts: MaxAttempts = 5,
    accept_loss: Switch = False,
) -> Exit:
    """Print one row for each contact: state, call id, disposition.

    Args:
        ledger: The ledger.
        out: New file for the rows, in place of the standard output.
        form: CSV or JSON lines.
        state: Only contacts in that state; may be given several times.
        disposition: Only contacts whose last call ended like that; may be given several
            times.
        follow: Print a row whenever a contact gets its outcome and its call its end,
            until no more are expected.
        max_attempts: With ``--follow``: attempts after which no outcome of a contact
            is waited for.
        accept_loss: Read what is left of a ledger that lost part of its record.
    """
    read = _Reading(
        *(ledger.address(), set(state or State), set(disposition or ()), max_attempts),
        accept_loss=accept_loss,
    )
    read.check()
    with _place(out) as write:
        try:
            problem = write(_header(form))
            view, problem = read.each(form, write, problem, follow=follow)
        except KeyboardInterrupt:
            print_error("interrupted: not all results were written")
            return Exit.INTERRUPTED
    for one in view.missing:
        print_error(say_unfinished(one))
    # A reader that closes a pipe has read enough, and learns that it was not all. Any
    # other problem of the standard output was said when it came.
    is_failed = problem is not None and out is not None
    if is_failed and problem is not None:
        print_error(
            f"the results could not all be written to {out}: "
            f"{words_of_os_error(problem)}"
        )
    elif problem is None and out is not None:
        print_line(f"results in {out}")
    return exit_after_results(
        is_written=problem is None, is_whole=not view.missing, is_failed=is_failed
    )


def write_results(ledger: Path, path: Path) -> None:
    """Write the rows of ``digitro results`` into a new file, its owner's alone.

    Raises:
        OSError: If they can't be written.
    """
    with (
        open_ledger_reader(ledger) as reader,
        open(path, "xb", opener=create_own) as file,
    ):
        file.writelines(_header("csv"))
        file.writelines(_lines(reader.entries(), "csv"))


@attrs.define
class _Reading:
    """Reads the rows of a ledger, once or as they come.

    Attributes:
        ledger: Where the ledger is.
        wanted: States of the contacts that are shown.
        ends: Dispositions of the calls whose contacts are shown; empty for any.
        max_attempts: Attempts after which a contact is out of attempts.
        accept_loss: Whether a ledger is read that lost a part of its record.
    """

    ledger: LedgerAddress
    wanted: set[State]
    ends: set[Disposition]
    max_attempts: int
    accept_loss: bool = attrs.field(kw_only=True)
    _shown: dict[int, tuple[State, float | None, Disposition | None]] = attrs.field(
        init=False, factory=dict
    )

    def check(self) -> None:
        """Refuse a ledger that can't be read, before a file is made.

        Raises:
            LedgerError: If it can't be.
        """
        with open_ledger_reader(self.ledger, accept_loss=self.accept_loss):
            pass

    def each(
        self, form: Form, write: Write, problem: OSError | None, *, follow: bool
    ) -> tuple[LedgerView, OSError | None]:
        """Write each row, and return the state of the ledger after the last one."""
        before: LedgerView | None = None
        while True:
            began = time.monotonic()
            with open_ledger_reader(
                self.ledger, accept_loss=self.accept_loss
            ) as reader:
                view = LedgerView.read(reader, self.max_attempts)
                goes_on = follow and view.may_change(before)
                entries = self._wanted(reader.entries())
                if follow:
                    entries = self._news(entries, with_open=not goes_on)
                problem = problem or write(_lines(entries, form))
            if problem is not None or not goes_on:
                return view, problem
            before = view
            took = time.monotonic() - began
            time.sleep(max(FOLLOW_SECONDS, _SHARE * took))

    def _wanted(self, entries: Iterable[ContactRecord]) -> Iterator[ContactRecord]:
        for entry in entries:
            if entry.state in self.wanted and (
                not self.ends or _disposition_of(entry) in self.ends
            ):
                yield entry

    def _news(
        self, entries: Iterable[ContactRecord], *, with_open: bool
    ) -> Iterator[ContactRecord]:
        """Yield contacts that were not shown before as they are now.

        Args:
            entries: All contacts.
            with_open: Whether those are shown that have no outcome yet.
        """
        for entry in entries:
            now = entry.state, entry.settled_at, _disposition_of(entry)
            is_open = entry.state in _OPEN and not with_open
            if is_open or self._shown.get(entry.number) == now:
                continue
            self._shown[entry.number] = now
            yield entry


_OPEN = frozenset({State.PENDING, State.CLAIMED, State.INTENT})


@contextlib.contextmanager
def _place(out: Path | None) -> Iterator[Write]:
    """Open the place for the rows: the standard output, or a new file.

    Raises:
        ConfigurationError: If the file is there already or can't be made.
    """
    if out is None:
        yield hand_out
        return
    file = _new_file(out)
    try:
        yield lambda lines: _write_to(file, lines)
    finally:
        with contextlib.suppress(OSError):  # a full disk, which was told of before
            file.close()


def _new_file(path: Path) -> BinaryIO:
    try:
        return open(path, "xb", opener=create_own)
    except FileExistsError:
        problem = "is there already and is not overwritten: name a new file"
    except OSError as error:
        problem = f"can't be made: {words_of_os_error(error)}"
    except ValueError:
        problem = "can't be made: its name is no file name"
    raise ConfigurationError(f"--out: {printable(path.name)} {problem}")


def _write_to(file: BinaryIO, lines: Iterable[bytes]) -> OSError | None:
    for line in lines:
        try:
            file.write(line)
        except OSError as error:
            return error
    try:
        file.flush()
        # Some file systems find out no earlier that there is no space.
        os.fsync(file.fileno())
    except OSError as error:
        return error
    return None


def _header(form: Form) -> list[bytes]:
    return [csv_line(_COLUMNS)] if form == "csv" else []


def _lines(entries: Iterable[ContactRecord], form: Form) -> Iterator[bytes]:
    for entry in entries:
        row = _row(entry)
        if form == "csv":
            yield csv_line(row.values())
        else:
            # JSON may hold a DEL as it is; an escape for a terminal is no JSON.
            yield f"{json.dumps(row)}\n".replace("\x7f", "\\u007f").encode()


def _disposition_of(entry: ContactRecord) -> Disposition | None:
    return None if entry.end is None else entry.end.disposition


def _row(entry: ContactRecord) -> Mapping[str, object]:
    end, is_waiting = entry.end, entry.state in _OPEN
    return {
        "contact": f"#{entry.number}",
        "id": None if entry.id is None else entry.id.reveal(),
        "line": entry.line,
        "state": entry.state.value,
        "call_id": entry.call_id,
        "pabx": entry.pabx,
        "attempts": entry.attempts,
        "reason": entry.reason,
        "sent_at": _time(entry.sent_at),
        "settled_at": _time(entry.settled_at),
        "evidence": entry.evidence,
        "disposition": None if end is None else end.disposition.value,
        "word": None if end is None else end.word,
        "end_evidence": None if end is None else end.evidence.value,
        "rang_at": None if end is None else _time(end.rang_at),
        "answered_at": None if end is None else _time(end.answered_at),
        "ended_at": None if end is None else _time(end.ended_at),
        "ring_seconds": None if end is None else _seconds(end.ring_seconds),
        "talk_seconds": None if end is None else _seconds(end.talk_seconds),
        "wait": entry.wait.value if is_waiting and entry.wait is not None else None,
        "due": _time(entry.due) if is_waiting else None,
        "priority": entry.priority,
    }


def _seconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)


def _time(unix_time: float | None) -> str | None:
    return None if unix_time is None else iso_time(unix_time)
