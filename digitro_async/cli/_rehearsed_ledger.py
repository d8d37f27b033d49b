"""A copy of a ledger in which rules are tried out; the ledger stays as it is."""

import contextlib
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final

from digitro_async.errors import ConfigurationError
from digitro_async.ledger import (
    Ledger,
    LedgerAddress,
    copy_to_rehearse,
    open_ledger,
    open_ledger_reader,
)

__all__ = ["ledger_to_look_at", "rehearsed_ledger"]

_IN_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - a folder of its own is made in it
_NAME: Final = "rehearsal.db"


@contextlib.asynccontextmanager
async def rehearsed_ledger(
    path: Path | None, *, accept_loss: bool = False
) -> AsyncIterator[Ledger]:
    """Open a copy of a ledger's file, which is thrown away after the block.

    Args:
        path: The file; None for a ledger in which nobody is yet.
        accept_loss: Whether it is read though a part of its record is missing.

    Raises:
        LedgerError: If it can't be read.
    """
    with _own_folder(path) as folder:
        copy = folder / _NAME
        if path is not None:
            copy_to_rehearse(path, copy, accept_loss=accept_loss)
        async with open_ledger(
            copy, any_file_system=True, accept_loss=accept_loss
        ) as ledger:
            yield ledger


@contextlib.asynccontextmanager
async def ledger_to_look_at(
    address: LedgerAddress, *, accept_loss: bool = False
) -> AsyncIterator[Ledger]:
    """Open a ledger for reading its attempts and blocks, also while others dial it.

    Of a file a copy is read, as whoever dials it has it open.

    Raises:
        LedgerError: If it can't be read.
    """
    if address.path is None:
        if accept_loss:
            raise ConfigurationError("--accept-loss is about a ledger's file")
        with open_ledger_reader(address):  # opening it would make a campaign
            pass
        async with open_ledger(address) as ledger:
            yield ledger
        return
    with open_ledger_reader(address, accept_loss=accept_loss):
        pass  # it says what is wrong with the name
    async with rehearsed_ledger(address.path, accept_loss=accept_loss) as ledger:
        yield ledger


@contextlib.contextmanager
def _own_folder(path: Path | None) -> Iterator[Path]:
    """Make a folder that is its owner's alone, in memory where there is room."""
    with contextlib.ExitStack() as stack:
        size, where = 0, None
        with contextlib.suppress(OSError):
            size = 0 if path is None else path.stat().st_size
        with contextlib.suppress(OSError):
            if shutil.disk_usage(_IN_MEMORY).free > 4 * size + (64 << 20):
                where = _IN_MEMORY
        name = stack.enter_context(
            tempfile.TemporaryDirectory(prefix="digitro-rehearsal-", dir=where)
        )
        yield Path(name)
