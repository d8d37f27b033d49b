"""Neither the live page nor a webhook shows what is private, or their own secrets."""

import asyncio
import json
from pathlib import Path

import aiohttp
from helpers import until
from leak_places import Watch
from leaks import API_KEY, CANARIES, find
from live_pages import TOKEN, newest_events
from test_leaks import at
from test_leaks_ledger import DEFAULTS, NEVER, write_contacts
from webhook_receiver import SECRET, WebhookReceiver

from digitro_async import Campaign, DigitroClient
from digitro_async.contacts import ContactRow, open_contacts
from digitro_async.control import RunControl
from digitro_async.ledger import LedgerAddress, SQLiteLedger, open_result_feed
from digitro_async.live_page import ClientFacts, LivePage, ViewProcess, page_place
from digitro_async.privacy import Secret
from digitro_async.testing import FakePABX, Fault, FaultKind, FaultPlan
from digitro_async.webhook import WebhookSender
from digitro_async.webhook_settings import WebhookSettings

KINDS = (FaultKind.LOSE_ANSWER, FaultKind.ERROR_503, FaultKind.GARBAGE_200)
PLAN = FaultPlan([Fault(kind, probability=0.3) for kind in KINDS], seed=1)

OWN = ("canary-url-token", SECRET, SECRET[6:], TOKEN)
"""The secrets of a webhook and a page."""


async def dialled(path: Path, pabx: FakePABX) -> tuple[SQLiteLedger, DigitroClient]:
    """Dial contacts with canaries, most of whose calls fail."""
    ledger = await SQLiteLedger(path, synchronous="OFF").__aenter__()
    client = await DigitroClient(at(pabx.base_url), pause=NEVER).__aenter__()
    campaign = Campaign(ledger, client, call=DEFAULTS)
    file = write_contacts(path.with_suffix(".csv"))
    with open_contacts(file, defaults=DEFAULTS) as rows:
        await campaign.add([row for row in rows if isinstance(row, ContactRow)])
    async with campaign.run() as run:
        async for _ in run:
            pass
    return ledger, client


def own_secrets_in(watch: Watch) -> list[str]:
    """Return where the secrets of a webhook or a page were shown."""
    return [
        place
        for place, text in watch.seen
        for one in OWN
        if one in (text if isinstance(text, str) else text.decode("latin-1"))
    ]


async def ask_everything(page: LivePage, watch: Watch) -> None:
    """Ask a page for all that it has, with right orders and wrong ones."""
    number = CANARIES["destination"].text
    headers = {"X-Digitro-Token": TOKEN}
    async with aiohttp.ClientSession() as session:
        for path in ("", "live.css", "live.js", "x", f"?{number}"):
            async with session.get(f"{page.url}{path}") as response:
                watch.see("page", await response.text())
        events = await newest_events(session, page.url)
        watch.see("page", *events.values(), *json.loads(events["view"]))
        for one in (
            {"order": "pause", "pabx": number},
            {"order": "withdraw", "contact": number},
            {"order": number},
            {"order": "set_rate", "pabx": number, "calls": 1},
        ):
            for given in (headers, {}):
                async with session.post(
                    f"{page.url}orders", json=one, headers=given
                ) as response:
                    watch.see("page", await response.text())


async def test_live_page(tmp_path: Path) -> None:
    """No page, event, answer or log line of a live page holds a canary."""
    async with FakePABX(api_key=API_KEY, faults=PLAN) as pabx:
        with Watch() as watch:
            watch.listen_to(asyncio.get_running_loop())
            ledger, client = await dialled(tmp_path / "c.db", pabx)
            views = ViewProcess(LedgerAddress(path=tmp_path / "c.db"))
            page = LivePage(
                page_place("0"),
                ClientFacts(client),
                views,
                obey=RunControl(client, ledger).obey,
                token=Secret(TOKEN),
            )
            async with page:
                await ask_everything(page, watch)
                watch.take_tasks()
                watch.take("page", page)
            await client.aclose()
            await ledger.__aexit__(None, None, None)

    assert watch.text_of("page")
    assert watch.leaks() == []
    assert own_secrets_in(watch) == []


async def test_webhook(tmp_path: Path) -> None:
    """A webhook sends no canary, and none of its logs holds its URL or secret."""
    async with (
        FakePABX(api_key=API_KEY, faults=PLAN) as pabx,
        WebhookReceiver() as receiver,
    ):
        with Watch() as watch:
            watch.listen_to(asyncio.get_running_loop())
            ledger, client = await dialled(tmp_path / "c.db", pabx)
            settings = WebhookSettings(
                url=receiver.url, secret=SECRET, longest_wait=0.01
            )
            receiver.answers = [500, 301, 404]
            feed = open_result_feed(tmp_path / "c.db")
            sender = WebhookSender(feed, settings)
            async with sender:
                assert await sender.finish(60)
                watch.take_tasks()
                for name, value in (("sender", sender), ("settings", settings)):
                    watch.take(name, value)
            await until(lambda: not sender.status.problem)
            await client.aclose()
            await ledger.__aexit__(None, None, None)
        kept = (tmp_path / "c.db.webhook").read_bytes()

    assert receiver.taken
    assert not find(json.dumps(receiver.batches), tuple(CANARIES))
    assert not find(kept, tuple(CANARIES))
    assert watch.leaks() == []
    assert own_secrets_in(watch) == []
