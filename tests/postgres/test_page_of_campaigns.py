"""The live page of a worker shows the campaigns that it dials: all, and each."""

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from command_line import (
    Capture,
    folder,
    pabx_with_config,
    run_here,
    start,
    write_contacts,
)
from live_pages import events_of
from postgres_server import database, needs_postgres

from digitro_async.ledger import ledger_address
from digitro_async.live_page import ViewProcess
from digitro_async.testing import FakePABX

__all__ = ["folder", "pabx_with_config"]  # fixtures

pytestmark = [needs_postgres, pytest.mark.timeout(300)]

LISTS = {"autumn": (8, 3), "spring": (5, 5), "summer": (4, 1)}
"""Campaigns, how many contacts each has, and how many of them were called."""


@pytest.fixture
def url(pabx: FakePABX, capsys: Capture, folder: Path) -> Iterator[str]:
    """Return the address of a database with three campaigns."""
    with database() as address:
        for name, (count, called) in LISTS.items():
            contacts = write_contacts(folder / f"{name}.csv", count)
            words = ["--ledger", address, "--campaign", name, "--limit", called]
            run_here(capsys, "dial", contacts, *words)
        yield address


def rows_of(html: str, caption: str) -> dict[str, list[str]]:
    """Return the rows of a table, by their first cells."""
    table = html.partition(f">{caption}</caption>")[2].partition("</table>")[0]
    rows = (re.findall(r">([^<>]+)</t[hd]>", one) for one in table.split("<tr>")[2:])
    return {name.strip(): rest for name, *rest in rows}


async def view_of(url: str, *campaigns: str) -> dict[str, Any]:
    """Return the view of some campaigns of a database, or of all."""
    views = ViewProcess(ledger_address(url), campaigns=campaigns)
    try:
        found: dict[str, Any] = json.loads(await views.view())
    finally:
        await views.close()
    return found


async def test_all_campaigns(url: str) -> None:
    """Of several campaigns the page has a sum, a row and a view of each."""
    view = await view_of(url)
    summary, *parts = view["sections"]
    html = "".join(one["html"] for one in view["sections"])
    ids = re.findall(r' id="([^"]+)"', html)
    named = re.findall(r'aria-labelledby="([^"]+)"', html)

    assert view["name"] == "3 campaigns"
    assert rows_of(summary["html"], "Contacts by campaign") == {
        "autumn": ["8", "3", "0", "0", "0", "5", "62.5 %"],
        "spring": ["5", "5", "0", "0", "0", "0", "0.0 %"],
        "summer": ["4", "1", "0", "0", "0", "3", "75.0 %"],
        "all": ["17", "9", "0", "0", "0", "8", "47.1 %"],
    }
    assert [one["title"] for one in parts] == [f"campaign {one}" for one in LISTS]
    for part, (count, called) in zip(parts, LISTS.values(), strict=True):
        states = rows_of(part["html"], "Contacts by state")
        assert states["accepted"][0] == f"{called}"
        assert states.get("pending", ["0"])[0] == f"{count - called}"
    assert len(ids) == len(set(ids))
    assert {one for names in named for one in names.split()} <= set(ids)


async def test_named_campaigns(url: str) -> None:
    """Where campaigns are named the page shows these alone, and one as it always is."""
    two = await view_of(url, "spring", "summer")
    one = await view_of(url, "spring")

    assert list(rows_of(two["sections"][0]["html"], "Contacts by campaign")) == [
        "spring",
        "summer",
        "all",
    ]
    assert one["name"] == "campaign spring"
    assert one["sections"][1]["title"] == "The list"


async def test_worker(url: str) -> None:
    """A worker that is named no campaign shows all that the database has."""
    with start("worker", "--ledger", url, "--serve", "127.0.0.1:0") as running:
        stream = running.process.stderr
        assert stream is not None
        page = ""
        while not page:
            line = await asyncio.to_thread(stream.readline)
            assert line
            if line.startswith("live page: "):
                page = line.split()[2]
        view: dict[str, Any] = {}
        async with aiohttp.ClientSession() as session:
            while not view:
                for name, data in await events_of(session, page, 2):
                    if name == "view":
                        view = json.loads(data)
        running.process.terminate()
        await asyncio.to_thread(running.end)

    assert view["name"] == "3 campaigns"
