"""Faults before a connection stands: row a of the table of faults."""

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import attrs
from fault_certificates import certificate
from fault_scene import (
    LATE,
    LOST,
    SHORT,
    FaultCase,
    Play,
    Scene,
    deaf_port,
    names,
    soon,
)
from helpers import Script, held_port

from digitro_async import (
    CallResult,
    ConnectFailedError,
    Outcome,
    PoolSettings,
    PoolTimeoutError,
    TLSSettings,
)
from digitro_async.testing import HostileConnection

NAME = "http://pabx.invalid"
LONG = 10.0
"""Seconds of the whole where a shorter limit must end it."""


def unsent(name: str, does: str, play: Play, reason: str, **changes: Any) -> FaultCase:
    """Return a case of a call that can't have left."""
    expected: dict[str, Any] = {
        "error": ConnectFailedError,
        "connections": 0,
        "posts": 0,
        **changes,
    }
    return FaultCase(
        id=name,
        does=does,
        play=play,
        outcome=Outcome.NOT_SENT,
        reason=reason,
        **expected,
    )


def fine(name: str, does: str, play: Play, **changes: Any) -> FaultCase:
    """Return a case that ends well all the same."""
    return FaultCase(id=name, does=does, play=play, outcome=Outcome.ACCEPTED, **changes)


async def _refused(scene: Scene) -> CallResult:
    port = scene.stack.enter_context(held_port("127.0.0.1"))
    return await scene.judge(await scene.client(f"http://127.0.0.1:{port}"))


async def _syn_unanswered(scene: Scene) -> CallResult:
    port = await scene.stack.enter_async_context(deaf_port())
    return await scene.judge(await scene.client(f"http://127.0.0.1:{port}"))


def refused() -> Iterator[FaultCase]:
    """Rows a1 to a3: nobody there, or nobody who answers."""
    yield unsent("a1-port-closed", "no listener", _refused, "connection_refused")
    for name, settings, reason in (
        ("a2-syn-connect", soon(LONG, connect=SHORT), "connect_timeout"),
        ("a2-syn-sock-connect", soon(LONG, sock_connect=SHORT), "connect_timeout"),
        ("a3-syn-total", soon(), "timeout"),
    ):
        does = f"answers no SYN; limited by {name[7:]}"
        yield unsent(name, does, _syn_unanswered, reason, settings=settings)


def _named(resolve: Callable[[], Awaitable[list[str]]]) -> Play:
    async def one_call(scene: Scene) -> CallResult:
        client = await scene.client(NAME)
        with names(resolve):
            return await scene.judge(client)

    return one_call


async def _no_such_host() -> list[str]:
    raise OSError(socket.EAI_NONAME, "Name or service not known")


async def _hangs() -> list[str]:
    await asyncio.get_running_loop().create_future()
    return []


def look_ups() -> Iterator[FaultCase]:
    """Row a4: names that lead nowhere."""
    yield unsent(
        "a4-no-such-host", "no such host", _named(_no_such_host), "no_such_host"
    )
    for name, settings, reason in (
        ("a4-resolver-hangs-connect", soon(LONG, connect=SHORT), "connect_timeout"),
        ("a4-resolver-hangs-total", soon(), "timeout"),
    ):
        does = "the resolver never answers"
        yield unsent(name, does, _named(_hangs), reason, settings=settings)


async def _stall(line: HostileConnection) -> None:
    await line.read_request()
    await line.stall()


async def _full_pool(scene: Scene) -> CallResult:
    server = await scene.serve()
    client = await scene.client(server)
    await client.dispatcher.submit(scene.call)
    [connector] = client._parts.sessions._connectors.values()
    holder = object()
    held = connector.pool.take_now(holder)
    assert held is not None
    try:
        return await scene.judge(client)
    finally:
        held.give_up(holder)


def full_pools() -> Iterator[FaultCase]:
    """Rows a7 and a8: no connection becomes free."""
    pool = {"pool": PoolSettings(max_connections=1)}
    for name, limits in (
        ("a7-pool-connect", soon(LONG, connect=SHORT)),
        ("a8-pool-total", soon()),
    ):
        yield unsent(
            name,
            "the only connection is taken",
            _full_pool,
            "pool_timeout",
            error=PoolTimeoutError,
            connections=1,
            posts=1,
            settings=pool | limits,
        )


def _addresses(
    listening: tuple[str, ...], order: tuple[str, ...], *scripts: Script, deaf: str = ""
) -> Play:
    """Call a name with several addresses, of which some are listened on."""

    async def one_call(scene: Scene) -> CallResult:
        port = scene.stack.enter_context(held_port(*order))
        for host in listening:
            await scene.serve(*scripts, host=host, port=port)
        if deaf:
            await scene.stack.enter_async_context(deaf_port(deaf, port))

        async def resolve() -> list[str]:
            return list(order)

        client = await scene.client(f"{NAME}:{port}")
        with names(resolve):
            return await scene.judge(client)

    return one_call


async def _six_alone(scene: Scene) -> CallResult:
    return await scene.judge(await scene.client(await scene.serve(host="::1")))


async def _read_and_reset(line: HostileConnection) -> None:
    await line.read_request()
    line.reset()


def addresses() -> Iterator[FaultCase]:
    """IPv6 and IPv4: the call goes to one address alone, and to that once."""
    six, four = "::1", "127.0.0.1"
    both = (six, four)
    cases = (
        fine("a10-ipv6-literal", "listens on ::1, called by it", _six_alone),
        fine("a10-ipv6-name", "listens on ::1 alone", _addresses((six,), (six,))),
        fine("a10-six-refuses", "::1 refuses", _addresses((four,), both)),
        fine("a10-four-refuses", "127.0.0.1 refuses", _addresses((six,), both[::-1])),
        fine("a10-both-listen", "both listen", _addresses(both, both)),
        fine(
            "a10-six-is-deaf",
            "::1 answers no SYN",
            _addresses((four,), both, deaf=six),
        ),
        unsent(
            "a10-both-refuse",
            "both refuse",
            _addresses((), both),
            "connection_refused",
        ),
        FaultCase(
            id="a10-first-resets",
            does="both listen, the first reads and resets",
            play=_addresses(both, both, _read_and_reset),
            **LOST,
        ),
        FaultCase(
            id="a10-first-stalls",
            does="both listen, the first reads and stalls",
            play=_addresses(both, both, _stall),
            settings=soon(),
            **LATE,
        ),
    )
    for case in cases:
        yield attrs.evolve(case, needs="ipv6")
    yield fine(
        "a10-second-of-two",
        "127.0.0.2 refuses, 127.0.0.1 listens",
        _addresses((four,), ("127.0.0.2", four)),
    )


def _tls(
    *scripts: Script,
    subject: str = "IP:127.0.0.1",
    expired: bool = False,
    trust: str = "",
    scheme: str = "https",
    limits: dict[str, Any] | None = None,
) -> Play:
    """Call a server that speaks TLS, trusting it by file, by fingerprint or not."""

    async def one_call(scene: Scene) -> CallResult:
        shown = certificate(subject, expired=expired)
        server = await scene.serve(*scripts, tls=shown.context)
        tls = TLSSettings()
        if trust == "file":
            tls = TLSSettings(ca_file=shown.file)
        elif trust == "other file":
            tls = TLSSettings(ca_file=certificate("DNS:somebody.else").file)
        elif trust:
            tls = TLSSettings(
                fingerprint=shown.fingerprint if trust == "own" else trust
            )
        base_url = server.base_url.replace("https", scheme)
        return await scene.judge(
            await scene.client(base_url, tls=tls, **(limits or {}))
        )

    return one_call


def _plain(*scripts: Script) -> Play:
    """Call a server by https that speaks no TLS."""

    async def one_call(scene: Scene) -> CallResult:
        server = await scene.serve(*scripts)
        base_url = server.base_url.replace("http", "https")
        return await scene.judge(await scene.client(base_url))

    return one_call


async def _says_400(line: HostileConnection) -> None:
    await line.read()
    line.send(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    await line.wait_for_end()


async def _never_shakes_hands(line: HostileConnection) -> None:
    with contextlib.suppress(ConnectionError):
        while await line.read():
            pass


async def _hello_then_fin(line: HostileConnection) -> None:
    await line.read()
    line.finish()
    await line.wait_for_end()


async def _hello_then_rst(line: HostileConnection) -> None:
    await line.read()
    line.reset()


async def _alert(line: HostileConnection) -> None:
    await line.read()
    line.send(b"\x15\x03\x03\x00\x02\x02\x28")  # fatal: handshake failure
    await line.wait_for_end()


def certificates() -> Iterator[FaultCase]:
    """Row a9: certificates that are refused, before which nothing leaves."""
    # A server of TLS counts a connection when the handshake is over.
    for name, does, shown, reason in (
        ("untrusted", "signed itself", {}, "certificate_self_signed"),
        (
            "other-authority",
            "is vouched for by somebody else",
            {"trust": "other file"},
            "certificate_self_signed",
        ),
        (
            "wrong-name",
            "is certified under another name",
            {"subject": "DNS:other.example", "trust": "file"},
            "certificate_wrong_name",
        ),
        (
            "expired",
            "has expired",
            {"expired": True, "trust": "file"},
            "certificate_expired",
        ),
    ):
        yield unsent(f"a9-{name}", does, _tls(**shown), reason)
    yield unsent(
        "a9-fingerprint",
        "has another fingerprint",
        _tls(trust="ab" * 32),
        "wrong_fingerprint",
        connections=1,
    )
    yield fine("a9-own-authority", "its authority is named", _tls(trust="file"))
    yield fine("a9-own-fingerprint", "its fingerprint is given", _tls(trust="own"))


def handshakes() -> Iterator[FaultCase]:
    """Rows a5, a6 and a11: TLS that fails, before which nothing leaves."""
    seen = {"connections": 1}
    for name, does, script, reason in (
        ("plain-port", "speaks no TLS", _says_400, "not_tls"),
        ("alert", "refuses the handshake", _alert, "tls_handshake_refused"),
    ):
        yield unsent(f"a5-{name}", does, _plain(script), reason, **seen)
    for name, does, script in (
        ("a5-fin-in-handshake", "FIN in the handshake", _hello_then_fin),
        ("a5-rst-in-handshake", "RST in the handshake", _hello_then_rst),
    ):
        yield unsent(name, does, _plain(script), "tls_handshake_cut", **seen)
    for name, limits, reason in (
        ("a6-handshake-hangs-connect", soon(LONG, connect=SHORT), "connect_timeout"),
        ("a6-handshake-hangs-total", soon(), "timeout"),
    ):
        does = "reads the ClientHello and says nothing"
        play = _plain(_never_shakes_hands)
        yield unsent(name, does, play, reason, settings=limits, **seen)
    yield FaultCase(
        id="a11-http-to-tls",
        does="speaks TLS and is called by http",
        play=_tls(scheme="http"),
        connections=0,
        posts=0,
        **LOST,
    )
    yield FaultCase(
        id="d2-tls-reads-all-rst",
        does="over TLS: reads all, RST",
        play=_tls(_read_and_reset, trust="file"),
        **LOST,
    )
    yield FaultCase(
        id="g1-tls-silence",
        does="over TLS: reads all, says nothing",
        play=_tls(_stall, trust="file"),
        settings=soon(),
        **LATE,
    )


CASES = (
    *refused(),
    *look_ups(),
    *full_pools(),
    *addresses(),
    *certificates(),
    *handshakes(),
)
