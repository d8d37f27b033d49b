"""Forgets persons whose time is over, where the configuration says so."""

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final

from digitro_async.cli._output import print_error
from digitro_async.config import Config
from digitro_async.errors import DigitroError
from digitro_async.ledger import LedgerAddress

__all__ = ["forget_at_start", "forgetting"]

_DAY: Final = 86_400.0


def forget_at_start(
    config: Config, address: LedgerAddress | None, *, any_file_system: bool
) -> None:
    """Forget persons before a ledger is dialled, and say how many.

    Args:
        config: The configuration.
        address: Where the ledger is; None where nothing is there yet.
        any_file_system: As for ``digitro dial``.

    Raises:
        LedgerError: If the ledger can't be used.
    """
    if config.ledger.forget_after is None or address is None:
        return
    campaigns = None if address.path is not None else [address.campaign]
    _forget(config.ledger.forget_after, address, campaigns, any_file_system)


@contextlib.asynccontextmanager
async def forgetting(
    config: Config, address: LedgerAddress, campaigns: Sequence[str]
) -> AsyncIterator[None]:
    """Forget persons of a database at the start of a block, and once a day.

    What fails is said, and tried again the next day: nobody's call waits for it.

    Args:
        config: The configuration.
        address: Where the database is.
        campaigns: Names of campaigns; empty for all there are.
    """
    after = config.ledger.forget_after
    if after is None:
        yield
        return
    ends = threading.Event()

    def once() -> None:
        try:
            _forget(after, address, campaigns, False, ends.is_set)
        except DigitroError as error:
            print_error(f"digitro: nobody was forgotten (forget_after): {error}")

    async def daily() -> None:
        while True:
            await asyncio.to_thread(once)
            await asyncio.sleep(_DAY)

    task = asyncio.create_task(daily())
    try:
        yield
    finally:
        ends.set()  # after a page: what was forgotten is
        task.cancel()
        await asyncio.wait([task])


def _forget(
    after: float,
    address: LedgerAddress,
    campaigns: Sequence[str | None] | None,
    any_file_system: bool,
    is_over: Callable[[], bool] = lambda: False,
) -> None:
    # Late: most forget nobody.
    from digitro_async.ledger.transfer import forget_old  # noqa: PLC0415

    forgotten = forget_old(
        address,
        before=time.time() - after,
        campaigns=campaigns,
        any_file_system=any_file_system,
        is_over=is_over,
    )
    if forgotten:
        print_error(
            f"forgotten: {forgotten:,} contacts whose last call was more than "
            f"{after / _DAY:.0f} days ago (forget_after); nobody calls them again"
        )
