"""Helpers of several test modules: calls, a scripted transport, a raw server."""

import asyncio
import contextlib
import errno
import gc
import importlib.util
import json
import socket
import struct
import sys
import traceback
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from types import ModuleType
from typing import Any
from unittest import mock

import attrs

from digitro_async import PABX, AnyDestination, CallResult, PredictiveCall, RateLimit
from digitro_async.protocol import COMMANDS, Evidence, Failure, Observation, Request
from digitro_async.protocol._names import CALL_ID as CALL_ID  # noqa: PLC0414
from digitro_async.protocol._names import WIRE_NAMES as WIRE_NAMES  # noqa: PLC0414
from digitro_async.testing import HostileConnection, HostilePABX
from digitro_async.testing.hostile import Script as Script  # noqa: PLC0414
from digitro_async.testing.hostile import answer_all as answer_all  # noqa: PLC0414

DESTINATION = WIRE_NAMES["destination"]
PREDICTIVE_CALL = COMMANDS["predictive_call"]

NOT_SENT = Observation(request_started=False, failure=Failure.CONNECT)
LOST = Observation(request_started=True, failure=Failure.LOST)
API_KEY = "canary-api-key-7f3a"


def make_call(destination: object = "04832817000", **fields: Any) -> PredictiveCall:
    """Return a call to that number, or to any other text."""
    given = {"device": "1125000", "device_password": "4567", **fields}
    return PredictiveCall(destination=AnyDestination(destination), **given)


def make_request(body: bytes = b"{}", channel: int = 1) -> Request:
    """Return the request of a predictive call with that body."""
    return Request(PREDICTIVE_CALL.paths[channel], body)


def calls_to(destinations: Iterable[object]) -> Iterable[PredictiveCall]:
    """Make calls to those numbers, one by one."""
    return (make_call(destination) for destination in destinations)


def make_pabx(
    name: str = "one", base_url: str = "http://127.0.0.1:9", **settings: Any
) -> PABX:
    """Return a PABX."""
    return PABX(name, base_url, 1, API_KEY, **settings)


def per_second(calls: int) -> RateLimit:
    """Return the cap of ``calls`` a second."""
    return RateLimit(calls)


def accepted(call_id: object) -> Observation:
    """Return what is seen of an accepted call."""
    body = json.dumps({CALL_ID: str(call_id)}).encode()
    return Observation(request_started=True, status=200, body=body)


def answered(status: int, retry_after: str | None = None) -> Observation:
    """Return what is seen of a call that got that status."""
    return Observation(request_started=True, status=status, retry_after=retry_after)


@attrs.frozen
class Attempt:
    """One attempt that a scripted transport was asked for."""

    number: int
    pabx: str
    destination: str
    at: float


class ScriptedTransport:
    """Sees what its script says, and remembers what it was asked for.

    Args:
        script: What the first attempts see; later ones are accepted.
        latency: Seconds of each attempt, or a function that draws them.
        decide: What an attempt sees, where the script does not say; None for accepted.
    """

    def __init__(
        self,
        script: Iterable[Observation] = (),
        *,
        latency: float | Callable[[], float] = 0.0,
        decide: Callable[[Attempt], Observation | None] = lambda _: None,
    ) -> None:
        self.attempts: list[Attempt] = []
        self.ended: list[float] = []
        self.on_wire = 0
        self.most_on_wire = 0
        self._script = list(script)
        self._latency = latency
        self._decide = decide

    @property
    def destinations(self) -> list[str]:
        """Whom the attempts were to, in order."""
        return [attempt.destination for attempt in self.attempts]

    @property
    def times(self) -> list[float]:
        """When the attempts began, in order."""
        return [attempt.at for attempt in self.attempts]

    async def exchange(
        self, pabx: PABX, request: Request, evidence: Evidence
    ) -> Observation:
        """Make one attempt."""
        loop = asyncio.get_running_loop()
        destination = json.loads(request.body)[DESTINATION]
        number = len(self.attempts) + 1
        attempt = Attempt(number, pabx.name, destination, loop.time())
        self.attempts.append(attempt)
        self.on_wire += 1
        self.most_on_wire = max(self.most_on_wire, self.on_wire)
        try:
            if number <= len(self._script):
                seen = self._script[number - 1]
            else:
                seen = self._decide(attempt) or accepted(f"{pabx.name} {number}")
            evidence.request_started = seen.request_started
            latency = self._latency
            await asyncio.sleep(latency() if callable(latency) else latency)
            return seen
        finally:
            self.on_wire -= 1
            self.ended.append(loop.time())


ANSWER = '{"%s": "%s"}'


def answer(call_id: object, *, status: str = "200 OK", headers: str = "") -> bytes:
    """Return the bytes of a whole answer."""
    body = ANSWER % (CALL_ID, call_id)
    length = len(body)
    return (
        f"HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\n\r\n{body}".encode()
    )


def load_without_orjson(module: ModuleType) -> Any:
    """Load a second copy of a module as it is where orjson is not installed."""
    assert module.__file__ is not None
    spec = importlib.util.spec_from_file_location("copy_without", module.__file__)
    assert spec is not None
    assert spec.loader is not None
    copy = importlib.util.module_from_spec(spec)
    with mock.patch.dict(sys.modules, {"orjson": None}):
        spec.loader.exec_module(copy)
    return copy


Line = HostileConnection
RawServer = HostilePABX


def reset_on_close(sock: socket.socket) -> None:
    """Have a socket send RST instead of FIN when it is closed."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@contextlib.contextmanager
def held_port(*hosts: str) -> Iterator[int]:
    """Hold a port on all those addresses: it refuses connections till listened on.

    It is bound, so that nobody else is given it. On Linux a server may listen on it all
    the same; elsewhere it is let go of at once.
    """
    with contextlib.ExitStack() as held:
        port = _bind_all(held, hosts)
        if not sys.platform.startswith("linux"):
            held.close()
        yield port


def _bind_all(held: contextlib.ExitStack, hosts: Iterable[str]) -> int:
    """Bind a port on all of them; one that is free here may be taken there."""
    for _ in range(100):
        with contextlib.ExitStack() as bound, contextlib.suppress(OSError):
            port = 0
            for host in hosts:
                family = socket.AF_INET6 if ":" in host else socket.AF_INET
                sock = bound.enter_context(socket.socket(family))
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                sock.bind((host, port))
                port = int(sock.getsockname()[1])
            held.push(bound.pop_all())
            return port
    raise OSError(errno.EADDRINUSE, "no port is free on all of them")


async def take_into(
    taken: list[CallResult], results: AsyncIterable[CallResult]
) -> None:
    """Take results into a list, which has them whatever ends the taking."""
    async for result in results:
        taken.append(result)  # noqa: PERF401 - it may end half way


async def until(condition: Callable[[], object]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - a server's reading tells no event
            await asyncio.sleep(0.001)


@contextlib.asynccontextmanager
async def within(limit: Any) -> AsyncIterator[None]:
    """Enter a limit, whether asyncio's or anyio's."""
    if hasattr(limit, "__aenter__"):
        async with limit:
            yield
    else:
        with limit:
            yield


@contextlib.asynccontextmanager
async def quiet_loop() -> AsyncIterator[None]:
    """Check that nothing is said to the loop's exception handler, now or by gc."""
    loop = asyncio.get_running_loop()
    problems: list[str] = []
    before = asyncio.all_tasks()
    loop.set_exception_handler(lambda _, context: problems.append(str(context)))
    yield
    for _ in range(5):
        await asyncio.sleep(0)
    gc.collect(1)  # what this test left behind is young
    await asyncio.sleep(0)
    left = asyncio.all_tasks() - before - {asyncio.current_task()}

    assert problems == []
    assert left == set()


def everything_of(error: BaseException) -> str:
    """Return all that logs can show of an error, the locals of its frames included."""
    whole = traceback.TracebackException.from_exception(error, capture_locals=True)
    chain: list[str] = []
    seen: BaseException | None = error
    while seen is not None:
        chain += [str(seen), repr(seen), repr(seen.args), repr(vars(seen))]
        seen = seen.__cause__ or seen.__context__
    return "".join(whole.format(chain=True)) + "\n".join(chain)
