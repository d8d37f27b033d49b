"""A page of a report in a real browser: seen, printed, on a phone, and read aloud.

Debian's Chromium is used where it is installed; nothing is ever downloaded.
"""

import asyncio
import datetime as dt
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from filled_ledgers import fill
from ledgers import NOW
from report_pages import make_large_ledger

from digitro_async import PABX, RateLimit
from digitro_async.ledger import SQLiteLedger, open_ledger_reader
from digitro_async.reports import CampaignReading, report_page

sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright")
axe = pytest.importorskip(
    "axe_playwright_python.sync_playwright", reason="needs axe-playwright-python"
)
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: chromium of Debian"),
    pytest.mark.xdist_group("browser"),
    pytest.mark.timeout(600),
]
SIZES = {"screen": (1100, 900), "phone": (375, 812), "small phone": (320, 640)}
LEDGERS = ["empty", "little", "large"]
every = pytest.mark.long
LOOKS = [
    pytest.param("empty", "small phone", "dark"),
    pytest.param("little", "phone", "light"),
    pytest.param("large", "screen", "dark"),
    pytest.param("empty", "screen", "light", marks=every),
    pytest.param("little", "screen", "dark", marks=every),
    pytest.param("little", "small phone", "light", marks=every),
    pytest.param("large", "screen", "light", marks=every),
    pytest.param("large", "phone", "dark", marks=every),
    pytest.param("large", "small phone", "light", marks=every),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Run a browser for the tests of this file."""
    with sync_api.sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        yield running
        running.close()


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Write the page of an empty ledger, a little one and a large one."""
    folder = tmp_path_factory.mktemp("pages")

    async def make_little_ones() -> None:
        async with SQLiteLedger(folder / "empty.db"):
            pass
        await fill(folder / "little.db")

    # A loop runs in the thread of the browser already.
    with ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: asyncio.run(make_little_ones())).result()
        pool.submit(make_large_ledger, folder / "large.db", 3_000).result()
    pabx = [
        PABX(name, "http://h", 1, "key", rate=RateLimit(60))
        for name in ("matriz", "filial", "one")
    ]
    for name in LEDGERS:
        with open_ledger_reader(folder / f"{name}.db") as reader:
            view = CampaignReading(name, pabx, zone=dt.UTC).read(reader, NOW + 60)
        (folder / f"{name}.html").write_text(report_page(view), encoding="utf-8")
    return {name: folder / f"{name}.html" for name in LEDGERS}


@pytest.fixture
def shown(browser: Any, pages: dict[str, Path]) -> Iterator[Callable[..., Any]]:
    """Open pages, and close them after the test."""
    contexts = []

    def show(name: str, size: str = "screen", scheme: str = "light") -> Any:
        width, height = SIZES[size]
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme=scheme,
        )
        contexts.append(context)
        page = context.new_page()
        page.heard = []
        page.on("console", lambda message: page.heard.append(message.text))
        page.on("pageerror", lambda error: page.heard.append(str(error)))
        page.on("request", lambda request: page.heard.append(request.url))
        page.goto(pages[name].as_uri())
        return page

    yield show
    for context in contexts:
        context.close()


@pytest.mark.parametrize(("name", "size", "scheme"), LOOKS)
def test_accessible(
    shown: Callable[..., Any], name: str, size: str, scheme: str
) -> None:
    """axe-core finds nothing to object to, and nothing stands out at the right."""
    page = shown(name, size, scheme)
    width, inner = page.evaluate(
        "[document.documentElement.scrollWidth, window.innerWidth]"
    )
    found = axe.Axe().run(page)

    assert found.violations_count == 0, found.generate_report()
    assert width <= inner


def test_offline(shown: Callable[..., Any], pages: dict[str, Path]) -> None:
    """A page asks for nothing but itself, and its policy meets nothing to forbid."""
    page = shown("large")

    assert page.heard == [pages["large"].as_uri()]


def test_as_it_is_read_aloud(shown: Callable[..., Any]) -> None:
    """Headings, tables and drawings have roles and names."""
    page = shown("large")
    tree = page.locator("body").aria_snapshot()

    for part in (
        'heading "Report: large" [level=1]',
        'heading "Attempts" [level=2]',
        'table "Contacts by state"',
        'rowheader "accepted"',
        'img "Attempts over time',
        'group "Attempts a second"',
        "navigation",
        "main",
    ):
        assert part in tree
    names = page.get_by_role("img").evaluate_all("all => all.length")
    assert names == 3


def test_both_schemes(shown: Callable[..., Any]) -> None:
    """The page is dark where that is asked for, and light on paper even then."""
    colour = "getComputedStyle(document.body).backgroundColor"
    light, dark = shown("large"), shown("large", scheme="dark")

    assert light.evaluate(colour) == "rgb(255, 255, 255)"
    assert dark.evaluate(colour) == "rgb(20, 23, 28)"
    dark.emulate_media(media="print")
    assert dark.evaluate(colour) == "rgb(255, 255, 255)"


def test_printed(shown: Callable[..., Any]) -> None:
    """On paper the links and the folded figures are left out, and charts are not."""
    page = shown("large")
    page.emulate_media(media="print")

    page.set_viewport_size({"width": 700, "height": 1000})  # A4 within its margins
    width = page.evaluate("document.documentElement.scrollWidth")

    assert width <= 700
    assert page.locator("nav").is_hidden()
    assert page.locator("details").first.is_hidden()
    assert page.locator("svg.plot").first.is_visible()
    assert page.pdf(format="A4").startswith(b"%PDF")


def test_what_is_drawn(shown: Callable[..., Any]) -> None:
    """Each column is as high as its figures say, and the cap is where it belongs."""
    page = shown("large")
    heights = page.evaluate(
        """() => [...document.querySelectorAll('figure')][1].querySelectorAll(
            'rect.plain').length"""
    )
    line = page.locator("svg.plot .cap-line").first
    top = float(line.get_attribute("y1"))

    assert heights >= 2
    assert top == 0  # the cap is above the busiest interval
    bars = page.locator("#states").locator("xpath=..").locator("svg.bar rect")
    widths = [float(one.get_attribute("width")) for one in bars.all()]
    assert max(widths) == 100
    assert widths[0] == pytest.approx(100 * 300 / 2646, abs=0.02)


def test_without_scripts(browser: Any, pages: dict[str, Path]) -> None:
    """Without any script the page is whole: figures can be unfolded too."""
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(pages["large"].as_uri())
    page.get_by_text("Figures", exact=True).first.click()

    assert page.get_by_role("table", name="Attempts over time, in figures").is_visible()
    context.close()
