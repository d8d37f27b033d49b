"""A copy of a ledger in which rules are tried out; the ledger stays as it is."""

import contextlib
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from digitro_async.cli._waiting_contacts import schedule_of
from digitro_async.errors import ConfigurationError, LedgerError
from digitro_async.ledger import (
    Ledger,
    LedgerAddress,
    Schedule,
    copy_to_rehearse,
    open_ledger,
    open_ledger_reader,
)
from digitro_async.ledger.postgres import check_driver

if TYPE_CHECKING:
    from digitro_async.ledger.postgres._database_history import DatabaseHistory

__all__ = ["rehearsed_ledger", "schedule_to_look_at"]

_IN_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - a folder of its own is made in it
_NAME: Final = "rehearsal.db"
_CONTACT: Final = 1_000
"""Bytes that a contact takes in a file, with all that is known of it."""


@contextlib.asynccontextmanager
async def rehearsed_ledger(
    address: LedgerAddress | None, *, accept_loss: bool = False
) -> AsyncIterator[Ledger]:
    """Open a copy of a ledger, in a file, which is thrown away after the block.

    Args:
        address: The ledger; None for one in which nobody is yet. A campaign in a
            database need not be there yet.
        accept_loss: Whether it is read though a part of its record is missing.

    Raises:
        LedgerError: If it can't be read.
    """
    if address is not None and address.server is not None:
        async with _rehearsed_campaign(address, accept_loss=accept_loss) as ledger:
            yield ledger
        return
    path = None if address is None else address.path
    with _own_folder(_size_of(path)) as folder:
        copy = folder / _NAME
        if path is not None:
            copy_to_rehearse(path, copy, accept_loss=accept_loss)
        async with open_ledger(
            copy, any_file_system=True, accept_loss=accept_loss
        ) as ledger:
            yield ledger


@contextlib.asynccontextmanager
async def schedule_to_look_at(
    address: LedgerAddress, *, accept_loss: bool = False
) -> "AsyncIterator[Schedule | DatabaseHistory | None]":
    """Open a ledger for reading its attempts and blocks, also while others dial it.

    Of a file a copy is read, as whoever dials it has it open. None where it keeps none.

    Raises:
        LedgerError: If it can't be read.
    """
    if address.server is not None:
        _check_loss(accept_loss=accept_loss)
    with open_ledger_reader(address, accept_loss=accept_loss):
        pass  # it says what is wrong with the name
    if address.server is not None:
        # Late, as below: an extra.
        from digitro_async.ledger.postgres._database_history import (  # noqa: PLC0415
            DatabaseHistory,
        )

        async with DatabaseHistory(address) as history:
            yield history
        return
    async with rehearsed_ledger(address, accept_loss=accept_loss) as ledger:
        yield schedule_of(ledger)


@contextlib.asynccontextmanager
async def _rehearsed_campaign(
    address: LedgerAddress, *, accept_loss: bool
) -> AsyncIterator[Ledger]:
    _check_loss(accept_loss=accept_loss)
    check_driver()
    from digitro_async.ledger.transfer._rehearsed_campaign import (  # noqa: PLC0415
        RehearsedCampaign,
    )

    contacts = 0
    try:
        with open_ledger_reader(address) as reader:
            contacts = sum(reader.counts().values())
    except LedgerError as error:
        if error.reason != "no_ledger":
            raise
    with _own_folder(contacts * _CONTACT) as folder:
        async with RehearsedCampaign(address, folder / _NAME) as ledger:
            yield ledger


def _check_loss(*, accept_loss: bool) -> None:
    if accept_loss:
        raise ConfigurationError("--accept-loss is about a ledger's file")


def _size_of(path: Path | None) -> int:
    with contextlib.suppress(OSError):
        return 0 if path is None else path.stat().st_size
    return 0


@contextlib.contextmanager
def _own_folder(size: int) -> Iterator[Path]:
    """Make a folder that is its owner's alone, in memory where there is room."""
    with contextlib.ExitStack() as stack:
        where = None
        with contextlib.suppress(OSError):
            if shutil.disk_usage(_IN_MEMORY).free > 4 * size + (64 << 20):
                where = _IN_MEMORY
        name = stack.enter_context(
            tempfile.TemporaryDirectory(prefix="digitro-rehearsal-", dir=where)
        )
        yield Path(name)
