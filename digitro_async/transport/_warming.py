"""Opens connections to many PABX ahead of their first calls, some at a time."""

import asyncio
from collections.abc import Sequence
from typing import Final

from digitro_async.models import PABX
from digitro_async.transport._sessions import SessionManager

__all__ = ["WARMED_AT_ONCE", "warm_all"]

WARMED_AT_ONCE: Final = 32
"""PABX that are connected to at the same time, ahead of their first calls."""


async def warm_all(
    sessions: SessionManager, several: Sequence[PABX], connections: int
) -> dict[str, int]:
    """Open connections to several PABX; return their number by name.

    Args:
        sessions: Opens them.
        several: The PABX.
        connections: Connections to each that are enough.

    Raises:
        ConfigurationError: If a PABX can't be used as configured.
        ClientClosedError: If the manager is closed meanwhile.
    """
    opened = {one.name: 0 for one in several}
    waiting = iter(several)

    async def open_some() -> None:
        for one in waiting:
            opened[one.name] = await sessions.warm(one, connections)

    tasks = [asyncio.ensure_future(open_some()) for _ in several[:WARMED_AT_ONCE]]
    try:
        await asyncio.gather(*tasks)
    finally:  # where one failed, the others end
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return opened
