"""``digitro status``, ``results`` and ``reconcile``: what stands in a ledger."""

import csv
import datetime as dt
import io
import json
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from digitro_async.campaign import Entry, Import, LedgerReader, State, open_ledger
from digitro_async.cli._campaign import print_counts
from digitro_async.cli._exit import Exit
from digitro_async.cli._importing import say_unfinished, unfinished
from digitro_async.cli._interrupts import current
from digitro_async.cli._output import complain, open_private, say
from digitro_async.cli._runner import ends_anyway, run_tuned
from digitro_async.errors import LedgerError

__all__ = ["reconcile", "results", "status", "write_results"]

_COLUMNS = (
    *("contact", "id", "line", "state", "call_id"),
    *("pabx", "attempts", "reason", "sent_at", "settled_at"),
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def status(
    *,
    ledger: Path,
    max_attempts: int = 5,
    watch: Annotated[float | None, Parameter(validator=Number(gt=0))] = None,
) -> Exit:
    """Print how many contacts are in each state, also while the list is dialled.

    Args:
        ledger: The ledger.
        max_attempts: Attempts after which a contact counts as given up.
        watch: Print it again every so many seconds, until nothing is pending but
            contacts given up.
    """
    before: Sequence[Import] | None = None
    while True:
        with LedgerReader(ledger) as reader:
            counts, imports = reader.counts(), reader.imports()
            given_up = reader.given_up(max_attempts)
        print_counts(counts, given_up)
        missing = unfinished(imports)
        for one in missing:
            say(say_unfinished(one))
        open_ones = sum(counts[s] for s in (State.PENDING, State.CLAIMED, State.INTENT))
        # An import that stands still is over, until somebody takes it up again.
        moves = open_ones > given_up or (missing and missing != before)
        if watch is None or not moves:
            break
        before = missing
        time.sleep(watch)
    done = counts[State.ACCEPTED] == sum(counts.values()) and not missing
    put_in = imports or sum(counts.values())
    return Exit.DONE if done and put_in else Exit.INCOMPLETE


def results(
    *,
    ledger: Path,
    form: Annotated[Literal["csv", "jsonl"], Parameter(name=["--format"])] = "csv",
    state: Annotated[list[State] | None, Parameter(negative="")] = None,
) -> Exit:
    """Print one row for each contact: its state, call id, times, attempts, reason.

    Args:
        ledger: The ledger.
        form: CSV or JSON lines.
        state: Only contacts in that state; may be given several times.
    """
    wanted = set(state or State)
    with LedgerReader(ledger) as reader:
        missing = unfinished(reader.imports())
        entries = (entry for entry in reader.entries() if entry.state in wanted)
        lines = _csv_lines(entries) if form == "csv" else _json_lines(entries)
        try:
            all_printed = all(say(line) for line in lines)
        except KeyboardInterrupt:
            complain("interrupted: not all results were printed")
            return Exit.INTERRUPTED
    for one in missing:
        complain(say_unfinished(one))
    if not all_printed:
        complain("not all results could be printed")
    return Exit.DONE if all_printed and not missing else Exit.INCOMPLETE


def write_results(ledger: Path, path: Path) -> None:
    """Write what ``digitro results`` prints into a new file, its owner's alone."""
    with (
        LedgerReader(ledger) as reader,
        open(path, "x", encoding="utf-8", newline="", opener=open_private) as file,
    ):
        file.writelines(f"{line}\n" for line in _csv_lines(reader.entries()))


def _csv_lines(entries: Iterable[Entry]) -> Iterator[str]:
    yield ",".join(_COLUMNS)
    for entry in entries:
        text = io.StringIO()
        cells = [_harmless(value) for value in _row(entry).values()]
        csv.writer(text, lineterminator="").writerow(cells)
        yield text.getvalue()


def _json_lines(entries: Iterable[Entry]) -> Iterator[str]:
    for entry in entries:
        yield json.dumps(_row(entry))


def _row(entry: Entry) -> dict[str, object]:
    return {
        "contact": f"#{entry.number}",
        "id": None if entry.id is None else entry.id.reveal(),
        "line": entry.line,
        "state": entry.state.value,
        "call_id": entry.call_id,
        "pabx": entry.pabx,
        "attempts": entry.attempts,
        "reason": entry.reason,
        "sent_at": _moment(entry.sent_at),
        "settled_at": _moment(entry.settled_at),
    }


def _moment(unix_time: float | None) -> str | None:
    if unix_time is None:
        return None
    moment = dt.datetime.fromtimestamp(unix_time, dt.UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _harmless(cell: object) -> object:
    """Keep a spreadsheet from running a cell as a formula."""
    if isinstance(cell, str) and cell.startswith(_FORMULA):
        return f"'{cell}"
    return cell


def reconcile(
    contact: str,
    verdict: Literal["accepted", "not-placed"],
    *,
    ledger: Path,
    evidence: str,
) -> Exit:
    """Settle a contact that is unknown, by evidence from elsewhere.

    Args:
        contact: Its id, or # and its number as ``digitro results`` shows it.
        verdict: Whether it was called; ``not-placed`` makes it pending again.
        ledger: The ledger; no campaign may be running on it.
        evidence: How that is known; it is kept.
    """
    if not ledger.is_file():
        raise LedgerError(f"there is no {ledger.name}", reason="no_ledger")
    return run_tuned(_reconcile(ledger, contact, verdict == "accepted", evidence))


async def _reconcile(
    path: Path,
    contact: str,
    accepted: bool,
    evidence: str,
) -> Exit:
    async with open_ledger(path) as ledger:
        ends_anyway()  # it is written in a moment, and then said
        done = await ledger.reconcile(
            contact, accepted=accepted, evidence=evidence, now=time.time()
        )
    say(f"#{done.number} is {done.state} now")
    return Exit.INTERRUPTED if current().heard else Exit.DONE
