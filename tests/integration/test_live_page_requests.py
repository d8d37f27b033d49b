"""Requests that no browser makes: what others may send to the live page."""

import asyncio
import contextlib
import json
import logging
from typing import Any

import aiohttp
import pytest
from live_pages import ORDER, TOKEN, Told, page, session, told

from digitro_async.live_page import LivePage, _live_page

__all__ = ["page", "session", "told"]  # fixtures


async def ask(page: LivePage, line: str, *headers: str, body: Any = None) -> str:
    """Send a request exactly as it is written, and return all that is answered."""
    place = page.url.removeprefix("http://").rstrip("/")
    host, _, port = place.partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    lines = [f"{line} HTTP/1.1", f"Host: {place}", "Connection: close", *headers]
    text = "" if body is None else json.dumps(body)
    writer.write(("\r\n".join(lines) + "\r\n\r\n" + text).encode())
    try:
        return (await reader.read()).decode()
    finally:
        writer.close()


@pytest.mark.parametrize("name", ["Origin", "Sec-Fetch-Site", "X-Digitro-Token"])
async def test_header_twice(page: LivePage, told: Told, name: str) -> None:
    """A header that is there twice, once right and once wrong, opens nothing."""
    own = page.url.rstrip("/")
    right = {
        "Origin": own,
        "Sec-Fetch-Site": "same-origin",
        "X-Digitro-Token": TOKEN,
        "Content-Type": "application/json",
        "Content-Length": str(len(json.dumps(ORDER))),
    }
    lines = [f"{key}: {value}" for key, value in right.items()]
    answer = await ask(page, "POST /orders", *lines, f"{name}: x", body=ORDER)

    assert answer.startswith("HTTP/1.1 403")
    assert told.orders == []


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("HEAD /events", 405),
        ("OPTIONS /", 405),
        ("PUT /orders", 405),
        ("DELETE /orders", 405),
        ("TRACE /", 405),
        ("GET /orders", 405),
        ("GET /../../etc/passwd", 404),
        ("GET /%2e%2e/%2e%2e/etc/passwd", 404),
        ("GET //live.js", 404),
        ("GET /%0d%0aSet-Cookie:%20a", 404),
        ("GET /live.js%0d%0aSet-Cookie:%20a", 404),
        (f"GET /{'a' * 9_000}", 400),
    ],
)
async def test_other_requests(
    page: LivePage, told: Told, line: str, status: int
) -> None:
    """No other method, path or line does anything, or comes back as a header."""
    answer = await ask(page, line, f"X-Digitro-Token: {TOKEN}")

    assert answer.startswith(("HTTP/1.1", "HTTP/1.0"))
    assert answer.split()[1] == f"{status}"
    assert "set-cookie" not in answer.lower()
    assert TOKEN not in answer
    assert told.orders == []


@pytest.mark.parametrize(
    "header",
    [
        ("Content_Encoding", "gzip"),
        ("Content_Encoding", "deflate"),
        ("Content_Type", "application/json; charset=none"),
    ],
)
async def test_unreadable(
    session: aiohttp.ClientSession,
    page: LivePage,
    told: Told,
    caplog: pytest.LogCaptureFixture,
    header: tuple[str, str],
) -> None:
    """A body that can't be read is refused or read as it is, without noise."""
    sent = {"X-Digitro-Token": TOKEN, "Content-Type": "application/json"}
    name, value = header
    async with session.post(
        f"{page.url}orders",
        data=json.dumps(ORDER).encode(),
        headers={**sent, name.replace("_", "-"): value},
        skip_auto_headers=("Content-Encoding",),
    ) as response:
        status = response.status

    assert (status, len(told.orders)) in {(400, 0), (200, 1)}
    told_of = [one for one in caplog.records if one.name == "digitro_async"]
    assert [one for one in told_of if one.levelno > logging.INFO] == []


async def test_slow_body(
    page: LivePage, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An order that does not come to its end is given up."""
    monkeypatch.setattr(_live_page, "_SLOWEST", 0.2)
    answer = await ask(
        page,
        "POST /orders",
        f"X-Digitro-Token: {TOKEN}",
        "Content-Type: application/json",
        "Content-Length: 1000",
        body=ORDER,
    )

    assert answer.startswith("HTTP/1.1 408")
    assert told.orders == []


async def test_too_many(session: aiohttp.ClientSession, page: LivePage) -> None:
    """Of too many connections the last are ended, until others are."""
    host, _, port = page.url.removeprefix("http://").rstrip("/").partition(":")
    idle = [await asyncio.open_connection(host, int(port)) for _ in range(200)]
    ended = 0
    for reader, _ in idle[128:]:
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
        ended += 1
    for _, writer in idle:
        writer.close()
    status = 0
    while status != 200:
        with contextlib.suppress(aiohttp.ClientError):
            async with session.get(page.url) as response:
                status = response.status

    assert ended == 72
