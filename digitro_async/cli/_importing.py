"""Adds a contact file to a ledger, and checks which files were added to their end."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from digitro_async.campaign import ImportSummary, count_rows
from digitro_async.cli._arguments import Form
from digitro_async.cli._command_loop import on_interrupt
from digitro_async.cli._counts import RunCounts
from digitro_async.cli._exit import Course
from digitro_async.cli._import_display import ImportDisplay
from digitro_async.cli._ledger_options import NOT_INSISTING_TO_DIAL, InsistingToDial
from digitro_async.cli._ledger_view import say_unfinished, unfinished
from digitro_async.cli._live_progress import show_progress
from digitro_async.cli._metrics_options import NO_METRICS, MetricsToServe
from digitro_async.cli._output import print_error
from digitro_async.cli._page_serving import NOT_SERVED, Serving
from digitro_async.cli._rules_options import HeededRules
from digitro_async.cli._watched_rows import WatchedRows
from digitro_async.config import Config
from digitro_async.contacts import (
    ContactFile,
    ContactRow,
    ContinuedRejects,
    RejectCode,
    RejectedRow,
    RejectsFile,
)
from digitro_async.errors import LedgerError
from digitro_async.ledger import AddResult, Change, Import, Ledger, LedgerRehearsal

if TYPE_CHECKING:
    from digitro_async.campaign import Campaign
    from digitro_async.rules import CallingRules

__all__ = ["Plan", "add_contacts", "count_file", "import_file", "is_whole"]

_MOST_SHOWN = 10
"""Rows that are printed, and not only written to the rejects file."""

_SAID = {"destination": "number", "pabx": "PABX"}
_WITHHELD = "nobody calls it until --update takes what this row says"
_KEPT = "it is {} and nothing is changed: another person needs another id"


@attrs.define
class Plan:
    """The choices with which a list is dialled through its ledger.

    Attributes:
        allow_duplicates: Whether a contact is called as often as it stands in its file.
        max_calls: Most contacts that this run calls, None for no limit.
        max_attempts: Attempts after which a contact is left pending.
        insist: Doubts about the ledger that are put aside.
        is_kept: Whether the ledger outlives the process.
        contacts: The file that is added first, if there is one.
        rejects: Takes the rows of the file that are no contacts.
        config: The configuration file, None where nobody goes on with the list.
        rows: The rows of the file, where they are watched on their way.
        wait_for_ends: Whether the run ends only once every call has its end.
        serving: Where a live page is served.
        metrics: Where the metrics of the run are served, if anywhere.
        codes: Code of a rejected row to how often it came.
        rules: The rules of calling, None where none are applied.
        rules_file: The file of rules that the command line names, if it does.
        wait: Longest time, in seconds, that is waited for who is called later; None for
            any.
        form: How a dry run prints what rules say.
        repeated_strangers: Rows whose PABX is not configured, and whose contact came
            from an earlier row.
    """

    allow_duplicates: bool = False
    max_calls: int | None = None
    max_attempts: int = 5
    insist: InsistingToDial = NOT_INSISTING_TO_DIAL
    is_kept: bool = True
    contacts: ContactFile | None = None
    rejects: RejectsFile | None = None
    config: Path | None = None
    rows: WatchedRows | None = None
    wait_for_ends: bool = True
    serving: Serving = NOT_SERVED
    metrics: MetricsToServe = NO_METRICS
    codes: Counter[str] = attrs.field(factory=Counter)
    rules: "CallingRules | None" = None
    rules_file: Path | None = None
    wait: float | None = None
    form: Form = "table"
    repeated_strangers: int = 0

    def heed(self, options: HeededRules, config: Config) -> None:
        """Take the rules that are heeded, if there are any.

        Args:
            options: The options of the command line.
            config: The configuration.

        Raises:
            ConfigurationError: If they can't be used.
        """
        self.rules = options.load(config)
        self.rules_file = options.rules
        self.wait = options.seconds(config)


async def import_file(
    campaign: "Campaign",
    contacts: ContactFile,
    plan: Plan,
    counts: RunCounts,
    course: Course,
) -> bool:
    """Add a file to the ledger; False where a signal ended that."""
    adding = asyncio.ensure_future(add_contacts(campaign.add, contacts, plan, counts))

    def interrupt() -> None:
        course.interrupted = True
        adding.cancel()

    with on_interrupt(interrupt, interrupt):
        try:
            async with show_progress(ImportDisplay(contacts)):
                await asyncio.wait([adding])
        except asyncio.CancelledError:  # by a signal that came a moment before
            interrupt()
            await asyncio.wait([adding])
            while (task := asyncio.current_task()) is not None and task.uncancel():
                pass
    if adding.cancelled():
        end = "read to its end and nobody was called"
        if plan.is_kept:
            end = "imported to its end and nobody was called; name it again to go on"
        print_error(f"interrupted: {contacts.name} was not {end}")
        return False
    imported = adding.result()
    updated = f"{imported.updated} updated, " if imported.updated else ""
    print_error(
        f"{contacts.name}: {imported.new} new contacts, {imported.known} known before, "
        f"{updated}{counts.rejected_rows} rejected rows"
    )
    _say_numbers(contacts.name, imported, counts, heeds_rules=plan.rules is not None)
    _say_changed(contacts.name, imported.changed)
    if imported.elsewhere:
        print_error(
            f"{contacts.name}: {imported.elsewhere} pending contacts of the ledger are "
            "not in it, and are called as well"
        )
    if plan.rows is not None:
        plan.rows.say_strangers()
    if isinstance(plan.rejects, ContinuedRejects) and plan.rejects.has_moved:
        print_error(f"{contacts.name}: rejected rows are in {plan.rejects.name}")
    if course.interrupted:
        print_error("interrupted: nobody was called")
    return not course.interrupted


async def count_file(
    contacts: ContactFile,
    plan: Plan,
    counts: RunCounts,
    rehearsal: LedgerRehearsal | Ledger | None = None,
) -> ImportSummary:
    """Count the contacts of a file, and write its rejected rows, for a dry run.

    Args:
        contacts: The file.
        plan: The choices.
        counts: Counts the rejected rows.
        rehearsal: A copy of the ledger, None where there is none yet.
    """
    taker = _RejectTaker(contacts.name, plan, counts)
    counted = await count_rows(
        plan.rows or contacts,
        ledger=rehearsal,
        repeated=taker.take_repeated,
        rejected=taker.take,
        changed=taker.take_changed,
        allow_duplicates=plan.allow_duplicates,
        update=plan.insist.update,
    )
    _say_numbers(contacts.name, counted, counts, heeds_rules=plan.rules is not None)
    _say_changed(contacts.name, counted.changed)
    return counted


async def add_contacts(
    add: Callable[..., Awaitable[ImportSummary]],
    contacts: ContactFile,
    plan: Plan,
    counts: RunCounts,
) -> ImportSummary:
    """Add a file to a ledger, and write its rejected rows.

    Args:
        add: Adds rows, as ``Campaign.add``.
        contacts: The file.
        plan: The choices.
        counts: Counts the rejected rows.
    """
    taker = _RejectTaker(contacts.name, plan, counts)
    return await add(
        plan.rows or contacts,
        repeated=taker.take_repeated,
        rejected=taker.take,
        changed=taker.take_changed,
        allow_duplicates=plan.allow_duplicates,
        edited=plan.insist.edited,
        update=plan.insist.update,
        finish=None if plan.rejects is None else plan.rejects.finish,
    )


def _say_numbers(
    file: str, imported: ImportSummary, counts: RunCounts, *, heeds_rules: bool
) -> None:
    """Print what becomes of contacts with several numbers."""
    if counts.rejected_numbers:
        print_error(
            f"{file}: {counts.rejected_numbers} numbers are rejected of contacts that "
            "have another one"
        )
    if imported.further_numbers:
        which = (
            "rules say when they are tried"
            if heeds_rules
            else "without --rules only the first good number of a contact is dialled"
        )
        print_error(
            f"{file}: {imported.further_numbers} further numbers are kept beside the "
            f"first ones; {which}"
        )


def _say_changed(file: str, changed: int) -> None:
    if changed > _MOST_SHOWN:
        print_error(f"{file}: {changed - _MOST_SHOWN} more rows like these")
    if changed:
        print_error(
            f"{file}: {changed} of its contacts are in the ledger with another number "
            "or other fields. Nobody is called by what is in doubt: --update takes "
            "over what the file says of those that are pending; other people need "
            "other ids, or a ledger of their own"
        )


@attrs.define
class _RejectTaker:
    """Counts and writes the rows of a file that add nobody."""

    file: str
    plan: Plan
    counts: RunCounts
    changed: int = 0

    def take(self, row: RejectedRow) -> None:
        """Take a row that is no contact, or a number of a contact that is none."""
        if row.is_number:
            self.counts.rejected_numbers += 1
        else:
            self.counts.rejected_rows += 1
        self.plan.codes[row.code.value] += 1
        if self.plan.rejects is not None:
            self.plan.rejects.write(row)

    def take_repeated(self, row: ContactRow, line: int) -> None:
        """Take a row whose contact was added from an earlier line."""
        reason = f"is the contact of line {line}"
        code = RejectCode.DUPLICATE
        if self.plan.rows is not None:
            self.plan.repeated_strangers += self.plan.rows.is_stranger(row)
        self.take(RejectedRow(file=self.file, line=row.line, reason=reason, code=code))

    def take_changed(self, row: ContactRow, added: AddResult) -> None:
        """Take a row whose contact the ledger has with something else."""
        difference = added.difference
        if difference is None:
            return
        what = " and another ".join(_SAID.get(one, one) for one in difference.fields)
        is_kept = difference.change is Change.KEPT
        follows = _KEPT.format(difference.state) if is_kept else _WITHHELD
        reason = (
            f"the ledger has the contact, from line {added.line}, with another {what}; "
            f"{follows}"
        )
        self.changed += 1
        if self.changed <= _MOST_SHOWN:
            print_error(f"{self.file}, line {row.line}: {reason}")
        code = RejectCode.CHANGED
        field = difference.fields[0]
        self.take(
            RejectedRow(
                file=self.file, line=row.line, reason=reason, code=code, field=field
            )
        )


async def is_whole(ledger: Ledger, plan: Plan) -> bool:
    """Whether every list is in the ledger to its end.

    Raises:
        LedgerError: If one is not, and its part that is there may not be dialled.
    """
    imports = await ledger.imports()
    missing = unfinished(imports)
    for one in missing:
        print_error(say_unfinished(one))
    if missing and not plan.insist.partial:
        raise LedgerError(_way_out(missing[0], plan), reason="unfinished_import")
    empty = not imports and not sum((await ledger.counts()).values())
    if empty:
        raise LedgerError(
            "nothing was added to the ledger yet: name a contact file", reason="empty"
        )
    return not missing


def _way_out(missing: Import, plan: Plan) -> str:
    name = missing.file or "the list, in the program that made it"
    if plan.contacts is not None and plan.contacts.name == missing.file:
        return (
            f"{name} is not as it was when its import stopped: name it as it was, "
            "--edited if it takes that one's place, or --partial to dial what there is"
        )
    again = "name" if missing.file else "add"
    return f"{again} {name} again to go on, or --partial to dial what there is"
