"""A report shows nobody, whatever stands in its ledger."""

import asyncio
import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from leak_places import Watch
from leaks import CANARIES, find
from ledgers import NOW, OWNER, accept, an_end, claim, end_call, intend, lose

from digitro_async import Disposition
from digitro_async.ledger import (
    NewContact,
    SQLiteLedger,
    ledger_address,
    open_ledger_reader,
)
from digitro_async.privacy import Personal
from digitro_async.reports import (
    CampaignReading,
    _listed_views,
    page_sections,
    report_page,
    summary_lines,
)

TEXTS = {name: canary.text for name, canary in CANARIES.items()}


async def fill_with_canaries(path: Path) -> None:
    """Put canaries wherever people or programs can put a text into a ledger."""
    number, cpf, name = TEXTS["destination"], TEXTS["cpf"], TEXTS["name"]
    contacts = [
        NewContact(
            line=line,
            identity=Personal(f"{cpf} {line}"),
            id=Personal(f"{cpf} {line}"),
            destination=Personal(number),
            fields={"user_data": TEXTS["user_data"], "caller_id": TEXTS["caller_id"]},
        )
        for line in range(1, 8)
    ]
    async with SQLiteLedger(path) as ledger:
        importing = await ledger.begin_import(
            file=f"{name} {cpf}.csv", size=1, digest=b"d", now=NOW
        )
        await ledger.add(contacts, importing=importing, rejected=1)
        await ledger.end_import(importing, now=NOW)
        await ledger.ends.expect(OWNER, {"one": 60.0})
        claimed = await claim(ledger, 5)
        for one in claimed:
            await intend(ledger, one.number, "one", NOW)
        await accept(ledger, 1, cpf)
        await end_call(ledger, 1, an_end(Disposition.OTHER, cpf, key=1, word=name))
        await lose(ledger, 2)
        await lose(ledger, 3, f"{name} {number}")
        await ledger.reconcile(
            2, accepted=True, evidence=f"{name} said so", now=NOW + 9999
        )
        await ledger.withdraw(f"{cpf} 6", reason=f"{name} asked for it", now=NOW + 9)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a ledger full of canaries, in a folder of somebody's."""
    folder = tmp_path / TEXTS["destination"]
    folder.mkdir()
    asyncio.run(fill_with_canaries(folder / "l.db"))
    return folder / "l.db"


def shown(path: Path) -> list[str]:
    """Return all that a report shows of a ledger."""
    reading = CampaignReading(ledger_address(path), zone=dt.UTC)
    with open_ledger_reader(path) as reader:
        view = reading.read(reader, NOW + 10_000)
    sections = [section.html for section in page_sections(view)]
    return [repr(view), report_page(view), *sections, *summary_lines(view)]


def test_a_report_shows_nobody(path: Path) -> None:
    """Neither the view nor a page nor a line holds a canary, in any form."""
    with Watch() as watch:
        texts = shown(path)
        watch.see("report", *texts)

    assert watch.leaks() == []
    assert not any(find(text) for text in texts)
    assert any("04xxxxxxxxx52" in text for text in texts)
    assert any("another_reason" in text for text in texts)


@pytest.mark.parametrize("leak", ["number", "reason"])
def test_seeded_leaks(path: Path, monkeypatch: pytest.MonkeyPatch, leak: str) -> None:
    """A report that did show somebody would be noticed."""
    leaky: dict[str, Callable[[Any], str]] = {
        "masked_number": lambda number: str(number.reveal()),
        "shown_words": lambda _: TEXTS["name"],
    }
    name = "masked_number" if leak == "number" else "shown_words"
    monkeypatch.setattr(_listed_views, name, leaky[name])

    assert any(find(text) for text in shown(path))
