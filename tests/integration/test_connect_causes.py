"""Each cause of a failed connection has its own words, with address and errno."""

import errno
import os
import pickle
import socket
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest
from failed_calls import failure_at
from fault_scene import deaf_port, names
from helpers import held_port, quiet_loop
from ways import WAYS, MakeSessions

from digitro_async import (
    ConnectFailedError,
    TimeoutSettings,
)
from digitro_async.protocol import CAUSES, Failure
from digitro_async.testing import HostilePABX


@pytest.fixture(autouse=True)
async def _quiet() -> AsyncIterator[None]:
    async with quiet_loop():
        yield


@pytest.fixture(params=WAYS.values(), ids=list(WAYS))
def manager(request: pytest.FixtureRequest) -> MakeSessions:
    """Each way to send."""
    found: MakeSessions = request.param
    return found


async def test_nobody_listens(manager: MakeSessions) -> None:
    """A refused connection names the port, the address behind the name and errno."""

    async def resolve() -> list[str]:
        return ["127.0.0.2"]

    with held_port("127.0.0.2") as port, names(resolve):
        error = await failure_at(f"http://pabx.invalid:{port}", manager)

    assert error.reason == "connection_refused"
    assert error.errno == errno.ECONNREFUSED
    assert error.tried == ("127.0.0.2",)
    assert str(error) == (
        "connection refused: nothing listens there; check host and port [at "
        f"pabx.invalid:{port}, 127.0.0.2, errno {errno.ECONNREFUSED}] "
        "(Connection refused) [pabx=one reason=connection_refused]"
    )
    assert pickle.loads(pickle.dumps(error)).address == error.address


async def test_nothing_answers() -> None:
    """Where nothing answers, the time-out names the address that was tried."""
    async with deaf_port() as port:
        for limits, reason in (
            (TimeoutSettings(connect=0.1), "connect_timeout"),
            (TimeoutSettings(total=0.1), "timeout"),
        ):
            error = await failure_at(f"http://127.0.0.1:{port}", timeouts=limits)

            # Where the loop is late, the system gives the connection up before it.
            by_system = ("connect_timeout", errno.ETIMEDOUT)
            assert (error.reason, error.errno) in {(reason, None), by_system}
            assert error.address == f"127.0.0.1:{port}"
            assert error.tried == ("127.0.0.1",)


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (socket.EAI_NONAME, "no_such_host"),
        (socket.EAI_AGAIN, "dns_unavailable"),
        (socket.EAI_FAIL, "dns_unavailable"),
        (socket.EAI_MEMORY, "out_of_memory"),
    ],
)
async def test_look_ups(number: int, reason: str) -> None:
    """A name that does not exist is not a name server that gives no answer."""

    async def resolve() -> list[str]:
        raise socket.gaierror(number, "words of the resolver")

    with names(resolve):
        error = await failure_at("http://pabx.invalid:8080")

    assert (error.reason, error.errno) == (reason, number)
    assert error.address == "pabx.invalid:8080"
    assert error.system_message == "words of the resolver"


async def test_another_service_listens() -> None:
    """A service that speaks first is no PABX, and gets no call."""

    async def greet(line: Any) -> None:
        line.send(b"220 mail.example ESMTP\r\n")
        await line.wait_for_end()

    async with HostilePABX(greet) as server:
        error = await failure_at(server.base_url)

        assert isinstance(error, ConnectFailedError) == (server.posts == 0)
        if server.posts == 0:
            assert "port of another service" in str(error)


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (errno.EMFILE, "too_many_open_files"),
        (errno.ENFILE, "too_many_open_files"),
        (errno.ENOBUFS, "out_of_memory"),
        (errno.ENOMEM, "out_of_memory"),
        (errno.EADDRNOTAVAIL, "no_local_port"),
        (errno.EACCES, "blocked_on_this_machine"),
        (errno.EPERM, "blocked_on_this_machine"),
        (errno.EHOSTUNREACH, "host_unreachable"),
        (errno.ENETUNREACH, "network_unreachable"),
        (errno.EAFNOSUPPORT, "network_unreachable"),
        (errno.ECONNRESET, "connection_reset"),
        (errno.ETIMEDOUT, "connect_timeout"),
    ],
    ids=lambda value: value if isinstance(value, str) else errno.errorcode[value],
)
async def test_errors_of_the_system(
    manager: MakeSessions,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    reason: str,
) -> None:
    """Each error of the system has its reason, its errno and its words."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    async with HostilePABX() as server:
        # What a machine without descriptors, memory or ports says can't be had here.
        monkeypatch.setattr(socket, "socket", refuse)
        error = await failure_at(server.base_url, manager)
        monkeypatch.undo()

    assert isinstance(error, ConnectFailedError)
    assert (error.reason, error.errno) == (reason, number)
    assert os.strerror(number) in str(error)


async def test_no_thread_for_the_look_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that can't be started is this machine's fault, and said."""

    def refuse(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    error = await failure_at("http://pabx.invalid:8080")

    assert error.reason == "out_of_threads"
    assert "ulimit -u" in str(error)


def test_every_failure_before_sending_has_words() -> None:
    """There are words for each failure that a connection can have."""
    later = {
        *(Failure.POOL_TIMEOUT, Failure.MALFORMED, Failure.TRUNCATED),
        *(Failure.OVERSIZED, Failure.INTERIM, Failure.CANCELLED),
        *(Failure.CONFIGURATION, Failure.UNEXPECTED, Failure.LEASE_ENDED),
    }

    assert set(CAUSES) == set(Failure) - later
    assert len(set(CAUSES.values())) == len(CAUSES)
