"""``digitro ledger``: copy a ledger, settle a restored one, and forget persons."""

from pathlib import Path
from typing import Annotated, Literal

import attrs
from cyclopts import Parameter

from digitro_async._common.text import printable
from digitro_async.cli._arguments import Switch
from digitro_async.cli._exit import Exit
from digitro_async.cli._forget_persons import (
    NOBODY_NAMED,
    ForgetOptions,
    Forgotten,
    forget_persons,
)
from digitro_async.cli._output import print_error, print_line
from digitro_async.errors import ConfigurationError
from digitro_async.ledger import LedgerAddress, ledger_address
from digitro_async.ledger.transfer import (
    CopySummary,
    RestoreSummary,
    copy_ledger,
    settle_ledger,
)

__all__ = ["ledger"]

_MOST_PROBLEMS = 20

Words = Annotated[tuple[str, ...], Parameter(negative="", show_default=False)]


@attrs.frozen(kw_only=True)
class DialledSince:
    """What was dialled since a backup.

    Attributes:
        nobody_dialled_since: With ``restored``: nothing was dialled since the backup,
            or nothing is missing in it.
        all_unknown: With ``restored``: who may be called by it may have been called
            since, and becomes unknown.
        results: With ``restored``: CSV file of ``digitro results``, written after the
            last call. What it says is taken over; contacts that it does not name
            become unknown.
    """

    nobody_dialled_since: Switch = False
    all_unknown: Switch = False
    results: Path | None = None

    @property
    def said(self) -> int:
        """How many things are said; one is enough."""
        return self.nobody_dialled_since + self.all_unknown + (self.results is not None)


SinceOptions = Annotated[DialledSince, Parameter(name="*")]
NOTHING_SAID = DialledSince()


def ledger(
    action: Literal["copy", "restored", "ends", "forget"],
    ledger: str,
    target: str | None = None,
    /,
    *,
    campaign: str | None = None,
    keep_source: Switch = False,
    since: SinceOptions = NOTHING_SAID,
    word: Words = (),
    dry_run: Switch = False,
    forgotten: ForgetOptions = NOBODY_NAMED,
    any_file_system: Switch = False,
) -> Exit:
    """Copy a ledger, settle a restored one, or forget persons.

    ``digitro ledger copy LEDGER TARGET`` carries everything over, compares both, and
    leaves LEDGER as one that is not dialled any more. ``digitro ledger restored
    LEDGER`` makes a ledger one that may be dialled again after a restore; say what
    became of its contacts since the backup. ``digitro ledger ends LEDGER FILE`` records
    what a CSV file tells of calls whose end no event told of: columns contact, id or
    call_id, and disposition, and times as in ``digitro results``. ``digitro ledger
    forget LEDGER CONTACT`` erases the numbers, ids and data of a person.

    Args:
        action: ``copy`` it, settle one that was ``restored``, import ``ends`` of calls,
            or ``forget`` persons.
        ledger: The ledger: a file's path, or the address of its database,
            ``postgresql://user@host/database``. A password is better left to
            PGPASSFILE: every user of a machine can read the command line of a process.
        target: With ``copy``: where to, a path or an address; there must be none yet.
            With ``ends``: the file. With ``forget``: the contact, by your id or ``#``
            and the ledger's number.
        campaign: Name of the campaign in a database, which may hold several.
        keep_source: With ``copy``: make a backup. LEDGER stays in use; the copy is not
            dialled before it is settled.
        since: What was dialled since the backup.
        word: With ``ends``: WORD=DISPOSITION, what a word of the file means, such as
            OCUPADO=busy. May be given several times.
        dry_run: With ``ends``: check each row, and record nothing.
        forgotten: Who is forgotten, and how.
        any_file_system: Allow a file on a file system that is not known to be local.
            You must be sure that its locks and syncs work.
    """
    return _act(
        action,
        ledger,
        target,
        campaign=campaign,
        keep_source=keep_source,
        since=since,
        word=word,
        dry_run=dry_run,
        forgotten=forgotten,
        any_file_system=any_file_system,
    )


def _act(
    action: str,
    ledger: str,
    target: str | None,
    *,
    campaign: str | None,
    keep_source: bool,
    since: DialledSince,
    word: tuple[str, ...],
    dry_run: bool,
    forgotten: Forgotten,
    any_file_system: bool,
) -> Exit:
    if action == "forget":
        if keep_source or since.said or word or dry_run:
            raise ConfigurationError(
                "forget takes LEDGER, CONTACT or --before, and --keep-hash"
            )
        return forget_persons(
            ledger_address(ledger, campaign=campaign),
            target,
            forgotten,
            any_file_system=any_file_system,
        )
    if forgotten.is_said:
        raise ConfigurationError("--before and --keep-hash are about forget")
    if action == "ends":
        if keep_source or since.said:
            raise ConfigurationError("ends takes LEDGER, FILE, --word and --dry-run")
        return _import_ends(
            ledger_address(ledger, campaign=campaign),
            target,
            word,
            dry_run,
            any_file_system,
        )
    if word or dry_run:
        raise ConfigurationError("--word and --dry-run are about ends")
    if action == "copy":
        if since.said:
            raise ConfigurationError(
                "--nobody-dialled-since, --all-unknown and --results are about "
                '"digitro ledger restored"'
            )
        return _copy(ledger, target, campaign, keep_source, any_file_system)
    if target is not None or keep_source:
        raise ConfigurationError(
            'TARGET and --keep-source are about "digitro ledger copy"'
        )
    return _settle(ledger, campaign, since, any_file_system)


def _import_ends(
    address: LedgerAddress,
    file: str | None,
    words: tuple[str, ...],
    dry_run: bool,
    any_file_system: bool,
) -> Exit:
    # Late: who copies a ledger needs no HTTP library.
    from digitro_async.cli._import_call_ends import import_call_ends  # noqa: PLC0415

    return import_call_ends(
        address,
        file,
        words=words,
        dry_run=dry_run,
        any_file_system=any_file_system,
    )


def _copy(
    source: str,
    target: str | None,
    campaign: str | None,
    keep: bool,
    any_file_system: bool,
) -> Exit:
    if target is None:
        raise ConfigurationError("TARGET is missing: say where to copy it")
    summary = copy_ledger(
        source,
        target,
        campaign=campaign,
        keep_source=keep,
        any_file_system=any_file_system,
    )
    for line in _lines_of_copy(summary, keep_source=keep):
        print_line(line)
    return Exit.DONE


def _lines_of_copy(summary: CopySummary, *, keep_source: bool) -> list[str]:
    lines = [
        f"{'table':<14}{'rows':>12}  digest, equal in both",
        *(
            f"{one.table:<14}{one.rows:>12}  {_in_groups(one.digest)}"
            for one in summary.tables
        ),
    ]
    if summary.was_done:
        lines.append("it was whole before")
    if keep_source:
        lines.append(
            f"{summary.target} is a backup of {summary.source}, which is dialled on"
        )
    else:
        lines.append(
            f"{summary.source} was moved to {summary.target}: name that from now on"
        )
    return lines


def _in_groups(digest: str) -> str:
    """Return the beginning of a digest, which nobody takes for a number to dial."""
    return " ".join(digest[place : place + 4] for place in range(0, 16, 4))


def _settle(
    ledger: str, campaign: str | None, since: DialledSince, any_file_system: bool
) -> Exit:
    if since.said != 1:
        raise ConfigurationError(
            "say what was dialled since the backup, once: --all-unknown, --results "
            "FILE, or --nobody-dialled-since"
        )
    results = since.results
    later = None
    if results is not None:
        # Late: who copies a ledger needs no HTTP library.
        from digitro_async.campaign import read_later_results  # noqa: PLC0415

        later = read_later_results(results)
    name = "" if results is None else printable(results.name)
    summary = settle_ledger(
        ledger,
        campaign=campaign,
        later=later,
        nobody_dialled=since.nobody_dialled_since,
        evidence=f"results in {name}"[:200] if name else "",
        any_file_system=any_file_system,
    )
    _print_settled(summary)
    return Exit.INCOMPLETE if summary.problems else Exit.DONE


def _print_settled(summary: RestoreSummary) -> None:
    print_line(f"became unknown    {summary.unknown - summary.accepted}")
    print_line(f"became accepted   {summary.accepted}")
    print_line(f"became invalid    {summary.final}")
    print_line("it may be dialled now; the unknown are left out until reconciled")
    for number, problem in list(summary.problems.items())[:_MOST_PROBLEMS]:
        print_error(f"#{number} {problem}")
    left = len(summary.problems) - _MOST_PROBLEMS
    if left > 0:
        print_error(f"and {left} more")
