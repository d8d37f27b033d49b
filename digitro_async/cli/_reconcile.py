"""``digitro reconcile``: record the outcome of an unknown contact, by evidence."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from digitro_async._common.text import printable
from digitro_async.campaign import (
    EvidenceProblem,
    EvidenceRow,
    read_evidence,
    reconcile_rows,
)
from digitro_async.cli._arguments import Switch
from digitro_async.cli._command_loop import run_tuned
from digitro_async.cli._contact_names import contact_named
from digitro_async.cli._exit import Exit
from digitro_async.cli._interrupts import current, ends_anyway
from digitro_async.cli._ledger_options import (
    NOT_INSISTING,
    InsistOptions,
    check_is_there,
    opened_ledger,
)
from digitro_async.cli._named_ledger import NO_LEDGER_NAMED, LedgerOptions
from digitro_async.cli._output import print_error, print_line
from digitro_async.errors import ConfigurationError, LedgerError
from digitro_async.ledger import Ledger, LedgerAddress, Reconciliation
from digitro_async.ledger._written_ids import ids_written_as
from digitro_async.privacy import Personal

__all__ = ["reconcile"]

_Verdict = Literal["accepted", "not-placed"]
_VERDICTS: tuple[_Verdict, ...] = ("accepted", "not-placed")


def reconcile(
    contact: str | None = None,
    verdict: _Verdict | None = None,
    *,
    own_id: Annotated[str | None, Parameter(name="--id")] = None,
    number: str | None = None,
    file: Path | None = None,
    ledger: LedgerOptions = NO_LEDGER_NAMED,
    evidence: str | None = None,
    dry_run: Switch = False,
    insist: InsistOptions = NOT_INSISTING,
) -> Exit:
    """Record the outcome of an unknown contact, with evidence for it.

    Args:
        contact: Its id, or # and its number as ``digitro results`` shows it.
        verdict: Whether it was called; ``not-placed`` makes it pending again.
        own_id: Its id, in place of CONTACT, where that could be taken for a number.
        number: Its number, in place of CONTACT, where that could be taken for an id.
        file: CSV file with the columns id, outcome and evidence, in place of CONTACT.
        ledger: The ledger; no campaign may be running on one that is a file.
        evidence: Source of the verdict; it is kept in the ledger. With ``--file``, that
            of rows that give none.
        dry_run: With ``--file``: check each row, and change nothing.
        insist: Doubts about the ledger that are put aside.
    """
    if file is not None:
        if any(one is not None for one in (contact, verdict, own_id, number)):
            raise ConfigurationError("--file names the contacts: give no other")
        rows = read_evidence(file)
        address = _there(ledger.address())
        return run_tuned(
            _reconcile_all(
                insist.open(address),
                address,
                file,
                rows,
                evidence or "",
                dry_run=dry_run,
            )
        )
    if dry_run:
        raise ConfigurationError("--dry-run is about a --file: name one")
    named, verdict = _meant(contact, verdict, own_id, number)
    if evidence is None:
        raise ConfigurationError("--evidence is missing: say how it is known")
    address = _there(ledger.address())
    return run_tuned(
        _reconcile(insist.open(address), address, named, verdict, evidence)
    )


def _there(ledger: LedgerAddress) -> LedgerAddress:
    path = ledger.path
    if path is None:
        check_is_there(ledger)
        return ledger
    problem = f"there is no {printable(path.name)}: name a ledger that was dialled"
    try:
        if path.is_file():
            return ledger
    except OSError as error:
        problem = f"{printable(path.name)} can't be reached: {error.strerror}"
    raise LedgerError(problem, reason="no_ledger")


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
    named = contact_named(contact, own_id, number)
    if verdict is None:
        raise ConfigurationError(f"say the verdict: {' or '.join(_VERDICTS)}")
    return named, verdict


async def _reconcile(
    opened: Ledger,
    address: LedgerAddress,
    contact: str | int | Personal,
    verdict: _Verdict,
    evidence: str,
) -> Exit:
    async with opened_ledger(opened, address) as ledger:
        ends_anyway()  # it is written in a moment, and then said
        done = await _settle(ledger, contact, verdict, evidence)
    print_line(f"#{done.number} is {done.state} now")
    return Exit.INTERRUPTED if current().heard else Exit.DONE


async def _settle(
    ledger: Ledger, contact: str | int | Personal, verdict: _Verdict, evidence: str
) -> Reconciliation:
    """Settle a contact; an id may be written as an output has it.

    Raises:
        LedgerError: If it can't be settled.
    """
    readings: list[str | int | Personal] = [contact]
    if isinstance(contact, Personal):
        readings = [Personal(one) for one in ids_written_as(contact.reveal())]
    failure = LedgerError()
    for reading in readings:
        try:
            return await ledger.reconcile(
                reading,
                accepted=verdict == "accepted",
                evidence=evidence,
                now=time.time(),
            )
        except LedgerError as error:
            if error.reason != "no_such_contact":
                raise
            failure = error
    raise failure


async def _reconcile_all(
    opened: Ledger,
    address: LedgerAddress,
    file: Path,
    rows: Iterator[EvidenceRow | EvidenceProblem],
    evidence: str,
    *,
    dry_run: bool,
) -> Exit:
    name = printable(file.name)

    def say(problem: EvidenceProblem) -> None:
        print_error(f"{name}, line {problem.line}: {problem.reason}")

    async with opened_ledger(opened, address) as ledger:
        ends_anyway()  # it stops between two rows, and says how far it came
        summary = await reconcile_rows(
            ledger,
            rows,
            evidence=evidence,
            problem=say,
            dry_run=dry_run,
            stop=lambda: current().heard > 0,
        )
    print_line(f"accepted        {summary.accepted}")
    print_line(f"not placed      {summary.not_placed}")
    print_line(f"known before    {summary.known}")
    print_line(f"rejected rows   {summary.problems}")
    if dry_run:
        print_line("changed         0 (dry run)")
    if current().heard:
        print_error("interrupted: the rest was not read; name the file again to go on")
        return Exit.INTERRUPTED
    return Exit.INCOMPLETE if summary.problems else Exit.DONE
