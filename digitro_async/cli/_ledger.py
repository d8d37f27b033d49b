"""``digitro status``, ``results`` and ``reconcile``: what stands in a ledger."""

import json
import re
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from digitro_async._common.private_files import create_own
from digitro_async._common.text import iso_time
from digitro_async.cli._arguments import LEDGER, WHOLE
from digitro_async.cli._campaign import print_counts
from digitro_async.cli._exit import Exit
from digitro_async.cli._importing import say_unfinished, unfinished
from digitro_async.cli._insisting import NOT_INSISTING, InsistOptions
from digitro_async.cli._interrupts import current
from digitro_async.cli._output import hand_out, print_error, print_line
from digitro_async.cli._runner import ends_anyway, run_tuned
from digitro_async.contacts._cells import csv_line
from digitro_async.errors import ConfigurationError, LedgerError
from digitro_async.ledger import (
    ContactRecord,
    Import,
    Ledger,
    State,
    open_ledger_reader,
)
from digitro_async.privacy import Personal

__all__ = ["reconcile", "results", "status", "write_results"]

_COLUMNS = (
    *("contact", "id", "line", "state", "call_id"),
    *("pabx", "attempts", "reason", "sent_at", "settled_at"),
)
_WHOLE_NUMBER = re.compile(r"[1-9]\d{0,18}", re.ASCII)

_Verdict = Literal["accepted", "not-placed"]
_VERDICTS: tuple[_Verdict, ...] = ("accepted", "not-placed")
_Switch = Annotated[bool, Parameter(negative="")]


def status(
    *,
    ledger: Annotated[Path, LEDGER],
    max_attempts: Annotated[int, WHOLE] = 5,
    watch: Annotated[float | None, Parameter(validator=Number(gt=0))] = None,
    accept_loss: _Switch = False,
) -> Exit:
    """Print how many contacts are in each state, also while the list is dialled.

    Args:
        ledger: The ledger.
        max_attempts: Attempts after which a contact counts as given up.
        watch: Print it again every so many seconds, until nothing is pending but
            contacts given up.
        accept_loss: Show what is left of a ledger that lost some of its record.
    """
    before: Sequence[Import] | None = None
    while True:
        with open_ledger_reader(ledger, accept_loss=accept_loss) as reader:
            counts, imports = reader.counts(), reader.imports()
            count_exhausted = reader.count_exhausted(max_attempts)
        print_counts(counts, count_exhausted)
        missing = unfinished(imports)
        for one in missing:
            print_line(say_unfinished(one))
        open_ones = sum(counts[s] for s in (State.PENDING, State.CLAIMED, State.INTENT))
        # An import that stands still is over, until somebody takes it up again.
        moves = open_ones > count_exhausted or (missing and missing != before)
        if watch is None or not moves:
            break
        before = missing
        time.sleep(watch)
    done = counts[State.ACCEPTED] == sum(counts.values()) and not missing
    put_in = imports or sum(counts.values())
    return Exit.DONE if done and put_in else Exit.INCOMPLETE


def results(
    *,
    ledger: Annotated[Path, LEDGER],
    form: Annotated[Literal["csv", "jsonl"], Parameter(name=["--format"])] = "csv",
    state: Annotated[list[State] | None, Parameter(negative="")] = None,
    accept_loss: _Switch = False,
) -> Exit:
    """Print one row for each contact: its state, call id, times, attempts, reason.

    Args:
        ledger: The ledger.
        form: CSV or JSON lines.
        state: Only contacts in that state; may be given several times.
        accept_loss: Show what is left of a ledger that lost some of its record.
    """
    wanted = set(state or State)
    with open_ledger_reader(ledger, accept_loss=accept_loss) as reader:
        missing = unfinished(reader.imports())
        entries = (entry for entry in reader.entries() if entry.state in wanted)
        lines = _csv_lines(entries) if form == "csv" else _json_lines(entries)
        try:
            problem = hand_out(lines)
        except KeyboardInterrupt:
            print_error("interrupted: not all results were printed")
            return Exit.INTERRUPTED
    for one in missing:
        print_error(say_unfinished(one))
    if problem is not None and not isinstance(problem, BrokenPipeError):
        print_error(f"the results could not all be written: {problem.strerror}")
    # Whoever closes a pipe has read enough, and is told that it was not all.
    return Exit.DONE if problem is None and not missing else Exit.INCOMPLETE


def write_results(ledger: Path, path: Path) -> None:
    """Write what ``digitro results`` prints into a new file, its owner's alone."""
    with (
        open_ledger_reader(ledger) as reader,
        open(path, "xb", opener=create_own) as file,
    ):
        file.writelines(_csv_lines(reader.entries()))


def _csv_lines(entries: Iterable[ContactRecord]) -> Iterator[bytes]:
    yield csv_line(_COLUMNS)
    for entry in entries:
        yield csv_line(_row(entry).values())


def _json_lines(entries: Iterable[ContactRecord]) -> Iterator[bytes]:
    for entry in entries:
        # JSON may hold a DEL as it is; what escapes it for a terminal is no JSON.
        line = json.dumps(_row(entry)).replace("\x7f", "\\u007f")
        yield f"{line}\n".encode()


def _row(entry: ContactRecord) -> dict[str, object]:
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
    }


def _time(unix_time: float | None) -> str | None:
    return None if unix_time is None else iso_time(unix_time)


def reconcile(
    contact: str | None = None,
    verdict: _Verdict | None = None,
    *,
    own_id: Annotated[str | None, Parameter(name="--id")] = None,
    number: str | None = None,
    ledger: Annotated[Path, LEDGER],
    evidence: str,
    insist: InsistOptions = NOT_INSISTING,
) -> Exit:
    """Settle a contact that is unknown, by evidence from elsewhere.

    Args:
        contact: Its id, or # and its number as ``digitro results`` shows it.
        verdict: Whether it was called; ``not-placed`` makes it pending again.
        own_id: Its id, in place of CONTACT, where that could be taken for a number.
        number: Its number, in place of CONTACT, where that could be taken for an id.
        ledger: The ledger; no campaign may be running on it.
        evidence: How that is known; it is kept.
        insist: What the ledger is opened in spite of.
    """
    named, verdict = _meant(contact, verdict, own_id, number)
    if not ledger.is_file():
        raise LedgerError(f"there is no {ledger.name}", reason="no_ledger")
    opened = insist.open(ledger)
    return run_tuned(_reconcile(opened, named, verdict == "accepted", evidence))


def _meant(
    contact: str | None,
    verdict: _Verdict | None,
    own_id: str | None,
    number: str | None,
) -> tuple[str | int | Personal, _Verdict]:
    """Return which contact is meant, and the verdict.

    Raises:
        ConfigurationError: If that is not said, or more than once.
    """
    options = [one for one in (own_id, number) if one is not None]
    if options and verdict is None and contact is not None:
        # The contact is named by the option: the one word that is left is the verdict.
        word, contact = contact, None
        verdict = next((known for known in _VERDICTS if known == word), None)
    if len(options) + (contact is not None) != 1:
        raise ConfigurationError("name the contact once: CONTACT, --id or --number")
    if verdict is None:
        raise ConfigurationError(f"say the verdict: {' or '.join(_VERDICTS)}")
    if number is not None:
        if not _WHOLE_NUMBER.fullmatch(number):
            raise ConfigurationError("--number must be a whole number above 0")
        return int(number), verdict
    return (contact if own_id is None else Personal(own_id)) or "", verdict


async def _reconcile(
    opened: Ledger,
    contact: str | int | Personal,
    accepted: bool,
    evidence: str,
) -> Exit:
    async with opened as ledger:
        ends_anyway()  # it is written in a moment, and then said
        done = await ledger.reconcile(
            contact, accepted=accepted, evidence=evidence, now=time.time()
        )
    print_line(f"#{done.number} is {done.state} now")
    return Exit.INTERRUPTED if current().heard else Exit.DONE
