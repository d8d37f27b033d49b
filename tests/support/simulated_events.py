"""Event channels of a simulator, read by hand, without this library's client."""

import asyncio
import json
import re
import urllib.parse
from typing import Any, Final, Self

import aiohttp
from simulated_calls import BODY, KEY

from digitro_async.call_events import CallPhase, Disposition
from digitro_async.event_settings import (
    ChannelRequest,
    EventChannelSettings,
    Subscription,
)
from digitro_async.testing import CallScript, FakePABX

__all__ = [
    "ANSWERED",
    "DIALECT",
    "ENDED",
    "QUICK",
    "RINGING",
    "STARTED",
    "SUBSCRIBED",
    "ChannelReader",
    "all_become",
    "all_left",
    "dialect",
]

_PHASES = {
    "EVENTO_INICIO": CallPhase.STARTED,
    "EVENTO_TOQUE": CallPhase.RINGING,
    "EVENTO_ATENDIMENTO": CallPhase.ANSWERED,
    "EVENTO_FIM": CallPhase.ENDED,
}
_WORDS = {
    "ATENDIDA": Disposition.ANSWERED,
    "OCUPADO": Disposition.BUSY,
    "NAO_ATENDE": Disposition.NO_ANSWER,
    "SECRETARIA": Disposition.MACHINE,
    "FAX": Disposition.FAX,
    "INEXISTENTE": Disposition.INVALID_NUMBER,
    "CONGESTIONADO": Disposition.CONGESTION,
    "BLOQUEADO": Disposition.BLOCKED,
    "ABANDONADA": Disposition.ABANDONED,
}


def dialect(**changes: Any) -> EventChannelSettings:
    """Return the settings of a made-up dialect, with some of them changed."""
    settings: dict[str, Any] = {
        "open": ChannelRequest(path="/eventos/abre"),
        "name_fields": ("NOME",),
        "opened_names": "EVENTO_DE_ABERTURA_DE_CANAL",
        "closed_names": "EVENTO_DE_FECHAMENTO",
        "id_fields": ("CANAL.ID",),
        "heartbeat_names": "PULSO",
        "call_id_fields": ("CHAMADA.ID",),
        "call_phases": _PHASES,
        "disposition_fields": ("CAUSA",),
        "dispositions": _WORDS,
        "destination_fields": ("DESTINO",),
        "time_fields": ("HORA",),
        "close": ChannelRequest(
            method="POST", path="/eventos/{channel_id}/fecha", body={}
        ),
    }
    return EventChannelSettings(**settings | changes)


DIALECT = dialect()
"""A made-up dialect: every name in it is invented, but the opening event's."""

STARTED, RINGING, ANSWERED, ENDED = _PHASES
QUICK: Final = {"setup": 1, "dial": 2, "ring": 10, "talk": 60}
"""Seconds of calls for tests in virtual time."""


def all_become(disposition: Disposition, **times: Any) -> CallScript:
    """Return a script by which the same becomes of all calls."""
    return CallScript(shares={disposition: 1}, **QUICK | times)


SUBSCRIBED = dialect(
    open=ChannelRequest(path="/sse/open?format=json", headers={"Accept": "text/x"}),
    subscription=Subscription(
        request=ChannelRequest(
            method="POST",
            path="/sse/subscribe",
            body={"subscription": {"channel_id": "{channel_id}", "events": ["all"]}},
        ),
        expires_field="response.expires",
        id_field="response.id",
    ),
)
"""The same with a subscription, in the sister products' shape."""


class ChannelReader:
    """An event channel at a simulator, read frame by frame.

    Args:
        pabx: The simulator.
        path: Path of the request that opens it.
        headers: Headers of that request beside the key's.
    """

    def __init__(
        self,
        pabx: FakePABX,
        path: str = "/eventos/abre",
        headers: dict[str, str] | None = None,
    ) -> None:
        self._pabx = pabx
        self._path = path
        self._headers = KEY | (headers or {})
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=None), read_bufsize=2**23
        )
        self.status = 0

    async def __aenter__(self) -> Self:
        try:
            self._answer = await self._session.get(
                self._pabx.base_url + self._path, headers=self._headers
            )
        except BaseException:
            await self._session.close()
            raise
        self.status = self._answer.status
        return self

    async def __aexit__(self, *_: object) -> None:
        self._answer.close()
        await self._session.close()

    async def frame(self) -> bytes:
        """Return the next frame, empty bytes at the end."""
        try:
            return (await self._answer.content.readuntil(b"\n\n"))[:-2]
        except aiohttp.ClientPayloadError:
            return b""

    async def event(self) -> tuple[str | None, Any]:
        """Return the name and the data of the next event that is not a heartbeat."""
        while frame := await self.frame():
            name, data = None, ""
            for line in frame.decode().split("\n"):
                field, _, value = line.partition(": ")
                if field == "event":
                    name = value
                elif field == "data":
                    data = value
            if data not in {"", "{}"}:
                return name, json.loads(data) if data.startswith("{") else data
        return None, None

    async def events(self, count: int) -> list[tuple[str | None, Any]]:
        """Return the next events that are not heartbeats."""
        return [await self.event() for _ in range(count)]

    async def post(self, path: str, body: Any = None) -> tuple[int, Any]:
        """Send a request about the channel, and return status and answer."""
        url = urllib.parse.urljoin(self._pabx.base_url, path)
        async with self._session.post(url, json=body, headers=KEY) as answer:
            return answer.status, await answer.json()

    async def call(self, channel: int, **fields: Any) -> tuple[int, Any]:
        """Post the documented call over a channel."""
        url = re.sub("/[0-9]+/", f"/{channel}/", self._pabx.url)
        return await self.post(url, json.loads(BODY) | fields)


async def all_left(pabx: FakePABX) -> None:
    """Wait until the simulator knows of no open channel any more."""
    while pabx.event_side.channels.open:  # noqa: ASYNC110 - it tells no end
        await asyncio.sleep(0.001)
