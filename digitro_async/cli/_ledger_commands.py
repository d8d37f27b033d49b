"""``digitro ledger``: copy a ledger, settle a restored one, and forget persons."""

import contextlib
import re
import time
from datetime import datetime
from pathlib import Path
from typing import Literal

from digitro_async._common.text import printable
from digitro_async.cli._arguments import Switch
from digitro_async.cli._exit import Exit
from digitro_async.cli._output import print_error, print_line
from digitro_async.errors import ConfigurationError
from digitro_async.ledger.transfer import (
    CopySummary,
    RestoreSummary,
    copy_ledger,
    forget_contacts,
    settle_ledger,
)

__all__ = ["ledger"]

_MOST_PROBLEMS = 20
SECONDS_OF_A_DAY = 86_400.0
_DAYS = re.compile(r"(\d{1,5})d", re.ASCII)


def ledger(
    action: Literal["copy", "restored", "forget"],
    ledger: str,
    target: str | None = None,
    /,
    *,
    campaign: str | None = None,
    keep_source: Switch = False,
    nobody_dialled_since: Switch = False,
    all_unknown: Switch = False,
    results: Path | None = None,
    before: str | None = None,
    keep_hash: Switch = False,
    any_file_system: Switch = False,
) -> Exit:
    """Copy a ledger, settle one that came back from a backup, or forget persons.

    ``digitro ledger copy LEDGER TARGET`` carries everything over, compares both, and
    leaves LEDGER as one that is not dialled any more. ``digitro ledger restored
    LEDGER`` makes a ledger one that may be dialled again after a restore; say what
    became of its contacts since the backup. ``digitro ledger forget LEDGER CONTACT``
    erases the numbers, ids and data of a person; what became of the calls stays.

    Args:
        action: Copy, settle what was restored, or forget.
        ledger: The ledger: a file's path, or the address of its database,
            ``postgresql://user@host/database``. A password is better left to
            PGPASSFILE: every user of a machine can read the words of a process.
        target: With ``copy``: where to, a path or an address; there must be none yet.
            With ``forget``: the contact, by your id or ``#`` and the ledger's number.
        campaign: Name of the campaign in a database, which may hold several.
        keep_source: With ``copy``: make a backup. LEDGER is dialled on, and may be in
            use; the copy is not dialled before it was settled.
        nobody_dialled_since: With ``restored``: nothing was dialled since the backup,
            or nothing is missing in it.
        all_unknown: With ``restored``: who may be called by it may have been called
            since, and becomes unknown.
        results: With ``restored``: CSV file of ``digitro results``, written after the
            last call. What it says is taken over; contacts that it does not name
            become unknown.
        before: With ``forget``, in place of a contact: everybody whose last call or
            decision was before this day (``2026-01-31``), or longer ago than so many
            days (``180d``). Whoever is still to be called is left.
        keep_hash: With ``forget``: keep a keyed hash of each, so that nobody calls them
            if a list has them again.
        any_file_system: Let a file stand on a file system that is not known to be
            local; whether its locks and syncs hold is yours to know.
    """
    if action == "forget":
        if keep_source or nobody_dialled_since or all_unknown or results or campaign:
            raise ConfigurationError(
                'with "digitro ledger forget" go CONTACT or --before, and --keep-hash'
            )
        return _forget(ledger, target, before, keep_hash, any_file_system)
    if before is not None or keep_hash:
        raise ConfigurationError(
            '--before and --keep-hash are about "digitro ledger forget"'
        )
    if action == "copy":
        if nobody_dialled_since or all_unknown or results is not None:
            raise ConfigurationError(
                "--nobody-dialled-since, --all-unknown and --results are about "
                '"digitro ledger restored"'
            )
        if target is None:
            raise ConfigurationError("TARGET is missing: say where to copy it")
        return _copy(ledger, target, campaign, keep_source, any_file_system)
    if target is not None or keep_source:
        raise ConfigurationError(
            'TARGET and --keep-source are about "digitro ledger copy"'
        )
    if nobody_dialled_since + all_unknown + (results is not None) != 1:
        raise ConfigurationError(
            "say what was dialled since the backup, once: --all-unknown, --results "
            "FILE, or --nobody-dialled-since"
        )
    return _settle(ledger, campaign, results, nobody_dialled_since, any_file_system)


def _forget(
    ledger: str,
    contact: str | None,
    before: str | None,
    keep_hash: bool,
    any_file_system: bool,
) -> Exit:
    summary = forget_contacts(
        ledger,
        contact=contact,
        before=None if before is None else _moment(before, time.time()),
        keep_hash=keep_hash,
        any_file_system=any_file_system,
    )
    print_line(f"forgotten         {summary.forgotten}")
    print_line(f"called no more    {summary.skipped}")
    if summary.is_clean:
        print_line("the file was written anew; copies and backups were not touched")
        return Exit.DONE
    print_error(
        "somebody reads the ledger, so its log still holds what was erased: give the "
        "same command again once nobody does"
    )
    return Exit.INCOMPLETE


def _moment(text: str, now: float) -> float:
    """Return the moment that a day or a number of days means.

    Raises:
        ConfigurationError: If it means none.
    """
    days = text[:-1]
    if (
        text.endswith("d")
        and days.isascii()
        and days.isdigit()
        and len(days) <= len("99999")
    ):
        return now - int(days) * SECONDS_OF_A_DAY
    with contextlib.suppress(ValueError, OverflowError, OSError):
        return datetime.fromisoformat(text).timestamp()
    raise ConfigurationError(
        '--before must be a day such as "2026-01-31", or days such as "180d"'
    )


def _copy(
    source: str, target: str, campaign: str | None, keep: bool, any_file_system: bool
) -> Exit:
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
    ledger: str,
    campaign: str | None,
    results: Path | None,
    nobody_dialled: bool,
    any_file_system: bool,
) -> Exit:
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
        nobody_dialled=nobody_dialled,
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
