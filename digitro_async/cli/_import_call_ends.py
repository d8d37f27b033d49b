"""``digitro ledger ends``: takes what became of calls out of a file."""

import datetime as dt
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from digitro_async._common.text import printable
from digitro_async.call_events import Disposition
from digitro_async.campaign import EndProblem, EndRow, import_ends, read_ends
from digitro_async.cli._command_loop import run_tuned
from digitro_async.cli._exit import Exit
from digitro_async.cli._ledger_options import (
    NOT_INSISTING,
    Insisting,
    check_is_there,
    opened_ledger,
)
from digitro_async.cli._output import print_error, print_line
from digitro_async.errors import ConfigurationError
from digitro_async.ledger import LedgerAddress, open_ledger_reader

__all__ = ["import_call_ends"]

_MOST_SHOWN: Final = 20


def import_call_ends(
    address: LedgerAddress,
    file: str | None,
    *,
    words: Sequence[str] = (),
    dry_run: bool = False,
    any_file_system: bool = False,
) -> Exit:
    """Record the ends of calls that a file tells of.

    Args:
        address: The ledger.
        file: The file.
        words: ``WORD=DISPOSITION``: words of the file for dispositions.
        dry_run: Whether each row is checked, and nothing recorded.
        any_file_system: Whether the ledger may stand on any file system.

    Raises:
        ConfigurationError: If the file or a word can't be used.
        LedgerError: If the ledger can't be used.
    """
    if file is None:
        raise ConfigurationError("FILE is missing: the file with the ends of calls")
    zone = dt.datetime.now().astimezone().tzinfo
    rows = read_ends(file, words=_meanings(words), zone=zone)
    with open_ledger_reader(address):
        pass  # it is there
    check_is_there(address)
    insist = Insisting(any_file_system=True) if any_file_system else NOT_INSISTING
    return run_tuned(_import(address, insist, Path(file), rows, dry_run=dry_run))


async def _import(
    address: LedgerAddress,
    insist: Insisting,
    file: Path,
    rows: Iterator[EndRow | EndProblem],
    *,
    dry_run: bool,
) -> Exit:
    name, said = printable(file.name), 0

    def say(problem: EndProblem) -> None:
        nonlocal said
        said += 1
        if said <= _MOST_SHOWN:
            print_error(f"{name}, line {problem.line}: {problem.reason}")

    async with opened_ledger(insist.open(address), address) as ledger:
        with open_ledger_reader(address) as reader:
            summary = await import_ends(
                ledger.ends,
                reader.entries(),
                rows,
                now=time.time(),
                problem=say,
                dry_run=dry_run,
            )
    if said > _MOST_SHOWN:
        print_error(f"{name}: {said - _MOST_SHOWN:,} more rows can't be used")
    print_line(f"recorded        {summary.recorded:,}")
    print_line(f"known before    {summary.known:,}")
    print_line(f"rejected rows   {summary.problems:,}")
    if dry_run:
        print_line("changed         0 (dry run)")
    elif summary.recorded:
        print_line("digitro dial --rules calls again whom its recall rules name")
    return Exit.INCOMPLETE if summary.problems else Exit.DONE


def _meanings(words: Sequence[str]) -> Mapping[str, Disposition]:
    """Return the dispositions that words stand for.

    Raises:
        ConfigurationError: If one is none.
    """
    found = {}
    for text in words:
        word, sign, name = text.rpartition("=")
        known = [one.value for one in Disposition if one is not Disposition.NONE_SEEN]
        if not sign or not word.strip() or name not in known:
            raise ConfigurationError(
                f"--word must be WORD=DISPOSITION, which is one of {', '.join(known)}"
            )
        found[word] = Disposition(name)
    return found
