"""What a browser loads: the page, its look and its script, all from the same place."""

import functools
from importlib import resources
from typing import Final

from digitro_async.reports import PAGE_STYLE

__all__ = ["PAGE_HEADERS", "asset"]

PAGE_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "interest-cohort=()",
    "Cache-Control": "no-store",
    "Server": "digitro",
}
"""Headers of every answer: the page loads nothing from elsewhere, and no other page may
hold it."""


def asset(path: str, *, takes_orders: bool) -> tuple[str, str]:
    """Return the media type and the text of a part of the page.

    Args:
        path: Its path.
        takes_orders: Whether the page takes orders.
    """
    if path == "/live.js":
        return "text/javascript", _text("live.js")
    if path == "/live.css":
        return "text/css", PAGE_STYLE + _text("live.css")
    answer = "yes" if takes_orders else "no"
    return "text/html", _text("live.html").replace("ORDERS", answer)


@functools.cache
def _text(name: str) -> str:
    file = resources.files("digitro_async.live_page") / "assets" / name
    return file.read_text(encoding="utf-8")
