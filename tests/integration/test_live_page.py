"""The live page: who sees it, who gives orders, and what a browser may do to it."""

import asyncio
import contextlib
import json
import logging
import re
from typing import Any

import aiohttp
import pytest
from helpers import until
from live_pages import (
    ORDER,
    TOKEN,
    ShownFacts,
    Told,
    events_of,
    page,
    page_of,
    session,
    told,
)

from digitro_async import ConfigurationError
from digitro_async.live_page import LivePage, _event_hub, _live_page

__all__ = ["page", "session", "told"]  # fixtures


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at what goes on often."""
    monkeypatch.setattr(_event_hub, "LOOK_SECONDS", 0.01)


async def order(
    session: aiohttp.ClientSession, page: LivePage, body: Any = ORDER, **headers: str
) -> tuple[int, Any]:
    """Give an order, with the token unless another one is said."""
    sent = {"X-Digitro-Token": TOKEN, "Content-Type": "application/json"}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    async with session.post(f"{page.url}orders", data=data, headers=sent) as response:
        return response.status, await response.json(content_type=None)


class TestPage:
    """What is loaded."""

    @pytest.mark.parametrize("path", ["", "live.css", "live.js"])
    async def test_names_no_other_place(
        self, session: aiohttp.ClientSession, page: LivePage, path: str
    ) -> None:
        """The page and its parts name no other origin, and forbid to ask one."""
        async with session.get(f"{page.url}{path}") as response:
            text = await response.text()

        assert response.status == 200
        assert re.findall(r"(?:https?:)?//[a-z0-9]", text) == []
        policy = response.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; script-src 'self';")
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert response.headers["Cache-Control"] == "no-store"
        assert "aiohttp" not in response.headers["Server"]

    async def test_no_orders(self, session: aiohttp.ClientSession) -> None:
        """A page that takes no orders shows none, and obeys none."""
        async with page_of() as page:
            async with session.get(page.url) as response:
                text = await response.text()
            status, said = await order(session, page)

        assert 'data-orders="no"' in text
        assert (status, said) == (403, {"error": "no_orders"})

    async def test_unknown_paths(
        self, session: aiohttp.ClientSession, page: LivePage
    ) -> None:
        """Nothing else is there, and the page can't be changed by other methods."""
        for path in ("x", "assets/live.js", "..%2f..%2fetc/passwd"):
            async with session.get(f"{page.url}{path}") as response:
                assert response.status == 404
        async with session.put(page.url) as response:
            assert response.status == 405

    async def test_taken_port(self, page: LivePage) -> None:
        """A page that can't be served is refused in words."""
        taken = page.url.removeprefix("http://").rstrip("/")
        problem = f"no page can be served at {taken}: something listens there; name"
        with pytest.raises(ConfigurationError, match=re.escape(problem)):
            async with page_of(place=taken):
                pass


class TestGuard:
    """Requests of other sites."""

    @pytest.mark.parametrize(
        "host",
        [
            *("evil.example", "127.0.0.1.evil.example:80", "localhost.evil"),
            *("10.0.0.1", "0.0.0.0", "[::]", "127.1", "127.0.0.1@evil.example", ""),
        ],
    )
    async def test_dns_rebinding(
        self, session: aiohttp.ClientSession, page: LivePage, told: Told, host: str
    ) -> None:
        """A request for another site's name is not answered, whatever it knows."""
        for path in ("", "live.js", "events"):
            async with session.get(
                f"{page.url}{path}", headers={"Host": host}
            ) as response:
                assert response.status in {400, 403}
        status, _ = await order(session, page, Host=host)

        assert status in {400, 403}
        assert told.orders == []

    @pytest.mark.parametrize(
        "headers",
        [
            {"Origin": "http://evil.example"},
            {"Origin": "null"},
            {"Origin": "http://127.0.0.1:1"},
            {"Sec_Fetch_Site": "cross-site"},
            {"Sec_Fetch_Site": "same-site"},
        ],
    )
    async def test_other_origin(
        self,
        session: aiohttp.ClientSession,
        page: LivePage,
        told: Told,
        headers: dict[str, str],
    ) -> None:
        """An order that comes from another page is refused, though it has the token."""
        status, said = await order(session, page, **headers)

        assert (status, said) == (403, {"error": "wrong_origin"})
        assert told.orders == []

    async def test_own_origin(
        self, session: aiohttp.ClientSession, page: LivePage, told: Told
    ) -> None:
        """An order of the page itself is obeyed."""
        origin = page.url.rstrip("/")
        status, said = await order(
            session, page, Origin=origin, Sec_Fetch_Site="same-origin"
        )

        assert (status, said) == (200, {"value": 1})
        assert told.orders == [ORDER]

    async def test_preflight(
        self, session: aiohttp.ClientSession, page: LivePage
    ) -> None:
        """No other page is allowed to send the token's header."""
        headers = {
            "Origin": "http://evil.example",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "x-digitro-token",
        }
        async with session.options(f"{page.url}orders", headers=headers) as response:
            names = [one.lower() for one in response.headers]

        assert response.status >= 400
        assert [one for one in names if "access-control" in one] == []


class TestOrders:
    """Orders, and the token."""

    @pytest.mark.parametrize("token", ["", "x", TOKEN[:-1], f"{TOKEN} ", TOKEN.upper()])
    async def test_wrong_token(
        self, session: aiohttp.ClientSession, page: LivePage, told: Told, token: str
    ) -> None:
        """Without the token nothing changes."""
        status, said = await order(session, page, X_Digitro_Token=token.strip() + "!")

        assert (status, said) == (401, {"error": "wrong_token"})
        assert told.orders == []

    async def test_token_in_the_url(
        self, session: aiohttp.ClientSession, page: LivePage, told: Told
    ) -> None:
        """A token anywhere but in its header is none."""
        async with session.post(
            f"{page.url}orders?token={TOKEN}", json={**ORDER, "token": TOKEN}
        ) as response:
            assert response.status == 401

        assert told.orders == []

    @pytest.mark.parametrize(
        ("sent", "taken"),
        [
            ({"order": "resume", "pabx": "a"}, {"order": "resume", "pabx": "a"}),
            (
                {"order": "set_rate", "pabx": "a", "calls": 20, "per": 60},
                {"order": "set_rate", "pabx": "a", "calls": 20, "per": 60.0},
            ),
            (
                {"order": "set_rate", "pabx": "a", "calls": None},
                {"order": "set_rate", "pabx": "a", "calls": None, "per": 1.0},
            ),
            (
                {"order": "withdraw", "contact": "#17"},
                {"order": "withdraw", "number": 17},
            ),
            (
                {"order": "withdraw", "contact": " C17 ", "pabx": "a"},
                {"order": "withdraw", "id": "C17"},
            ),
        ],
    )
    async def test_taken(
        self,
        session: aiohttp.ClientSession,
        page: LivePage,
        told: Told,
        sent: Any,
        taken: Any,
    ) -> None:
        """Each order is handed on with what belongs to it, and nothing else."""
        status, _ = await order(session, page, sent)

        assert status == 200
        assert told.orders == [taken]

    @pytest.mark.parametrize(
        "sent",
        [
            b"",
            b"[" * 4000,
            b"\xff",
            [],
            "pause",
            {"order": "pause"},
            {"order": "pause", "pabx": None},
            {"order": "pause", "pabx": ["a"]},
            {"order": "pause", "pabx": "a" * 201},
            {"order": "add", "values": {}},
            {"order": "set_rate", "pabx": "a", "calls": 0},
            {"order": "set_rate", "pabx": "a", "calls": True},
            {"order": "set_rate", "pabx": "a", "calls": 1.5},
            {"order": "set_rate", "pabx": "a", "calls": 5, "per": 0},
            {"order": "set_rate", "pabx": "a", "calls": 5, "per": "1"},
            {"order": "withdraw", "contact": " "},
            {"order": "withdraw", "contact": 17},
            {"order": "pause", "pabx": "a\ud800"},
            {"order": "withdraw", "contact": "a\udfff"},
        ],
    )
    async def test_refused(
        self, session: aiohttp.ClientSession, page: LivePage, told: Told, sent: Any
    ) -> None:
        """What is no order is refused, and nothing is done."""
        status, said = await order(session, page, sent)

        assert status == 400
        assert said["error"]
        assert told.orders == []

    async def test_other_types(
        self, session: aiohttp.ClientSession, page: LivePage, told: Told
    ) -> None:
        """A body such as a form sends is refused, and one that is too long."""
        status, _ = await order(session, page, Content_Type="text/plain")
        longer = {**ORDER, "more": "x" * 5_000}
        async with session.post(
            f"{page.url}orders", json=longer, headers={"X-Digitro-Token": TOKEN}
        ) as response:
            assert response.status == 413

        assert status == 415
        assert told.orders == []


class TestEvents:
    """Browsers that look."""

    async def test_facts(self, session: aiohttp.ClientSession, page: LivePage) -> None:
        """What goes on is told again and again, newest last."""
        events = await events_of(session, page.url, 3)
        calls = [json.loads(data)["calls"] for _, data in events]

        assert [name for name, _ in events] == ["facts"] * 3
        assert calls == sorted(set(calls))

    async def test_nobody_looks(self, session: aiohttp.ClientSession) -> None:
        """While nobody looks nothing is looked at."""
        facts = ShownFacts()
        async with page_of(facts=facts) as page:
            await asyncio.sleep(0.05)
            before = facts.looks
            await events_of(session, page.url, 2)

        assert before == 0
        assert facts.looks >= 2

    async def test_closed_tabs(
        self,
        session: aiohttp.ClientSession,
        told: Told,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """Tabs that are closed at any moment leave nothing behind, and no noise."""
        caplog.set_level(logging.DEBUG)
        before = len(asyncio.all_tasks())
        async with page_of(told) as page:
            for count in (1, 1, 2, 3):
                await events_of(session, page.url, count)
            await until(lambda: page._hub.watching == 0)
        await session.close()
        await until(lambda: len(asyncio.all_tasks()) <= before)

        assert [one for one in caplog.records if one.name != "asyncio"] == []

    async def test_browser_that_takes_nothing(
        self, told: Told, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A browser that takes nothing any more is left, and others go on."""
        monkeypatch.setattr(_live_page, "_SLOWEST", 0.2)
        facts = ShownFacts()
        facts.more = "x" * 1_000_000
        async with page_of(told, facts) as page:
            host, _, port = page.url.removeprefix("http://").rstrip("/").partition(":")
            reader, writer = await asyncio.open_connection(host, int(port), limit=2)
            writer.write(f"GET /events HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            await until(lambda: page._hub.watching == 1)
            await until(lambda: page._hub.watching == 0)
            writer.close()
            facts.more = ""
            async with aiohttp.ClientSession() as session:
                await events_of(session, page.url, 1)
        del reader

    async def test_too_many(
        self,
        session: aiohttp.ClientSession,
        page: LivePage,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """More browsers than are served are told so."""
        monkeypatch.setattr(_live_page, "_MOST_BROWSERS", 0)
        async with session.get(f"{page.url}events") as response:
            assert response.status == 503

    async def test_end_with_browsers(
        self, session: aiohttp.ClientSession, told: Told
    ) -> None:
        """A process ends at once though browsers look on."""
        async with page_of(told) as page:
            response = await session.get(f"{page.url}events")
            await response.content.readline()

        with contextlib.suppress(aiohttp.ClientError):
            while await response.content.readany():
                pass
        assert response.content.is_eof() or response.content.exception()
        response.close()
