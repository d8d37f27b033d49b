"""What tells how far an attempt came: a body that says when it is about to be written.

aiohttp keeps the head of a request in a buffer until the body's first bytes, and asks
the body itself to write them. So nothing of a request can leave before aiohttp calls
``write_with_length`` of the body we hand it. Ours raises its flag there, first thing,
and requests of our own (``_request``) raise it before their only write:

* a lowered flag proves that not a byte of the request left;
* a raised one proves nothing, so without a usable answer the call is unknown.

Two general trace hooks (``on_request_headers_sent``, ``on_request_chunk_sent``) say the
same at ten times the cost. A test holds the flag against them and against what servers
really read, for the aiohttp that is installed.
"""

from typing import Any, Final

import aiohttp
from aiohttp.abc import AbstractStreamWriter
from multidict import CIMultiDict

from digitro_async.protocol import Evidence
from digitro_async.transport._tracked import TrackedProtocol

__all__ = ["EvidencePayload", "make_pool_trace"]


class EvidencePayload(aiohttp.Payload):
    """Bytes of JSON that note in ``evidence`` that they are about to be written.

    Made for every call, so it is what aiohttp asks of a payload and nothing more.

    Args:
        content: The bytes.
        evidence: Of this one attempt.
    """

    def __init__(self, content: bytes, evidence: Evidence) -> None:
        self.content = content
        self.evidence = evidence

    @property
    def size(self) -> int:
        """Number of bytes."""
        return len(self.content)

    @property
    def headers(self) -> CIMultiDict[str]:
        """What describes the bytes; one for all, aiohttp only reads it."""
        return _HEADERS

    @property
    def content_type(self) -> str:
        """What the bytes are."""
        return _HEADERS["Content-Type"]

    @property
    def autoclose(self) -> bool:
        """There is nothing to close."""
        return True

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """Return the bytes as text."""
        return self.content.decode(encoding, errors)

    async def write(self, writer: AbstractStreamWriter) -> None:
        """Note it, then write."""
        self._note(writer)
        await writer.write(self.content)

    async def write_with_length(
        self, writer: AbstractStreamWriter, content_length: int | None
    ) -> None:
        """Note it, then write."""
        self._note(writer)
        await writer.write(self.content[:content_length])  # no copy where that is all

    def _note(self, writer: Any) -> None:
        self.evidence.request_started = True
        protocol = getattr(writer, "protocol", None)
        if isinstance(protocol, TrackedProtocol):  # tools put others in its place
            protocol.begin(self.evidence)


_HEADERS: Final = CIMultiDict({"Content-Type": "application/json"})


def make_pool_trace() -> aiohttp.TraceConfig:
    """Return hooks that note in the ``Evidence`` of a request that it queues.

    Only a pool with a limit of its own needs them: they tell a pool that is full from
    a host that can't be reached.
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


async def _waiting(_: aiohttp.ClientSession, seen: Evidence, __: object) -> None:
    seen.waiting_for_connection = True


async def _served(_: aiohttp.ClientSession, seen: Evidence, __: object) -> None:
    seen.waiting_for_connection = False
