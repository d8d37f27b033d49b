"""``digitro dial``: every contact of a file, once, at the cap."""

import os
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from digitro_async.cli._arguments import LEDGER, WHOLE
from digitro_async.cli._campaign import dial_campaign
from digitro_async.cli._dialling import ContactSource, dial_all
from digitro_async.cli._exit import Course, Exit
from digitro_async.cli._importing import Plan
from digitro_async.cli._insisting import (
    NOT_INSISTING_TO_DIAL,
    InsistToDialOptions,
)
from digitro_async.cli._output import print_error, print_line
from digitro_async.cli._runner import run_tuned, to_its_end
from digitro_async.config import Config, load_config
from digitro_async.contacts import (
    ContactFile,
    ContinuedRejects,
    RejectsFile,
    ResultsFile,
    open_contacts,
)
from digitro_async.errors import ConfigurationError
from digitro_async.ledger import open_ledger_reader

__all__ = ["dial", "say_how_it_is_read"]

_Switch = Annotated[bool, Parameter(negative="")]
_AtLeastOne = Annotated[int | None, WHOLE, Parameter(validator=Number(gte=1))]

_DELIMITERS = {";": "semicolons", ",": "commas", "\t": "tabs"}


def dial(
    contacts: Path | None = None,
    *,
    config: Path = Path("digitro.toml"),
    ledger: Annotated[Path | None, LEDGER] = None,
    results: Path | None = None,
    rejects: Path | None = None,
    max_calls: _AtLeastOne = None,
    max_attempts: Annotated[int, WHOLE, Parameter(validator=Number(gte=1))] = 5,
    encoding: str | None = None,
    strip_punctuation: _Switch = False,
    ignore_unknown_columns: _Switch = False,
    allow_duplicates: _Switch = False,
    dry_run: _Switch = False,
    insist: InsistToDialOptions = NOT_INSISTING_TO_DIAL,
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
        max_attempts: With a ledger: attempts over all runs after which a contact is
            left pending, unless the last one failed because of the PABX.
        encoding: What the file is written in, where guessing would be wrong.
        strip_punctuation: Take blanks, dashes, dots and the like out of numbers.
        ignore_unknown_columns: Pass over columns with unknown names.
        allow_duplicates: Call a contact as often as it stands in the file.
        dry_run: Read, check, count; dial nothing; write ``--rejects`` only if given.
        insist: What the ledger is dialled in spite of.
    """
    plan = Plan(allow_duplicates, max_attempts, insist)
    _check_options(ledger, plan, results, max_calls)
    if contacts is None:
        return _resume(config, ledger, plan, dry_run=dry_run)
    loaded = load_config(config, can_resume=False)
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
            return _count(loaded, opened, rejects, max_calls)
        if ledger is None:
            places = _places(contacts, results, rejects)
            return _dial_once(loaded, opened, places, max_calls)
        with _rejects_of(contacts, rejects, ledger) as plan.rejects:
            plan.contacts = opened
            return _dial_ledger(loaded, ledger, plan)


def _resume(config: Path, ledger: Path | None, plan: Plan, *, dry_run: bool) -> Exit:
    """Dial what is pending in a ledger, and read no file."""
    if ledger is None:
        raise ConfigurationError("name a contact file, or a --ledger to resume")
    if dry_run:
        raise ConfigurationError("--dry-run reads a contact file; name one")
    if plan.insist.edited:
        raise ConfigurationError("--edited is about a contact file; name one")
    if not ledger.exists():
        raise ConfigurationError("--ledger is not there; name a contact file too")
    return _dial_ledger(load_config(config, can_resume=False), ledger, plan)


def _dial_ledger(config: Config, ledger: Path, plan: Plan) -> Exit:
    """Put a file into a ledger, if there is one, and dial what is pending in it."""
    course = Course()
    return to_its_end(
        course, lambda: run_tuned(dial_campaign(config, ledger, plan, course))
    )


def _dial_once(
    config: Config,
    contacts: ContactFile,
    places: tuple[Path, Path],
    max_calls: int | None,
) -> Exit:
    """Dial a file without a ledger: what is on the wire at a kill is forgotten."""
    results, rejects = places
    course = Course()

    def dial_it() -> Exit:
        with RejectsFile(rejects) as rejected, ResultsFile(results) as written:
            reading = ContactSource(contacts, rejected, config.call, max_calls)
            return run_tuned(dial_all(config, reading, written, course))

    return to_its_end(course, dial_it)


def _check_options(
    ledger: Path | None, plan: Plan, results: Path | None, max_calls: int | None
) -> None:
    """Refuse options that do not go together."""
    insist = plan.insist
    if ledger is None and (insist.partial or insist.edited):
        name = "--partial" if insist.partial else "--edited"
        raise ConfigurationError(f"{name} goes with --ledger only")
    if ledger is not None and results is not None:
        raise ConfigurationError(
            "--ledger keeps the results itself: digitro results writes them"
        )
    if ledger is not None and max_calls is not None:
        raise ConfigurationError("--max-calls does not go with --ledger")


def _rejects_of(contacts: Path, rejects: Path | None, ledger: Path) -> RejectsFile:
    """Return where rejected rows go: on with the file of an import that stopped."""
    path = rejects or _beside(contacts, "rejects")
    if not ledger.exists():
        return RejectsFile(path)
    if rejects is None:
        return ContinuedRejects(path, other_names=True)
    if path.exists():  # made by the import that stopped, perhaps: its rows tell
        with open_ledger_reader(ledger) as reader:
            if not all(one.is_whole for one in reader.imports()):
                return ContinuedRejects(path)
    return RejectsFile(path)


def say_how_it_is_read(contacts: ContactFile) -> None:
    """Print what was found out about a file: it may be a wrong guess."""
    delimiter = _DELIMITERS[contacts.delimiter]
    print_error(f"{contacts.name}: read as {contacts.encoding}, split at {delimiter}")


def _beside(contacts: Path, what: str) -> Path:
    return contacts.with_name(f"{contacts.stem}.{what}.csv")


def _places(
    contacts: Path, results: Path | None, rejects: Path | None
) -> tuple[Path, Path]:
    """Return where results and rejects go; the latter, made in mid-run, won't fail.

    Raises:
        ConfigurationError: If it would.
    """
    results = results or _beside(contacts, "results")
    rejects = rejects or _beside(contacts, "rejects")
    if results.resolve() == rejects.resolve():
        raise ConfigurationError("--results and --rejects name the same file")
    if not os.access(rejects.absolute().parent, os.W_OK | os.X_OK):
        raise ConfigurationError("--rejects names a folder that can't be written to")
    return results, rejects


def _count(
    config: Config, contacts: ContactFile, rejects: Path | None, most: int | None
) -> Exit:
    """Read and check everything, dial nothing."""
    try:
        if rejects is None:
            reading = ContactSource(contacts, None, config.call, most)
            good = sum(1 for _ in reading)
        else:
            with RejectsFile(rejects) as rejected:
                reading = ContactSource(contacts, rejected, config.call, most)
                good = sum(1 for _ in reading)
    except KeyboardInterrupt:
        print_error(
            "interrupted: the file was not read to its end, nor were its rejects"
        )
        return Exit.INTERRUPTED
    print_line(f"contacts        {good}")
    print_line(f"rejected rows   {reading.tally.rejected_rows}")
    print_line("dialled         0 (dry run)")
    return Exit.INCOMPLETE if reading.tally.rejected_rows else Exit.DONE
