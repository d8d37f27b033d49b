"""Attacks what connects answers with calls: a PABX answers twice, late and unasked.

On a kept connection an answer too many is taken for that of the next call, and so on
for ever: calls are accepted under another call's id, and where some are refused, people
are called twice or never. Nothing in such an answer is wrong by itself. The server's
own record is believed and nothing else. A program prints what came of each run::

    python tests/faults/soundness_answers.py --runs 20 --calls 4000

Exit code 0: nobody was called twice and no wrong id was accepted after an alarm that
could tell of it; 1: somebody was, or one was. What was accepted before any alarm is
printed (``silent``) and does not count: no client can see all of that.
"""

import argparse
import asyncio
import itertools
import random
import re
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import attrs

if __name__ == "__main__":  # pytest finds what several folders share by itself
    sys.path.append(str(Path(__file__).parents[1] / "support"))

from helpers import Line, RawServer, make_call, make_pabx

from digitro_async import (
    PABX,
    CallResult,
    DigitroClient,
    DispatchItem,
    LeanSessionManager,
    Outcome,
    PauseSettings,
    RateLimit,
    RetrySettings,
    SessionManager,
    TimeoutSettings,
)
from digitro_async.testing.simulator._answers import acceptance, refusal

TRANSPORTS: Final[dict[str, type[SessionManager]]] = {
    "aiohttp": SessionManager,
    "lean": LeanSessionManager,
}
LATENCY: Final = 0.02
"""Seconds of an answer."""
DELAYS: Final = (0.0, 0.002, 0.008, 0.015, 0.04, 0.15)
"""Seconds from an answer to its second copy."""
KINDS: Final = ("twice", "unasked", "both")
REFUSALS: Final = ("none", "429", "4xx 5xx")
SEVERAL: Final = 6
"""Answers too many in a run of both kinds."""
ALARMING: Final = {"repeated_call_id", "answer_before_request", "doubtful_answer"}
"""Reasons of unknown calls that tell of an answer that belongs to something else."""
NEVER: Final = PauseSettings(
    unknown_run=10**9, unknown_budget=10**9, not_sent_run=10**9, rejected_run=10**9
)
RETRY: Final = RetrySettings(base_delay=0.02, max_delay=0.05, quota=10**6)
SIDE_BY_SIDE: Final = 4
"""Runs at once, in one loop."""

_NUMBER: Final = re.compile(rb"<(\d+)>")
_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)


@attrs.frozen(kw_only=True)
class Attack:
    """One run.

    Attributes:
        kind: What is answered too often: one answer twice, one unasked, or both
            several times.
        delay: Seconds from an answer to its second copy.
        refusals: What is answered instead of 200 now and then.
        calls: How many calls are made.
        rate: Calls a second; 0 for as many as ``in_flight`` lets through, which leaves
            no connection any time at rest: 4 of them make 200 a second.
        in_flight: Most calls on the wire at once.
        seed: Of everything random.
        settings: Fields of the PABX that shall differ.
    """

    kind: str = "twice"
    delay: float = 0.008
    refusals: str = "none"
    calls: int = 4000
    rate: int = 200
    in_flight: int = 10
    seed: int = 0
    settings: dict[str, Any] = attrs.field(factory=dict)

    def faults(self) -> dict[int, str]:
        """Return which requests, by their order of arrival, are answered too often."""
        chance = random.Random(self.seed)
        if self.kind != "both":
            return {chance.randrange(self.calls // 20, self.calls // 4): self.kind}
        early = range(self.calls // 20, self.calls * 3 // 4)
        chosen = chance.sample(early, SEVERAL)
        return dict(zip(chosen, itertools.cycle(KINDS[:2]), strict=False))


def attacks(
    runs: int, *, calls: int, rate: int = 200, seed: int = 0, **settings: Any
) -> list[Attack]:
    """Return that many runs: every kind, every delay and every refusal comes up.

    In every other two of them no connection rests: the worst that can be done.
    """
    pace = ({"rate": rate}, {"rate": 0, "in_flight": round(rate * LATENCY)})
    return [
        Attack(
            kind=KINDS[number % 3],
            delay=DELAYS[(number // 3) % 6],
            refusals=REFUSALS[(number + number // 3) % 3],
            calls=calls,
            seed=seed + number,
            settings=settings,
            **pace[number // 2 % 2],
        )
        for number in range(runs)
    ]


class OutOfStep:
    """A PABX that answers too often, and remembers what it truly did.

    Attributes:
        placed: How often the phone of a number rang.
        ids: The call ids that were made for a number.
        faults: When each connection was first given an answer too many.
        served: The connection that brought a number last.
    """

    def __init__(self, attack: Attack) -> None:
        self.placed: Counter[int] = Counter()
        self.ids: defaultdict[int, set[str]] = defaultdict(set)
        self.faults: dict[int, float] = {}
        self.served: dict[int, int] = {}
        self._attack = attack
        self._too_often = attack.faults()
        self._chance = random.Random(-attack.seed - 1)
        self._arrived = 0

    async def __call__(self, line: Line) -> None:
        """Serve one connection: requests that wait there are served in turn."""
        waiting = b""
        while not line.is_closing:
            while (end := _end_of_request(waiting)) is None:
                data = await line.read()
                if not data:
                    return
                waiting += data
            request, waiting = waiting[:end], waiting[end:]
            await self._serve(line, int(_NUMBER.findall(request)[-1]))

    async def _serve(self, line: Line, number: int) -> None:
        self._arrived += 1
        self.served[number] = line.number
        fault = self._too_often.get(self._arrived)
        if fault == "unasked":  # while this call waits for its answer, or after that
            moment = self._chance.uniform(0, 2 * LATENCY)
            self._send_later(line, moment, acceptance(f"unasked {self._arrived}"))
        whole = self._answer_to(number)
        await asyncio.sleep(LATENCY)
        line.send(whole)
        if fault == "twice":
            self._send_later(line, self._attack.delay, whole)

    def _send_later(self, line: Line, delay: float, data: bytes) -> None:
        def send() -> None:
            self.faults.setdefault(line.number, time.time())
            line.send(data)

        if delay:
            asyncio.get_running_loop().call_later(delay, send)
        else:
            send()

    def _answer_to(self, number: int) -> bytes:
        """Decide a call, and return its true answer."""
        status = self._status()
        if status < 400 or (status == 500 and self._chance.random() < 0.5):
            self.placed[number] += 1
        if status < 400:
            call_id = f"id {number} {self._arrived}"
            self.ids[number].add(call_id)
            return acceptance(call_id)
        return refusal(status, "simulated")

    def _status(self) -> int:
        if self._attack.refusals == "429":
            return 429 if self._arrived % 37 == 0 else 200
        if self._attack.refusals == "4xx 5xx":
            fate = self._chance.random()
            return 400 if fate < 0.02 else 500 if fate < 0.04 else 200
        return 200


def _end_of_request(data: bytes) -> int | None:
    head = data.find(b"\r\n\r\n")
    if head < 0:
        return None
    length = _LENGTH.search(data, 0, head + 2)
    end = head + 4 + (int(length[1]) if length else 0)
    return end if len(data) >= end else None


@attrs.frozen(kw_only=True)
class Came:
    """What came of one run.

    Attributes:
        placed_twice: Numbers whose phone rang more than once.
        never_placed: Accepted calls whose phone never rang.
        placed_and_denied: Calls that were rejected, refused or not sent, by what is
            said of them, and placed.
        wrong: Calls accepted under another call's id.
        silent: Of these, those settled before an alarm could tell of it.
        on_the_wire: Of these, those that were under way at the first such alarm.
        after: Of these, those sent after it.
        after_any: Those settled after the first alarm of the run, whatever it was for.
        doubtful: Calls that the client says may have another call's answer.
        unknown: Calls of which nothing is known.
        alarms: How often the client saw that the protocol was broken.
        connections: Connections that were opened.
        calls: Calls that were made.
        seconds: How long that took.
    """

    placed_twice: int
    never_placed: int
    placed_and_denied: int
    wrong: int
    silent: int
    on_the_wire: int
    after: int
    after_any: int
    doubtful: int
    unknown: int
    alarms: int
    connections: int
    calls: int
    seconds: float

    @property
    def is_sound(self) -> bool:
        """Whether nobody was called twice, and no alarm was followed by a wrong id."""
        return not (self.placed_twice or self.on_the_wire or self.after)


async def run(attack: Attack, transport: str = "aiohttp") -> Came:
    """Make the calls of one run and hold what is said of them against the server."""
    server = OutOfStep(attack)
    results: list[CallResult] = []
    noticed: list[float] = []
    began = time.monotonic()
    async with (
        RawServer(server) as listening,
        TRANSPORTS[transport]() as sessions,
        DigitroClient(
            _pabx(attack, listening), retry=RETRY, pause=NEVER, sessions=sessions
        ) as client,
    ):
        async with client.dispatch(_items(attack.calls)) as stream:
            async for result in stream:
                results.append(result)
                alarms = client.statistics().pabx["one"].alarms
                noticed += [time.time()] * (alarms - len(noticed))
        last = client.statistics().pabx["one"]
        await asyncio.sleep(5 * LATENCY)  # in which the server reads what waits there
    alarmed = [*noticed, *(_settled(one) for one in results if _is_alarm(one))]
    seen = _judge(server, results, sorted(alarmed))
    told = sum(one.error is not None and _reason(one) in _DOUBT for one in results)
    return Came(
        placed_twice=sum(times > 1 for times in server.placed.values()),
        **seen,
        doubtful=getattr(last, "doubtful", 0) + told,
        unknown=sum(one.outcome is Outcome.UNKNOWN for one in results),
        alarms=last.alarms,
        connections=listening.connections,
        calls=len(results),
        seconds=time.monotonic() - began,
    )


_DOUBT: Final = {"doubtful_answer"}


def _pabx(attack: Attack, listening: RawServer) -> PABX:
    settings: dict[str, Any] = {
        "base_url": listening.base_url,
        "rate": RateLimit(attack.rate) if attack.rate else None,
        "max_in_flight": attack.in_flight,
        "timeouts": TimeoutSettings(total=3.0),
    }
    return make_pabx(**settings | attack.settings)


def _items(count: int) -> Iterator[DispatchItem]:
    for number in range(count):
        yield DispatchItem(call=make_call(f"<{number}>"), key=number)


def _judge(
    server: OutOfStep, results: Sequence[CallResult], alarmed: Sequence[float]
) -> dict[str, int]:
    """Count what is untrue of the calls."""
    seen: Counter[str] = Counter(
        dict.fromkeys(("never_placed", "placed_and_denied", "wrong", "silent"), 0)
    )
    seen.update(on_the_wire=0, after=0, after_any=0)
    for result in results:
        assert isinstance(result.key, int)
        number, placed = result.key, server.placed[result.key] > 0
        if result.outcome is Outcome.ACCEPTED:
            seen["never_placed"] += not placed
            if result.call_id not in server.ids[number]:
                since = server.faults.get(server.served.get(number, 0), 0.0)
                seen["wrong"] += 1
                seen[_when(result, since, alarmed)] += 1
                late = bool(alarmed) and _settled(result) > alarmed[0]
                seen["after_any"] += late
        elif result.outcome is not Outcome.UNKNOWN:
            seen["placed_and_denied"] += placed
    return dict(seen)


def _when(result: CallResult, since: float, alarmed: Sequence[float]) -> str:
    """Tell whether an alarm since its connection's fault came before a call."""
    first = next((moment for moment in alarmed if moment >= since), None)
    if first is None or _settled(result) <= first:
        return "silent"
    sent = result.timings.sent_at
    assert sent is not None
    return "on_the_wire" if sent <= first else "after"


def _settled(result: CallResult) -> float:
    return (result.timings.sent_at or 0.0) + result.timings.latency


def _reason(result: CallResult) -> str:
    return "" if result.error is None else str(result.error.reason)


def _is_alarm(result: CallResult) -> bool:
    return result.outcome is Outcome.UNKNOWN and _reason(result) in ALARMING


async def run_all(chosen: Sequence[Attack], transport: str) -> list[Came]:
    """Make all runs, some at a time in this loop, in their order."""
    room = asyncio.Semaphore(SIDE_BY_SIDE)

    async def one(attack: Attack) -> Came:
        async with room:
            return await run(attack, transport)

    return await asyncio.gather(*(one(attack) for attack in chosen))


# The command line.

COLUMNS: Final = {
    "twice": "placed_twice",
    "never": "never_placed",
    "denied": "placed_and_denied",
    "wrong": "wrong",
    "silent": "silent",
    "wire": "on_the_wire",
    "after": "after",
    "any": "after_any",
    "doubt": "doubtful",
    "unknown": "unknown",
    "alarms": "alarms",
    "conns": "connections",
}
"""Headings of the table, and what stands under them."""


def show(chosen: Sequence[Attack], transport: str, came: Sequence[Came]) -> None:
    """Print a table of runs and their sum."""
    heads = "".join(f"{head:>8}" for head in COLUMNS)
    sys.stdout.write(f"\n{'transport':<9} {'attack':<32}{heads}\n")
    for attack, one in zip(chosen, came, strict=True):
        delay = "" if attack.kind == "unasked" else f" {attack.delay * 1000:g} ms"
        pace = "" if attack.rate else "no rest, "
        name = f"{attack.kind}{delay}, {pace}{attack.refusals}"
        _write_row(transport, name, [getattr(one, of) for of in COLUMNS.values()])
    sums = [sum(getattr(one, of) for one in came) for of in COLUMNS.values()]
    _write_row(transport, f"all {sum(one.calls for one in came)} calls", sums)
    sys.stdout.flush()


def _write_row(transport: str, name: str, figures: Sequence[int]) -> None:
    cells = "".join(f"{figure:>8}" for figure in figures)
    sys.stdout.write(f"{transport:<9} {name:<32}{cells}\n")


def main() -> int:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--calls", type=int, default=4000)
    parser.add_argument("--rate", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kind", choices=KINDS, help="only this")
    parser.add_argument("--transport", choices=TRANSPORTS, help="only this")
    given = parser.parse_args()
    chosen = [
        one
        for one in attacks(
            given.runs, calls=given.calls, rate=given.rate, seed=given.seed
        )
        if given.kind in (None, one.kind)
    ]
    sound = True
    for transport in TRANSPORTS if given.transport is None else [given.transport]:
        came = asyncio.run(run_all(chosen, transport))
        show(chosen, transport, came)
        sound = sound and all(one.is_sound for one in came)
    return 0 if sound else 1


if __name__ == "__main__":
    sys.exit(main())
