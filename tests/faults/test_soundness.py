"""Whether a call that is said to be unsent can have reached anybody."""

import asyncio
import collections
import contextlib
import random
import re
import sys
from collections.abc import Callable, Coroutine
from typing import Any

import anyio
import pytest
from helpers import Line, RawServer, answer, make_call, make_pabx, make_request, within

from digitro_async import (
    PABX,
    DigitroClient,
    NotSentError,
    OutcomeUnknownError,
    PauseSettings,
    PoolSettings,
    RetrySettings,
    SessionManager,
    TimeoutSettings,
)
from digitro_async.protocol import Evidence, Observation

if sys.platform != "win32":
    import uvloop

    LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
        "asyncio": asyncio.new_event_loop,
        "uvloop": uvloop.new_event_loop,
    }
else:
    LOOPS = {"asyncio": asyncio.new_event_loop}

NUMBER = re.compile(rb"<(\d+)>")
NEVER = PauseSettings(
    unknown_run=10**9, unknown_budget=10**9, not_sent_run=10**9, rejected_run=10**9
)


class Chaos:
    """A server that does anything at any moment, and knows what it answered."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.answered: set[int] = set()

    async def __call__(self, line: Line) -> None:
        """Serve one connection."""
        if self.chance.random() < 0.03:
            line.reset()
            return
        while not line.is_closing:
            if self.chance.random() < 0.05:
                await asyncio.sleep(self.chance.random() * 0.004)
                line.reset()
                return
            request = await line.read_request()
            if not request:
                return
            if self.chance.random() < 0.3:
                await asyncio.sleep(self.chance.random() * 0.006)
            await self._answer(line, int(NUMBER.findall(request)[0]))

    async def _answer(self, line: Line, number: int) -> None:
        fate = self.chance.random()
        if fate < 0.05:
            line.reset()
        elif fate < 0.1:
            line.close()
        elif fate < 0.15:
            whole = self._whole(number)
            line.send(whole[: self.chance.randrange(len(whole))])
            line.close()
        elif fate < 0.2:
            line.send(self._whole(number) + answer("nobody asked"))
        elif fate < 0.25:
            line.send(self._whole(number))
            await asyncio.sleep(self.chance.random() * 0.002)
            line.close()
        else:
            line.send(self._whole(number))

    def _whole(self, number: int) -> bytes:
        self.answered.add(number)
        return answer(f"id <{number}>")


Calls = Callable[[int], Coroutine[Any, Any, None]]


async def make_all(call: Calls, count: int) -> None:
    """Make ``count`` calls, twenty at a time."""
    waiting: set[asyncio.Task[None]] = set()
    for number in range(count):
        waiting.add(asyncio.create_task(call(number)))
        await asyncio.sleep(0)  # not in lockstep, or all fall behind their limits
        if len(waiting) >= 20:
            _, waiting = await asyncio.wait(
                waiting, return_when=asyncio.FIRST_COMPLETED
            )
    await asyncio.gather(*waiting)


def settings_of(server: RawServer, *, reuse: bool) -> PABX:
    """Return a PABX at the server that is soon given up."""
    return make_pabx(
        base_url=server.base_url,
        max_in_flight=1000,
        pool=PoolSettings(reuse=reuse),
        timeouts=TimeoutSettings(total=0.06, connect=0.04, sock_read=0.03),
    )


def random_limit(chance: random.Random) -> Any:
    """Return a limit that cuts a call off at any moment, or none."""
    if chance.random() < 0.5:
        return contextlib.nullcontext()
    after = chance.random() ** 2 * 0.008
    return anyio.fail_after(after) if chance.random() < 0.5 else asyncio.timeout(after)


async def attack_client(
    seed: int, count: int, *, reuse: bool
) -> collections.Counter[str]:
    """Make calls that are cut off at random moments, and count what is untrue."""
    chance = random.Random(seed)
    chaos = Chaos(chance)
    said: dict[int, str] = {}

    async def one(number: int) -> None:
        call = make_call(f"<{number}>", user_data="x" * chance.choice([0, 9000]))
        try:
            async with within(random_limit(chance)):
                accepted = await client.make_predictive_call(call)
            mine = accepted.call_id == f"id <{number}>"
            said[number] = "accepted" if mine else "accepted by another's answer"
        except NotSentError:
            said[number] = "not sent"
        except OutcomeUnknownError:
            said[number] = "unknown"
        except TimeoutError:
            said[number] = "cut off"

    async with RawServer(chaos) as server:
        client = DigitroClient(
            settings_of(server, reuse=reuse),
            retry=RetrySettings(max_attempts=1),
            pause=NEVER,
        )
        async with client:
            await make_all(one, count)
        await asyncio.sleep(0.05)
        read: collections.Counter[int] = collections.Counter()
        for line in server.lines:
            read.update(map(int, NUMBER.findall(line.received)))

    assert client.statistics().in_flight == 0
    assert len(said) == count
    assert set(said.values()) >= {"accepted", "unknown", "cut off"}
    wrong = collections.Counter(
        {
            "twice": sum(times > 1 for times in read.values()),
            "another's": list(said.values()).count("accepted by another's answer"),
        }
    )
    for number, what in said.items():
        wrong["unsent but read"] += what == "not sent" and number in read
        unanswered = number not in chaos.answered
        wrong["accepted but not answered"] += what == "accepted" and unanswered
    return +wrong


async def attack_transport(
    seed: int, count: int, *, reuse: bool
) -> collections.Counter[str]:
    """Make attempts whose first bytes name them, and count lowered flags that lie."""
    chance = random.Random(seed)
    flags: dict[int, Evidence] = {}
    seen: dict[int, Observation | None] = {}

    async def one(number: int) -> None:
        flags[number] = evidence = Evidence()
        seen[number] = None
        body = b'"<%d>%b"' % (number, b"x" * chance.choice([0, 9000]))
        request = make_request(body, number)  # the channel stands in the first line
        with contextlib.suppress(TimeoutError):
            async with within(random_limit(chance)):
                seen[number] = await sessions.exchange(pabx, request, evidence)

    async with RawServer(Chaos(chance)) as server:
        pabx = settings_of(server, reuse=reuse)
        async with SessionManager() as sessions:
            await make_all(one, count)
        await asyncio.sleep(0.05)
        heads = re.findall(rb"POST /requests/(\d+)/", server.received)
        read = collections.Counter(map(int, heads))

    wrong: collections.Counter[str] = collections.Counter()
    wrong["twice"] = sum(times > 1 for times in read.values())
    for number, evidence in flags.items():
        wrong["flag down but read"] += not evidence.request_started and number in read
        observation = seen[number]
        if observation is not None:
            wrong["not as the flag"] += (
                observation.request_started != evidence.request_started
            )
    assert any(evidence.request_started for evidence in flags.values())
    assert not all(evidence.request_started for evidence in flags.values())
    return +wrong


def attack_on(loop: str, seed: int, count: int, *, reuse: bool) -> None:
    """Run both attacks on a loop of that kind."""
    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        assert runner.run(attack_client(seed, count, reuse=reuse)) == {}
        assert runner.run(attack_transport(seed, count, reuse=reuse)) == {}


@pytest.mark.parametrize("reuse", [True, False])
@pytest.mark.parametrize("loop", LOOPS)
def test_what_is_said_of_a_call_is_true(loop: str, reuse: bool) -> None:
    """No unsent call was read, no accepted one unanswered, none came twice."""
    attack_on(loop, 1, 500, reuse=reuse)


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("reuse", [True, False])
@pytest.mark.parametrize("loop", LOOPS)
def test_what_is_said_of_many_calls_is_true(loop: str, reuse: bool, seed: int) -> None:
    """The same, thirty thousand times over all seeds, pools and loops."""
    attack_on(loop, 100 + seed, 750, reuse=reuse)
