import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from helpers import (
    Line,
    RawServer,
    answer,
    make_call,
    make_pabx,
    make_request,
    quiet_loop,
)

from digitro_async import DigitroClient, PoolSettings, SessionManager
from digitro_async.protocol import Evidence
from digitro_async.transport._connector import make_connector


@pytest.fixture(autouse=True)
async def _quiet() -> AsyncIterator[None]:
    async with quiet_loop():
        yield


async def make_calls(server: RawServer, count: int, **pool: Any) -> list[str]:
    """Make calls one after another."""
    pabx = make_pabx(base_url=server.base_url, pool=PoolSettings(**pool))
    async with DigitroClient(pabx) as client:
        return [
            (await client.make_predictive_call(make_call(number))).call_id
            for number in range(count)
        ]


class TestMakeConnector:
    """The effects of settings."""

    async def test_reuse(self) -> None:
        """Connections are kept for as long as the settings say."""
        connector = make_connector(PoolSettings(idle_seconds=3), 1, True)

        assert connector.limit == 0  # the pool keeps its own
        assert not connector.force_close
        await connector.close()

    async def test_no_reuse(self) -> None:
        """Without reuse each connection is closed after its call."""
        connector = make_connector(
            PoolSettings(reuse=False, max_connections=4), 1, True
        )

        assert connector.limit == 0
        assert connector.force_close
        await connector.close()


class TestReuse:
    """When a connection is used again."""

    async def test_many_calls_on_one_connection(self) -> None:
        """Calls one after another share a connection."""
        async with RawServer() as server:
            ids = await make_calls(server, 20)

        assert ids == [f"1 {number}" for number in range(1, 21)]
        assert b"keep-alive" not in server.received.lower()
        assert b"connection: close" not in server.received.lower()

    async def test_a_connection_for_each_call(self) -> None:
        """With reuse off each call has a connection of its own."""
        async with RawServer() as server:
            ids = await make_calls(server, 5, reuse=False)

        assert ids == [f"{number} 1" for number in range(1, 6)]
        assert server.received.lower().count(b"connection: close") == 5

    async def test_idle_seconds(self) -> None:
        """A connection that was idle for too long is not used again."""
        async with RawServer() as server:
            pabx = make_pabx(
                base_url=server.base_url, pool=PoolSettings(idle_seconds=1.0)
            )
            async with DigitroClient(pabx) as client:
                await client.make_predictive_call(make_call(1))
                await client.make_predictive_call(make_call(2))
                async with asyncio.timeout(60):
                    await server.lines[0].ended.wait()
                await client.make_predictive_call(make_call(3))

        assert [line.received.count(b"POST") for line in server.lines] == [2, 1]

    async def test_refusals_keep_the_connection(self) -> None:
        """An answer other than 200 that was read whole leaves the connection usable."""

        async def refuse(line: Line) -> None:
            while await line.read_request():
                line.send(answer("x", status="400 Bad Request"))

        async with RawServer(refuse) as server:
            pabx = make_pabx(base_url=server.base_url)
            async with SessionManager() as sessions:
                for _ in range(3):
                    seen = await sessions.exchange(pabx, make_request(), Evidence())
                    assert seen.status == 400

        assert len(server.lines) == 1

    async def test_upgrade_leaves_nothing_open(self) -> None:
        """An answer that switches protocols ends the connection."""

        async def upgrade(line: Line) -> None:
            await line.read_request()
            line.send(
                b"HTTP/1.1 101 Switching Protocols\r\n"
                b"Upgrade: x\r\nConnection: upgrade\r\n\r\n"
            )
            await line.read()

        asyncio.get_running_loop().set_debug(True)
        async with RawServer(upgrade) as server:
            pabx = make_pabx(base_url=server.base_url)
            async with SessionManager() as sessions:
                for _ in range(2):
                    seen = await sessions.exchange(pabx, make_request(), Evidence())
                    assert seen.status == 101
                [connector] = sessions._connectors.values()
                assert connector.pool.used == 0
        assert len(server.lines) == 2
