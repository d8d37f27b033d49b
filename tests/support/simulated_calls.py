"""Requests written by hand to a simulator, without this library's client."""

import asyncio
import json
from typing import Any, Self

import aiohttp

from digitro_async.protocol._names import DOCUMENTED_CALL
from digitro_async.testing import FakePABX

__all__ = ["BODY", "JSON", "KEY", "REQUEST", "RawClient", "body_without", "post"]

KEY = {"x-api-key": "demo-key"}
JSON = KEY | {"Content-Type": "application/json"}
BODY = json.dumps(DOCUMENTED_CALL).encode()
REQUEST = (
    "POST /requests/1/chamada-preditiva HTTP/1.1\r\nHost: x\r\nx-api-key: demo-key\r\n"
    f"Content-Type: application/json\r\nContent-Length: {len(BODY)}\r\n\r\n"
).encode() + BODY
"""The documented call, head and body."""


def body_without(*names: str, **changes: Any) -> bytes:
    """Write the documented body without some fields and with others changed."""
    fields = {**DOCUMENTED_CALL, **changes}
    return json.dumps({k: v for k, v in fields.items() if k not in names}).encode()


async def post(
    session: aiohttp.ClientSession, pabx: FakePABX, **fields: Any
) -> tuple[int, Any]:
    """Post the documented call with some fields changed."""
    body = {**DOCUMENTED_CALL, **fields}
    async with session.post(pabx.url, json=body, headers=KEY) as answer:
        return answer.status, await answer.json()


class RawClient:
    """A raw connection to a simulator."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def __aenter__(self) -> Self:
        self.reader, self.writer = await asyncio.open_connection(
            "127.0.0.1", self._port
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.transport.abort()

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        """Read a whole answer."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("ascii")
        first, *rest = head.rstrip().split("\r\n")
        headers = dict(line.split(": ", 1) for line in rest)
        body = await self.reader.readexactly(int(headers["Content-Length"]))
        return int(first.split()[1]), headers, body

    async def ask(self) -> tuple[int, dict[str, str], bytes]:
        """Send the documented call and read the answer."""
        self.writer.write(REQUEST)
        return await self.answer()
