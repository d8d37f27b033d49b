"""``digitro dial``: every contact of a file, once, at the cap."""

import os
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from digitro_async.cli._campaign import (
    NOT_INSISTING,
    Insisting,
    InsistOptions,
    dial_campaign,
)
from digitro_async.cli._config import Config, load_config
from digitro_async.cli._dialling import Reading, dial_all
from digitro_async.cli._exit import Exit
from digitro_async.cli._output import complain, say
from digitro_async.cli._runner import run_tuned
from digitro_async.contacts import (
    ContactFile,
    RejectsFile,
    ResultsFile,
    open_contacts,
)
from digitro_async.errors import ConfigurationError

__all__ = ["dial", "say_how_it_is_read"]

_Switch = Annotated[bool, Parameter(negative="")]
_AtLeastOne = Annotated[int | None, Parameter(validator=Number(gte=1))]

_DELIMITERS = {";": "semicolons", ",": "commas", "\t": "tabs"}


def dial(
    contacts: Path | None = None,
    *,
    config: Path = Path("digitro.toml"),
    ledger: Path | None = None,
    results: Path | None = None,
    rejects: Path | None = None,
    max_calls: _AtLeastOne = None,
    max_attempts: Annotated[int, Parameter(validator=Number(gte=1))] = 5,
    encoding: str | None = None,
    strip_punctuation: _Switch = False,
    ignore_unknown_columns: _Switch = False,
    allow_duplicates: _Switch = False,
    dry_run: _Switch = False,
    insist: InsistOptions = NOT_INSISTING,
) -> Exit:
    """Call every contact of a CSV file once and write what became of each.

    Args:
        contacts: The file; its header names ``destination`` and what else there is.
            It may be left out where a ledger is resumed.
        config: Configuration file.
        ledger: File that remembers every call; made if it is not there, else resumed.
        results: File for the results; by default beside the contacts.
        rejects: File for rows that are no contact; by default beside the contacts.
        max_calls: Stop reading after so many contacts.
        max_attempts: With a ledger: attempts after which a contact that could not be
            sent is left pending, over all runs.
        encoding: What the file is written in, where guessing would be wrong.
        strip_punctuation: Take blanks, dashes, dots and the like out of numbers.
        ignore_unknown_columns: Pass over columns with unknown names.
        allow_duplicates: Call a contact as often as it stands in the file.
        dry_run: Read, check, count; dial nothing; write ``--rejects`` only if given.
        insist: What the ledger is opened in spite of.
    """
    _check_options(ledger, results, max_calls)
    if contacts is None:
        return _resume(config, ledger, max_attempts, insist, dry_run=dry_run)
    loaded = load_config(config)
    opened = open_contacts(
        contacts,
        defaults=loaded.call,
        encoding=encoding,
        strip_punctuation=strip_punctuation,
        ignore_unknown_columns=ignore_unknown_columns,
        # A ledger finds duplicates itself, also those of earlier files.
        allow_duplicates=allow_duplicates or (ledger is not None and not dry_run),
    )
    with opened:
        say_how_it_is_read(opened)
        if dry_run:
            return _count(opened, rejects, max_calls)
        if ledger is None:
            results = results or _beside(contacts, "results")
            rejects = rejects or _beside(contacts, "rejects")
            return _dial_once(loaded, opened, results, rejects, max_calls)
        with _rejects_of(contacts, rejects, resumes=ledger.exists()) as rejected:
            begin = partial(dial_campaign, loaded, ledger, insist=insist)
            begin = partial(begin, max_attempts=max_attempts)
            return run_tuned(begin(opened, rejected, allow_duplicates=allow_duplicates))


def _resume(
    config: Path,
    ledger: Path | None,
    max_attempts: int,
    insist: Insisting,
    *,
    dry_run: bool,
) -> Exit:
    """Dial what is pending in a ledger, and read no file."""
    if ledger is None:
        raise ConfigurationError("name a contact file, or a --ledger to resume")
    if dry_run:
        raise ConfigurationError("--dry-run reads a contact file; name one")
    if not ledger.exists():
        raise ConfigurationError("--ledger is not there; name a contact file too")
    loaded = load_config(config)
    return run_tuned(
        dial_campaign(
            loaded, ledger, None, None, insist=insist, max_attempts=max_attempts
        )
    )


def _dial_once(
    config: Config,
    contacts: ContactFile,
    results: Path,
    rejects: Path,
    max_calls: int | None,
) -> Exit:
    """Dial a file without a ledger: what is on the wire at a kill is forgotten."""
    _check_places(results, rejects)
    with RejectsFile(rejects) as rejected, ResultsFile(results) as written:
        reading = Reading(contacts, rejected, max_calls)
        return run_tuned(dial_all(config, reading, written))


def _check_options(
    ledger: Path | None, results: Path | None, max_calls: int | None
) -> None:
    if ledger is None:
        return
    if results is not None:
        raise ConfigurationError(
            "--ledger keeps the results itself: digitro results writes them"
        )
    if max_calls is not None:
        raise ConfigurationError("--max-calls does not go with --ledger")


def _rejects_of(
    contacts: Path, rejects: Path | None, *, resumes: bool
) -> AbstractContextManager[RejectsFile | None]:
    """Return where rejected rows go; a resumed list has them from its first run."""
    beside = _beside(contacts, "rejects")
    if rejects is None and resumes and beside.exists():
        return nullcontext()
    return RejectsFile(rejects or beside)


def say_how_it_is_read(contacts: ContactFile) -> None:
    """Print what was found out about a file: it may be a wrong guess."""
    delimiter = _DELIMITERS[contacts.delimiter]
    complain(f"{contacts.name}: read as {contacts.encoding}, split at {delimiter}")


def _beside(contacts: Path, what: str) -> Path:
    return contacts.with_name(f"{contacts.stem}.{what}.csv")


def _check_places(results: Path, rejects: Path) -> None:
    """See to it that the rejects file, made in mid-run, won't fail then.

    Raises:
        ConfigurationError: If it would.
    """
    if results.absolute() == rejects.absolute():
        raise ConfigurationError("--results and --rejects name the same file")
    if not os.access(rejects.absolute().parent, os.W_OK | os.X_OK):
        raise ConfigurationError("--rejects names a folder that can't be written to")


def _count(contacts: ContactFile, rejects: Path | None, most: int | None) -> Exit:
    """Read and check everything, dial nothing."""
    if rejects is None:
        reading = Reading(contacts, None, most)
        good = sum(1 for _ in reading)
    else:
        with RejectsFile(rejects) as rejected:
            reading = Reading(contacts, rejected, most)
            good = sum(1 for _ in reading)
    say(f"contacts        {good}")
    say(f"rejected rows   {reading.tally.rejected_rows}")
    say("dialled         0 (dry run)")
    return Exit.INCOMPLETE if reading.tally.rejected_rows else Exit.DONE
