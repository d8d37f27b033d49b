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
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import attrs

if __name__ == "__main__":  # pytest finds what several folders share by itself
    sys.path.append(str(Path(__file__).parents[1] / "support"))

from helpers import RawServer, make_call, make_pabx
from ways import WAYS

from answers_out_of_step import Attack, KINDS, LATENCY, OutOfStep, attacks
from digitro_async import (
    PABX,
    CallResult,
    DigitroClient,
    DispatchItem,
    Outcome,
    PauseSettings,
    RateLimit,
    RetrySettings,
    TimeoutSettings,
)


ALARMING: Final = {"repeated_call_id", "answer_before_request", "doubtful_answer"}
"""Reasons of unknown calls that tell of an answer that belongs to something else."""
NEVER: Final = PauseSettings(
    unknown_run=10**9, unknown_budget=10**9, not_sent_run=10**9, rejected_run=10**9
)
RETRY: Final = RetrySettings(base_delay=0.02, max_delay=0.05, quota=10**6)
SIDE_BY_SIDE: Final = 4
"""Runs at once, in one loop."""


@attrs.frozen(kw_only=True)
class Came:
    """The results of one run.

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


async def run(attack: Attack, transport: str = "direct") -> Came:
    """Make the calls of one run and hold what is said of them against the server."""
    server = OutOfStep(attack)
    results: list[CallResult] = []
    noticed: list[float] = []
    began = time.monotonic()
    async with (
        RawServer(server) as listening,
        WAYS[transport]() as sessions,
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
    parser.add_argument("--transport", choices=WAYS, help="only this")
    given = parser.parse_args()
    chosen = [
        one
        for one in attacks(
            given.runs, calls=given.calls, rate=given.rate, seed=given.seed
        )
        if given.kind in (None, one.kind)
    ]
    sound = True
    for transport in WAYS if given.transport is None else [given.transport]:
        came = asyncio.run(run_all(chosen, transport))
        show(chosen, transport, came)
        sound = sound and all(one.is_sound for one in came)
    return 0 if sound else 1


if __name__ == "__main__":
    sys.exit(main())
