"""Looks at a live page, as so many browsers: ``sse|chromium URL COUNT``.

It prints ``looking`` once each of them has the first view of the ledger, and ends when
its standard input is closed.
"""

import asyncio
import shutil
import sys
from urllib.parse import urlsplit

_LONGEST = 2**24


async def read_events(url: str, has_view: asyncio.Event) -> None:
    """Read the events of a page for ever, as a browser that draws nothing."""
    place = urlsplit(url)
    reader, writer = await asyncio.open_connection(
        place.hostname, place.port, limit=_LONGEST
    )
    writer.write(
        f"GET /events HTTP/1.1\r\nHost: {place.netloc}\r\n"
        "Accept: text/event-stream\r\nSec-Fetch-Site: same-origin\r\n\r\n".encode()
    )
    while line := await reader.readline():
        if line == b"event: view\n":
            has_view.set()


async def look_as_programs(url: str, count: int) -> None:
    """Read the events of a page until standard input is closed."""
    views = [asyncio.Event() for _ in range(count)]
    tasks = [asyncio.create_task(read_events(url, one)) for one in views]
    async with asyncio.timeout(60):
        await asyncio.gather(*(one.wait() for one in views))
    print("looking", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    for task in tasks:
        task.cancel()


async def look_with_chromium(url: str, count: int) -> None:
    """Open a page in tabs of a real browser until standard input is closed."""
    from playwright.async_api import async_playwright  # noqa: PLC0415 - a group

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        for _ in range(count):
            # A context each: tabs of one window that are hidden would draw nothing.
            page = await (await browser.new_context()).new_page()
            await page.goto(url)
            await page.wait_for_selector("main svg", timeout=60_000, state="attached")
        print("looking", flush=True)
        await asyncio.to_thread(sys.stdin.read)
        await browser.close()


if __name__ == "__main__":
    _, kind, address, number = sys.argv
    look = look_with_chromium if kind == "chromium" else look_as_programs
    asyncio.run(look(address, int(number)))
