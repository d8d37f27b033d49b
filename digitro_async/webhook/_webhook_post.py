"""Sends the body of a webhook, over a session that nothing else uses."""

import asyncio
from collections.abc import Mapping
from types import TracebackType
from typing import Final, Self

import aiohttp
import attrs
from yarl import URL

from digitro_async.webhook_settings import WebhookSettings

__all__ = ["PostAnswer", "WebhookConnection"]

_TAKEN: Final = range(200, 300)
_MOST_READ: Final = 16 * 1024
_LONGEST_WAIT: Final = 3_600.0
_LONGEST_NUMBER: Final = 6


@attrs.frozen
class PostAnswer:
    """What came of one POST.

    Attributes:
        problem: Why it was not taken, as a code; empty where it was.
        retry_after: Seconds that the receiver asked to wait, None where it did not.
    """

    problem: str = ""
    retry_after: float | None = None


class WebhookConnection:
    """A session for one receiver, with a connector of its own.

    Args:
        settings: The receiver.
    """

    # No exception of aiohttp's gets out: their texts hold the URL.

    def __init__(self, settings: WebhookSettings) -> None:
        self._settings = settings
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=1, force_close=False),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=self._settings.timeout),
            auto_decompress=False,
            raise_for_status=False,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def post(self, body: bytes, headers: Mapping[str, str]) -> PostAnswer:
        """Send a body once, and return what came of it; it raises nothing."""
        assert self._session is not None  # noqa: S101 - for the type checker
        try:
            async with self._session.post(
                URL(self._settings.url.reveal(), encoded=True),
                data=body,
                headers={**headers, "content-type": "application/json"},
                # It was signed for this receiver, and for no other.
                allow_redirects=False,
            ) as response:
                # So that the connection can be kept; what it says is not looked at.
                await response.content.read(_MOST_READ)
                if response.status in _TAKEN:
                    return PostAnswer()
                return PostAnswer(
                    f"status_{response.status}",
                    _retry_after(response.headers.get("Retry-After", "")),
                )
        except TimeoutError:
            return PostAnswer("timeout")
        except aiohttp.ClientConnectorDNSError:
            return PostAnswer("no_such_host")
        except aiohttp.ClientSSLError:
            return PostAnswer("tls_failed")
        except aiohttp.ClientConnectorError:
            return PostAnswer("connect_failed")
        except (aiohttp.ClientError, OSError, ValueError, asyncio.IncompleteReadError):
            return PostAnswer("connection_lost")


def _retry_after(text: str) -> float | None:
    """Return the seconds of a Retry-After header; a date is not looked at."""
    if text.isascii() and text.isdecimal() and len(text) <= _LONGEST_NUMBER:
        return min(float(text), _LONGEST_WAIT)
    return None
