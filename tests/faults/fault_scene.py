"""The stage of the fault catalogue: a case, what plays it, and what came of it."""

import asyncio
import contextlib
import socket
import sys
import time
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from typing import Any
from unittest import mock

import aiohttp
import attrs
from helpers import API_KEY, CALL_ID, Script, held_port, make_call

from digitro_async import (
    PABX,
    AnswerTimeoutError,
    CallResult,
    ConnectionLostError,
    DigitroClient,
    DigitroError,
    Outcome,
    PoolSettings,
    PredictiveCall,
    RetrySettings,
    TimeoutSettings,
    UnreadableAnswerError,
)
from digitro_async.testing import HostileConnection, HostilePABX

TOTAL = 15.0
"""Seconds of an attempt that is not meant to end by time."""
SHORT = 0.25
"""Seconds of an attempt that is."""
SETTLE = 0.01
"""Seconds in which the client surely reads what the kernel has for it."""

GOOD = b'{"%b": "08/07/24 10:46:19 010A 0974/00"}' % CALL_ID.encode()

UNKNOWN = Outcome.UNKNOWN
LOST: dict[str, Any] = {
    "outcome": UNKNOWN,
    "error": ConnectionLostError,
    "reason": "connection_lost",
}
LATE: dict[str, Any] = {
    "outcome": UNKNOWN,
    "error": AnswerTimeoutError,
    "reason": "timeout",
}


def reply(
    body: bytes = GOOD,
    *headers: str,
    status: str = "200 OK",
    length: int | None = -1,
) -> bytes:
    """Return the bytes of an answer; a length of None leaves Content-Length out."""
    lines = [f"HTTP/1.1 {status}", *headers]
    if length is not None:
        lines.append(f"Content-Length: {len(body) if length < 0 else length}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def soon(total: float = SHORT, **limits: float) -> dict[str, Any]:
    """Return the settings of an attempt that ends soon."""
    return {"timeouts": TimeoutSettings(total=total, **limits)}


class Scene:
    """The scene of one case: its servers, its client and the call it judges.

    Attributes:
        call: The call that is judged.
        api_key: The key of the PABX.
        others: Hosts that are not the PABX and must get nothing.
        servers: The PABX, where a case has several addresses of it.
        seconds: How long the judged call took.
        limit: The total that it was allowed.
        growth: Bytes by which traced memory rose, at its highest, while it was made.
        counted: How the client's statistics count the judged call.
    """

    def __init__(
        self,
        case: "FaultCase",
        call: PredictiveCall,
        api_key: str,
        change: Callable[[PABX], PABX],
    ) -> None:
        self.call = call
        self.api_key = api_key
        self.servers: list[HostilePABX] = []
        self.others: list[HostilePABX] = []
        self.seconds = self.limit = 0.0
        self.growth = 0
        self.counted: Outcome | None = None
        self.stack = contextlib.AsyncExitStack()
        self._settings = case.settings
        # What is known to be safe may be sent again, and all else must not be.
        safe = case.outcome in {Outcome.NOT_SENT, Outcome.REFUSED}
        self._retry = RetrySettings(max_attempts=1 if safe else 3, base_delay=0)
        self._change = change

    async def serve(self, *scripts: Script, **options: Any) -> HostilePABX:
        """Open the PABX."""
        server = HostilePABX(*scripts, **options)
        self.servers.append(await self.stack.enter_async_context(server))
        return server

    async def elsewhere(self) -> HostilePABX:
        """Open another host that takes whatever it gets."""
        server = HostilePABX(host="127.0.0.2")
        self.others.append(await self.stack.enter_async_context(server))
        return server

    def pabx(self, where: HostilePABX | str, **settings: Any) -> PABX:
        """Return how the PABX is reached there."""
        base_url = where if isinstance(where, str) else where.base_url
        given: dict[str, Any] = {**soon(TOTAL), **self._settings, **settings}
        return self._change(PABX("hostile", base_url, 1, self.api_key, **given))

    async def client(self, where: HostilePABX | str, **settings: Any) -> DigitroClient:
        """Open a client of the PABX, which may repeat what must not be repeated."""
        pabx = self.pabx(where, **settings)
        self.limit = pabx.timeouts.total
        client = DigitroClient(pabx, retry=self._retry)
        return await self.stack.enter_async_context(client)

    async def judge(self, client: DigitroClient) -> CallResult:
        """Make the call that is judged, and measure it."""
        return await self.judged(client, client.dispatcher.submit(self.call))

    async def judged(
        self, client: DigitroClient, attempt: Awaitable[CallResult]
    ) -> CallResult:
        """Measure what makes the call that is judged."""
        before = client.statistics().outcomes
        tracing = tracemalloc.is_tracing()
        if not tracing:
            tracemalloc.start()
        tracemalloc.reset_peak()
        held, _ = tracemalloc.get_traced_memory()
        began = time.monotonic()
        try:
            return await attempt
        finally:
            self.seconds = time.monotonic() - began
            self.growth = tracemalloc.get_traced_memory()[1] - held
            if not tracing:
                tracemalloc.stop()
            after = client.statistics().outcomes
            [*counted] = (one for one in Outcome if after[one] > before.get(one, 0))
            self.counted = counted[0] if counted else None


Play = Callable[[Scene], Awaitable[CallResult]]


@attrs.frozen(kw_only=True)
class FaultCase:
    """One fault and all that must come of it.

    Attributes:
        id: Its row in the table of faults and what it is about.
        does: What the server (or the network, or the caller) does.
        play: Makes the judged call in a scene.
        outcome: What must be known of the call; None where nothing was ever asked for.
        error: Class of the error; None where the call is accepted.
        reason: The error's code.
        connections: Connections that the PABX accepts; None for one at most.
        posts: Whole POSTs that the PABX reads, earlier calls of the scene included.
        settings: Fields of the PABX that the case needs.
        needs: What the machine must have, by the name of a check; empty for nothing.
    """

    id: str
    does: str
    play: Play = attrs.field(repr=False)
    outcome: Outcome | None
    error: type[BaseException] | None = None
    reason: str = ""
    connections: int | None = 1
    posts: int = 1
    settings: Mapping[str, Any] = attrs.field(factory=dict, repr=False)
    needs: str = ""

    @property
    def is_possible(self) -> bool:
        """Whether this machine can play it."""
        return not self.needs or NEEDS[self.needs]()

    @property
    def ends_by_time(self) -> bool:
        """Whether a short limit ends it, which a machine that stands still may miss."""
        return "timeouts" in self.settings


@attrs.frozen(kw_only=True)
class Played:
    """The results of a case.

    Attributes:
        outcome: What is known of the call.
        error: Its error, raised or returned; None where it was accepted.
        result: Its result; None where an error or a cancellation came instead.
        connections: Connections that the PABX accepted.
        posts: Whole POSTs that the PABX read.
        seconds: How long the call took.
        limit: The total that it was allowed, in seconds.
        growth: Bytes by which traced memory rose, at its highest, server included.
        received: All that the PABX read.
        elsewhere: Connections to hosts that are not the PABX.
        received_elsewhere: All that those read.
    """

    outcome: Outcome | None
    error: BaseException | None
    result: CallResult | None
    connections: int
    posts: int
    seconds: float
    limit: float
    growth: int
    received: bytes = attrs.field(repr=False)
    elsewhere: int
    received_elsewhere: bytes = attrs.field(repr=False)


async def play(
    case: FaultCase,
    *,
    call: PredictiveCall | None = None,
    api_key: str | None = None,
    change: Callable[[PABX], PABX] = lambda pabx: pabx,
) -> Played:
    """Play a case in the running loop.

    Args:
        case: The case.
        call: The call that is judged, None for one of its own.
        api_key: Key of the PABX, None for the tests' own.
        change: Returns the client's settings from those that the case has for them.
    """
    scene = Scene(case, call or make_call(), api_key or API_KEY, change)
    result: CallResult | None = None
    error: BaseException | None = None
    async with scene.stack:
        try:
            result = await case.play(scene)
        except (DigitroError, asyncio.CancelledError) as raised:
            error = raised.with_traceback(None)
        await asyncio.sleep(SETTLE)  # in which nothing more may reach anybody
    if result is not None:
        error = result.error
    outcome = scene.counted if result is None else result.outcome
    if isinstance(error, DigitroError) and outcome is None:
        outcome = error.outcome
    return Played(
        outcome=outcome,
        error=error,
        result=result,
        connections=sum(server.connections for server in scene.servers),
        posts=sum(server.posts for server in scene.servers),
        seconds=scene.seconds,
        limit=scene.limit,
        growth=scene.growth,
        received=b"".join(server.received for server in scene.servers),
        elsewhere=sum(server.connections for server in scene.others),
        received_elsewhere=b"".join(server.received for server in scene.others),
    )


def served(*scripts: Script) -> Play:
    """Return a play of one call to a PABX with those scripts."""

    async def one_call(scene: Scene) -> CallResult:
        return await scene.judge(await scene.client(await scene.serve(*scripts)))

    return one_call


def answered(
    *data: bytes, then: Callable[[HostileConnection], None] | None = None
) -> Script:
    """Return a script that reads a request and sends that, piece by piece."""

    async def script(line: HostileConnection) -> None:
        await line.read_request()
        for number, piece in enumerate(data):
            if number:
                await asyncio.sleep(SETTLE)
            line.send(piece)
        if then is None:
            await line.wait_for_end()
        else:
            await asyncio.sleep(SETTLE)  # an RST would drop what was not read yet
            then(line)

    return script


def unreadable(name: str, does: str, script: Script, reason: str) -> FaultCase:
    """Return a case of an answer that can't be read."""
    return FaultCase(
        id=name,
        does=does,
        play=served(script),
        outcome=UNKNOWN,
        error=UnreadableAnswerError,
        reason=reason,
    )


def accepted(name: str, does: str, script: Script, *, posts: int = 1) -> FaultCase:
    """Return a case of an odd server whose answer holds all the same."""
    return FaultCase(
        id=name, does=does, play=served(script), outcome=Outcome.ACCEPTED, posts=posts
    )


@contextlib.asynccontextmanager
async def deaf_port(host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[int]:
    """Listen on a port that answers no SYN: its backlog is full."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with contextlib.ExitStack() as stack:
        full = stack.enter_context(socket.socket(family))
        full.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        full.bind((host, port))
        full.listen(0)
        port = full.getsockname()[1]
        for _ in range(4):
            other = stack.enter_context(socket.socket(family))
            other.setblocking(False)
            other.connect_ex((host, port))
        await asyncio.sleep(0.05)
        yield port


@contextlib.contextmanager
def names(resolve: Callable[[], Awaitable[list[str]]]) -> Iterator[None]:
    """Have every name looked up by that function, which returns addresses."""

    async def look_up(
        _: object, host: str, port: int = 0, family: object = 0
    ) -> list[dict[str, Any]]:
        return [
            {
                "hostname": host,
                "host": address,
                "port": port,
                "family": socket.AF_INET6 if ":" in address else socket.AF_INET,
                "proto": 0,
                "flags": socket.AI_NUMERICHOST,
            }
            for address in await resolve()
        ]

    with (
        mock.patch.object(aiohttp.ThreadedResolver, "resolve", look_up),
        mock.patch.object(aiohttp.AsyncResolver, "resolve", look_up),
    ):
        yield


def has_ipv6() -> bool:
    """Whether ::1 can be listened on."""
    try:
        with held_port("::1") as port:
            return port > 0
    except OSError:
        return False


def is_linux() -> bool:
    """Whether the sockets are Linux's."""
    return sys.platform.startswith("linux")


NEEDS: dict[str, Callable[[], bool]] = {"ipv6": has_ipv6, "linux": is_linux}
FRESH = {"pool": PoolSettings(reuse=False)}
