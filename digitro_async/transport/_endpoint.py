"""The endpoint of a PABX: session, addresses and deadlines of all its requests."""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from http.cookies import SimpleCookie
from typing import Final, TypeVar

import aiohttp
import attrs
from yarl import URL

from digitro_async.models import PABX
from digitro_async.protocol import ConnectCause, build_headers
from digitro_async.settings import TimeoutSettings
from digitro_async.transport._connector import CheckedConnector
from digitro_async.transport._deadlines import Deadlines
from digitro_async.transport._failures import cause_of
from digitro_async.transport._hooks import is_hooked
from digitro_async.transport._pool import ConnectionPool

__all__ = ["Endpoint", "PerPath", "open_endpoint"]

MOST_PATHS: Final = 64
"""Most paths that one endpoint keeps: one for each command and channel."""

MOST_LENGTHS: Final = 64
"""Most lengths of bodies for which one head is kept."""

SIGN_OF_TLS: Final = 2
"""Calls in plain text that are lost, and none answered, before TLS is guessed at."""

_Made = TypeVar("_Made")

Composer = Callable[[bytes], bytes]


class PerPath(dict[str, _Made]):
    """Keeps one value for each path of the requests to a PABX, and makes a missing one.

    Args:
        make: Makes the value for a path.
    """

    # A full mapping is emptied: channels come and go, and commands are few.

    def __init__(self, make: Callable[[str], _Made]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, path: str) -> _Made:
        made = self._make(path)
        if len(self) >= MOST_PATHS:
            self.clear()
        self[path] = made
        return made


class PerLength(dict[int, bytes]):
    """Keeps the head of a request for each length of its body, and makes a missing one.

    Args:
        head: The head, up to the length.
    """

    def __init__(self, head: bytes) -> None:
        super().__init__()
        self._head = head

    def __repr__(self) -> str:
        return f"{type(self).__name__}('***')"  # heads hold the api key

    def __missing__(self, length: int) -> bytes:
        made = b"%b%d\r\n\r\n" % (self._head, length)
        if len(self) >= MOST_LENGTHS:
            self.clear()
        self[length] = made
        return made


# aiohttp rounds longer timeouts up to whole seconds, by default those above 5 s.
_NEVER_ROUNDED: Final = float("inf")
"""Seconds above which aiohttp rounds timeouts up."""


@attrs.frozen
class Endpoint:
    """Everything prepared for requests to one PABX, of any command and channel.

    Attributes:
        session: Session of the public way.
        connector: Makes connections.
        pool: Keeps connections.
        urls: URL of the requests for each path.
        composers: Request builder for each path; it returns a whole request.
        target: Request that tells where to connect; it is never sent.
        phases: Time limits for getting a connection.
        silence: Most seconds without a byte, None where the deadline comes first.
        deadlines: Deadlines of the attempts.
        warm_seconds: Most seconds for a connection that is opened ahead of calls.
        is_hooked: Whether a tool has hooked into the session.
        address: Host and port of the PABX.
        is_tls: Whether it is spoken to over TLS.
        note_lost_reuse: Takes note that a call was lost on a connection that had served
            one before; returns whether the reuse of connections ends with that.
    """

    session: aiohttp.ClientSession
    connector: CheckedConnector
    pool: ConnectionPool
    urls: PerPath[URL]
    composers: PerPath[Composer]
    target: aiohttp.ClientRequest
    phases: aiohttp.ClientTimeout
    silence: float | None
    deadlines: Deadlines
    warm_seconds: float
    is_hooked: bool
    address: str
    is_tls: bool
    note_lost_reuse: Callable[[], bool]

    async def warm(self, most: int) -> int:
        """Open connections ahead of their first calls, up to a number.

        Args:
            most: Connections that are enough, used ones included.

        Returns:
            Connections that were opened; fewer where one can't be.
        """
        opened = 0
        make = partial(self.connector.make, self.target, [], self.phases)
        try:
            while True:
                async with asyncio.timeout(self.warm_seconds):
                    if not await self.pool.warm(most, make):
                        return opened
                opened += 1
        except Exception:  # noqa: BLE001 - whatever it is, the first call says it
            return opened

    def cause_of(self, error: BaseException | None) -> ConnectCause:
        """Return all that is known of a connection that could not be made.

        Args:
            error: The exception, None where time ran out.
        """
        return cause_of(error, self.address, tuple(self.connector.tried))

    def cause_of_loss(self) -> ConnectCause | None:
        """Return a guess why a connection was lost, None where there is none."""
        pool = self.pool
        if self.is_tls or pool.ever_answered:
            return None
        pool.unanswered += 1
        if pool.unanswered < SIGN_OF_TLS:
            return None
        # Most servers of TLS close a connection that speaks none, without a word.
        return ConnectCause(
            self.address,
            message="no answer ever came from there: if it speaks TLS, base_url must "
            "begin with https://",
        )


def open_endpoint(
    pabx: PABX, connector: CheckedConnector, note_lost_reuse: Callable[[], bool]
) -> Endpoint:
    """Return the endpoint of a PABX. Needs a running loop.

    Args:
        pabx: The PABX.
        connector: The pool of connections; whoever made the pool closes it.
        note_lost_reuse: See ``Endpoint``.
    """
    headers = build_headers(pabx)
    phases = _client_timeout(pabx.timeouts)
    session = aiohttp.ClientSession(
        connector=connector,
        connector_owner=False,
        headers=headers,
        timeout=phases,
        cookie_jar=_NoCookies(),
        trust_env=False,
        auto_decompress=False,
        raise_for_status=False,
    )
    base_url = pabx.base_url
    root = URL(base_url, encoded=True)
    builders = _request_builders(headers, reuse=pabx.pool.reuse)
    urls = PerPath(lambda path: URL(base_url + path, encoded=True))
    return Endpoint(
        session,
        connector,
        connector.pool,
        urls,
        PerPath(lambda path: builders(urls[path])),
        aiohttp.ClientRequest(
            "POST", root, loop=asyncio.get_running_loop(), session=session
        ),
        phases,
        _below_total(pabx.timeouts, pabx.timeouts.sock_read),
        Deadlines(pabx.timeouts.total),
        pabx.timeouts.connect,
        is_hooked(session),
        f"{root.host_subcomponent}:{root.port}",
        root.scheme == "https",
        note_lost_reuse,
    )


def _request_builders(
    headers: Mapping[str, str], *, reuse: bool
) -> Callable[[URL], Composer]:
    """Return the function that returns the request builder for a URL.

    Args:
        headers: The headers of every request.
        reuse: Whether the connection may serve another request afterwards.
    """
    # The head holds the api key: no tool shows the values inside a function.
    lines = [f"{name}: {value}" for name, value in headers.items()]
    if not reuse:
        lines += ["Connection: close"]
    common = "\r\n".join([*lines, "Content-Length: "])

    def builder_for(url: URL) -> Composer:
        where = f"POST {url.raw_path_qs} HTTP/1.1\r\nHost: {url.host_port_subcomponent}"
        head = f"{where}\r\n{common}".encode("ascii")
        # One head for each length of a body: to write the number takes four times the
        # instructions of finding it written.
        heads = PerLength(head)
        return lambda body: heads[len(body)] + body

    return builder_for


class _NoCookies(aiohttp.DummyCookieJar):
    """Keeps no cookie, and gives the same empty collection to all calls."""

    # aiohttp's own class makes a new empty collection for each call.

    def __init__(self) -> None:
        super().__init__()
        self._none: SimpleCookie = SimpleCookie()

    def filter_cookies(self, request_url: URL) -> SimpleCookie:  # noqa: ARG002 - its own
        return self._none


def _below_total(limits: TimeoutSettings, limit: float) -> float | None:
    # Deadlines keeps the total, with one timer for all calls. The limit of a phase that
    # is not below the total can't end first, so there is no timer for that phase.
    return limit if limit < limits.total else None


def _client_timeout(limits: TimeoutSettings) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(
        total=None,
        connect=_below_total(limits, limits.connect),
        sock_connect=_below_total(limits, limits.sock_connect),
        sock_read=None,  # the connection itself limits it
        ceil_threshold=_NEVER_ROUNDED,
    )
