"""Sets the evidence of an attempt when its request is about to be written.

aiohttp keeps the head of a request in a buffer until the body's first bytes, and asks
the body itself to write them. So nothing of a request can leave before aiohttp calls
``write_with_length`` of the body. ``EvidencePayload`` sets ``request_started`` there,
before all else, and prepared requests set the flag before their only write:

* while the flag is not set, not a byte of the request has left;
* once the flag is set, the request may have left, so without a usable answer the call
  is unknown.

Two general trace hooks (``on_request_headers_sent``, ``on_request_chunk_sent``) say the
same at ten times the cost. A test compares the flag with these hooks and with the bytes
that servers read, for the installed release of aiohttp.
"""

from typing import Any, Final

import aiohttp
from aiohttp.abc import AbstractStreamWriter
from multidict import CIMultiDict

from digitro_async.protocol import Evidence
from digitro_async.transport._tracked import TrackedProtocol

__all__ = ["EvidencePayload", "make_pool_trace"]


class EvidencePayload(aiohttp.Payload):
    """The body of a request, which sets the evidence when it is about to be written.

    Args:
        content: The bytes of the body, JSON.
        evidence: The evidence of the attempt.
    """

    # One is made for every call, so it has only what aiohttp asks of a payload.

    def __init__(self, content: bytes, evidence: Evidence) -> None:
        self.content = content
        self.evidence = evidence

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
        self._note(writer)
        await writer.write(self.content)

    async def write_with_length(
        self, writer: AbstractStreamWriter, content_length: int | None
    ) -> None:
        """Set the evidence, then write the body up to a length."""
        self._note(writer)
        await writer.write(self.content[:content_length])  # a full slice is no copy

    def _note(self, writer: Any) -> None:
        self.evidence.request_started = True
        protocol = getattr(writer, "protocol", None)
        if isinstance(protocol, TrackedProtocol):  # tools use other protocols
            protocol.begin(self.evidence)


_HEADERS: Final = CIMultiDict({"Content-Type": "application/json"})


def make_pool_trace() -> aiohttp.TraceConfig:
    """Return trace hooks that set ``waiting_for_connection`` of the evidence.

    Only a pool with a limit needs the hooks: they distinguish a full pool from a host
    that can't be reached.
    """
    # Typed Any: aiohttp's annotations know only SimpleNamespace as a context.
    config: Any = aiohttp.TraceConfig(
        trace_config_ctx_factory=_evidence_itself  # type: ignore[arg-type]  # same
    )
    config.on_connection_queued_start.append(_waiting)
    config.on_connection_queued_end.append(_served)
    made: aiohttp.TraceConfig = config
    return made


def _evidence_itself(trace_request_ctx: Any) -> Any:
    return trace_request_ctx


async def _waiting(_: aiohttp.ClientSession, evidence: Evidence, __: object) -> None:
    evidence.waiting_for_connection = True


async def _served(_: aiohttp.ClientSession, evidence: Evidence, __: object) -> None:
    evidence.waiting_for_connection = False
