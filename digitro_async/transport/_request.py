"""The one request that is ever made, prepared but for its content, and its answer.

aiohttp lets a session's class of requests be chosen (``request_class``). What its own
makes anew for each call is the same for every call to one PABX: headers, cookies,
encodings, a connection key; then a writer and, before Python 3.12, a task. Here it is
made once, and a call writes one piece of bytes, which saves two fifths of the
instructions. The flag of ``WitnessedBody`` is raised just before that one write.

aiohttp's own request is used wherever a call is unlike the others (somebody hooked into
the session, to trace it) and with releases of aiohttp that nobody has looked at.
"""

from collections.abc import Callable
from typing import Any, Final

import aiohttp
from yarl import URL

from digitro_async.models import PABX
from digitro_async.protocol import Evidence, build_headers
from digitro_async.transport._evidence import WitnessedBody

__all__ = ["Answer", "composer", "request_class", "send"]

LOOKED_AT: Final = "3.14."
"""Releases of aiohttp whose requests are known to be what is replaced here."""

Composer = Callable[[bytes], bytes]


def request_class(pabx: PABX, url: URL, *, own_traces: int = 0) -> Any:
    """Return what makes the requests of a session.

    Args:
        pabx: The PABX.
        url: Where its calls are POSTed to.
        own_traces: How many trace configs the session has from us, all of them about
            connections.
    """
    if not aiohttp.__version__.startswith(LOOKED_AT):
        return aiohttp.ClientRequest
    compose, own_headers = composer(pabx, url), len(build_headers(pabx))
    prepared: type[_PreparedRequest] | None = None

    # A function without names for what it is given: an object called like a class, or
    # a name that two dozen options are compared with, would cost more than all of this.
    def make_request(*target: Any, **options: Any) -> aiohttp.ClientRequest:
        nonlocal prepared
        if (
            len(options["traces"]) != own_traces
            or len(options["headers"]) != own_headers
        ):
            return aiohttp.ClientRequest(*target, **options)
        if prepared is None:
            first = aiohttp.ClientRequest(*target, **options)
            prepared = _prepare(first, compose)
        return prepared(options["data"])

    return make_request


def composer(pabx: PABX, url: URL) -> Composer:
    """Return what makes whole requests (RFC 9112) of contents.

    A function, because the head holds the api key, and what is no value is shown by
    nobody.
    """
    lines = [f"POST {url.raw_path_qs} HTTP/1.1", f"Host: {url.host_port_subcomponent}"]
    lines += [f"{name}: {value}" for name, value in build_headers(pabx).items()]
    if not pabx.pool.reuse:
        lines += ["Connection: close"]
    head = "\r\n".join([*lines, "Content-Length: "]).encode("ascii")
    return lambda body: b"%b%d\r\n\r\n%b" % (head, len(body), body)


def send(connection: Any, request: bytes, evidence: Evidence) -> None:
    """Write a whole request; the evidence says so before the first byte can leave."""
    write = connection.transport.write
    evidence.sending = True
    write(request)
    connection.protocol.start_timeout()


def _prepare(
    first: aiohttp.ClientRequest, compose: Composer
) -> "type[_PreparedRequest]":
    """Return the class of requests that are like one of aiohttp's own."""
    common = dict(vars(first))
    del common["_body"]
    first.headers.pop("Content-Length", None)
    common["_traces"] = []
    common["connection_key"] = first.connection_key
    common["compose"] = staticmethod(compose)
    common["answer"] = Answer.like(first)
    return type("PreparedRequest", (_PreparedRequest,), common)


class _PreparedRequest(aiohttp.ClientRequest):
    """A request whose class holds all that it has in common with others.

    Args:
        content: Its own content.
    """

    compose: Composer
    answer: "type[Answer]"

    def __init__(self, content: WitnessedBody) -> None:
        self._content = content

    async def send(self, conn: Any) -> "Answer":
        """Write the request; its answer is still to be read."""
        content = self._content
        send(conn, self.compose(content.content), content.evidence)
        return self.answer(conn)


class Answer(aiohttp.ClientResponse):
    """An answer. Read to its end it gives its connection back.

    Args:
        connection: Where it is read from.
    """

    _message: Any = None  # its head, as it was parsed

    def __init__(self, connection: Any) -> None:
        self._cache: dict[str, Any] = {}  # of its headers
        self._connection = connection

    @classmethod
    def like(cls, request: aiohttp.ClientRequest) -> "type[Answer]":
        """Return the class of answers to such requests."""
        common = {
            "method": request.method,
            "_url": request.url,
            "_real_url": request.url,
            "_request_info": request.request_info,
            "_loop": request.loop,
            "_traces": (),
        }
        return type(cls.__name__, (cls,), common)

    async def start(self, connection: Any) -> "Answer":
        """Read the head; the content is still to be read."""
        protocol = connection.protocol
        while True:
            message, content = await protocol.read()
            status = message.code
            # Others are interim: another answer follows (RFC 9110 section 15.2).
            if not 100 <= status <= 199 or status == 101:  # noqa: PLR2004 - see there
                break
        if not protocol.upgraded:
            content.on_eof(connection.release)
        self.status, self.content = status, content
        self._message, self._headers = message, message.headers
        return self

    @property
    def version(self) -> Any:  # type: ignore[override]  # an attribute of aiohttp's own
        """HTTP version, None before it began."""
        return self._message and self._message.version

    @property
    def reason(self) -> Any:  # type: ignore[override]  # same
        """Reason phrase, None before it began."""
        return self._message and self._message.reason

    @property
    def raw_headers(self) -> Any:
        """Headers as they came, None before it began."""
        return self._message and self._message.raw_headers

    def close(self) -> None:
        """Close the connection, unless it was given back."""
        if self._connection is not None:
            self._connection.close()
