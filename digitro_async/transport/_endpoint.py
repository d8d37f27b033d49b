"""What all calls to one PABX have in common: a session, an address, their deadlines."""

from http.cookies import SimpleCookie
from typing import Final

import aiohttp
import attrs
from yarl import URL

from digitro_async.models import PABX
from digitro_async.protocol import build_headers
from digitro_async.settings import TimeoutSettings
from digitro_async.transport._deadlines import Deadlines
from digitro_async.transport._evidence import make_pool_trace
from digitro_async.transport._prepared_request import is_supported, request_class

__all__ = ["Endpoint", "open_endpoint"]

_NEVER_ROUNDED: Final = float("inf")
"""aiohttp rounds timeouts above 5 s up to whole seconds; ours end when they say."""


@attrs.frozen
class Endpoint:
    """How calls are made to one PABX.

    Attributes:
        session: Sends them.
        url: Where they are POSTed to.
        deadlines: Ends them.
        is_plain: Whether its calls have nothing of their own but their content.
    """

    session: aiohttp.ClientSession
    url: URL
    deadlines: Deadlines
    is_plain: bool


def open_endpoint(pabx: PABX, url: URL, connector: aiohttp.TCPConnector) -> Endpoint:
    """Return the line of a PABX. Needs a running loop.

    Args:
        pabx: The PABX.
        url: Where its calls are POSTed to.
        connector: Its connections; whoever made them closes them.
    """
    traces = [make_pool_trace()] if pabx.pool.max_connections else []
    session = aiohttp.ClientSession(
        connector=connector,
        connector_owner=False,
        headers=build_headers(pabx),
        timeout=_client_timeout(pabx.timeouts),
        cookie_jar=_NoCookies(),
        trust_env=False,
        auto_decompress=False,
        raise_for_status=False,
        trace_configs=traces,
        request_class=request_class(pabx, url, own_traces=len(traces)),
    )
    is_plain = is_supported() and not traces
    return Endpoint(session, url, Deadlines(pabx.timeouts.total), is_plain)


class _NoCookies(aiohttp.DummyCookieJar):
    """Keeps no cookie; aiohttp's own makes a new empty collection for each call."""

    def __init__(self) -> None:
        super().__init__()
        self._none: SimpleCookie = SimpleCookie()

    def filter_cookies(self, request_url: URL) -> SimpleCookie:  # noqa: ARG002 - its own
        return self._none


def _client_timeout(limits: TimeoutSettings) -> aiohttp.ClientTimeout:
    # The total is kept by Deadlines, for all calls with one timer. A phase limit at or
    # above it can't end first, so it isn't armed.
    def below_total(limit: float) -> float | None:
        return limit if limit < limits.total else None

    return aiohttp.ClientTimeout(
        total=None,
        connect=below_total(limits.connect),
        sock_connect=below_total(limits.sock_connect),
        sock_read=below_total(limits.sock_read),
        ceil_threshold=_NEVER_ROUNDED,
    )
