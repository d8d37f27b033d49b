"""``digitro dial --dry-run``: all that a dial checks and reads, and no call."""

import contextlib
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from digitro_async._common.masking import masked
from digitro_async.campaign import ImportSummary, RehearsedContact
from digitro_async.cli._chosen_ledger import ChosenLedger
from digitro_async.cli._command_loop import run_tuned
from digitro_async.cli._counts import RunCounts
from digitro_async.cli._estimate import estimate
from digitro_async.cli._exit import Exit, exit_after_dry_run
from digitro_async.cli._importing import Plan, count_file
from digitro_async.cli._ledger_view import say_unfinished, unfinished
from digitro_async.cli._list_words import say_how_it_is_read, say_what_was_cleaned
from digitro_async.cli._output import hand_out, print_error, print_line
from digitro_async.cli._rehearse_dial import RuledCounts, asked, ruled_lines
from digitro_async.cli._rehearsed_ledger import rehearsed_ledger
from digitro_async.config import Config
from digitro_async.contacts import CleanedNumber, ContactFile, RejectsFile
from digitro_async.errors import LedgerError
from digitro_async.ledger import (
    LedgerAddress,
    LedgerRehearsal,
    State,
    check_place,
    open_ledger_reader,
)

__all__ = ["check_dial"]

_WIDTH = 15


def check_dial(
    config: Config,
    contacts: ContactFile,
    rejects: Path | None,
    chosen: ChosenLedger,
    plan: Plan,
) -> Exit:
    """Read and check every row, and all that a dial would check, and dial nothing.

    Raises:
        ConfigurationError: If a dial could not begin, as LedgerError too.
    """
    _check_place(chosen, plan)
    counts = RunCounts()
    say_how_it_is_read(contacts)
    try:
        counted, to_dial, answers, rows = _read(
            contacts,
            rejects,
            chosen,
            plan,
            counts,
            known=[one.name for one in config.pabx],
        )
    except KeyboardInterrupt:
        print_error(
            "interrupted: the file was not read to its end, nor were its rejects"
        )
        return Exit.INTERRUPTED
    say_what_was_cleaned(contacts)
    if plan.rows is not None:
        plan.rows.say_strangers()
    known = counted.known + counted.updated
    if plan.form != "table":
        hand_out(ruled_lines(answers, rows, plan.form))
        return _code(plan, counts)
    _say("contacts", f"{counted.new + known:,}")
    _say_ledger(chosen, plan, counted.new, known)
    _say("rejected rows", f"{counts.rejected_rows:,}")
    _say_codes(plan.codes)
    _say_samples(contacts.samples)
    if plan.max_calls is not None:
        to_dial = min(to_dial, plan.max_calls)
    _say("to dial", f"{to_dial:,}")
    if plan.rules is not None:
        hand_out(ruled_lines(answers, rows, plan.form))
        to_dial = answers.answers["now"]
    _say("time", estimate(config.pabx, to_dial))
    _say("dialled", "0 (dry run)")
    return _code(plan, counts)


def _code(plan: Plan, counts: RunCounts) -> Exit:
    """Return the exit code, once the whole file was read."""
    strangers = 0 if plan.rows is None else plan.rows.strangers
    rejected = counts.rejected_rows + counts.rejected_numbers
    return exit_after_dry_run(rejected + strangers)


def _check_place(chosen: ChosenLedger, plan: Plan) -> None:
    """Refuse a place for a ledger that a dial would refuse."""
    chosen.check_folder()
    if chosen.path is not None and not plan.insist.any_file_system:
        check_place(chosen.path)


def _read(
    contacts: ContactFile,
    rejects: Path | None,
    chosen: ChosenLedger,
    plan: Plan,
    counts: RunCounts,
    *,
    known: list[str],
) -> tuple[ImportSummary, int, RuledCounts, list[RehearsedContact]]:
    """Read the file; return its counts, contacts to be called, what rules say."""
    with contextlib.ExitStack() as stack:
        if rejects is not None:
            plan.rejects = stack.enter_context(RejectsFile(rejects))
        if plan.rules is not None:
            return run_tuned(_read_by_rules(contacts, chosen, plan, counts))
        rehearsal = None
        if chosen.path is not None and chosen.exists:
            made = LedgerRehearsal(chosen.path, accept_loss=plan.insist.accept_loss)
            rehearsal = stack.enter_context(made)
        counted = run_tuned(count_file(contacts, plan, counts, rehearsal))
        if rehearsal is None:
            strangers = 0 if plan.rows is None else plan.rows.strangers
            to_dial = counted.new - (strangers - plan.repeated_strangers)
        else:
            to_dial = rehearsal.count_pending(plan.max_attempts, known)
        return counted, to_dial, RuledCounts(), []


async def _read_by_rules(
    contacts: ContactFile, chosen: ChosenLedger, plan: Plan, counts: RunCounts
) -> tuple[ImportSummary, int, RuledCounts, list[RehearsedContact]]:
    """Add the file to a copy of the ledger, and ask the rules about every contact."""
    assert plan.rules is not None  # noqa: S101 - for the type checker
    address = chosen.address if chosen.exists else None
    loss = plan.insist.accept_loss
    async with rehearsed_ledger(address, accept_loss=loss) as ledger:
        counted = await count_file(contacts, plan, counts, ledger)
        states = await ledger.counts()
        pending = states[State.PENDING]
        pending -= await ledger.count_exhausted(plan.max_attempts)
        answers, rows = await asked(
            ledger,
            plan.rules,
            time.time(),
            max_attempts=plan.max_attempts,
            keeps=plan.form != "table",
        )
        return counted, pending, answers, rows


def _say(name: str, text: str) -> None:
    print_line(f"{name:<{_WIDTH}} {text}")


def _say_ledger(chosen: ChosenLedger, plan: Plan, new: int, known: int) -> None:
    """Print how the list stands to its ledger, and what waits there already."""
    if chosen.address is None or not chosen.exists:
        return
    if chosen.path is None and plan.rules is None:
        _say("  known", "not looked at: a dial compares the list with the database")
    else:
        _say("  new", f"{new:,}")
        _say("  known", f"{known:,} in {chosen.address}")
    try:
        _say_waiting(chosen.address, plan)
    except LedgerError as error:
        if chosen.path is not None or error.reason != "no_ledger":
            raise


def _say_waiting(address: LedgerAddress, plan: Plan) -> None:
    """Print what waits in a ledger already.

    Raises:
        LedgerError: If it can't be read, or there is none yet.
    """
    with open_ledger_reader(address, accept_loss=plan.insist.accept_loss) as reader:
        states = reader.counts()
        # What a run that was killed had claimed is called by the next one.
        waiting = states[State.PENDING] + states[State.CLAIMED]
        pending = waiting - reader.count_exhausted(plan.max_attempts)
        missing = unfinished(reader.imports())
    for one in missing:
        print_error(say_unfinished(one))
    if pending:
        _say("pending before", f"{pending:,} in {address}")


def _say_codes(codes: Counter[str]) -> None:
    """Print why rows are no contacts, the most frequent reason first."""
    for code, count in codes.most_common():
        _say(f"  {code}", f"{count:,}")


def _say_samples(samples: Sequence[CleanedNumber]) -> None:
    """Print numbers before and after their cleaning.

    Only a terminal gets them as they are: what goes elsewhere may be a log.
    """
    is_seen = sys.stdout.isatty()
    for one in samples:
        before, after = one.before.reveal(), one.after.reveal()
        if not is_seen:
            before, after = masked(before), masked(after)
        _say(f"  line {one.line}", f"{before!r} is dialled as {after}")
