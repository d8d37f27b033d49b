"""Every fault of the catalogue, on every kind of loop."""

import asyncio
import collections
import re
import sys
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import attrs
import pytest
from fault_cases_calls import at_once, cancelled_at, too_late
from fault_catalogue import CATALOGUE, FaultCase, Played, play
from fault_scene import Scene, served
from helpers import API_KEY, make_call, quiet_loop

from digitro_async import PABX, CallResult, DigitroClient, Outcome, PauseSettings
from digitro_async.testing import HostileConnection, HostilePABX

LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop
}
if sys.platform != "win32":
    import uvloop

    LOOPS["uvloop"] = uvloop.new_event_loop

SLACK = 0.5
"""Seconds that an attempt may take beyond its total."""
BUSY = 120
"""How many times that on a machine that has other things to do."""
NEVER = PauseSettings(unknown_run=10**9, unknown_budget=10**9, not_sent_run=10**9)
GROWTH = 2 * 1024 * 1024
"""Bytes by which memory may rise, the server's own included."""

TRIES = 4
"""Of a case that ends by time: what is wrong by itself is wrong each time."""
EACH = 3
"""The ordinary run plays one case in this number on uvloop too."""

every_loop = pytest.mark.parametrize("loop", LOOPS)


def run_on(loop: str, main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run on a loop of that kind, and hear of whatever nobody took care of."""

    async def quietly() -> None:
        async with quiet_loop():
            await main()

    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        runner.run(quietly())


def check(case: FaultCase, played: Played) -> None:
    """Check that a case came to what it must come to."""
    error = played.error
    kind = None if error is None else type(error)
    most_one = case.connections is None and played.connections <= 1

    assert (played.outcome, kind) == (case.outcome, case.error)
    assert getattr(error, "reason", "") == case.reason
    assert most_one or played.connections == case.connections
    assert played.posts == case.posts
    assert played.seconds <= played.limit + SLACK * BUSY
    assert played.growth <= GROWTH
    assert played.elsewhere == 0
    assert API_KEY.encode() not in played.received_elsewhere
    assert b"\r\nexpect:" not in played.received.lower()


def test_size() -> None:
    """There are more than a hundred cases, no two of one id."""
    ids = [case.id for case in CATALOGUE]

    assert len(ids) == len(set(ids)) > 100


def every_case() -> Iterator[Any]:
    """Yield each case on each kind of loop; those of uvloop are mostly long."""
    for number, case in enumerate(CATALOGUE):
        for loop in LOOPS:
            often = loop == "asyncio" or number % EACH == 0
            marks = () if often else pytest.mark.long
            yield pytest.param(case, loop, marks=marks, id=f"{case.id}-{loop}")


@pytest.mark.parametrize(("case", "loop"), list(every_case()))
def test_case(case: FaultCase, loop: str) -> None:
    """Each fault has its one outcome, connections and POSTs, in time and in memory."""
    if not case.is_possible:
        pytest.skip(f"this machine has no {case.needs}")

    async def main() -> None:
        played = await play(case)
        if played.growth > GROWTH:  # what the first of its kind loads is there now
            played = await play(case)
        check(case, played)

    for _ in range(TRIES if case.ends_by_time else 1):
        try:
            return run_on(loop, main)
        except AssertionError as error:
            missed = error
    raise missed


async def test_a_caller_brings_a_call_a_key_and_settings() -> None:
    """A case is played with whatever call, key and settings its player has."""
    call = make_call("04899999999")
    asked: list[PABX] = []

    def change(pabx: PABX) -> PABX:
        asked.append(pabx)
        return attrs.evolve(pabx, channel_id=77)

    case = next(case for case in CATALOGUE if case.id == "d2-reads-all-rst")
    played = await play(case, call=call, api_key="their-own", change=change)

    assert played.outcome is Outcome.UNKNOWN
    assert len(asked) == 1
    assert b"POST /requests/77/" in played.received
    assert b"x-api-key: their-own\r\n" in played.received
    assert b"04899999999" in played.received


def checkable(outcome: Outcome = Outcome.UNKNOWN, **fields: Any) -> FaultCase:
    """Return a case that is played by what the fields say."""
    return FaultCase(id="x", does="", outcome=outcome, **fields)


def expected_of_cancelled(played: Played) -> Outcome:
    """Return what must be known of a cancelled call, by what the PABX read."""
    return Outcome.UNKNOWN if played.received else Outcome.NOT_SENT


@every_loop
@pytest.mark.parametrize("when", [at_once, too_late])
@pytest.mark.parametrize("how", ["http", "name", "tls", "pool"])
def test_cancel_at_every_suspension(loop: str, how: str, when: Any) -> None:
    """Cancelled at any await, a call is unsent where nothing was read, else unknown."""

    async def main() -> None:
        seen: list[Outcome | None] = []
        while Outcome.ACCEPTED not in seen:
            case = checkable(play=cancelled_at(len(seen) + 1, when, how))
            played = await play(case)
            seen.append(played.outcome)
            if played.result is None:
                assert isinstance(played.error, asyncio.CancelledError)
                assert played.outcome is expected_of_cancelled(played)
            assert played.connections <= 1
            assert played.posts <= 1
        outcomes = collections.Counter(seen)

        assert outcomes[Outcome.NOT_SENT] >= 2
        assert outcomes[Outcome.UNKNOWN] >= 2
        assert seen == sorted(seen, key=list(outcomes).index)

    run_on(loop, main)


def cancelled_after(iterations: int) -> Callable[[Scene], Any]:
    """Cancel a call after ``iterations`` turns of the loop."""

    async def one_call(scene: Scene) -> CallResult:
        client = await scene.client(await scene.serve())

        async def cut_off() -> CallResult:
            attempt = asyncio.ensure_future(client.dispatcher.submit(scene.call))
            for _ in range(iterations):
                await asyncio.sleep(0)
            attempt.cancel()
            return await attempt

        return await scene.judged(client, cut_off())

    return one_call


@every_loop
def test_cancel_at_every_turn_of_the_loop(loop: str) -> None:
    """Cancelled after any number of turns, a call that was read is never unsent."""

    async def main() -> None:
        seen: list[Outcome | None] = []
        while Outcome.ACCEPTED not in seen:
            assert len(seen) < 200
            played = await play(checkable(play=cancelled_after(len(seen))))
            seen.append(played.outcome)
            assert played.outcome is not Outcome.NOT_SENT or played.received == b""
            assert played.connections <= 1
            assert played.posts <= 1

        assert seen[0] is None  # it had not begun
        # How much happens in one turn is the loop's affair: either may be missing.
        assert {Outcome.NOT_SENT, Outcome.UNKNOWN} & set(seen)

    run_on(loop, main)


def closing(after: int, idle: float) -> Callable[[HostileConnection], Any]:
    """Accept ``after`` calls of a connection, or until it is idle, and close it."""

    async def script(line: HostileConnection) -> None:
        for number in range(after):
            try:
                async with asyncio.timeout(idle):
                    if not await line.read_request():
                        return
            except TimeoutError:
                return
            line.accept(f"{line.number} {number}")

    return script


@every_loop
@pytest.mark.parametrize(("after", "idle"), [(1, 5.0), (3, 5.0), (10**6, 0.002)])
def test_closing_under_load(loop: str, after: int, idle: float) -> None:
    """Where a PABX closes connections under load, no call is sent twice or lost."""

    async def main() -> None:
        async with HostilePABX(closing(after, idle)) as server:
            pabx = server.settings(max_in_flight=10)
            client = DigitroClient(pabx, pause=NEVER)
            async with client:
                tasks = []
                for number in range(200):
                    call = make_call(f"<{number}>")
                    tasks.append(asyncio.create_task(client.dispatcher.submit(call)))
                    if number % 10 == 0:
                        await asyncio.sleep(0.002)
                results = await asyncio.gather(*tasks)
            read = collections.Counter(re.findall(rb"<\d+>", server.received))

        assert server.connections > 1
        assert max(read.values()) == 1
        for result in results:
            name = result.call.destination.reveal().encode()
            assert result.outcome in {Outcome.ACCEPTED, Outcome.UNKNOWN}
            assert result.outcome is Outcome.UNKNOWN or read[name] == 1
        accepted = [one for one in results if one.outcome is Outcome.ACCEPTED]
        # Only where it closes while a call arrives can nobody tell what became of it.
        assert len(accepted) == len(results) if idle > 1 else accepted

    run_on(loop, main)


async def test_the_check_can_fail() -> None:
    """A case that comes to anything else than it says is caught."""
    good = next(case for case in CATALOGUE if case.id == "d4-200-then-reads")
    played = await play(good)
    check(good, played)
    for wrong in (
        {"outcome": Outcome.UNKNOWN},
        {"error": ValueError},
        {"connections": 2},
        {"posts": 0},
    ):
        with pytest.raises(AssertionError):
            check(attrs.evolve(good, **wrong), played)
    for bad in (
        {"seconds": played.limit + SLACK * BUSY + 0.1},
        {"growth": GROWTH + 1},
        {"elsewhere": 1},
        {"received_elsewhere": b"x-api-key: " + API_KEY.encode()},
    ):
        with pytest.raises(AssertionError):
            check(good, attrs.evolve(played, **bad))


async def test_growth_is_seen() -> None:
    """Memory that a server takes while a call is made counts as growth."""

    async def greedy(line: HostileConnection) -> None:
        await line.read_request()
        bytearray(2 * GROWTH)
        line.accept("x")
        await line.wait_for_end()

    played = await play(checkable(Outcome.ACCEPTED, play=served(greedy)))

    assert played.outcome is Outcome.ACCEPTED
    assert played.growth > GROWTH
