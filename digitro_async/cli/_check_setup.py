"""``digitro check``: everything that a dial needs, a line each, and no call."""

import os
import re
import shutil
import stat
from pathlib import Path
from typing import Annotated, Final

from cyclopts import Parameter
from cyclopts.validators import Number

from digitro_async._common.private_files import create_own
from digitro_async._common.text import printable, words_of_os_error
from digitro_async.cli._exit import Exit, exit_after_check
from digitro_async.cli._findings import Finding, Findings, Level
from digitro_async.cli._ledger_view import say_unfinished, unfinished
from digitro_async.cli._named_ledger import NO_LEDGER_NAMED, LedgerOptions
from digitro_async.cli._open_files import TOO_MANY_FILES, allow_descriptors
from digitro_async.cli._output import print_line
from digitro_async.cli._probe_pabx import probe
from digitro_async.config import Config, load_config
from digitro_async.errors import LedgerError
from digitro_async.ledger import (
    LedgerAddress,
    check_place,
    holder_of,
    open_ledger_reader,
)

__all__ = ["check"]

_SECRET: Final = re.compile(
    r"^\s*(api_key|device_password|account_password)\s*=", re.MULTILINE
)
_MEBIBYTE: Final = 1 << 20
_SCARCE: Final = 1024
_TOO_LITTLE: Final = 16
"""Mebibytes of free space: few for a long list, and too few for any."""


def check(
    *,
    config: Path = Path("digitro.toml"),
    ledger: LedgerOptions = NO_LEDGER_NAMED,
    timeout: Annotated[float, Parameter(validator=Number(gt=0, lte=600))] = 5.0,
) -> Exit:
    """Check configuration, PABX, files and ledger, and make no call.

    Args:
        config: Configuration file.
        ledger: The ledger, there already or to be made; by default the folder that the
            command runs in is looked at.
        timeout: Longest time of one step, in seconds.
    """
    address = ledger.address_if_named()
    loaded = load_config(config, can_resume=False)
    findings = Findings()
    findings.add(_config(config, loaded))
    findings.add(_files(loaded))
    path = None if address is None else address.path
    findings.add(_disk(Path() if path is None else path))
    if address is not None:
        findings.add(_ledger(address))
    for pabx in loaded.pabx:
        for finding in probe(pabx, timeout):
            findings.add(finding)
    warnings = (
        "1 warning" if findings.warnings == 1 else f"{findings.warnings} warnings"
    )
    print_line(f"{findings.failed} failed, {warnings}; no call was made")
    return exit_after_check(findings.failed)


def _config(path: Path, config: Config) -> Finding:
    capped = sum(one.rate is not None for one in config.pabx)
    names = ", ".join(one.name for one in config.pabx)
    text = f"{path}: PABX {names}"
    if _shows_secrets(path):
        more = "others may read the secrets in it: chmod 600, or name variables"
        return Finding(Level.WARNING, "config", f"{text}; {more}")
    for name in ("device", "device_password"):
        if name not in config.call:
            more = f"[call] lacks {name}: each contact has to give it"
            return Finding(Level.WARNING, "config", f"{text}; {more}")
    if capped < len(config.pabx):
        more = f"{len(config.pabx) - capped} without a cap (rate)"
        return Finding(Level.WARNING, "config", f"{text}; {more}")
    return Finding(Level.OK, "config", text)


def _shows_secrets(path: Path) -> bool:
    """Whether a configuration file holds secrets, and others than its owner read it."""
    others = stat.S_IRGRP | stat.S_IROTH
    return (
        hasattr(os, "geteuid")
        and bool(path.stat().st_mode & others)
        and _SECRET.search(path.read_text(encoding="utf-8-sig")) is not None
    )


def _files(config: Config) -> Finding:
    needed, allowed = allow_descriptors(config.pabx)
    if allowed is None:
        return Finding(Level.OK, "files", f"{needed} needed at once, no limit")
    text = f"{needed} needed at once, {allowed} may be open"
    if needed > allowed:
        return Finding(Level.FAILED, "files", f"{text}: {TOO_MANY_FILES}")
    return Finding(Level.OK, "files", text)


def _disk(place: Path) -> Finding:
    folder = place if place.is_dir() else place.absolute().parent
    shown = printable(str(folder.absolute()))
    try:
        _write_in(folder)
        free = shutil.disk_usage(folder).free // _MEBIBYTE
    except OSError as error:
        problem = words_of_os_error(error)
        text = f"{shown} can't be written to ({problem}): name a ledger elsewhere"
        return Finding(Level.FAILED, "disk", text)
    text = f"{shown} can be written to, {free:,} MiB free"
    ledger = folder / "contacts.csv.ledger.db" if place.is_dir() else place
    try:
        check_place(ledger)
    except LedgerError as error:
        return Finding(Level.FAILED, "disk", f"{text}; {error.args[0]}")
    if free < _TOO_LITTLE:
        return Finding(Level.FAILED, "disk", f"{text}: make room for the ledger")
    if free < _SCARCE:
        more = "a million contacts take some 300 MiB"
        return Finding(Level.WARNING, "disk", f"{text}: {more}")
    return Finding(Level.OK, "disk", f"{text}, fit for a ledger")


def _write_in(folder: Path) -> None:
    """Make a file in a folder and take it away again."""
    path = folder / f".digitro-check-{os.getpid()}"
    descriptor = create_own(path, os.O_WRONLY)
    try:
        os.write(descriptor, b"x")
    finally:
        os.close(descriptor)
        path.unlink()


def _ledger(address: LedgerAddress) -> Finding:
    name, path, held = address.shown, address.path, None
    if path is not None and not path.exists():
        text = f"{name} is not there: digitro dial makes it"
        return Finding(Level.OK, "ledger", text)
    try:
        with open_ledger_reader(address) as reader:
            counts, missing = reader.counts(), unfinished(reader.imports())
        if path is not None:
            held = holder_of(path)
    except LedgerError as error:
        return Finding(Level.FAILED, "ledger", str(error.args[0]))
    states = ", ".join(f"{count:,} {state}" for state, count in counts.items() if count)
    text = f"{name} is whole: {states or 'no contact yet'}"
    if held:
        more = f"{held} has it open: a second run is refused until that ends"
        return Finding(Level.WARNING, "ledger", f"{text}; {more}")
    if missing:
        more = say_unfinished(missing[0])
        return Finding(Level.WARNING, "ledger", f"{text}; {more}")
    return Finding(Level.OK, "ledger", text)
