"""``digitro report``: what a ledger tells of its campaign, as lines or as a page."""

import contextlib
import datetime as dt
import os
import sys
import time
import zoneinfo
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from digitro_async._common.private_files import create_own
from digitro_async._common.text import printable, words_of_os_error
from digitro_async.cli._arguments import MaxAttempts, Switch
from digitro_async.cli._exit import Exit
from digitro_async.cli._named_ledger import NO_LEDGER_NAMED, LedgerOptions
from digitro_async.cli._output import print_error, print_line
from digitro_async.config import load_config
from digitro_async.errors import ConfigurationError
from digitro_async.ledger import open_ledger_reader
from digitro_async.models import PABX
from digitro_async.reports import CampaignReading, report_page, summary_lines

__all__ = ["report"]


def report(
    *,
    ledger: LedgerOptions = NO_LEDGER_NAMED,
    out: Path | None = None,
    replace: Switch = False,
    config: Path | None = None,
    zone: str | None = None,
    max_attempts: MaxAttempts = 5,
    accept_loss: Switch = False,
) -> Exit:
    """Sum up a campaign in the terminal, or as an HTML page.

    It can be asked during a dial, too. Numbers are masked, and no id is shown.

    Args:
        ledger: The ledger.
        out: File for the page, in place of the lines in the terminal. It has no scripts
            and loads nothing.
        replace: With ``--out``: take the place of a file of that name.
        config: Configuration file, for the caps of the PABX.
        zone: Time zone of all times, such as ``America/Sao_Paulo``; by default that of
            this machine.
        max_attempts: Attempts after which a contact counts as out of attempts.
        accept_loss: Read what is left of a ledger that lost part of its record.
    """
    if replace and out is None:
        raise ConfigurationError("--replace is about --out: name the file too")
    address = ledger.address()
    reading = CampaignReading(
        address, _pabx(config), zone=_zone(zone), max_attempts=max_attempts
    )
    with open_ledger_reader(address, accept_loss=accept_loss) as reader:
        if out is None:
            view = reading.read(reader, time.time())
            for line in summary_lines(view, ascii_only=_is_ascii()):
                print_line(line)
            return Exit.DONE
        try:
            with _place(out, replace=replace) as file:
                _write(file, report_page(reading.read(reader, time.time())))
        except OSError as error:
            problem = words_of_os_error(error)
        else:
            print_line(f"report in {out}")
            return Exit.DONE
    print_error(f"the report could not be written to {out}: {problem}")
    return Exit.PAUSED


def _pabx(config: Path | None) -> list[PABX]:
    return [] if config is None else [*load_config(config).pabx]


def _zone(name: str | None) -> dt.tzinfo | None:
    """Return a time zone by its name, None for that of the machine.

    Raises:
        ConfigurationError: If there is none of that name.
    """
    if name is None:
        return None
    with contextlib.suppress(zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return zoneinfo.ZoneInfo(name)
    raise ConfigurationError(
        f"--zone: there is no time zone {printable(name)}: name one as "
        "America/Sao_Paulo or UTC"
    )


def _is_ascii() -> bool:
    encoding = getattr(sys.stdout, "encoding", None) or "ascii"
    return not encoding.lower().replace("-", "").startswith("utf")


@contextlib.contextmanager
def _place(out: Path, *, replace: bool) -> Iterator[BinaryIO]:
    """Open the place for a page, before a long read; leave nothing where that fails.

    A file that is replaced is whole at any moment: the old one or the new one.

    Raises:
        ConfigurationError: If the file is there already or can't be made.
        OSError: If the old one can't be replaced.
    """
    beside = out.with_name(f".{out.name}.{os.getpid()}.part") if replace else out
    file = _new_file(beside, out)
    try:
        with file:
            yield file
        if replace:
            beside.replace(out)
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise


def _new_file(path: Path, named: Path) -> BinaryIO:
    try:
        return open(path, "xb", opener=create_own)
    except FileExistsError:
        problem = "is there already: name a new file, or take its place with --replace"
    except OSError as error:
        problem = f"can't be made: {words_of_os_error(error)}"
    except ValueError:
        problem = "can't be made: its name is no file name"
    raise ConfigurationError(f"--out: {printable(named.name)} {problem}")


def _write(file: BinaryIO, page: str) -> None:
    """Write a page, so that it is on the disk.

    Raises:
        OSError: If that can't be done.
    """
    file.write(page.encode("utf-8", "backslashreplace"))
    file.flush()
    # Some file systems find out no earlier that there is no space.
    os.fsync(file.fileno())
