"""Both ways to send keep every promise."""

import re
from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest
import test_soundness
from fault_catalogue import CATALOGUE, FaultCase, play
from helpers import RawServer, calls_to, make_call, make_pabx
from test_fault_catalogue import check, run_on
from test_soundness import LOOPS, attack_on
from ways import WAYS

from digitro_async import (
    DigitroClient,
    Outcome,
    PoolSettings,
    client,
)
from digitro_async.testing import FakePABX, HostileConnection, HostilePABX


def go(name: str, patch: pytest.MonkeyPatch) -> None:
    """Have every client that brings no sessions make its calls in that way."""
    for module in (client, test_soundness):
        patch.setattr(module, "SessionManager", WAYS[name])


@pytest.fixture
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the test's calls made in that way."""
    go(request.param, monkeypatch)


every_way = pytest.mark.parametrize("way", WAYS, indirect=True)


def every_case() -> Iterator[Any]:
    """Yield each case in each way on each loop; every tenth is in the ordinary run."""
    combinations = product(WAYS, ("asyncio", "uvloop"))
    for (number, case), (shift, (way, loop)) in product(
        enumerate(CATALOGUE), enumerate(combinations)
    ):
        marks = () if (number + 3 * shift) % 10 == 0 else pytest.mark.long
        yield pytest.param(way, case, loop, marks=marks, id=f"{case.id}-{way}-{loop}")


@pytest.mark.parametrize(("way", "case", "loop"), list(every_case()), indirect=["way"])
@pytest.mark.usefixtures("way")
def test_case(case: FaultCase, loop: str) -> None:
    """Each fault of the catalogue comes to what it must come to, in either way."""
    if not case.is_possible:
        pytest.skip(f"this machine has no {case.needs}")
    if loop not in LOOPS:
        pytest.skip(f"there is no {loop} here")

    async def main() -> None:
        check(case, await play(case))

    run_on(loop, main)


@every_way
@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("reuse", [True, False])
@pytest.mark.parametrize("loop", LOOPS)
def test_what_is_said_of_a_call_is_true(loop: str, reuse: bool) -> None:
    """No unsent call was read, no accepted one unanswered, none came twice."""
    attack_on(loop, 2, 250, reuse=reuse)


@pytest.mark.long
@pytest.mark.timeout(600)
@every_way
@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("reuse", [True, False])
@pytest.mark.parametrize("loop", LOOPS)
def test_what_is_said_of_many_calls_is_true(loop: str, reuse: bool, seed: int) -> None:
    """The same, thirty thousand times in each way over all seeds, pools and loops."""
    attack_on(loop, 200 + seed, 750, reuse=reuse)


async def request_of(**settings: Any) -> tuple[str, bytes]:
    """Return the head, in an order of its own, and the body that a server reads."""
    async with RawServer() as server:
        pabx = make_pabx(base_url=server.base_url + "/prefix", **settings)
        async with DigitroClient(pabx) as one:
            await one.make_predictive_call(make_call(user_data="José;10%"))
    head, _, body = server.received.partition(b"\r\n\r\n")
    first, *rest = head.decode("ascii").split("\r\n")
    rest = [re.sub(r"(?i)^host: .*", "host: its own", line) for line in rest]
    return "\n".join([first, *sorted(line.lower() for line in rest)]), body


@pytest.mark.parametrize("reuse", [True, False])
async def test_request(reuse: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server reads the same request, header by header, in whatever way it comes."""
    pool = PoolSettings(reuse=reuse)
    seen = []
    for name in WAYS:
        with monkeypatch.context() as patch:
            go(name, patch)
            seen.append(await request_of(pool=pool))

    assert seen[0] == seen[1]


@every_way
@pytest.mark.usefixtures("way")
async def test_connections_are_pooled() -> None:
    """A hundred calls, four at a time, share four connections."""
    async with RawServer() as server:
        pabx = make_pabx(base_url=server.base_url, max_in_flight=4)
        async with (
            DigitroClient(pabx) as one,
            one.dispatch(calls_to(range(100))) as results,
        ):
            outcomes = [result.outcome async for result in results]

    assert outcomes == [Outcome.ACCEPTED] * 100
    assert len(server.lines) == 4


@every_way
@pytest.mark.usefixtures("way")
async def test_each_answer_belongs_to_its_call() -> None:
    """The call ids of the results are those that the simulator gave to the numbers."""
    async with FakePABX() as pabx:
        async with (
            DigitroClient(pabx.settings()) as one,
            one.dispatch(calls_to(range(10_000, 10_300))) as results,
        ):
            taken = {
                result.call.destination.reveal(): result.call_id
                async for result in results
            }
        given = {call.destination: call.call_id for call in pabx.calls}

    assert taken == given
    assert len(given) == 300


@pytest.mark.parametrize("name", WAYS)
async def test_interim_answers_are_passed_over(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any number of 1xx answers comes before the one that counts."""
    go(name, monkeypatch)

    async def chatty(line: HostileConnection) -> None:
        await line.read_request()
        line.send(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n")
        line.accept("the-one")

    async with HostilePABX(chatty) as server:
        pabx = make_pabx(base_url=server.base_url)
        async with DigitroClient(pabx) as one:
            accepted = await one.make_predictive_call(make_call())

    assert accepted.call_id == "the-one"
