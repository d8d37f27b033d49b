"""``digitro status``, ``results`` and ``reconcile``: what stands in a ledger."""

import asyncio
import csv
import datetime as dt
import io
import json
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from digitro_async._own_files import create_own
from digitro_async.campaign import Entry, Ledger, LedgerReader, State
from digitro_async.cli._campaign import NOT_INSISTING, InsistOptions, print_counts
from digitro_async.cli._exit import Exit
from digitro_async.cli._output import say
from digitro_async.errors import LedgerError

__all__ = ["reconcile", "results", "status", "write_results"]

_COLUMNS = (
    *("contact", "id", "line", "state", "call_id"),
    *("pabx", "attempts", "reason", "sent_at", "settled_at"),
)
_Switch = Annotated[bool, Parameter(negative="")]
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def status(
    *,
    ledger: Path,
    max_attempts: int = 5,
    watch: Annotated[float | None, Parameter(validator=Number(gt=0))] = None,
    accept_loss: _Switch = False,
) -> Exit:
    """Print how many contacts are in each state, also while the list is dialled.

    Args:
        ledger: The ledger.
        max_attempts: Attempts after which a contact counts as given up.
        watch: Print it again every so many seconds, until nothing is pending.
        accept_loss: Show what is left of a ledger that lost some of its record.
    """
    while True:
        with LedgerReader(ledger, accept_loss=accept_loss) as reader:
            counts = reader.counts()
            print_counts(counts, reader.given_up(max_attempts))
        open_ones = sum(counts[s] for s in (State.PENDING, State.CLAIMED, State.INTENT))
        if watch is None or not open_ones:
            break
        time.sleep(watch)
    done = counts[State.ACCEPTED] == sum(counts.values())
    return Exit.DONE if done else Exit.INCOMPLETE


def results(
    *,
    ledger: Path,
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
    with LedgerReader(ledger, accept_loss=accept_loss) as reader:
        entries = (entry for entry in reader.entries() if entry.state in wanted)
        _print_csv(entries) if form == "csv" else _print_lines(entries)
    return Exit.DONE


def write_results(ledger: Path, path: Path) -> None:
    """Write what ``digitro results`` prints into a new file, its owner's alone."""
    with (
        LedgerReader(ledger) as reader,
        open(path, "x", encoding="utf-8", newline="", opener=create_own) as file,
    ):
        file.writelines(f"{line}\n" for line in _csv_lines(reader.entries()))


def _csv_lines(entries: Iterable[Entry]) -> Iterator[str]:
    yield ",".join(_COLUMNS)
    for entry in entries:
        text = io.StringIO()
        cells = [_harmless(value) for value in _row(entry).values()]
        csv.writer(text, lineterminator="").writerow(cells)
        yield text.getvalue()


def _print_csv(entries: Iterable[Entry]) -> None:
    for line in _csv_lines(entries):
        if not say(line):
            return


def _print_lines(entries: Iterable[Entry]) -> None:
    for entry in entries:
        if not say(json.dumps(_row(entry))):
            return


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
    insist: InsistOptions = NOT_INSISTING,
) -> Exit:
    """Settle a contact that is unknown, by evidence from elsewhere.

    Args:
        contact: Its id, or # and its number as ``digitro results`` shows it.
        verdict: Whether it was called; ``not-placed`` makes it pending again.
        ledger: The ledger; no campaign may be running on it.
        evidence: How that is known; it is kept.
        insist: What the ledger is opened in spite of.
    """
    if not ledger.is_file():
        raise LedgerError(f"there is no {ledger.name}", reason="no_ledger")
    opened = insist.open(ledger)
    return asyncio.run(_reconcile(opened, contact, verdict == "accepted", evidence))


async def _reconcile(
    opened: Ledger,
    contact: str,
    accepted: bool,
    evidence: str,
) -> Exit:
    async with opened as ledger:
        done = await ledger.reconcile(
            contact, accepted=accepted, evidence=evidence, now=time.time()
        )
    say(f"#{done.number} is {done.state} now")
    return Exit.DONE
