import asyncio
import hashlib
import ssl
import subprocess
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from exchanges import exchange
from helpers import (
    Line,
    RawServer,
    answer,
    answer_all,
    make_call,
    make_pabx,
    quiet_loop,
)

from digitro_async import (
    ConfigurationError,
    ConnectFailedError,
    DigitroClient,
    PoolSettings,
    RetrySettings,
    SessionManager,
    TLSSettings,
)
from digitro_async.protocol import Failure

ONCE = RetrySettings(max_attempts=1)


@pytest.fixture(autouse=True)
async def _quiet() -> AsyncIterator[None]:
    async with quiet_loop():
        yield


class Certificate:
    """A certificate that signed itself."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "certificate.pem"
        key = folder / "key.pem"
        subprocess.run(
            (
                "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 "
                "-nodes -days 2 -subj /CN=test -addext subjectAltName=IP:127.0.0.1 "
                f"-keyout {key} -out {self.file}"
            ).split(),
            check=True,
            capture_output=True,
        )
        der = ssl.PEM_cert_to_DER_cert(self.file.read_text())
        self.fingerprint = hashlib.sha256(der).hexdigest()
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(self.file, key)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """Make a certificate."""
    return Certificate(tmp_path_factory.mktemp("tls"))


class TestTLS:
    """Whom https trusts."""

    async def one_call(self, server: RawServer, tls: TLSSettings) -> str:
        """Make one call and return its id."""
        pabx = make_pabx(base_url=server.base_url, tls=tls)
        async with DigitroClient(pabx, retry=ONCE) as client:
            return (await client.make_predictive_call(make_call())).call_id

    async def test_unknown_certificate_is_refused(
        self, certificate: Certificate
    ) -> None:
        """A certificate that nobody vouches for ends the attempt before it is sent."""
        async with RawServer(tls=certificate.context) as server:
            with pytest.raises(ConnectFailedError) as caught:
                await self.one_call(server, TLSSettings())

        assert caught.value.reason == "certificate_self_signed"
        assert server.received == b""

    async def test_own_authority(self, certificate: Certificate) -> None:
        """A certificate is taken where its authority was named."""
        async with RawServer(tls=certificate.context) as server:
            settings = TLSSettings(ca_file=certificate.file)

            assert await self.one_call(server, settings) == "1 1"

    async def test_fingerprint(self, certificate: Certificate) -> None:
        """A certificate is taken where its own fingerprint was given."""
        async with RawServer(tls=certificate.context) as server:
            settings = TLSSettings(fingerprint=certificate.fingerprint)

            assert await self.one_call(server, settings) == "1 1"

    async def test_wrong_fingerprint(self, certificate: Certificate) -> None:
        """A certificate with another fingerprint ends the attempt before it is sent."""
        async with RawServer(tls=certificate.context) as server:
            with pytest.raises(ConnectFailedError) as caught:
                await self.one_call(server, TLSSettings(fingerprint="ab" * 32))

        assert caught.value.reason == "wrong_fingerprint"
        assert certificate.fingerprint in str(caught.value)
        assert server.received == b""

    async def test_fingerprint_is_not_shared(self, certificate: Certificate) -> None:
        """A connection made with one fingerprint is not used for another."""
        async with RawServer(tls=certificate.context) as server:
            right = make_pabx(
                base_url=server.base_url,
                tls=TLSSettings(fingerprint=certificate.fingerprint),
            )
            wrong = attrs.evolve(right, tls=TLSSettings(fingerprint="ab" * 32))
            async with SessionManager() as sessions:
                first = await exchange(sessions, right)
                second = await exchange(sessions, wrong)

        assert first.status == 200
        assert second.failure is Failure.FINGERPRINT
        assert server.posts == 1

    async def test_plain_server(self) -> None:
        """A server that speaks no TLS gets no call."""

        async def plain(line: Line) -> None:
            await line.read()
            line.send(answer("x", status="400 Bad Request"))

        async with RawServer(plain) as server:
            pabx = make_pabx(base_url=server.base_url.replace("http:", "https:"))
            async with DigitroClient(pabx, retry=ONCE) as client:
                with pytest.raises(ConnectFailedError) as caught:
                    await client.make_predictive_call(make_call())

        assert caught.value.reason == "not_tls"
        assert b"POST" not in server.received

    async def test_unusable_authority(self, tmp_path: Path) -> None:
        """A file of authorities that can't be read is said before any attempt."""
        pabx = make_pabx(
            base_url="https://127.0.0.1:9", tls=TLSSettings(ca_file=tmp_path / "no")
        )
        with pytest.raises(ConfigurationError, match="ca_file can't be used") as caught:
            DigitroClient(pabx)

        assert str(caught.value).endswith("/no: No such file or directory")

    @pytest.mark.parametrize("reuse", [True, False])
    async def test_session_tickets_do_not_disturb(
        self, certificate: Certificate, reuse: bool
    ) -> None:
        """Bytes that TLS sends after its handshake are not taken for an answer."""
        ready = threading.Event()
        found: dict[str, Any] = {}

        async def serve() -> None:  # in a thread: it answers while the client works
            async with RawServer(answer_all, tls=certificate.context) as server:
                found["server"], found["stop"] = server, asyncio.Event()
                found["loop"] = asyncio.get_running_loop()
                ready.set()
                await found["stop"].wait()

        thread = threading.Thread(target=lambda: asyncio.run(serve()))
        thread.start()
        await asyncio.to_thread(ready.wait)
        server = found["server"]
        try:
            pabx = make_pabx(
                base_url=server.base_url,
                tls=TLSSettings(fingerprint=certificate.fingerprint),
                pool=PoolSettings(reuse=reuse),
            )
            async with DigitroClient(pabx, retry=ONCE) as client:
                for number in range(60):
                    await client.make_predictive_call(make_call(number))
        finally:
            found["loop"].call_soon_threadsafe(found["stop"].set)
            await asyncio.to_thread(thread.join)

        assert len(server.lines) == (1 if reuse else 60)
        assert server.posts == 60
