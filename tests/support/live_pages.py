"""A live page for tests: what it shows and who obeys it are the test's."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

import aiohttp
import pytest

from digitro_async.live_page import LivePage, ViewProcess, page_place
from digitro_async.privacy import Secret

__all__ = [
    "ORDER",
    "TOKEN",
    "ShownFacts",
    "Told",
    "events_of",
    "newest_events",
    "page",
    "page_of",
    "session",
    "told",
]

TOKEN = "canary-token-0123456789-0123456789"
ORDER = {"order": "pause", "pabx": "matriz"}


class ShownFacts:
    """What a page shows, as a test sets it."""

    def __init__(self) -> None:
        self.looks = 0
        self.more = ""

    async def facts(self) -> Mapping[str, Any]:
        """Return one PABX."""
        self.looks += 1
        return {
            "dials": "this process",
            "calls": self.looks,
            "in_flight": 0,
            "more": self.more,
            "pabx": [
                {
                    "name": "matriz",
                    "rate": 17.5,
                    "cap": 20,
                    "per": 1.0,
                    "in_flight": 3,
                    "in_progress": 0,
                    "calls": self.looks,
                    "paused": False,
                    "words": "at the cap",
                }
            ],
        }


class Told:
    """Remembers the orders that it was given."""

    def __init__(self) -> None:
        self.orders: list[Mapping[str, Any]] = []

    async def obey(self, order: Mapping[str, Any]) -> Mapping[str, Any]:
        """Remember an order."""
        self.orders.append(order)
        return {"value": "skipped" if order["order"] == "withdraw" else 1}


@contextlib.asynccontextmanager
async def page_of(
    told: Told | None = None,
    facts: ShownFacts | None = None,
    views: ViewProcess | None = None,
    place: str = "127.0.0.1:0",
) -> AsyncIterator[LivePage]:
    """Serve a page on a free port of this machine."""
    page = LivePage(
        page_place(place),
        facts or ShownFacts(),
        views,
        obey=None if told is None else told.obey,
        token=Secret(TOKEN),
    )
    async with page:
        yield page


async def events_of(
    session: aiohttp.ClientSession, url: str, count: int
) -> list[tuple[str, str]]:
    """Return the first events of a page: name and data."""
    found: list[tuple[str, str]] = []
    async with session.get(f"{url}events") as response:
        assert response.status == 200
        async with asyncio.timeout(60):
            while len(found) < count:
                name = (await response.content.readline()).decode()
                data = (await response.content.readline()).decode()
                assert (await response.content.readline()) == b"\n"
                found.append(
                    (name.removeprefix("event: ").strip(), data.removeprefix("data: "))
                )
    return found


async def newest_events(session: aiohttp.ClientSession, url: str) -> dict[str, str]:
    """Return the newest event of what goes on, and the newest of the ledger."""
    events: dict[str, str] = {}
    while set(events) < {"facts", "view"}:
        events |= dict(await events_of(session, url, 3))
    return events


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """Open a session."""
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def told() -> Told:
    """Return the object that remembers the orders of the page."""
    return Told()


@pytest.fixture
async def page(told: Told) -> AsyncIterator[LivePage]:
    """Serve a page."""
    async with page_of(told) as page:
        yield page
