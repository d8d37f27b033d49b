"""Prepares the requests to a PABX, all but their content, and reads the answers.

aiohttp lets a program choose the class of a session's requests (``request_class``). Its
own class makes headers, cookies, encodings and a connection key anew for each call,
then a writer and, before Python 3.12, a task, although all is the same for every call
to one PABX. Here this is done once, and a call writes one piece of bytes, which halves
the instructions. The evidence is set just before that one write.

aiohttp's own class is used where a call differs from the others (because a tool traces
the session) and with releases of aiohttp that are not supported.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import aiohttp
from yarl import URL

from digitro_async.protocol import Evidence
from digitro_async.transport._evidence import EvidencePayload
from digitro_async.transport._interim import READ, is_interim

__all__ = [
    "Answer",
    "Composer",
    "is_supported",
    "request_builders",
    "request_class",
    "send",
]

SUPPORTED_AIOHTTP: Final = "3.14."
"""The first part of the version of every supported release of aiohttp."""

MOST_PREPARED: Final = 64
"""Most URLs that requests are prepared for: one for each command and channel."""

Composer = Callable[[bytes], bytes]


def is_supported() -> bool:
    """Whether the installed aiohttp is a supported release."""
    return aiohttp.__version__.startswith(SUPPORTED_AIOHTTP)


def request_class(
    builders: Callable[[URL], Composer], *, own_headers: int, own_traces: int = 0
) -> Any:
    """Return the class or the function that makes the requests of a session.

    Args:
        builders: Returns the request builder for a URL.
        own_headers: Number of headers that this library gave the session.
        own_traces: Number of trace configs that this library gave the session; all are
            about connections.
    """
    if not is_supported():
        return aiohttp.ClientRequest
    prepared: dict[URL, type[_PreparedRequest]] = {}
    # The URL of the last request and its class, nearly always those of the next one: to
    # look a URL up takes long (0.13 us).
    last_url: URL | None = None
    last: type[_PreparedRequest] | None = None

    # The arguments that aiohttp gives a request, in aiohttp's order: so Python searches
    # for no name, and makes no dictionary of two dozen options.
    # fmt: off
    def make_request(
        method: Any, url: Any, *, params: Any, headers: Any, skip_auto_headers: Any,
        data: Any, cookies: Any, auth: Any, version: Any, compress: Any, chunked: Any,
        expect100: Any, loop: Any, response_class: Any, proxy: Any, proxy_auth: Any,
        timer: Any, session: Any, ssl: Any, server_hostname: Any, proxy_headers: Any,
        traces: Any, trust_env: Any, **others: Any,
    ) -> aiohttp.ClientRequest:
        nonlocal last_url, last
        is_like_others = len(traces) == own_traces and len(headers) == own_headers
        if is_like_others and url is last_url and last is not None:
            return last(data)
        if is_like_others and (known := prepared.get(url)) is not None:
            last_url, last = url, known
            return known(data)
        own = aiohttp.ClientRequest(
            method, url, params=params, headers=headers,
            skip_auto_headers=skip_auto_headers, data=data, cookies=cookies, auth=auth,
            version=version, compress=compress, chunked=chunked, expect100=expect100,
            loop=loop, response_class=response_class, proxy=proxy,
            proxy_auth=proxy_auth, timer=timer, session=session, ssl=ssl,
            server_hostname=server_hostname, proxy_headers=proxy_headers,
            traces=traces, trust_env=trust_env, **others,
        )
        # fmt: on
        if not is_like_others:
            return own
        if len(prepared) >= MOST_PREPARED:
            prepared.clear()
        prepared[url] = _prepare(own, builders(url))
        return prepared[url](data)

    return make_request


def request_builders(
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
        return lambda body: b"%b%d\r\n\r\n%b" % (head, len(body), body)

    return builder_for


def send(protocol: Any, request: bytes, evidence: Evidence) -> None:
    """Set the evidence, then write a whole request."""
    write = protocol.transport.write
    evidence.request_started = True
    write(request)
    protocol.start_timeout()


def _prepare(
    first: aiohttp.ClientRequest, compose: Composer
) -> "type[_PreparedRequest]":
    """Return a class of requests that are like one request of aiohttp's own class."""
    common = dict(vars(first))
    del common["_body"]
    first.headers.pop("Content-Length", None)
    common["_traces"] = []
    common["connection_key"] = first.connection_key
    common["compose"] = staticmethod(compose)
    common["answer"] = Answer.like(first)
    return type("PreparedRequest", (_PreparedRequest,), common)


class _PreparedRequest(aiohttp.ClientRequest):
    """A request whose class holds all that the requests to one URL have in common.

    Args:
        content: The content of the request.
    """

    compose: Composer
    answer: "type[Answer]"

    def __init__(self, content: EvidencePayload) -> None:
        self._content = content

    async def send(self, conn: Any) -> "Answer":
        """Send the request and return its answer, which is not read yet."""
        content = self._content
        protocol = conn.protocol
        protocol.begin(content.evidence)
        send(protocol, self.compose(content.content), content.evidence)
        return self.answer(conn)


class Answer(aiohttp.ClientResponse):
    """An answer, which gives its connection back once it is read to its end.

    Args:
        connection: The connection that the answer is read from.
    """

    _message: Any = None  # the head, parsed

    def __init__(self, connection: Any) -> None:
        self._cache: dict[str, Any] = {}  # of aiohttp's properties
        self._connection = connection

    @classmethod
    def like(cls, request: aiohttp.ClientRequest) -> "type[Answer]":
        """Return the class of the answers to requests like a given one."""
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
        """Read the head of the answer, and not yet its content."""
        protocol = connection.protocol
        message, content = await READ(protocol)
        status = message.code
        if status < 200 and is_interim(status):  # noqa: PLR2004 - seldom
            message, content = await protocol.skip_interim(message)
            status = message.code
        if not protocol.upgraded:
            content.on_eof(connection.release)
        self.status, self.content = status, content
        self._message, self._headers = message, message.headers
        return self

    @property
    def version(self) -> Any:  # type: ignore[override]  # an attribute of aiohttp's own
        """HTTP version, None before the answer began."""
        return self._message and self._message.version

    @property
    def reason(self) -> Any:  # type: ignore[override]  # same
        """Reason phrase, None before the answer began."""
        return self._message and self._message.reason

    @property
    def raw_headers(self) -> Any:
        """Headers as they came, None before the answer began."""
        return self._message and self._message.raw_headers

    def close(self) -> None:
        """Close the connection, unless the answer gave it back."""
        if self._connection is not None:
            self._connection.close()
