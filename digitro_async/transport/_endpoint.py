"""The endpoint of a PABX: session, addresses and deadlines of all its requests."""

from collections.abc import Callable
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
from digitro_async.transport._evidence import make_pool_trace
from digitro_async.transport._failures import cause_of
from digitro_async.transport._prepared_request import (
    Composer,
    is_supported,
    request_builders,
    request_class,
)

__all__ = ["Endpoint", "PerPath", "open_endpoint"]

MOST_PATHS: Final = 64
"""Most paths that one endpoint keeps: one for each command and channel."""

SIGN_OF_TLS: Final = 2
"""Calls in plain text that are lost, and none answered, before TLS is guessed at."""

_Made = TypeVar("_Made")


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


# aiohttp rounds longer timeouts up to whole seconds, by default those above 5 s.
_NEVER_ROUNDED: Final = float("inf")
"""Seconds above which aiohttp rounds timeouts up."""


@attrs.frozen
class Endpoint:
    """Everything prepared for requests to one PABX, of any command and channel.

    Attributes:
        session: Session that sends the requests.
        urls: URL of the requests for each path.
        deadlines: Deadlines of the attempts.
        is_plain: Whether the requests differ in nothing but path and content.
        builders: Returns the request builder for a URL.
        connector: The pool of connections.
        address: Host and port of the PABX.
        is_tls: Whether it is spoken to over TLS.
        note_lost_reuse: Takes note that a call was lost on a connection that had served
            one before; returns whether the reuse of connections ends with that.
    """

    session: aiohttp.ClientSession
    urls: PerPath[URL]
    deadlines: Deadlines
    is_plain: bool
    builders: Callable[[URL], Composer]
    connector: CheckedConnector
    address: str
    is_tls: bool
    note_lost_reuse: Callable[[], bool]

    def cause_of(self, error: BaseException | None) -> ConnectCause:
        """Return all that is known of a connection that could not be made.

        Args:
            error: The exception, None where time ran out.
        """
        return cause_of(error, self.address, tuple(self.connector.tried))

    def cause_of_loss(self) -> ConnectCause | None:
        """Return a guess why a connection was lost, None where there is none."""
        connector = self.connector
        if self.is_tls or connector.ever_answered:
            return None
        connector.unanswered += 1
        if connector.unanswered < SIGN_OF_TLS:
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
    traces = [make_pool_trace()] if pabx.pool.max_connections else []
    headers = build_headers(pabx)
    builders = request_builders(headers, reuse=pabx.pool.reuse)
    session = aiohttp.ClientSession(
        connector=connector,
        connector_owner=False,
        headers=headers,
        timeout=_client_timeout(pabx.timeouts),
        cookie_jar=_NoCookies(),
        trust_env=False,
        auto_decompress=False,
        raise_for_status=False,
        trace_configs=traces,
        request_class=request_class(
            builders, own_headers=len(headers), own_traces=len(traces)
        ),
    )
    is_plain = is_supported() and not traces
    base_url = pabx.base_url
    urls = PerPath(lambda path: URL(base_url + path, encoded=True))
    deadlines = Deadlines(pabx.timeouts.total)
    root = URL(base_url, encoded=True)
    address = f"{root.host_subcomponent}:{root.port}"
    return Endpoint(
        session,
        urls,
        deadlines,
        is_plain,
        builders,
        connector,
        address,
        root.scheme == "https",
        note_lost_reuse,
    )


class _NoCookies(aiohttp.DummyCookieJar):
    """Keeps no cookie, and gives the same empty collection to all calls."""

    # aiohttp's own class makes a new empty collection for each call.

    def __init__(self) -> None:
        super().__init__()
        self._none: SimpleCookie = SimpleCookie()

    def filter_cookies(self, request_url: URL) -> SimpleCookie:  # noqa: ARG002 - its own
        return self._none


def _client_timeout(limits: TimeoutSettings) -> aiohttp.ClientTimeout:
    # Deadlines keeps the total, with one timer for all calls. The limit of a phase that
    # is not below the total can't end first, so aiohttp gets no timer for that phase.
    def below_total(limit: float) -> float | None:
        return limit if limit < limits.total else None

    return aiohttp.ClientTimeout(
        total=None,
        connect=below_total(limits.connect),
        sock_connect=below_total(limits.sock_connect),
        sock_read=below_total(limits.sock_read),
        ceil_threshold=_NEVER_ROUNDED,
    )
