"""What this machine lacks is not the fault of a PABX, and costs no contact."""

import errno
import logging
import os
import socket
import weakref

import pytest
from helpers import make_call
from ways import WAYS, MakeSessions

from digitro_async import (
    DigitroClient,
    Outcome,
    PauseSettings,
    RetrySettings,
)
from digitro_async.testing import FakePABX


@pytest.fixture(params=WAYS.values(), ids=list(WAYS))
def manager(request: pytest.FixtureRequest) -> MakeSessions:
    """Each way to send."""
    found: MakeSessions = request.param
    return found


def allow(most: int, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the system refuse this client more than so many sockets at once."""
    # A limit of the process would bind the simulator's end of each connection too.
    made: weakref.WeakSet[socket.socket] = weakref.WeakSet()

    class FewSockets(socket.socket):
        def __init__(
            self,
            family: int = -1,
            kind: int = -1,
            protocol: int = -1,
            fileno: int | None = None,
        ) -> None:
            is_own = fileno is None  # the simulator's come from accept
            if is_own and sum(one.fileno() >= 0 for one in made) >= most:
                raise OSError(number, os.strerror(number))
            super().__init__(family, kind, protocol, fileno)
            if is_own:
                made.add(self)

    monkeypatch.setattr(socket, "socket", FewSockets)


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENOBUFS, errno.EADDRNOTAVAIL])
async def test_fewer_calls_at_once(
    manager: MakeSessions,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    number: int,
) -> None:
    """With few connections all calls are made, no PABX is paused, and it is said."""
    caplog.set_level(logging.WARNING, "digitro_async")
    async with FakePABX(latency=0.02) as fake, manager() as sessions:
        allow(10, number, monkeypatch)
        pabx = fake.settings(max_in_flight=30)
        async with DigitroClient(pabx, sessions=sessions) as client:
            calls = [make_call(one) for one in range(90)]
            async with client.dispatch(calls) as results:
                outcomes = [result.outcome async for result in results]
            statistics = client.statistics().pabx[pabx.name]

    assert outcomes == [Outcome.ACCEPTED] * 90
    assert fake.posts == fake.placed == 90
    assert statistics.max_in_flight <= 11
    assert statistics.paused == ""
    assert (
        len([one for one in caplog.messages if "calls at once, and not 30" in one]) == 1
    )


async def test_nothing_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where not one connection can be had, the PABX rests, and the cause is named."""
    async with FakePABX() as fake:
        allow(0, errno.EMFILE, monkeypatch)
        pabx = fake.settings()
        client = DigitroClient(
            pabx,
            retry=RetrySettings(max_attempts=2, base_delay=0),
            pause=PauseSettings(not_sent_run=3),
        )
        async with client:
            results = [
                await client.dispatcher.submit(make_call(one)) for one in range(4)
            ]
            statistics = client.statistics().pabx[pabx.name]

    assert {result.outcome for result in results} == {Outcome.NOT_SENT}
    assert str(results[0].error).startswith("too many open files: raise ulimit -n")
    assert statistics.pause is not None
    assert "too many open files on this machine" in statistics.pause.text
    assert fake.posts == 0
