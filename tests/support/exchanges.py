"""One attempt through a session manager, and a server that lets it hang."""

import asyncio

from helpers import Line, make_request

from digitro_async import PABX, SessionManager
from digitro_async.protocol import Evidence, Observation


async def exchange(
    sessions: SessionManager, pabx: PABX, body: bytes = b"{}"
) -> Observation:
    """Make one attempt."""
    return await sessions.exchange(pabx, make_request(body), Evidence())


async def stall(line: Line) -> None:
    """Read a request and say nothing."""
    await line.read_request()
    await asyncio.sleep(20)
