"""The one request that is ever made, prepared but for its content, and its answer.

aiohttp lets a session's class of requests be chosen (``request_class``). What its own
makes anew for each call is the same for every call to one PABX: headers, cookies,
encodings, a connection key; then a writer and, before Python 3.12, a task. Here it is
made once, and a call writes one piece of bytes, which halves the instructions. The flag
of ``EvidencePayload`` is raised just before that one write.

aiohttp's own request is used wherever a call is unlike the others (somebody hooked into
the session, to trace it) and with releases of aiohttp that nobody has looked at.
"""

from collections.abc import Callable
from typing import Any, Final

import aiohttp
from yarl import URL

from digitro_async.models import PABX
from digitro_async.protocol import Evidence, build_headers
from digitro_async.transport._evidence import EvidencePayload
from digitro_async.transport._interim import READ, is_interim

__all__ = ["Answer", "is_supported", "request_builder", "request_class", "send"]

SUPPORTED_AIOHTTP: Final = "3.14."
"""Releases of aiohttp whose requests are known to be what is replaced here."""

MOST_PREPARED: Final = 64
"""URLs that requests are prepared for: one for each command and channel."""

Composer = Callable[[bytes], bytes]


def is_supported() -> bool:
    """Whether what is installed is a release that is known here."""
    return aiohttp.__version__.startswith(SUPPORTED_AIOHTTP)


def request_class(pabx: PABX, *, own_traces: int = 0) -> Any:
    """Return what makes the requests of a session.

    Args:
        pabx: The PABX.
        own_traces: How many trace configs the session has from us, all of them about
            connections.
    """
    if not is_supported():
        return aiohttp.ClientRequest
    own_headers = len(build_headers(pabx))
    prepared: dict[URL, type[_PreparedRequest]] = {}
    # The URL of the last request and its class: nearly always those of the next, and
    # to look a URL up takes long (0.13 us).
    last_url: URL | None = None
    last: type[_PreparedRequest] | None = None

    # What aiohttp gives to a request, named in its order: where names and order are the
    # same, nothing is looked for, and no dictionary of two dozen options is made.
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
        prepared[url] = _prepare(own, request_builder(pabx, url))
        return prepared[url](data)

    return make_request


def request_builder(pabx: PABX, url: URL) -> Composer:
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


def send(protocol: Any, request: bytes, evidence: Evidence) -> None:
    """Write a whole request; the evidence says so before the first byte can leave."""
    write = protocol.transport.write
    evidence.request_started = True
    write(request)
    protocol.start_timeout()


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

    def __init__(self, content: EvidencePayload) -> None:
        self._content = content

    async def send(self, conn: Any) -> "Answer":
        """Write the request; its answer is still to be read."""
        content = self._content
        protocol = conn.protocol
        protocol.begin(content.evidence)
        send(protocol, self.compose(content.content), content.evidence)
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
