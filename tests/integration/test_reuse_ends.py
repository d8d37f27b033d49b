"""A PABX that says keep-alive and closes is called over new connections."""

import asyncio
import collections
import logging
import re
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import attrs
import pytest
from fault_certificates import certificate
from helpers import make_call, make_pabx, quiet_loop
from ways import WAYS, MakeSessions

from digitro_async import (
    CallResult,
    DigitroClient,
    Outcome,
    PauseSettings,
    PredictiveCall,
    RateLimit,
    TLSSettings,
)
from digitro_async.testing import HostileConnection, HostilePABX

SPACING = 0.01
"""Seconds between two calls."""
HANDFUL = 5
"""Most calls that may be lost before the reuse of connections ends."""


@pytest.fixture(autouse=True)
async def _quiet() -> AsyncIterator[None]:
    async with quiet_loop():
        yield


@pytest.fixture(params=WAYS.values(), ids=list(WAYS))
def manager(request: pytest.FixtureRequest) -> MakeSessions:
    """Each way to send."""
    found: MakeSessions = request.param
    return found


Script = Callable[[HostileConnection], Coroutine[Any, Any, None]]


def closing(end: str = "close", *, after: int = 1, idle: float = SPACING) -> Script:
    """Keep the connection for some answers and a while, then end it unsaid."""

    async def script(line: HostileConnection) -> None:
        for number in range(after):
            if not await line.read_request():
                return
            line.accept(f"{line.number} {number}")
        await asyncio.sleep(idle)
        getattr(line, end)()

    return script


async def resets_when_asked_again(line: HostileConnection) -> None:
    """Read the second request on the connection, and reset it unanswered."""
    if await line.read_request():
        line.accept(f"{line.number}")
    if await line.read_request():
        line.reset()


async def spaced(count: int) -> AsyncIterator[PredictiveCall]:
    """Yield calls, one after the other."""
    for number in range(count):
        await asyncio.sleep(SPACING)
        yield make_call(f"<{number}>")


async def dial(
    server: HostilePABX,
    manager: MakeSessions,
    count: int = 30,
    **settings: Any,
) -> tuple[list[CallResult], Any]:
    """Make spaced calls, and return their results and the statistics."""
    pabx = make_pabx(base_url=server.base_url, **settings)
    async with manager() as sessions, DigitroClient(pabx, sessions=sessions) as client:
        async with client.dispatch(spaced(count)) as results:
            found = [result async for result in results]
        return found, client.statistics().pabx["one"]


def lost(results: list[CallResult], server: HostilePABX) -> int:
    """Return the number of unknown calls; no call was read twice by the server."""
    read = collections.Counter(re.findall(rb"<\d+>", server.received))
    accepted = [one for one in results if one.outcome is Outcome.ACCEPTED]
    unknown = [one for one in results if one.outcome is Outcome.UNKNOWN]

    assert len(accepted) + len(unknown) == len(results)
    assert max(read.values()) == 1
    assert server.posts >= len(accepted)
    return len(unknown)


@pytest.mark.parametrize(
    "script",
    [
        closing(),
        closing("reset"),
        closing(after=3),
        closing(idle=2.5 * SPACING),
        resets_when_asked_again,
    ],
    ids=["closes", "resets", "after three", "later", "when asked"],
)
async def test_a_broken_promise_costs_a_handful(
    manager: MakeSessions,
    script: Script,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """After a few losses each call has its own connection, which is said once."""
    caplog.set_level(logging.WARNING, "digitro_async")
    async with HostilePABX(script) as server:
        results, statistics = await dial(server, manager)
        last = server.received.rpartition(b"POST ")[2]

    assert lost(results, server) <= HANDFUL
    said = [one for one in caplog.messages if "closes kept connections" in one]
    assert len(said) == statistics.uses_fresh_connections
    assert (b"Connection: close" in last) is statistics.uses_fresh_connections


async def test_it_ends_where_every_second_call_is_lost(
    manager: MakeSessions,
) -> None:
    """Three losses end the reuse, and no call after them is lost."""
    async with HostilePABX(resets_when_asked_again) as server:
        results, statistics = await dial(server, manager, 20)

    assert statistics.uses_fresh_connections
    assert lost(results, server) == 3
    assert all(one.outcome is Outcome.ACCEPTED for one in results[10:])
    assert server.posts == 20


async def test_over_tls(manager: MakeSessions) -> None:
    """It holds over TLS too, where the end is told by a close_notify."""
    shown = certificate()
    async with HostilePABX(closing(), tls=shown.context) as server:
        tls = TLSSettings(ca_file=shown.file)
        results, _ = await dial(server, manager, 20, tls=tls)

    assert lost(results, server) <= HANDFUL


async def test_with_a_cap(manager: MakeSessions) -> None:
    """Connections that ended while they rested are no reason to use a younger one."""
    rate = RateLimit(100)
    async with HostilePABX(closing(idle=1.5 * SPACING)) as server:
        results, _ = await dial(server, manager, rate=rate)

    assert lost(results, server) <= HANDFUL


async def test_one_of_several_behind_a_balancer(
    manager: MakeSessions,
) -> None:
    """Where one machine in three breaks the promise, a handful is lost as well."""

    async def mixed(line: HostileConnection) -> None:
        if line.number % 3:
            await closing(after=1000)(line)
        else:
            await resets_when_asked_again(line)

    async with HostilePABX(mixed) as server:
        results, _ = await dial(server, manager)

    assert lost(results, server) <= HANDFUL


async def test_all_at_one_host_are_told(manager: MakeSessions) -> None:
    """Every PABX entry at that host uses new connections, and its statistics say so."""
    async with HostilePABX(resets_when_asked_again) as server:
        one = make_pabx(base_url=server.base_url)
        other = attrs.evolve(one, name="other", channel_id=2)
        async with (
            manager() as sessions,
            DigitroClient([one, other], sessions=sessions) as client,
        ):
            await client.make_predictive_call(make_call(), pabx="other")
            for number in range(12):
                await asyncio.sleep(SPACING)
                await client.dispatcher.submit(make_call(number), pabx="one")
            before = server.connections
            for number in range(5):
                await client.make_predictive_call(make_call(number), pabx="other")
            statistics = client.statistics().pabx

    assert all(each.uses_fresh_connections for each in statistics.values())
    assert server.connections == before + 5


async def test_a_restart_ends_nothing(manager: MakeSessions) -> None:
    """A PABX that ends all connections at once is used with kept ones afterwards."""
    answered = asyncio.Event()
    held: list[HostileConnection] = []

    async def serve(line: HostileConnection) -> None:
        number = 0
        while await line.read_request():
            number += 1
            if not answered.is_set() and number > 1:
                held.append(line)
                await line.stall()
            line.accept(f"{line.number} {number}")

    async with HostilePABX(serve) as server:
        pabx = make_pabx(base_url=server.base_url)
        never = PauseSettings(unknown_run=100, unknown_budget=100)
        async with (
            manager() as sessions,
            DigitroClient(pabx, sessions=sessions, pause=never) as client,
        ):
            submit = client.dispatcher.submit
            await asyncio.gather(*(submit(make_call(one)) for one in range(8)))
            cut = [asyncio.create_task(submit(make_call(one))) for one in range(8)]
            while len(held) < 8:  # noqa: ASYNC110 - the server tells no event
                await asyncio.sleep(0.001)
            answered.set()
            for line in held:
                line.reset()
            outcomes = {result.outcome for result in await asyncio.gather(*cut)}
            for number in range(8):
                await client.make_predictive_call(make_call(number))
            statistics = client.statistics().pabx["one"]

    assert outcomes == {Outcome.UNKNOWN}
    assert not statistics.uses_fresh_connections
    assert server.connections < 8 + 8
