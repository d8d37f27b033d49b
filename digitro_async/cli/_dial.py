"""``digitro dial``: every contact of a file, once, at the cap."""

import os
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from digitro_async.cli._config import load_config
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
    contacts: Path,
    *,
    config: Path = Path("digitro.toml"),
    results: Path | None = None,
    rejects: Path | None = None,
    max_calls: _AtLeastOne = None,
    encoding: str | None = None,
    strip_punctuation: _Switch = False,
    ignore_unknown_columns: _Switch = False,
    allow_duplicates: _Switch = False,
    dry_run: _Switch = False,
) -> Exit:
    """Call every contact of a CSV file once and write what became of each.

    Args:
        contacts: The file; its header names ``destination`` and what else there is.
        config: Configuration file.
        results: File for the results; by default beside the contacts.
        rejects: File for rows that are no contact; by default beside the contacts.
        max_calls: Stop reading after so many contacts.
        encoding: What the file is written in, where guessing would be wrong.
        strip_punctuation: Take blanks, dashes, dots and the like out of numbers.
        ignore_unknown_columns: Pass over columns with unknown names.
        allow_duplicates: Call a contact as often as it stands in the file.
        dry_run: Read, check and count; dial nothing, and write only ``--rejects``
            where it is given.
    """
    loaded = load_config(config)
    opened = open_contacts(
        contacts,
        defaults=loaded.call,
        encoding=encoding,
        strip_punctuation=strip_punctuation,
        ignore_unknown_columns=ignore_unknown_columns,
        allow_duplicates=allow_duplicates,
    )
    with opened:
        say_how_it_is_read(opened)
        if dry_run:
            return _count(opened, rejects, max_calls)
        results = results or _beside(contacts, "results")
        rejects = rejects or _beside(contacts, "rejects")
        _check_places(results, rejects)
        with RejectsFile(rejects) as rejected, ResultsFile(results) as written:
            reading = Reading(opened, rejected, max_calls)
            return run_tuned(dial_all(loaded, reading, written))


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
