"""Puts a contact file into a ledger, and says which files are not in to their end."""

import asyncio
from collections.abc import Iterable

import attrs

from digitro_async.campaign import Campaign, ImportSummary
from digitro_async.cli._exit import Course
from digitro_async.cli._insisting import NOT_INSISTING_TO_DIAL, InsistingToDial
from digitro_async.cli._output import print_error
from digitro_async.cli._runner import on_interrupt
from digitro_async.cli._tally import RunCounts
from digitro_async.contacts import (
    ContactFile,
    ContactRow,
    ContinuedRejects,
    RejectCode,
    RejectedRow,
    RejectsFile,
)
from digitro_async.errors import LedgerError
from digitro_async.ledger import Import, Ledger

__all__ = ["Plan", "import_file", "is_whole", "say_unfinished", "unfinished"]


@attrs.define
class Plan:
    """What is to be done with a ledger.

    Attributes:
        allow_duplicates: Whether a contact is called as often as it stands in its file.
        max_attempts: Attempts after which a contact is left pending.
        insist: What the ledger is dialled in spite of.
        contacts: The file that is put in first, if there is one.
        rejects: Where its rows go that are no contacts.
    """

    allow_duplicates: bool = False
    max_attempts: int = 5
    insist: InsistingToDial = NOT_INSISTING_TO_DIAL
    contacts: ContactFile | None = None
    rejects: RejectsFile | None = None


async def import_file(
    campaign: Campaign,
    contacts: ContactFile,
    plan: Plan,
    tally: RunCounts,
    course: Course,
) -> bool:
    """Put a file into the ledger; False where a signal ended that."""
    adding = asyncio.ensure_future(_add(campaign, contacts, plan, tally))

    def interrupt() -> None:
        course.interrupted = True
        adding.cancel()

    with on_interrupt(interrupt, interrupt):
        await asyncio.wait([adding])
    if adding.cancelled():
        print_error(
            f"interrupted: {contacts.name} was not imported to its end and nobody was "
            "called; name it again to go on"
        )
        return False
    imported = adding.result()
    print_error(
        f"{contacts.name}: {imported.new} new contacts, {imported.known} known before, "
        f"{tally.rejected_rows} rejected rows"
    )
    if isinstance(plan.rejects, ContinuedRejects) and plan.rejects.has_moved:
        print_error(f"{contacts.name}: rejected rows are in {plan.rejects.name}")
    if course.interrupted:
        print_error("interrupted: nobody was called")
    return not course.interrupted


async def _add(
    campaign: Campaign, contacts: ContactFile, plan: Plan, tally: RunCounts
) -> ImportSummary:
    def reject(row: RejectedRow) -> None:
        tally.rejected_rows += 1
        if plan.rejects is not None:
            plan.rejects.write(row)

    def repeated(contact: ContactRow, line: int) -> None:
        reject(
            RejectedRow(
                file=contacts.name,
                line=contact.line,
                reason=f"is the contact of line {line}",
                code=RejectCode.DUPLICATE,
            )
        )

    return await campaign.add(
        contacts,
        repeated=repeated,
        rejected=reject,
        allow_duplicates=plan.allow_duplicates,
        edited=plan.insist.edited,
        finish=None if plan.rejects is None else plan.rejects.finish,
    )


async def is_whole(ledger: Ledger, plan: Plan) -> bool:
    """Whether every list is in the ledger to its end.

    Raises:
        LedgerError: If one is not, and what is there is not to be dialled by itself.
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
            "nothing was put into the ledger yet: name a contact file", reason="empty"
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


def unfinished(imports: Iterable[Import]) -> list[Import]:
    """Return the imports that lack contacts of their lists."""
    return [one for one in imports if not one.is_whole]


def say_unfinished(one: Import) -> str:
    """Return what is said about an import that did not end."""
    name = one.file or "a list of a program"
    contacts = one.new + one.known + one.repeated
    return (
        f"not imported to its end: {name} "
        f"({contacts} contacts and {one.rejected} rejected rows were read)"
    )
