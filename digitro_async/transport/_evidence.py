"""Sets the evidence of an attempt when aiohttp is about to write its request.

aiohttp keeps the head of a request in a buffer until the body's first bytes, and asks
the body itself to write them. So nothing of a request can leave before aiohttp calls
``write_with_length`` of the body. ``EvidencePayload`` sets ``request_started`` there,
before all else; on the direct way ``TrackedProtocol.send`` does, before its only write:

* while the flag is not set, not a byte of the request has left;
* once the flag is set, the request may have left, so without a usable answer the call
  is unknown.

Two general trace hooks (``on_request_headers_sent``, ``on_request_chunk_sent``) say the
same at ten times the cost. A test compares the flag with these hooks and with the bytes
that servers read, for the installed release of aiohttp.
"""

from typing import Final

import aiohttp
from aiohttp.abc import AbstractStreamWriter
from multidict import CIMultiDict

from digitro_async.protocol import Evidence
from digitro_async.transport._tracked import TrackedProtocol

__all__ = ["EvidencePayload"]


class EvidencePayload(aiohttp.Payload):
    """The body of a request, which sets the evidence when it is about to be written.

    Args:
        content: The bytes of the body, JSON.
        evidence: The evidence of the attempt.
        silence: Most seconds without a byte, None where the deadline comes first.

    Attributes:
        connection: The connection that the request is written on, None before it is
            known.
    """

    # One is made for every call, so it has only what aiohttp asks of a payload.

    connection: TrackedProtocol | None = None

    def __init__(
        self, content: bytes, evidence: Evidence, silence: float | None = None
    ) -> None:
        self.content = content
        self.evidence = evidence
        self.silence = silence

    @property
    def size(self) -> int:
        """Number of bytes."""
        return len(self.content)

    @property
    def headers(self) -> CIMultiDict[str]:
        """Headers of the body, the same object for all: aiohttp only reads it."""
        return _HEADERS

    @property
    def content_type(self) -> str:
        """Content type of the body."""
        return _HEADERS["Content-Type"]

    @property
    def autoclose(self) -> bool:
        """Whether the body needs no closing."""
        return True

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """Return the body as text."""
        return self.content.decode(encoding, errors)

    async def write(self, writer: AbstractStreamWriter) -> None:
        """Set the evidence, then write the body."""
        self._set_evidence()
        await writer.write(self.content)

    async def write_with_length(
        self, writer: AbstractStreamWriter, content_length: int | None
    ) -> None:
        """Set the evidence, then write the body up to a length."""
        self._set_evidence()
        await writer.write(self.content[:content_length])  # a full slice is no copy

    def _set_evidence(self) -> None:
        self.evidence.request_started = True
        if self.connection is not None:  # tools use other connectors
            self.connection.begin(self.evidence, self.silence)


_HEADERS: Final = CIMultiDict({"Content-Type": "application/json"})
