"""Options of the commands that change a ledger, and how they open it."""

import contextlib
from collections.abc import AsyncIterator
from typing import Annotated

import attrs
from cyclopts import Parameter

from digitro_async.cli._arguments import Switch
from digitro_async.cli._named_ledger import ledger_words
from digitro_async.errors import ConfigurationError, LedgerInUseError
from digitro_async.ledger import (
    Ledger,
    LedgerAddress,
    open_ledger,
    open_ledger_reader,
)

__all__ = [
    "NOT_INSISTING",
    "NOT_INSISTING_TO_DIAL",
    "InsistOptions",
    "InsistToDialOptions",
    "Insisting",
    "InsistingToDial",
    "check_is_there",
    "opened_ledger",
]


@attrs.frozen(kw_only=True)
class Insisting:
    """Doubts about a ledger that are put aside by the commands that change one.

    Attributes:
        any_file_system: Allow a ledger on a file system that is not known to be local.
            You must be sure that its locks and syncs work.
        accept_loss: Continue with a ledger that lost part of its record: contacts that
            are not final in what is left may have been called, and may be called again.
    """

    any_file_system: Switch = False
    accept_loss: Switch = False

    def open(self, address: LedgerAddress) -> Ledger:
        """Return the ledger at an address, not yet open.

        Raises:
            ConfigurationError: If there are doubts about a file, and it is none.
        """
        if address.path is None:
            for name in ("any_file_system", "accept_loss"):
                if getattr(self, name):
                    option = name.replace("_", "-")
                    raise ConfigurationError(
                        f"--{option} is about a ledger's file: this one is none"
                    )
        return open_ledger(
            address, any_file_system=self.any_file_system, accept_loss=self.accept_loss
        )


@attrs.frozen(kw_only=True)
class InsistingToDial(Insisting):
    """Doubts about a ledger that are put aside when it is dialled.

    Attributes:
        partial: Dial the contacts in the ledger although the import of a file stopped.
        edited: The file was edited since its import into the ledger stopped.
        update: Update pending contacts of the ledger whose number or fields are
            different in the file.
    """

    partial: Switch = False
    edited: Switch = False
    update: Switch = False


InsistOptions = Annotated[Insisting, Parameter(name="*")]
InsistToDialOptions = Annotated[InsistingToDial, Parameter(name="*")]
NOT_INSISTING = Insisting()
NOT_INSISTING_TO_DIAL = InsistingToDial()


def check_is_there(address: LedgerAddress) -> None:
    """Refuse a campaign that a database does not have: opening it would make it.

    Raises:
        LedgerError: If the database has no such campaign, or can't be read.
    """
    if address.server is not None:
        with open_ledger_reader(address):
            pass


@contextlib.asynccontextmanager
async def opened_ledger(
    ledger: Ledger, address: LedgerAddress
) -> AsyncIterator[Ledger]:
    """Open a ledger while the block runs.

    Raises:
        LedgerError: If it can't be used; the text names it and the way out.
    """
    async with contextlib.AsyncExitStack() as stack:
        in_use = False
        try:
            await stack.enter_async_context(ledger)
        except LedgerInUseError:
            in_use = True
        if in_use:
            raise LedgerInUseError(
                f"{address} is open already, here or in another process: wait until "
                "that ends, or end it with Ctrl-C (digitro status "
                f"{ledger_words(address)} shows how far it is)",
                reason="in_use",
            )
        yield ledger
