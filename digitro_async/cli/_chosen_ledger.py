"""The ledger of a dial: a named file, one beside the contacts, or none on disk."""

import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

import attrs

from digitro_async._common.text import words_of_os_error
from digitro_async.cli._ledger_options import Insisting, opened_ledger
from digitro_async.cli._output import print_error
from digitro_async.errors import ConfigurationError, LedgerError
from digitro_async.ledger import Ledger, LedgerAddress, MemoryLedger

__all__ = ["ChosenLedger", "choose_ledger", "default_ledger"]

_ELSEWHERE = frozenset(
    {"network_file_system", "unknown_file_system", "single_file_mount"}
)
"""Reasons for which a new ledger can't stand beside the contacts."""

_WAY_OUT = (
    "name a file elsewhere with --ledger, or dial with --no-ledger, which forgets "
    "who was called when it ends"
)


def default_ledger(contacts: Path) -> Path:
    """Return the ledger of a contact file for which none is named.

    The name has the file's whole name in it: ``a.csv`` and ``a.txt`` are two lists. A
    link to a list is the same list, unless a ledger stands beside the link.
    """
    beside = contacts.with_name(f"{contacts.name}.ledger.db")
    if not contacts.is_symlink() or _is_there(beside):
        return beside
    real = contacts.resolve()
    return real.with_name(f"{real.name}.ledger.db")


@attrs.frozen
class ChosenLedger:
    """The ledger of a dial.

    Attributes:
        address: Where it is; None for a ledger in memory.
        is_default: Whether it was chosen because none was named.
    """

    address: LedgerAddress | None
    is_default: bool = False

    @property
    def path(self) -> Path | None:
        """The file; None for a ledger in memory or in a database."""
        return None if self.address is None else self.address.path

    @property
    def is_kept(self) -> bool:
        """Whether the ledger outlives the process."""
        return self.address is not None

    @property
    def exists(self) -> bool:
        """Whether the ledger may have been there before this run; a file was."""
        if self.path is None:
            return self.is_kept
        return _is_there(self.path)

    def check_folder(self) -> None:
        """Refuse a default ledger whose folder can't be written to.

        Raises:
            ConfigurationError: If it can't be.
        """
        if self.path is None or not self.is_default:
            return
        if not os.access(self.path.absolute().parent, os.W_OK | os.X_OK):
            raise ConfigurationError(
                f"{self.path} can't stand beside the contacts, whose folder can't be "
                f"written to: {_WAY_OUT}"
            )

    @contextlib.asynccontextmanager
    async def opened(self, insist: Insisting) -> AsyncIterator[Ledger]:
        """Open the ledger while the block runs, and print which it is.

        Raises:
            LedgerError: If it can't be used; the text names the file and the way out.
        """
        if self.address is None:
            async with MemoryLedger() as memory:
                print_error("no ledger: a crash forgets who was called")
                yield memory
            return
        is_new_default = self.is_default and not self.exists
        async with contextlib.AsyncExitStack() as stack:
            try:
                ledger = await stack.enter_async_context(
                    opened_ledger(insist.open(self.address), self.address)
                )
            except LedgerError as error:
                # Who was called in a ledger that is there would be called again
                # through another one: then there is no such way out.
                if not is_new_default or error.reason not in _ELSEWHERE:
                    raise
                problem, reason = str(error.args[0]), error.reason
            else:
                is_continued = sum((await ledger.counts()).values()) > 0
                which = "continuing" if is_continued else "new ledger"
                print_error(f"{which}: {self.address}")
                yield ledger
                return
        raise LedgerError(f"{problem}; or {_WAY_OUT}", reason=reason)


def _is_there(path: Path) -> bool:
    """Whether there is a ledger.

    Raises:
        ConfigurationError: If that can't be told.
    """
    try:
        return path.exists()
    except OSError as error:
        problem = words_of_os_error(error)
    raise ConfigurationError(f"{path} can't be reached: {problem}")


def _is_same(path: Path, other: Path) -> bool:
    return path.resolve() == other.resolve()


def choose_ledger(
    contacts: Path | None, ledger: LedgerAddress | None, *, no_ledger: bool
) -> ChosenLedger:
    """Return the ledger of a dial.

    Raises:
        ConfigurationError: If there is none, or if one beside the contacts would be
            passed over: the contacts called in it would be called again.
    """
    if no_ledger and ledger is not None:
        raise ConfigurationError("--ledger and --no-ledger don't go together")
    if contacts is None:
        if ledger is None:
            raise ConfigurationError("name a contact file, or a --ledger to continue")
        return ChosenLedger(ledger)
    if not contacts.name:  # as of "." and "/"
        raise ConfigurationError(f"CONTACTS: {contacts} is a folder; name a file")
    default = default_ledger(contacts)
    real = default_ledger(contacts.resolve())
    if ledger is None and _is_there(real) and not _is_same(default, real):
        raise ConfigurationError(
            f"{default} and {real} both remember who was called, for {contacts.name} "
            "is a link: name one of them with --ledger"
        )
    if ledger is None and not no_ledger:
        return ChosenLedger(LedgerAddress(path=default), is_default=True)
    # A database that is new to the list, or not: asking would take a connection.
    is_new = ledger is None or ledger.path is None or not _is_there(ledger.path)
    if is_new and _is_there(default):
        name = "--no-ledger" if ledger is None else "--ledger"
        raise ConfigurationError(
            f"{default} remembers who was called: leave {name} out to continue it, or "
            "move it away to call everybody again"
        )
    return ChosenLedger(ledger)
