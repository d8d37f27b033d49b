"""Campaigns that apply rules, by a clock on the wall that a test sets."""

import asyncio
import contextlib
import itertools
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterator
from typing import Any, cast
from unittest import mock

from call_event_scenes import listening, open_channel, tell
from campaigns import contact, scripted
from helpers import LOST, NOT_SENT, Attempt, ScriptedTransport, accepted
from rule_values import SAO_PAULO, moment, wall

from digitro_async import (
    CallPhase,
    CallResult,
    Campaign,
    DigitroClient,
    Disposition,
)
from digitro_async.campaign import CampaignRun, RulesInForce
from digitro_async.contacts import ContactRow
from digitro_async.ledger import Ledger, MemoryLedger, Schedule, ScheduledLedger
from digitro_async.protocol import Failure, Observation
from digitro_async.rules import CallingHours, CallingRules, week_of

__all__ = [
    "MOBILE",
    "RuledScene",
    "SetClock",
    "WallClock",
    "day_hours",
    "ruled",
    "take_all",
]

MOBILE = "011987654321"
"""A number in São Paulo."""

CALL_IDS = itertools.count(1)
"""No PABX gives a call id twice, in whatever run."""


class SetClock:
    """A clock on the wall that stands still until it is set.

    It is for ledgers that write in threads of their own: a loop in virtual time does
    not wait for these.
    """

    def __init__(self, at: str) -> None:
        self._offset = moment(at)

    def __call__(self) -> float:
        """Return the Unix time."""
        return self._offset

    def set(self, seconds: float) -> None:
        """Set it forward, or back."""
        self._offset += seconds

    def shown(self, zone: str = SAO_PAULO) -> str:
        """Return what it says in a zone, to the minute."""
        return wall(self(), zone)[:16]

    @contextlib.contextmanager
    def in_use(self) -> Iterator[None]:
        """Let it be the machine's clock in the block."""
        with mock.patch("time.time", self):
            yield


class WallClock(SetClock):
    """A clock on the wall that goes with a loop in virtual time."""

    def __call__(self) -> float:
        """Return the Unix time."""
        return self._offset + asyncio.get_running_loop().time()


class Courses(ScriptedTransport):
    """Accepts calls, and tells of each what becomes of it.

    Args:
        clock: The clock on the wall.
    """

    def __init__(self, clock: SetClock) -> None:
        super().__init__(latency=lambda: self.latency, decide=self._begin)
        self._clock = clock
        self.client: DigitroClient | None = None
        self.lasts, self.latency = 20.0, 0.0
        self.lost: set[str] = set()
        self.refused: Counter[str] = Counter()
        self.failing: Counter[str] = Counter()  # by a fault of the call itself
        self.seen: list[tuple[str, str]] = []
        self.dispositions: dict[str, list[Disposition]] = defaultdict(list)

    def _begin(self, attempt: Attempt) -> Observation:
        self.seen.append((attempt.destination, self._clock.shown()))
        if attempt.destination in self.lost:
            return LOST
        if self.refused[attempt.destination]:
            self.refused[attempt.destination] -= 1
            return NOT_SENT
        if self.failing[attempt.destination]:
            self.failing[attempt.destination] -= 1
            return Observation(request_started=False, failure=Failure.UNEXPECTED)
        call_id = f"call {next(CALL_IDS)}"
        planned = self.dispositions[attempt.destination]
        disposition = planned.pop(0) if planned else Disposition.ANSWERED
        client = self.client
        if client is not None:
            asyncio.get_running_loop().call_later(
                self.lasts, tell, client, call_id, CallPhase.ENDED, disposition
            )
        return accepted(call_id)


class RuledScene:
    """A campaign over a ledger, its client, and what was dialled when.

    Args:
        ledger: The ledger.
        clock: The clock on the wall.
        courses: What becomes of calls.
        client: The client.
        campaign: The campaign.
    """

    def __init__(
        self,
        ledger: Ledger,
        clock: SetClock,
        courses: Courses,
        client: DigitroClient,
        campaign: Campaign,
    ) -> None:
        self.ledger = ledger
        self.clock = clock
        self.courses = courses
        self.client = client
        self.campaign = campaign

    @property
    def dialled(self) -> list[tuple[str, str]]:
        """The numbers that were dialled, each with what the clock said."""
        return self.courses.seen

    @property
    def schedule(self) -> Schedule:
        """The schedule of the ledger."""
        return cast("ScheduledLedger", self.ledger).schedule

    async def add(self, *numbers: str, **given: Any) -> None:
        """Put a contact in for each number."""
        first = sum((await self.ledger.counts()).values()) + 1
        await self.add_rows(
            *(
                contact(line, fields={"destination": number}, **given)
                for line, number in enumerate(numbers, first)
            )
        )

    async def add_rows(self, *rows: ContactRow) -> None:
        """Put contacts in."""
        await self.campaign.add(rows)

    def run(self, rules: CallingRules, **given: Any) -> CampaignRun:
        """Return a run that applies rules by the clock on the wall."""
        return self.campaign.run(rules=rules, clock=self.clock, **given)

    async def dial(
        self, rules: CallingRules, **given: Any
    ) -> tuple[list[CallResult], RulesInForce]:
        """Dial to the end; return the results, and the rules with what came of them."""
        run = self.run(rules, **given)
        results = await take_all(run)
        assert run.heeding is not None
        return results, run.heeding


async def take_all(run: CampaignRun) -> list[CallResult]:
    """Take all results of a run."""
    async with run as results:
        return [result async for result in results]


@contextlib.asynccontextmanager
async def ruled(
    at: str,
    *,
    ledger: Ledger | None = None,
    clock: SetClock | None = None,
    hears: bool = True,
    **given: Any,
) -> AsyncIterator[RuledScene]:
    """Open a campaign at a time by the clock on the wall.

    Args:
        at: The time.
        ledger: A ledger that is open, None for one in memory.
        clock: A clock that goes already.
        hears: Whether events tell of the ends of calls.
        given: More for the campaign.
    """
    clock = clock or WallClock(at)
    hears = hears and isinstance(clock, WallClock)
    courses = Courses(clock)
    async with contextlib.AsyncExitStack() as stack:
        stack.enter_context(clock.in_use())
        if ledger is None:
            ledger = await stack.enter_async_context(MemoryLedger(clock=clock))
        if hears:
            given.setdefault("pabx", listening())
        campaign, client = scripted(ledger, courses, **given)
        await stack.enter_async_context(contextlib.aclosing(client))
        if hears:
            open_channel(client)
            await asyncio.sleep(1)
            courses.client = client
        yield RuledScene(ledger, clock, courses, client, campaign)


def day_hours(spans: str = "09:00-20:00", **given: Any) -> CallingHours:
    """Return hours of every day."""
    return CallingHours(**{"name": "hours", "week": week_of({"all": [spans]}), **given})
