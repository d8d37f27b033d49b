"""Each cause of a failed TLS handshake has its own words, and those of OpenSSL."""

import contextlib
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from failed_calls import failure_at
from fault_certificates import certificate
from fault_scene import names
from helpers import make_call, make_pabx, quiet_loop
from ways import WAYS, MakeSessions

from digitro_async import (
    ConnectFailedError,
    DigitroClient,
    DigitroError,
    RefusedError,
    TLSSettings,
)
from digitro_async.protocol import CAUSES
from digitro_async.testing import HostileConnection, HostilePABX


@pytest.fixture(autouse=True)
async def _quiet() -> AsyncIterator[None]:
    async with quiet_loop():
        yield


@pytest.fixture(params=WAYS.values(), ids=list(WAYS))
def manager(request: pytest.FixtureRequest) -> MakeSessions:
    """Each way to send."""
    found: MakeSessions = request.param
    return found


@contextlib.contextmanager
def tls_server(context: ssl.SSLContext) -> Iterator[int]:
    """Shake hands with one client as most servers do: a refusal is an alert."""
    # asyncio's servers end the connection without an alert.
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listening.accept()
        with contextlib.suppress(OSError):
            context.wrap_socket(connection, server_side=True).recv(4096)
        connection.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listening.getsockname()[1]
    finally:
        thread.join()
        listening.close()


@pytest.mark.parametrize(
    ("made", "trusted", "reason", "said"),
    [
        ({}, False, "certificate_self_signed", "self-signed certificate; subject test"),
        (
            {"expired": True},
            True,
            "certificate_expired",
            (
                "certificate has expired; subject test; for 127.0.0.1; issuer test; "
                "valid from Jan  1 00:00:00 2020 GMT to Jan  2 00:00:00 2020 GMT"
            ),
        ),
        (
            {"early": True},
            True,
            "certificate_not_yet_valid",
            "certificate is not yet valid; subject test; for 127.0.0.1",
        ),
        (
            {"subject": "DNS:other.example"},
            True,
            "certificate_wrong_name",
            (
                "IP address mismatch, certificate is not valid for '127.0.0.1'; "
                "subject test; for other.example"
            ),
        ),
        (
            {"authority": True},
            False,
            "certificate_untrusted",
            (
                "unable to get local issuer certificate; subject pabx; for 127.0.0.1; "
                "issuer test"
            ),
        ),
    ],
    ids=lambda value: value if isinstance(value, str) and "_" in value else "",
)
async def test_certificates(
    manager: MakeSessions,
    made: dict[str, Any],
    trusted: bool,
    reason: str,
    said: str,
) -> None:
    """A certificate is refused with OpenSSL's words, its names and its dates."""
    shown = certificate(**made)
    tls = TLSSettings(ca_file=shown.file) if trusted else TLSSettings()
    async with HostilePABX(tls=shown.context) as server:
        error = await failure_at(server.base_url, manager, tls=tls)

    assert isinstance(error, ConnectFailedError)
    assert error.reason == reason
    assert error.system_message.startswith(said)
    assert error.address == f"127.0.0.1:{server.port}"
    assert error.errno is None
    assert str(error).startswith(f"{CAUSES[reason]} [at {error.address}] ({said}")
    assert server.posts == 0


async def test_name_in_base_url_is_not_that_of_the_certificate() -> None:
    """A wrong host name is told beside the names in the certificate."""
    shown = certificate("DNS:other.example")

    async def resolve() -> list[str]:
        return ["127.0.0.1"]

    async with HostilePABX(tls=shown.context) as server:
        with names(resolve):
            error = await failure_at(
                f"https://pabx.invalid:{server.port}",
                tls=TLSSettings(ca_file=shown.file),
            )

    assert error.reason == "certificate_wrong_name"
    assert "certificate is not valid for 'pabx.invalid'" in str(error)
    assert f"[at pabx.invalid:{server.port}, 127.0.0.1]" in str(error)


def old_server(context: ssl.SSLContext) -> None:
    """Speak only versions of TLS that nobody trusts any more."""
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")


def other_ciphers(context: ssl.SSLContext) -> None:
    """Take only ciphers that a client has no key for."""
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("PSK-AES128-CBC-SHA:@SECLEVEL=0")


def wants_certificate(context: ssl.SSLContext) -> None:
    """Ask the client for a certificate."""
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@pytest.mark.parametrize(
    ("change", "reason", "said"),
    [
        (old_server, "tls_version", "tlsv1 alert protocol version"),
        (other_ciphers, "tls_handshake_refused", "alert handshake failure"),
        (wants_certificate, "tls_handshake_refused", "alert handshake failure"),
    ],
)
async def test_handshakes(
    manager: MakeSessions,
    change: Callable[[ssl.SSLContext], None],
    reason: str,
    said: str,
) -> None:
    """A handshake that the server refuses is told with the words of its alert."""
    shown = certificate()
    context = shown.new_context()
    change(context)
    with tls_server(context) as port:
        error = await failure_at(
            f"https://127.0.0.1:{port}", manager, tls=TLSSettings(ca_file=shown.file)
        )

    assert error.reason == reason
    assert said in error.system_message
    assert error.address == f"127.0.0.1:{port}"


async def test_tls_port_spoken_to_in_plain_text(
    manager: MakeSessions,
) -> None:
    """Where a port answers no call and closes twice, TLS is guessed at."""
    async with (
        HostilePABX(tls=certificate().context) as server,
        manager() as sessions,
    ):
        pabx = make_pabx(base_url=server.base_url.replace("https", "http"))
        async with DigitroClient(pabx, sessions=sessions) as client:
            first, second = [
                (await client.dispatcher.submit(make_call())).error for _ in range(2)
            ]

    assert first is not None
    assert second is not None
    assert first.reason == second.reason == "connection_lost"
    assert "https" not in str(first)
    assert f"[at 127.0.0.1:{server.port}]" in str(second)
    assert "base_url must begin with https://" in str(second)


async def test_loss_after_an_answer_is_no_sign_of_tls(
    manager: MakeSessions,
) -> None:
    """Where calls were answered before, nothing is guessed of a loss."""

    async def once(line: HostileConnection) -> None:
        if await line.read_request() and server.posts == 1:
            line.accept("first")
            await line.read_request()
        line.reset()

    async with HostilePABX(once) as server, manager() as sessions:
        pabx = make_pabx(base_url=server.base_url)
        async with DigitroClient(pabx, sessions=sessions) as client:
            await client.make_predictive_call(make_call())
            with pytest.raises(DigitroError) as caught:
                await client.make_predictive_call(make_call())

    assert caught.value.reason == "connection_lost"
    assert "https" not in str(caught.value)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (
            "<b>The plain HTTP request was sent to HTTPS port</b>",
            "tls_expected",
        ),
        ("speaking plain HTTP to an SSL-enabled server port.", "tls_expected"),
        ("Client sent an HTTP request to an HTTPS server.\n", "tls_expected"),
        ("This combination of host and port requires TLS.", "tls_expected"),
        ("No required SSL certificate was sent", "client_certificate_required"),
    ],
)
async def test_refused_by_tls_in_plain_text(
    manager: MakeSessions, said: str, reason: str
) -> None:
    """A 400 that a server's TLS gave is no fault of the call, and pauses the PABX."""

    async def refuse(line: HostileConnection) -> None:
        await line.read_request()
        line.send(
            f"HTTP/1.1 400 Bad Request\r\nContent-Length: {len(said)}\r\n\r\n"
            f"{said}".encode()
        )

    async with HostilePABX(refuse) as server:
        pabx = make_pabx(base_url=server.base_url)
        async with (
            manager() as sessions,
            DigitroClient(pabx, sessions=sessions) as client,
        ):
            with pytest.raises(RefusedError) as caught:
                await client.make_predictive_call(make_call())
            [statistics] = client.statistics().pabx.values()

    assert caught.value.reason == statistics.paused == reason
    assert str(caught.value).startswith(CAUSES[reason])


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "it holds no certificate in PEM"),
        (b"0\x82\x03\x01", "it is DER, not PEM"),
        (
            b"-----BEGIN PRIVATE KEY-----\n",
            "it holds a private key, and no",
        ),
        (b"-----BEGIN CERTIFICATE-----\nx\n", "a certificate in it is damaged"),
    ],
)
async def test_ca_files(tmp_path: Any, content: bytes, problem: str) -> None:
    """A file of authorities that can't be used ends no call, and the text says why."""
    file = tmp_path / "ca.pem"
    file.write_bytes(content)
    pabx = make_pabx(base_url="https://127.0.0.1:9", tls=TLSSettings(ca_file=file))
    with pytest.raises(ValueError, match=f"ca_file can't be used: .*ca.pem: {problem}"):
        DigitroClient(pabx)


async def test_tls_settings_without_tls(tmp_path: Any) -> None:
    """Settings of TLS beside a URL without TLS are no protection, and refused."""
    pabx = make_pabx(
        base_url="http://127.0.0.1:9", tls=TLSSettings(ca_file=tmp_path / "ca")
    )
    with pytest.raises(ValueError, match="begins with https://"):
        DigitroClient(pabx)


async def test_ca_file_is_read_once(
    manager: MakeSessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All PABX with the same authority share what was read of its file."""
    shown = certificate()
    made = []
    real = ssl.create_default_context

    def count(*args: Any, **options: Any) -> ssl.SSLContext:
        made.append(1)
        return real(*args, **options)

    monkeypatch.setattr(ssl, "create_default_context", count)
    async with HostilePABX(tls=shown.context) as server, manager() as sessions:
        tls = TLSSettings(ca_file=shown.file)
        both = [
            make_pabx(name=name, base_url=server.base_url + path, tls=tls)
            for name, path in (("one", ""), ("two", "/two"))
        ]
        async with DigitroClient(both, sessions=sessions) as client:
            for name in ("one", "two", "one"):
                await client.make_predictive_call(make_call(), pabx=name)

    assert len(made) == 1
