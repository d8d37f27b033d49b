"""Streams of events over real connections, beside the pool of the calls."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import attrs
import pytest
from aiohttp import web
from helpers import make_call, make_pabx
from test_sessions_tls import Certificate

from digitro_async import (
    ChannelOpened,
    ClientClosedError,
    ConfigurationError,
    DigitroClient,
    SessionManager,
    TLSSettings,
    load_event_preset,
)
from digitro_async.events import EventReader
from digitro_async.protocol import OutgoingRequest
from digitro_async.testing import FakePABX
from digitro_async.transport import ByteStream, StreamError

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def server(
    handler: Handler, certificate: Certificate | None = None
) -> AsyncIterator[str]:
    """Run a server that gives every request to one handler; yield its base URL."""
    runner = web.ServerRunner(web.Server(handler), shutdown_timeout=0.1)
    await runner.setup()
    context = None if certificate is None else certificate.context
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
    await site.start()
    port = runner.addresses[0][1]
    try:
        yield f"{'http' if context is None else 'https'}://127.0.0.1:{port}"
    finally:
        await runner.cleanup()


async def read_all(stream: ByteStream) -> bytes:
    """Read a stream to its end."""
    found = b""
    while piece := await stream.read():
        found += piece
    return found


def asking(url: str, **options: str) -> OutgoingRequest:
    """Return a request to a server."""
    return OutgoingRequest(
        "GET", f"{url}/open?a=%20b", {"X-API-KEY": "canary-4711", **options}
    )


async def sent_in_pieces(request: web.BaseRequest) -> web.StreamResponse:
    """Send three pieces, and echo what was asked for."""
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    for piece in (request.raw_path, request.headers["X-API-KEY"], request.method):
        await response.write(piece.encode())
        await asyncio.sleep(0.02)
    return response


async def test_a_stream_as_it_comes() -> None:
    """The bytes of a stream are read as they come, up to its end."""
    async with server(sent_in_pieces) as url, SessionManager() as sessions:
        stream = await sessions.open_stream(make_pabx(base_url=url), asking(url))
        found = await read_all(stream)
        await stream.aclose()

        assert found == b"/open?a=%20bcanary-4711GET"
        assert sessions.hosts == 0


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        (403, {}, None),
        (429, {"Retry-After": "7"}, 7.0),
        (503, {"Retry-After": "soon"}, None),
        (302, {"Location": "http://127.0.0.1:9/"}, None),
    ],
)
async def test_a_refused_stream(
    status: int, headers: dict[str, str], seconds: float | None
) -> None:
    """An answer that is no success is an error with its status, and is not followed."""

    async def refuse(request: web.BaseRequest) -> web.Response:
        return web.Response(status=status, headers=headers, text="canary-of-the-server")

    async with server(refuse) as url, SessionManager() as sessions:
        with pytest.raises(StreamError) as caught:
            await sessions.open_stream(make_pabx(base_url=url), asking(url))

    error = caught.value
    assert (error.reason, error.status) == (f"status_{status}", status)
    assert error.retry_after == seconds
    assert "canary" not in repr(error)


async def test_a_stream_that_breaks_off() -> None:
    """A connection that is cut in mid-stream is an error, without what was sent."""

    async def cut(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"data: x")
        assert request.transport is not None
        request.transport.abort()
        return response

    async with server(cut) as url, SessionManager() as sessions:
        stream = await sessions.open_stream(make_pabx(base_url=url), asking(url))
        with pytest.raises(StreamError) as caught:
            await read_all(stream)
        await stream.aclose()

    assert caught.value.reason in {"truncated_answer", "connection_lost"}
    assert caught.value.status is None
    assert caught.value.__cause__ is caught.value.__context__ is None


async def test_nobody_listens() -> None:
    """A connection that can't be made has the reason that a call would have."""
    pabx = make_pabx(base_url="http://127.0.0.1:9")
    async with SessionManager() as sessions:
        for ask in (sessions.open_stream, sessions.ask):
            with pytest.raises(StreamError) as caught:
                await ask(pabx, asking(pabx.base_url))
            assert caught.value.reason == "connection_refused"
            assert "canary" not in str(caught.getrepr(showlocals=True))


async def test_one_question() -> None:
    """A question gets status and body, and of a large body just enough."""

    async def answer(request: web.BaseRequest) -> web.Response:
        size = int(request.headers.get("Size", "2"))
        return web.Response(status=201, body=b"x" * size)

    async with server(answer) as url, SessionManager() as sessions:
        pabx = make_pabx(base_url=url)
        assert await sessions.ask(pabx, asking(url)) == (201, b"xx")
        _, body = await sessions.ask(pabx, asking(url, Size="5000000"))

    assert 65_536 <= len(body) < 200_000


async def test_a_closed_manager() -> None:
    """A manager that was closed opens nothing more."""
    sessions = SessionManager()
    await sessions.aclose()

    with pytest.raises(ClientClosedError):
        await sessions.open_stream(make_pabx(), asking("http://127.0.0.1:9"))


async def test_a_stream_takes_no_place_of_a_call() -> None:
    """A channel is open while the only connection of the pool makes calls."""
    settings = load_event_preset(
        "pabx", open="/eventos", id_fields="channelID", name_fields="nome"
    )
    async with FakePABX(events=settings) as fake:
        pabx = fake.settings(max_in_flight=1)
        async with DigitroClient(pabx) as client:
            for _ in range(3):
                await client.make_predictive_call(make_call())

        assert fake.accepted == 3
        assert fake.connections == 2


async def opening(request: web.BaseRequest) -> web.StreamResponse:
    """Open a channel, and keep it."""
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(b"event: EVENTO_DE_ABERTURA_DE_CANAL\ndata: 17\n\n")
    await asyncio.sleep(60)
    return response


async def test_tls_of_a_channel(tmp_path: Path) -> None:
    """A channel trusts what calls trust, and nothing else."""
    certificate = Certificate(tmp_path)
    trusting = TLSSettings(ca_file=certificate.file)
    events = load_event_preset("pabx", open="/eventos", first_backoff=60)
    async with server(opening, certificate) as url, SessionManager() as sessions:
        reasons = []
        for tls in (trusting, TLSSettings(), TLSSettings(fingerprint="ab" * 32)):
            pabx = attrs.evolve(make_pabx(base_url=url, events=events), tls=tls)
            first: asyncio.Future[str] = asyncio.get_running_loop().create_future()

            def sink(event: object, first: asyncio.Future[str] = first) -> None:
                if not first.done():
                    is_open = isinstance(event, ChannelOpened)
                    first.set_result("open" if is_open else event.reason)  # type: ignore[attr-defined]  # a ChannelClosed

            reader = EventReader(pabx, events, sessions, sink)
            task = asyncio.create_task(reader.run())
            reasons.append(await first)
            await reader.aclose()
            await task

    assert reasons == ["open", "certificate_self_signed", "wrong_fingerprint"]


async def test_a_channel_at_another_address() -> None:
    """A channel may have a base URL of its own, with TLS or without."""
    async with server(opening) as url, SessionManager() as sessions:
        events = load_event_preset("pabx", open="/eventos", base_url=url)
        pabx = make_pabx(base_url="https://127.0.0.1:9/pabx", events=events)
        opened = asyncio.Event()
        reader = EventReader(pabx, events, sessions, lambda _: opened.set())
        task = asyncio.create_task(reader.run())
        await opened.wait()
        assert reader.channel_id == 17
        await reader.aclose()
        await task

    with pytest.raises(ConfigurationError, match="base_url"):
        load_event_preset("pabx", open="/eventos", base_url="ftp://x")
