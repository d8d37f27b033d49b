"""Campaigns whose clients hear events that a test tells."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

from call_event_scenes import listening, open_channel
from campaigns import contacts, scripted
from helpers import ScriptedTransport, take_into

from digitro_async import CallResult, Campaign, DigitroClient
from digitro_async.campaign import CampaignRun
from digitro_async.ledger import Ledger

__all__ = ["GRACE", "IDS", "dial", "dialling", "hearing"]

IDS = [f"one {number}" for number in range(1, 6)]
GRACE = 1.0
"""Seconds after the event of an end until the end is told."""


@asynccontextmanager
async def dialling(
    ledger: Ledger, transport: ScriptedTransport | None = None, count: int = 5
) -> AsyncIterator[tuple[Campaign, DigitroClient]]:
    """Open a campaign of five contacts whose client hears events."""
    campaign, client = scripted(
        ledger, transport or ScriptedTransport(), pabx=listening()
    )
    async with hearing(client):
        await campaign.add(contacts(count))
        yield campaign, client


@asynccontextmanager
async def hearing(client: DigitroClient) -> AsyncIterator[None]:
    """Use a client that opens no channel itself: it is told what it hears."""
    async with aclosing(client):
        open_channel(client)
        await asyncio.sleep(1)  # what was sent before it was open is seen by nobody
        yield


async def dial(run: CampaignRun) -> tuple[list[CallResult], float]:
    """Take all results; return them, and how many seconds later it ended."""
    loop, taken = asyncio.get_running_loop(), list[CallResult]()
    began = loop.time()
    async with run as results:
        await take_into(taken, results)
        ended = loop.time()
    return taken, ended - began
