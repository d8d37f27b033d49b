"""A PABX that answers twice, late and unasked, and how often it shall."""

import asyncio
import itertools
import random
import re
import time
from collections import Counter, defaultdict
from typing import Any, Final

import attrs
from helpers import Line

from digitro_async.testing.simulator._answers import acceptance, refusal

LATENCY: Final = 0.02
"""Seconds of an answer."""
DELAYS: Final = (0.0, 0.002, 0.008, 0.015, 0.04, 0.15)
"""Seconds from an answer to its second copy."""
KINDS: Final = ("twice", "unasked", "both")
REFUSALS: Final = ("none", "429", "4xx 5xx")
SEVERAL: Final = 6
"""Answers too many in a run of both kinds."""


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
