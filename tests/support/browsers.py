"""A real browser for tests: the system's chromium, driven by Playwright."""

import contextlib
import shutil
from collections.abc import AsyncIterator, Sequence
from importlib.util import find_spec
from typing import Any

import pytest

__all__ = ["CHROMIUM", "Browsing", "browsing", "needs_browser"]

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
"""The program; Playwright's own browsers are loaded from elsewhere, so none is used."""


def _has_playwright() -> bool:
    names = ("playwright", "axe_playwright_python")
    return all(find_spec(name) is not None for name in names)


needs_browser = pytest.mark.skipif(
    CHROMIUM is None or not _has_playwright(),
    reason="needs chromium, and the dependency group browser",
)


class Browsing:
    """A browser, and all that its pages asked for and said.

    Attributes:
        context: Playwright's context.
        asked: The URL of each request.
        said: What pages wrote to their console, and their errors.
    """

    def __init__(self, context: Any) -> None:
        self.context = context
        self.asked: list[str] = []
        self.said: list[str] = []

    async def open(self, url: str) -> Any:
        """Open a page in a new tab and return it."""
        page = await self.context.new_page()
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("console", lambda message: self.said.append(message.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))
        await page.goto(url)
        return page

    async def violations(self, page: Any) -> list[str]:
        """Return what axe-core finds wrong in a page."""
        from axe_playwright_python.async_playwright import Axe

        found = await Axe().run(page)
        return [
            f"{one['id']}: {one['nodes'][0]['html'][:200]}"
            for one in found.response["violations"]
        ]


@contextlib.asynccontextmanager
async def browsing(
    arguments: Sequence[str] = (), **options: Any
) -> AsyncIterator[Browsing]:
    """Run a browser while the block runs.

    Args:
        arguments: Of the program.
        options: Of Playwright's context.
    """
    from playwright.async_api import async_playwright

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", *arguments], timeout=100_000
        )
        try:
            context = await browser.new_context(**options)
            context.set_default_timeout(100_000)
            yield Browsing(context)
        finally:
            await browser.close()
