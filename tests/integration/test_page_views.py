"""The process that reads the ledger for a page is told what the ledger says."""

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from ledgers import accept, an_end, claim, contacts, end_call, intend, lose

from digitro_async import Disposition
from digitro_async.ledger import LedgerAddress, SQLiteLedger
from digitro_async.live_page import ViewProcess

NOW = 1_800_000_000.0


@pytest.fixture
async def views(tmp_path: Path) -> AsyncIterator[ViewProcess]:
    """Return what reads a ledger for a page."""
    views = ViewProcess(LedgerAddress(path=tmp_path / "c.db"))
    yield views
    await views.close()


async def sections_of(views: ViewProcess) -> dict[str, Any]:
    """Return the sections of a page that depend on no time of day."""
    view = json.loads(await views.view())
    return {one["key"]: one["html"] for one in view["sections"][1:]}


def counts_in(html: str, caption: str) -> dict[str, str]:
    """Return the first two columns of a table."""
    table = html.partition(f">{caption}</caption>")[2].partition("</table>")[0]
    rows = re.findall(r'<tr><th scope="row">([^<]+)</th><td[^>]*>([^<]+)<', table)
    return dict(rows)


async def test_begun_anew(views: ViewProcess, tmp_path: Path) -> None:
    """A process that is begun anew shows the same as the one that looked all along."""
    async with SQLiteLedger(tmp_path / "c.db", synchronous="OFF") as ledger:
        await ledger.add(contacts(90))
        numbers = [one.number for one in await claim(ledger, 90)]
        for part in range(3):
            for number in numbers[part * 30 : part * 30 + 30]:
                await intend(ledger, number, "one", NOW + number)
                if number % 6 == 0:
                    await lose(ledger, number)
                    continue
                await accept(ledger, number, str(number))
                kind = Disposition.BUSY if number % 2 else Disposition.NONE_SEEN
                await end_call(ledger, number, an_end(kind, str(number)))
            along = await sections_of(views)
        for number in numbers[:10:2]:
            await ledger.doubt([number], "one", NOW + 200)
        await end_call(ledger, 2, an_end(Disposition.FAX, "2"))
        along = await sections_of(views)
        await views.close()
        anew = await sections_of(views)
        counts = await ledger.counts()
        ends = (await ledger.ends.counts()).dispositions

    assert along == anew
    shown = counts_in(along["section-list"], "Contacts by state")
    assert shown == {one.value: f"{count}" for one, count in counts.items() if count}
    told = counts_in(along["section-calls"], "Ends of calls")
    assert {name.replace(" ", "_"): int(count) for name, count in told.items()} == {
        one.value: count for one, count in ends.items()
    }


async def test_no_ledger(views: ViewProcess) -> None:
    """A ledger that can't be read is told in words."""
    assert json.loads(await views.view()) == {
        "problem": "there is no c.db: name a ledger that was dialled"
    }
