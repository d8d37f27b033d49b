"""``digitro dial``: every contact of a file, once, at the cap."""

import os
from pathlib import Path
from typing import Annotated

from digitro_async.cli._arguments import LEDGER, AtLeastOne, MaxAttempts, Switch
from digitro_async.cli._chosen_ledger import ChosenLedger, choose_ledger
from digitro_async.cli._command_loop import run_tuned, to_its_end
from digitro_async.cli._counts import RunCounts
from digitro_async.cli._dial_list import (
    dial_list,
    say_how_it_is_read,
    say_what_was_cleaned,
)
from digitro_async.cli._exit import Course, Exit, exit_after_dry_run
from digitro_async.cli._importing import Plan, count_file
from digitro_async.cli._ledger_options import (
    NOT_INSISTING_TO_DIAL,
    InsistToDialOptions,
)
from digitro_async.cli._open_files import check_descriptors
from digitro_async.cli._output import print_error, print_line
from digitro_async.cli._reading_options import READ_AS_FOUND, ReadingOptions
from digitro_async.config import Config, load_config
from digitro_async.contacts import ContactFile, ContinuedRejects, RejectsFile
from digitro_async.errors import ConfigurationError
from digitro_async.ledger import open_ledger_reader

__all__ = ["dial"]


def dial(
    contacts: Path | None = None,
    *,
    config: Path = Path("digitro.toml"),
    ledger: Annotated[Path | None, LEDGER] = None,
    no_ledger: Switch = False,
    rejects: Path | None = None,
    max_calls: AtLeastOne | None = None,
    max_attempts: MaxAttempts = 5,
    read: ReadingOptions = READ_AS_FOUND,
    allow_duplicates: Switch = False,
    dry_run: Switch = False,
    insist: InsistToDialOptions = NOT_INSISTING_TO_DIAL,
) -> Exit:
    """Call every contact of a CSV file once and record each outcome.

    Args:
        contacts: The file; its header names ``destination`` and the other columns.
            It may be left out where a ledger is continued.
        config: Configuration file.
        ledger: File that remembers every call; made if it is not there, else
            continued. By default it stands beside the contacts.
        no_ledger: Remember calls in memory only: after a crash nobody knows who was
            called.
        rejects: File for rows that are no contact; by default beside the contacts.
        max_calls: Most contacts that this run calls; the rest stays pending.
        max_attempts: Attempts over all runs after which a contact is left pending; one
            that failed because of the PABX, or never reached it, does not count.
        read: The ways in which the file is read.
        allow_duplicates: Call a contact as often as it stands in the file.
        dry_run: Read, check, count; dial nothing; write ``--rejects`` only if given.
        insist: Doubts about the ledger that are put aside.
    """
    chosen = choose_ledger(contacts, ledger, no_ledger=no_ledger)
    plan = Plan(allow_duplicates, max_calls, max_attempts, insist, config=config)
    _check_options(chosen, plan, dry_run=dry_run)
    if contacts is None:
        return _continue(config, chosen, plan, dry_run=dry_run)
    loaded = _load(config)
    _check_rejects(rejects, chosen)
    with read.open(contacts, loaded) as plan.contacts:
        if dry_run:
            return _count(plan.contacts, rejects, plan)
        chosen.check_folder()
        with _rejects_of(contacts, rejects, chosen) as plan.rejects:
            return _dial(loaded, chosen, plan)


def _continue(config: Path, chosen: ChosenLedger, plan: Plan, *, dry_run: bool) -> Exit:
    """Dial the pending contacts of a ledger, and read no file."""
    if dry_run:
        raise ConfigurationError("--dry-run reads a contact file; name one")
    for name in ("edited", "update"):
        if getattr(plan.insist, name):
            raise ConfigurationError(f"--{name} is about a contact file; name one")
    if not chosen.exists:
        raise ConfigurationError(
            f"--ledger: {chosen.path} is not there; name a contact file too to make it"
        )
    return _dial(_load(config), chosen, plan)


def _load(path: Path) -> Config:
    """Return the configuration of a dial for which this process has the means.

    Raises:
        ConfigurationError: If it can't be used, or not enough files can be opened.
    """
    config = load_config(path, can_resume=False)
    check_descriptors(config.pabx)
    return config


def _dial(config: Config, chosen: ChosenLedger, plan: Plan) -> Exit:
    course = Course()
    plan.is_kept = chosen.path is not None
    return to_its_end(
        course, lambda: run_tuned(dial_list(config, chosen, plan, course))
    )


def _check_options(chosen: ChosenLedger, plan: Plan, *, dry_run: bool) -> None:
    """Refuse options that do not go together.

    Raises:
        ConfigurationError: If there are such options.
    """
    if chosen.path is None:
        for name in ("partial", "edited", "update", "any_file_system", "accept_loss"):
            if getattr(plan.insist, name):
                option = name.replace("_", "-")
                raise ConfigurationError(
                    f"--{option} is about a ledger's file: leave --no-ledger out"
                )
    if dry_run and plan.max_calls is not None:
        raise ConfigurationError("--dry-run makes no calls: leave --max-calls out")


def _check_rejects(rejects: Path | None, chosen: ChosenLedger) -> None:
    """Refuse a place for rejects that would fail in the middle of an import.

    Raises:
        ConfigurationError: If it would.
    """
    if rejects is None:
        return
    if chosen.path is not None and rejects.resolve() == chosen.path.resolve():
        raise ConfigurationError("--ledger and --rejects name the same file")
    if not os.access(rejects.absolute().parent, os.W_OK | os.X_OK):
        raise ConfigurationError("--rejects names a folder that can't be written to")


def _rejects_of(
    contacts: Path, rejects: Path | None, chosen: ChosenLedger
) -> RejectsFile:
    """Return the file for rejected rows: that of an import that stopped goes on."""
    path = rejects or contacts.with_name(f"{contacts.stem}.rejects.csv")
    if chosen.path is not None and not chosen.exists:
        return RejectsFile(path)
    if rejects is None:
        return ContinuedRejects(path, other_names=True)
    if chosen.path is not None and path.exists():
        # Made by the import that stopped, perhaps: its rows tell.
        with open_ledger_reader(chosen.path) as reader:
            if not all(one.is_whole for one in reader.imports()):
                return ContinuedRejects(path)
    return RejectsFile(path)


def _count(contacts: ContactFile, rejects: Path | None, plan: Plan) -> Exit:
    """Read and check every row, and dial nothing."""
    counts = RunCounts()
    say_how_it_is_read(contacts)
    try:
        if rejects is None:
            counted = run_tuned(count_file(contacts, plan, counts))
        else:
            with RejectsFile(rejects) as plan.rejects:
                counted = run_tuned(count_file(contacts, plan, counts))
    except KeyboardInterrupt:
        print_error(
            "interrupted: the file was not read to its end, nor were its rejects"
        )
        return Exit.INTERRUPTED
    say_what_was_cleaned(contacts)
    print_line(f"contacts        {counted.new}")
    print_line(f"rejected rows   {counts.rejected_rows}")
    print_line("dialled         0 (dry run)")
    return exit_after_dry_run(counts.rejected_rows)
