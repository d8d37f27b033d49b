"""The live page in a real browser: what it shows, and what other pages can do to it."""

import asyncio
import contextlib
import logging
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from browsers import browsing, needs_browser
from helpers import until
from live_pages import TOKEN, Told, page_of

from digitro_async import PABX, DigitroClient, PredictiveCall, RateLimit
from digitro_async.campaign import Campaign
from digitro_async.contacts import ContactRow
from digitro_async.control import RunControl
from digitro_async.ledger import LedgerAddress, SQLiteLedger, State
from digitro_async.live_page import ClientFacts, LivePage, ViewProcess, page_place
from digitro_async.privacy import Secret
from digitro_async.testing import FakePABX

pytestmark = needs_browser

LOOKS: dict[str, dict[str, Any]] = {
    "light": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "light"},
    "dark": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "dark"},
    "phone": {
        "viewport": {"width": 375, "height": 800},
        "is_mobile": True,
        "device_scale_factor": 2,
    },
}

# A hostile page knows everything but the token, and tries whatever a page may try.
HOSTILE = """<!doctype html><title>hostile</title>
<iframe name="frame" src="{url}"></iframe>
<form method="post" enctype="text/plain" action="{url}orders" target="frame">
<input name='{{"order":"pause","pabx":"matriz","x":"' value='"}}'></form>
<script>
window.read = [];
const order = JSON.stringify({{order: "pause", pabx: "matriz"}});
const note = (text) => window.read.push(text);
async function attack() {{
  for (const init of [
    {{method: "POST", mode: "no-cors", body: order}},
    {{method: "POST", mode: "cors", body: order, headers: {{"X-Digitro-Token": "x"}}}},
    {{method: "POST", mode: "cors", body: order, credentials: "include",
      headers: {{"Content-Type": "application/json"}}}},
    {{method: "GET", mode: "cors"}},
  ]) {{
    for (const path of ["", "orders", "events", "live.js"]) {{
      try {{
        const answer = await fetch("{url}" + path, init);
        if (answer.type !== "opaque") note(await answer.text());
      }} catch (error) {{ /* as it should be */ }}
    }}
  }}
  navigator.sendBeacon("{url}orders", order);
  document.forms[0].submit();
  await new Promise((done) => {{
    const events = new EventSource("{url}events");
    events.addEventListener("facts", (event) => note(event.data));
    events.onerror = () => {{ events.close(); done(); }};
  }});
  try {{ note(frames.frame.document.body.innerText); }} catch (error) {{}}
  window.done = true;
}}
attack();
</script>"""


@contextlib.asynccontextmanager
async def hostile_site(url: str) -> AsyncIterator[int]:
    """Serve a hostile page on this machine, at another port."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(text=HOSTILE.format(url=url), content_type="text/html")

    app = web.Application()
    app.router.add_get("/", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


class Dialled:
    """A campaign of which some contacts were dialled, and its page.

    Attributes:
        page: The page.
        ledger: The ledger, open.
        client: The client.
        control: Obeys the orders of the page.
    """

    def __init__(
        self,
        page: LivePage,
        ledger: SQLiteLedger,
        client: DigitroClient,
        control: RunControl,
    ) -> None:
        self.page, self.ledger, self.client = page, ledger, client
        self.control = control


@pytest.fixture
async def dialled(tmp_path: Path) -> AsyncIterator[Dialled]:
    """Dial forty of sixty contacts, and serve the page of that."""
    path = tmp_path / "spring.db"
    async with FakePABX(api_key="key") as pabx:
        one = PABX("matriz", pabx.base_url, 1, "key", rate=RateLimit(500))
        async with (
            SQLiteLedger(path, synchronous="OFF") as ledger,
            DigitroClient(one) as client,
        ):
            call = {"device": "1000", "device_password": "1"}
            campaign = Campaign(ledger, client, call=call)
            calls = [
                PredictiveCall(destination=f"04832810{at:03d}", **call)
                for at in range(60)
            ]
            await campaign.add(
                [ContactRow.from_call(one, line=at) for at, one in enumerate(calls, 1)]
            )
            async with campaign.run(max_calls=40) as run:
                async for _ in run:
                    pass
            control = RunControl(client, ledger)
            page = LivePage(
                page_place("0"),
                ClientFacts(client),
                ViewProcess(LedgerAddress(path=path), [one]),
                obey=control.obey,
                token=Secret(TOKEN),
            )
            async with page:
                yield Dialled(page, ledger, client, control)


@pytest.mark.parametrize("look", LOOKS)
async def test_what_is_seen(
    dialled: Dialled, look: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Everybody can read the page, its figures are the ledger's, it asks no other."""
    counts = await dialled.ledger.counts()
    async with browsing(**LOOKS[look]) as browser:
        page = await browser.open(dialled.page.url)
        await page.wait_for_selector("#part-summary")
        tiles = await page.locator(".tiles div").all_inner_texts()
        figures = dict(" ".join(one.split()).rsplit(" ", 1) for one in tiles)
        row = await page.get_by_role("row", name="matriz").first.inner_text()
        width = await page.evaluate("document.documentElement.scrollWidth")
        violations = await browser.violations(page)
        await page.screenshot(path=tmp_path / f"{look}.png", full_page=True)
        title = await page.title()
        await page.close()
        await until(lambda: dialled.page._hub.watching == 0)

    assert figures["contacts"] == "60"
    assert figures["accepted"] == str(counts[State.ACCEPTED]) == "40"
    assert row.split("\t")[-1].strip() == "40"
    assert title == "spring.db: live"
    assert violations == []
    assert width <= LOOKS[look]["viewport"]["width"]
    assert {one[: len(dialled.page.url)] for one in browser.asked} == {dialled.page.url}
    assert browser.said == []
    assert [one for one in caplog.records if one.levelno >= logging.WARNING] == []


async def give(page: Any, button: str) -> str:
    """Press a button and return what the page says of it."""
    await page.get_by_role("button", name=button, exact=True).click()
    # The page forbids the evaluation of text, by which a function would be waited for.
    answer = page.locator("#answer", has_text=re.compile(r"^(?!\.\.\.$).+"))
    text: str = await answer.inner_text()
    await page.evaluate("document.getElementById('answer').textContent = ''")
    return text


async def test_orders(dialled: Dialled) -> None:
    """Nothing changes without the token; with it each order is obeyed."""
    async with browsing() as browser:
        page = await browser.open(dialled.page.url)
        await page.wait_for_selector("#order-pabx option", state="attached")
        await page.get_by_label("Contact: #17").fill("#60")
        refused = [await give(page, name) for name in ("Pause", "Withdraw")]
        assert dialled.client.statistics().pabx["matriz"].pause is None
        assert (await dialled.ledger.counts())[State.SKIPPED] == 0

        await page.get_by_label("Token").fill(TOKEN)
        said = [await give(page, name) for name in ("Pause", "Withdraw")]
        paused = dialled.client.statistics().pabx["matriz"].pause
        skipped = (await dialled.ledger.counts())[State.SKIPPED]
        await page.locator("tr.is-paused").wait_for()
        await page.get_by_label("Calls a second").fill("7")
        said += [await give(page, name) for name in ("Set rate", "Resume")]
        after = dialled.client.statistics().pabx["matriz"]
        [state] = (await dialled.control.obey({"order": "pabx"}))["value"]
        await page.get_by_label("Contact: #17").fill("nobody")
        said.append(await give(page, "Withdraw"))

    assert refused == ["The token is wrong; nothing was changed."] * 2
    assert said[:4] == ["Done.", "The contact is skipped now.", "Done.", "Done."]
    assert said[4].startswith("Not done: ")
    assert paused is not None
    assert skipped == 1
    assert after.pause is None
    assert (state["calls"], state["is_ordered"]) == (7, True)
    assert all(TOKEN not in one for one in browser.asked)


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
async def test_hostile_page(name: str) -> None:
    """A page of another site changes nothing and reads nothing, on this machine too."""
    told = Told()
    async with page_of(told) as page, hostile_site(page.url) as port, browsing() as it:
        own = await it.open(page.url)  # the operator looks at the same time
        await own.get_by_label("Token").fill(TOKEN)
        tab = await it.open(f"http://{name}:{port}/")
        await tab.wait_for_function("window.done === true")
        await asyncio.sleep(0.2)  # a beacon is sent when nobody waits for it
        read = await tab.evaluate("window.read")

    assert told.orders == []
    assert read == []


async def test_dns_rebinding() -> None:
    """A site whose name leads to this machine meanwhile gets no answer either."""
    told = Told()
    rule = "--host-resolver-rules=MAP evil.test 127.0.0.1"
    async with page_of(told) as page, browsing([rule]) as browser:
        port = page.url.rstrip("/").rpartition(":")[2]
        tab = await browser.open(f"http://evil.test:{port}/")
        shown = await tab.inner_text("body")
        statuses = await tab.evaluate(
            """async () => {
              const order = JSON.stringify({order: "pause", pabx: "matriz"});
              const headers = {"X-Digitro-Token": "TOKEN",
                               "Content-Type": "application/json"};
              const init = {method: "POST", headers, body: order};
              const given = [await fetch("/orders", init), await fetch("/events")];
              return given.map((one) => one.status);
            }""".replace("TOKEN", TOKEN)
        )

    assert shown == '{"error": "wrong_host"}'
    assert statuses == [403, 403]
    assert told.orders == []
