"""The way from a command to whoever dials a ledger."""

import contextlib
import re
from collections.abc import AsyncIterator
from typing import Final

from digitro_async.control import Control, SocketControl
from digitro_async.errors import ConfigurationError, LedgerError
from digitro_async.ledger import LedgerAddress, holder_of
from digitro_async.ledger.postgres import check_driver

__all__ = ["control_of", "nobody_dials", "rate_of"]

_RATE: Final = re.compile(r"([1-9]\d{0,8})(?:/(\d+(?:\.\d+)?)?s)?", re.ASCII)


@contextlib.asynccontextmanager
async def control_of(address: LedgerAddress) -> AsyncIterator[Control]:
    """Reach whoever dials a ledger, for a block.

    Raises:
        LedgerError: If nobody dials it, or takes orders.
        ConfigurationError: If an order can't be obeyed.
    """
    if address.path is None:
        check_driver()
        from digitro_async.control import PostgresControl  # noqa: PLC0415 - an extra

        async with PostgresControl(address) as control:
            yield control
        return
    is_there = True
    try:
        async with SocketControl(address.path) as socket_control:
            yield socket_control
    except LedgerError as error:
        if error.reason != "nobody_dials":
            raise
        is_there = False
    if not is_there:
        raise nobody_dials(address)


def nobody_dials(address: LedgerAddress) -> LedgerError:
    """Return the error of an order that nobody takes, with the way out."""
    held, is_there = None, True
    with contextlib.suppress(OSError):
        is_there = address.path is None or address.path.exists()
        held = holder_of(address.path) if address.path is not None else None
    if not is_there:
        text = f"there is no {address}: name a ledger that was dialled"
        return LedgerError(text, reason="no_ledger")
    if held:
        text = (
            f"{address}: {held} has it open and takes no orders now: it imports or "
            "ends, is an earlier version, or runs as another user"
        )
    else:
        text = f"{address}: nobody dials it (digitro dial does)"
    return LedgerError(text, reason="nobody_dials")


def rate_of(text: str) -> tuple[int | None, float]:
    """Return the calls and seconds of a rate: ``20``, ``20/s``, ``1200/60s``.

    No calls are those of the settings: ``configured``.

    Raises:
        ConfigurationError: If it is none.
    """
    if text == "configured":
        return None, 1.0
    found = _RATE.fullmatch(text)
    if found is None:
        raise ConfigurationError(
            "RATE must be a number of calls a second, as in 20 or 20/s, in other "
            "seconds, as in 1200/60s, or configured for that of the settings"
        )
    return int(found[1]), float(found[2] or 1.0)
