"""The public way to send: ``post`` of aiohttp's session, in which tools can hook."""

import aiohttp

from digitro_async.protocol import Evidence, Request
from digitro_async.transport._direct_answers import read_content
from digitro_async.transport._endpoint import Endpoint
from digitro_async.transport._evidence import EvidencePayload
from digitro_async.transport._exchange import Answer

__all__ = ["ask_publicly"]


async def ask_publicly(
    endpoint: Endpoint, request: Request, evidence: Evidence
) -> Answer:
    """Send a request by aiohttp's session and return the answer.

    Args:
        endpoint: The endpoint of the PABX.
        request: The request.
        evidence: The evidence of the attempt.
    """
    content = EvidencePayload(request.body, evidence, endpoint.silence)
    response = await endpoint.session.post(
        endpoint.urls[request.path], data=content, allow_redirects=False
    )
    if content.connection is None:
        # A tool answered in the place of a PABX. Its word counts as that of one.
        evidence.request_started = True
    return _PublicAnswer(response)


class _PublicAnswer:
    """An answer that aiohttp's session gave.

    Args:
        response: aiohttp's response, or that of a tool.
    """

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response

    @property
    def status(self) -> int:
        return self._response.status

    @property
    def retry_after(self) -> str | None:
        return self._response.headers.get("Retry-After")

    async def read(self, most: int) -> bytes:
        """Return the body, or just enough of it to see that it is longer."""
        return await read_content(self._response.content, most)

    def close(self) -> None:
        """Close the connection, unless the answer gave it back."""
        self._response.close()
