"""``digitro dial``: every contact of a file, once, at the cap."""

import os
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from digitro_async.cli._arguments import Form, Limit, MaxAttempts, Switch
from digitro_async.cli._chosen_ledger import ChosenLedger, choose_ledger
from digitro_async.cli._command_loop import run_tuned, to_its_end
from digitro_async.cli._dial_list import dial_list
from digitro_async.cli._dry_run import check_dial
from digitro_async.cli._exit import Course, Exit
from digitro_async.cli._importing import Plan
from digitro_async.cli._ledger_options import (
    NOT_INSISTING_TO_DIAL,
    InsistToDialOptions,
    check_is_there,
)
from digitro_async.cli._metrics_options import NO_METRICS, MetricsOptions
from digitro_async.cli._named_ledger import NO_LEDGER_TO_DIAL, LedgerToDialOptions
from digitro_async.cli._page_serving import NOT_SERVED, ServeOptions
from digitro_async.cli._reading_options import (
    READ_AS_FOUND,
    FileOptions,
    ReadingOptions,
)
from digitro_async.cli._rehearse_dial import rehearse_dial
from digitro_async.cli._retention import forget_at_start
from digitro_async.cli._rules_options import (
    RULES_AS_CONFIGURED,
    HeededRules,
    HeedOptions,
)
from digitro_async.cli._run_config import load_run_config
from digitro_async.cli._watched_rows import WatchedRows
from digitro_async.config import Config
from digitro_async.contacts import ContinuedRejects, RejectsFile
from digitro_async.errors import ConfigurationError
from digitro_async.ledger import open_ledger_reader

__all__ = ["dial"]


def dial(
    contacts: Path | None = None,
    *,
    config: Path = Path("digitro.toml"),
    ledger: LedgerToDialOptions = NO_LEDGER_TO_DIAL,
    no_ledger: Switch = False,
    rejects: Path | None = None,
    limit: Limit | None = None,
    max_attempts: MaxAttempts = 5,
    read: ReadingOptions = READ_AS_FOUND,
    allow_duplicates: Switch = False,
    no_wait_for_ends: Switch = False,
    heed: HeedOptions = RULES_AS_CONFIGURED,
    dry_run: Switch = False,
    form: Annotated[Form, Parameter(name=["--format"])] = "table",
    metrics: MetricsOptions = NO_METRICS,
    insist: InsistToDialOptions = NOT_INSISTING_TO_DIAL,
    serve: ServeOptions = NOT_SERVED,
) -> Exit:
    """Call every contact of a list once and record each outcome.

    Args:
        contacts: The file; its header names ``destination`` and the other columns.
            It may be left out where a ledger is continued.
        config: Configuration file.
        ledger: The ledger.
        no_ledger: Remember calls in memory only: a crash forgets who was called.
        rejects: File for rejected rows; by default beside the contacts.
        limit: Most contacts that this run calls, in the order of the list, such as for
            a pilot. The others stay pending for the next run.
        max_attempts: Attempts over all runs after which a contact is left pending; one
            that failed because of the PABX, or never reached it, does not count.
        read: The ways in which the file is read.
        allow_duplicates: Call a contact once for each of its rows in the file.
        no_wait_for_ends: End with the last answer; the next run records later ends.
        heed: The rules by which contacts are called.
        dry_run: Read, check, count; dial nothing; write ``--rejects`` only if given.
        form: With --dry-run and rules: counts, or each decision as CSV or JSON.
        metrics: Where metrics are served.
        insist: Doubts about the ledger that are put aside.
        serve: The live page.
    """
    chosen = choose_ledger(contacts, ledger.address_if_named(), no_ledger=no_ledger)
    plan = Plan(allow_duplicates, limit, max_attempts, insist, config=config)
    plan.wait_for_ends, plan.metrics = not no_wait_for_ends, metrics
    plan.form, plan.serving = form, serve
    _check_options(chosen, plan, heed, dry_run=dry_run)
    if contacts is None:
        return _continue(config, chosen, plan, heed, dry_run=dry_run)
    loaded = load_run_config(config)
    plan.heed(heed, loaded)
    _check_rejects(rejects, chosen)
    course, asked = Course(), (contacts, rejects, read)
    return to_its_end(
        course,
        lambda: _dial_file(
            loaded, asked, chosen=chosen, plan=plan, course=course, dry_run=dry_run
        ),
    )


def _dial_file(
    config: Config,
    named: tuple[Path, Path | None, FileOptions],
    *,
    chosen: ChosenLedger,
    plan: Plan,
    course: Course,
    dry_run: bool,
) -> Exit:
    """Dial the contacts of a file, or tell what that would do."""
    # Files are closed inside of this, so that even an error of that tells whether calls
    # went out before.
    contacts, rejects, read = named
    with read.open(contacts, config) as file:
        plan.contacts = file
        if plan.config and any(field == "pabx" for _, field in file.reading.columns):
            names = [one.name for one in config.pabx]
            plan.rows = WatchedRows(file, names, plan.config)
        if dry_run:
            return check_dial(config, file, rejects, chosen, plan)
        chosen.check_folder()
        with _rejects_of(contacts, rejects, chosen) as plan.rejects:
            return _dial(config, chosen, plan, course)


def _continue(
    config: Path,
    chosen: ChosenLedger,
    plan: Plan,
    heed: HeededRules,
    *,
    dry_run: bool,
) -> Exit:
    """Dial the pending contacts of a ledger, and read no file."""
    for name in ("edited", "update"):
        if getattr(plan.insist, name):
            raise ConfigurationError(f"--{name} is about a contact file; name one")
    if not chosen.exists:
        raise ConfigurationError(
            f"--ledger: {chosen.address} is not there; name a contact file too to "
            "make it"
        )
    loaded, course = load_run_config(config), Course()
    plan.heed(heed, loaded)
    if dry_run and plan.rules is None:
        raise ConfigurationError(
            "--dry-run reads a contact file, or asks rules about a ledger: name one "
            "of them"
        )
    if chosen.address is not None:
        check_is_there(chosen.address)
    if dry_run:
        return rehearse_dial(chosen, plan, plan.form)
    return to_its_end(course, lambda: _dial(loaded, chosen, plan, course))


def _dial(config: Config, chosen: ChosenLedger, plan: Plan, course: Course) -> Exit:
    plan.is_kept = chosen.is_kept
    forget_at_start(
        config,
        chosen.address if chosen.exists else None,
        any_file_system=plan.insist.any_file_system,
    )
    return run_tuned(dial_list(config, chosen, plan, course))


def _check_options(
    chosen: ChosenLedger, plan: Plan, heed: HeededRules, *, dry_run: bool
) -> None:
    """Refuse options that do not go together.

    Raises:
        ConfigurationError: If there are such options.
    """
    plan.metrics.check()
    plan.serving.check()
    heed.check()
    if plan.form != "table" and not dry_run:
        raise ConfigurationError("--format is about --dry-run with rules")
    if not chosen.is_kept:
        for name in ("partial", "edited", "update", "any_file_system", "accept_loss"):
            if getattr(plan.insist, name):
                option = name.replace("_", "-")
                raise ConfigurationError(
                    f"--{option} is about a ledger's file: leave --no-ledger out"
                )


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
    if chosen.is_kept and not chosen.exists:
        return RejectsFile(path)
    if rejects is None:
        return ContinuedRejects(path, other_names=True)
    if chosen.address is not None and path.exists():
        # Made by the import that stopped, perhaps: its rows tell.
        with open_ledger_reader(chosen.address) as reader:
            if not all(one.is_whole for one in reader.imports()):
                return ContinuedRejects(path)
    return RejectsFile(path)
