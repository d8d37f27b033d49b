import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest
from simulated_calls import JSON, KEY, body_without, post

from digitro_async.testing import (
    FakePABX,
)


@pytest.fixture
async def pabx() -> AsyncIterator[FakePABX]:
    """Start a simulator."""
    async with FakePABX() as running:
        yield running


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """Open a plain client."""
    async with aiohttp.ClientSession() as opened:
        yield opened


class TestRefusal:
    """The requests that the simulator refuses."""

    @pytest.mark.parametrize(
        ("body", "problem"),
        [
            (b"", "the body is not JSON"),
            (b"{", "the body is not JSON"),
            (b"[" * 100_000, "the body is not JSON"),
            (b"[]", "the body is not an object"),
            (b"\xff{}", "the body is not UTF-8"),
            (b'{"CPD": "1", "CPD": "1"}', "a field is given twice"),
            (body_without(NUMERO="04832817000"), "a field is not known"),
            (body_without(CPD=1), "CPD is not text"),
            (body_without(CPD=True), "CPD is not text"),
            (body_without(DADOS=["04832817000"]), "DADOS is not text"),
            (body_without("DISPOSITIVO"), "DISPOSITIVO is missing"),
            (body_without(SENHA_DISPOSITIVO=None), "SENHA_DISPOSITIVO is missing"),
            (body_without(IDENTIDADE_DESTINO=""), "IDENTIDADE_DESTINO is missing"),
        ],
    )
    async def test_body(
        self,
        pabx: FakePABX,
        session: aiohttp.ClientSession,
        body: bytes,
        problem: str,
    ) -> None:
        """A body that is not the documented one gets 400 and places nothing."""
        async with session.post(pabx.url, data=body, headers=JSON) as answer:
            text = await answer.json()

        assert (answer.status, text) == (400, {"error": problem})
        assert (pabx.posts, pabx.accepted, pabx.placed) == (1, 0, 0)
        assert pabx.calls[0].destination is None

    @pytest.mark.parametrize(
        ("content_type", "status"),
        [
            ("application/json; charset=utf-8", 200),
            ('Application/JSON;charset="UTF-8"', 200),
            ("application/json; charset=latin-1", 400),
            ("text/plain", 400),
            ("", 400),
        ],
    )
    async def test_content_type(
        self,
        pabx: FakePABX,
        session: aiohttp.ClientSession,
        content_type: str,
        status: int,
    ) -> None:
        """Only JSON in UTF-8 is taken."""
        headers = KEY | {"Content-Type": content_type}
        async with session.post(
            pabx.url, data=body_without(), headers=headers
        ) as answer:
            assert answer.status == status

    @pytest.mark.parametrize(
        ("headers", "status"),
        [
            ([], 401),
            ([("x-api-key", "")], 401),
            ([("x-api-key", "other")], 401),
            ([("x-api-key", "demo-key"), ("x-api-key", "demo-key")], 401),
            ([("x-api-key", "old")], 403),
            ([("X-API-KEY", "demo-key")], 200),
        ],
    )
    async def test_key(
        self,
        session: aiohttp.ClientSession,
        headers: list[tuple[str, str]],
        status: int,
    ) -> None:
        """A wrong or missing key gets 401, one of the forbidden ones 403."""
        async with FakePABX(forbidden_keys={"old"}) as pabx:
            headers = [*headers, ("Content-Type", "application/json")]
            async with session.post(
                pabx.url, data=body_without(), headers=headers
            ) as answer:
                assert answer.status == status

    @pytest.mark.parametrize(
        ("device", "password", "status"),
        [("1", "right", 200), ("1", "wrong", 403), ("2", "right", 403)],
    )
    async def test_device_password(
        self, session: aiohttp.ClientSession, device: str, password: str, status: int
    ) -> None:
        """Where passwords are known, the device's own is needed."""
        async with FakePABX(device_passwords={"1": "right"}) as pabx:
            got, _ = await post(
                session, pabx, DISPOSITIVO=device, SENHA_DISPOSITIVO=password
            )

        assert got == status

    @pytest.mark.parametrize(
        ("path", "status"),
        [
            ("/requests/7/chamada-preditiva", 200),
            ("/requests/1/chamada-preditiva", 404),
            ("/requests/07/chamada-preditiva", 404),
            ("/requests/x/chamada-preditiva", 404),
            ("/requests/7/chamada-preditiva/", 404),
            ("/requests/7/chamada-preditiva?a=1", 404),
            ("/prefix/requests/7/chamada-preditiva", 404),
            ("/", 404),
        ],
    )
    async def test_path(
        self, session: aiohttp.ClientSession, path: str, status: int
    ) -> None:
        """Only the documented path of the open channel exists."""
        async with (
            FakePABX(channel_id=7) as pabx,
            session.post(
                pabx.base_url + path, data=body_without(), headers=JSON
            ) as answer,
        ):
            assert answer.status == status

    @pytest.mark.parametrize("method", ["GET", "PUT", "HEAD"])
    async def test_method(
        self, pabx: FakePABX, session: aiohttp.ClientSession, method: str
    ) -> None:
        """Another method gets 405 and is not counted as a POST."""
        async with session.request(method, pabx.url, headers=JSON) as answer:
            assert (answer.status, answer.headers["Allow"]) == (405, "POST")

        assert pabx.posts == 0

    async def test_too_large(self, pabx: FakePABX) -> None:
        """A body of more than a mebibyte gets 413 and is not received."""
        reader, writer = await asyncio.open_connection("127.0.0.1", pabx.port)
        writer.write(
            b"POST /requests/1/chamada-preditiva HTTP/1.1\r\nHost: x\r\n"
            b"Content-Length: 2000000\r\n\r\n" + b"x" * (1024 * 1024 + 1)
        )
        got = await reader.read()
        writer.close()
        await writer.wait_closed()

        assert got.startswith(b"HTTP/1.1 413 ")
        assert pabx.posts == 0

    async def test_half_a_request(self, pabx: FakePABX) -> None:
        """A request whose client leaves in its middle is not received."""
        _, writer = await asyncio.open_connection("127.0.0.1", pabx.port)
        writer.write(
            b"POST /requests/1/chamada-preditiva HTTP/1.1\r\nHost: x\r\n"
            b"Content-Length: 100\r\n\r\n{"
        )
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        await pabx.aclose()

        assert pabx.posts == 0
