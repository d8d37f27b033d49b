"""A campaign with rules that dies at any moment, with a model of its promises."""

import asyncio
import json
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Final

import attrs
from campaigns import CALL, ScriptedClient
from dying_ledger import DyingLedger, Life
from helpers import LOST, NOT_SENT, WIRE_NAMES, ScriptedTransport, accepted, make_pabx
from ledgers import SHELVES, an_end, end_call, new_contact
from ruled_campaigns import CALL_IDS, SetClock, day_hours, take_all

from digitro_async import PABX, Campaign, Disposition, LedgerError, Outcome
from digitro_async.ledger import (
    AgreedCallback,
    ContactRecord,
    Ledger,
    NumberOfContact,
    State,
)
from digitro_async.privacy import Personal
from digitro_async.protocol import Evidence, Observation, Request
from digitro_async.rules import (
    ALLOW,
    AttemptCap,
    CallingRules,
    CapClock,
    Counted,
    HoursGate,
    NextNumber,
    PastAttempt,
    PlannedCall,
    Recall,
    RecallRule,
    RecallRules,
    Spacing,
)

__all__ = ["ENDS", "NUMBERS", "RuledWorld"]

NUMBERS: Final = ("011987654321", "011912345678", "068987654321")
LEAST, ASSUMED, MOST, A_DAY = 3600.0, 600.0, 3, 2
ENDS: Final = (Disposition.BUSY, Disposition.NO_ANSWER, Disposition.ANSWERED)
RULES: Final = CallingRules(
    hours=(day_hours("08:00-20:00"),),
    spacings=(Spacing(name="1 h", least=LEAST, assumed=ASSUMED),),
    caps=(
        AttemptCap(name="two a day", most=A_DAY, clock=CapClock.DAY),
        AttemptCap(
            name="three",
            most=MOST,
            clock=CapClock.LIFETIME,
            counts=Counted.CONTACT,
        ),
    ),
    recall=RecallRules(
        rules={
            Disposition.BUSY: RecallRule(after=(900.0,), most=2),
            Disposition.NO_ANSWER: RecallRule(
                after=(60.0, 7200.0), most=2, number=NextNumber.NEXT
            ),
        },
        most_attempts=MOST,
    ),
)
HOURS: Final = HoursGate(RULES.hours)


WAITS: Final = {Disposition.BUSY: 900.0, Disposition.NO_ANSWER: 60.0}


@attrs.define(eq=False)
class Rung:
    """A call that may have rung.

    Attributes:
        contact: Number of its contact.
        number: The number.
        at: When it began.
        ended_at: When its recorded end was.
        disposition: Its recorded end.
    """

    contact: int
    number: str
    at: float
    ended_at: float | None = None
    disposition: Disposition | None = None

    def as_past(self) -> PastAttempt:
        """Return it as rules see it."""
        return PastAttempt(
            contact=self.contact,
            number=RULES.called_number(self.number).key,
            began_at=self.at,
            ended_at=self.ended_at,
            outcome=Outcome.ACCEPTED,
            disposition=self.disposition,
        )


class Ringing(ScriptedTransport):
    """Tells for each call whose it is."""

    def __init__(self, ring: Callable[[int, str], Observation]) -> None:
        super().__init__(
            decide=lambda attempt: ring(self._contact, attempt.destination)
        )
        self._contact = 0

    async def exchange(
        self, pabx: PABX, request: Request, evidence: Evidence
    ) -> Observation:
        """Make one attempt."""
        self._contact = int(json.loads(request.body)[WIRE_NAMES["user_data"]])
        return await super().exchange(pabx, request, evidence)


class RuledWorld:
    """One ledger, its runs that die, and all calls that rang.

    Args:
        kind: The kind of the ledger.
    """

    def __init__(self, kind: str) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="ruled"))
        self.clock = SetClock("2026-11-30 12:00")
        self._shelf = SHELVES[kind](self._folder, self.clock)
        self._ledger: Ledger | None = None
        self._runner = asyncio.Runner()
        self.numbers: dict[int, tuple[str, ...]] = {}
        self.rung: list[Rung] = []
        self.blocked: set[str] = set()
        self.agreed: dict[int, float] = {}  # when callbacks of contacts are due
        self.fails: dict[str, list[Observation]] = defaultdict(list)
        self.unknown: set[int] = set()
        self.ever_blocked: set[str] = set()
        self.ever_agreed: set[int] = set()
        self.problems: list[str] = []

    def close(self) -> None:
        """Remove all of it."""
        self._runner.run(self._leave())
        self._runner.close()
        shutil.rmtree(self._folder)

    async def _leave(self) -> None:
        if self._ledger is not None:
            await self._ledger.__aexit__(None, None, None)
            self._ledger = None

    async def _opened(self) -> Ledger:
        if self._ledger is None:
            ledger = self._shelf.ledger()
            self._ledger = await ledger.__aenter__()
        return self._ledger

    def add(self, numbers: tuple[str, ...]) -> None:
        """Put a contact in."""
        number = len(self.numbers) + 1
        self.numbers[number] = numbers
        several = tuple(NumberOfContact(destination=Personal(one)) for one in numbers)

        async def act() -> None:
            await (await self._opened()).add(
                [
                    new_contact(
                        number,
                        destination=several[0].destination,
                        numbers=several,
                        fields={"user_data": str(number)},
                    )
                ]
            )

        self._runner.run(act())

    def block(self, number: str, *, is_blocked: bool) -> None:
        """Block a number, or take it off."""
        key = RULES.called_number(number).key

        async def act() -> None:
            schedule = (await self._opened()).schedule  # type: ignore[attr-defined]  # of a scheduled one
            if is_blocked:
                now = self.clock()
                await schedule.block(key, reason="asked", until=None, now=now)
            else:
                await schedule.unblock(key)

        self._runner.run(act())
        if is_blocked:
            self.blocked.add(number)
            self.ever_blocked.add(number)
        else:
            self.blocked.discard(number)

    def call_back(self, contact: int, at: float) -> None:
        """Agree on a callback."""

        async def act() -> State:
            schedule = (await self._opened()).schedule  # type: ignore[attr-defined]  # as above
            state: State = await schedule.call_back(
                contact, AgreedCallback(at=at), now=self.clock()
            )
            return state

        if self._runner.run(act()) is State.PENDING:
            self.agreed[contact] = at
            self.ever_agreed.add(contact)

    def end(self, disposition: Disposition, lasted: float) -> None:
        """Record the end of a call that has none, and is its contact's last."""

        async def act() -> None:
            ledger = await self._opened()
            entries = {one.number: one async for one in ledger.entries()}
            for call in self.rung:
                entry = entries[call.contact]
                is_last = self.calls_of(call.contact)[-1] is call
                if not is_last or call.disposition or entry.call_id is None:
                    continue
                if entry.state is State.ACCEPTED:
                    call.ended_at = call.at + lasted
                    call.disposition = disposition
                    end = an_end(
                        disposition,
                        entry.call_id,
                        key=call.contact,
                        ended_at=call.ended_at,
                    )
                    await end_call(ledger, call.contact, end)
                    return

        self._runner.run(act())

    def calls_of(self, contact: int) -> list[Rung]:
        """Return the calls of a contact that may have rung."""
        return [one for one in self.rung if one.contact == contact]

    def run(self, *, dies_at: int = 0, is_done: bool = False) -> None:
        """Dial what may be dialled now, or die meanwhile.

        Args:
            dies_at: Number of the question to the ledger at which the process dies; 0
                for none.
            is_done: Whether that one is done.
        """
        self._runner.run(self._run(Life(dies_at, is_done=is_done)))
        assert not self.problems, self.problems

    async def _run(self, life: Life) -> None:
        ledger = await self._opened()
        client = ScriptedClient(Ringing(self._ring), make_pabx(max_in_flight=3))
        dying: Ledger = DyingLedger(ledger, life)
        campaign = Campaign(dying, client, call=CALL, max_attempts=50)
        with self.clock.in_use():
            try:
                run = campaign.run(rules=RULES, wait=0, clock=self.clock)
                await asyncio.wait_for(take_all(run), 120)
            except LedgerError as error:
                assert error.reason == "dead", error  # noqa: PT017 - of many runs
            finally:
                await client.aclose()
        if life.is_over:
            self._ledger = None
            await self._shelf.lose_owner(ledger)
        self.unknown |= {
            entry.number
            async for entry in (await self._opened()).entries()
            if entry.state is State.UNKNOWN
        }

    def _ring(self, contact: int, number: str) -> Observation:
        """Look at a call by all that was before, without the gates."""
        now, planned = self.clock(), self.fails[number]
        seen = planned.pop(0) if planned else accepted(f"call {next(CALL_IDS)}")
        if not seen.request_started:
            return seen
        if number in self.blocked:
            self.problems.append(f"#{contact} is blocked")
        call = PlannedCall(contact=0, number=RULES.called_number(number))
        if HOURS.ask(call, now) is not ALLOW:
            self.problems.append(f"#{contact}: outside hours")
        before = [one for one in self.rung if one.number == number]
        for one in before:
            ended = one.at + ASSUMED if one.ended_at is None else one.ended_at
            if now < max(ended, one.at) + LEAST:
                self.problems.append(f"#{contact}: spacing is too short")
        if sum(one.at > now - 4 * 3600 for one in before) >= A_DAY:
            self.problems.append(f"#{contact}: too often a day")
        self._check_contact(contact, now)
        self.rung.append(Rung(contact, number, now))
        return seen

    def _check_contact(self, contact: int, now: float) -> None:
        calls, agreed = self.calls_of(contact), self.agreed.pop(contact, None)
        if agreed is not None and now < agreed:
            self.problems.append(f"#{contact}: before its callback")
        if contact in self.unknown:
            self.problems.append(f"#{contact}: called though it is unknown")
        if len(calls) >= MOST:
            self.problems.append(f"#{contact}: too often")
        if calls and agreed is None:
            wait = WAITS.get(calls[-1].disposition or Disposition.OTHER)
            if wait is None:
                self.problems.append(f"#{contact}: recalled without a rule")
            elif now < (calls[-1].ended_at or 0.0) + wait:
                self.problems.append(f"#{contact}: recalled too early")

    def lost_recalls(self) -> list[int]:
        """Return contacts that a rule recalls, and that do not wait for it."""
        assert RULES.recall is not None
        lost = []
        for number, entry in self.entries().items():
            past = [one.as_past() for one in self.calls_of(number)]
            keys = [RULES.called_number(one).key for one in self.numbers[number]]
            if entry.state is State.ACCEPTED and isinstance(
                RULES.recall.after(past, keys), Recall
            ):
                lost.append(number)
        return lost

    def entries(self) -> dict[int, ContactRecord]:
        """Return all contacts as the ledger has them."""

        async def act() -> dict[int, ContactRecord]:
            ledger = await self._opened()
            return {one.number: one async for one in ledger.entries()}

        return self._runner.run(act())

    def fail_next(self, number: str, *, is_lost: bool) -> None:
        """Let the next call to a number be lost, or not be sent."""
        self.fails[number].append(LOST if is_lost else NOT_SENT)
