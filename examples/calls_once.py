"""Calls each contact once, however often its caller, or a proxy, asks for the call.

The ledger knows every contact by the id that the caller gives it. A request that comes
again gets the answer of the first one, also after a restart: an id is called again only
where its call provably was not placed. One process owns the ledger, so run one worker.
"""

import asyncio
import time
from contextlib import AsyncExitStack
from typing import Self

import attrs

from digitro_async import (
    PABX,
    Campaign,
    ClaimLostError,
    DigitroClient,
    DigitroError,
    InvalidCallError,
    LedgerError,
    Outcome,
    OutcomeUnknownError,
    Personal,
    PredictiveCall,
    RejectedError,
    open_ledger,
)
from digitro_async.ledger import Ledger, NewContact, State, Step, new_owner

LEASE = 3600.0  # seconds; nobody else claims contacts of this ledger
STEPS = {
    Outcome.REJECTED: Step.REJECT,
    Outcome.UNKNOWN: Step.MARK_UNKNOWN,
    Outcome.REFUSED: Step.NOT_PLACED,
    Outcome.NOT_SENT: Step.NOT_PLACED,
    None: Step.NOT_PLACED,  # a mistake in the set-up: nothing was sent
}


@attrs.define
class Known:
    """What is known of one contact."""

    number: int
    state: State
    call_id: str | None = None
    reason: str | None = None


class CallsOnce:
    """Places calls that are known by the ids of their contacts.

    It keeps some hundred bytes in memory for each contact of its ledger.
    """

    def __init__(
        self,
        client: DigitroClient,
        pabx: PABX,
        ledger: str,
        every_call: dict[str, str],
        *,
        deadline: float,
    ) -> None:
        self._client = client
        self._pabx = pabx.name
        self._path = ledger
        self._every_call = every_call
        self._deadline = deadline
        self._owner = new_owner()
        self._known: dict[str, Known] = {}
        self._last = 0
        self._claiming = asyncio.Lock()
        self._placing: dict[str, tuple[str, asyncio.Task[str]]] = {}
        self._stack = AsyncExitStack()
        self._ledger: Ledger

    async def __aenter__(self) -> Self:
        self._ledger = await self._stack.enter_async_context(open_ledger(self._path))
        campaign = Campaign(self._ledger, self._client, call=self._every_call)
        async with campaign.run(max_calls=0):
            pass  # the cap counts the calls of the last process, too
        await self._ledger.begin_run(self._owner, self._client.dispatcher)
        async for record in self._ledger.entries():
            self._last = max(self._last, record.number)
            if record.id is not None:
                self._known[record.id.reveal()] = Known(
                    record.number, record.state, record.call_id, record.reason
                )
        return self

    async def __aexit__(self, *_: object) -> None:
        tasks = [task for _, task in self._placing.values()]
        if tasks:
            await asyncio.wait(tasks)
        await self._ledger.end_run(self._owner, holds_slots=True)
        await self._stack.aclose()

    def what_is_known(self, contact: str) -> Known | None:
        """Return what became of a contact, None where it was not asked for."""
        return self._known.get(contact)

    async def place(self, contact: str, destination: str) -> str:
        """Call a contact, or return what came of its call, and return the call id.

        A handler that is cancelled does not cut its call off: the call goes on, and
        whoever asks again gets its answer.
        """
        before, task = self._placing.get(contact, (destination, None))
        if before != destination:
            raise InvalidCallError("this contact has another number")
        if task is None:
            task = asyncio.create_task(self._place(contact, destination))
            self._placing[contact] = destination, task
            task.add_done_callback(lambda done: self._end(contact, done))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.done():
                return task.result()
        raise OutcomeUnknownError(
            "the handler was cancelled, ask again", reason="handler_cancelled"
        )

    def _end(self, contact: str, task: asyncio.Task[str]) -> None:
        del self._placing[contact]
        if not task.cancelled():
            task.exception()  # whoever is left was told

    async def _place(self, contact: str, destination: str) -> str:
        call = PredictiveCall(destination=destination, **self._every_call)
        known = await self._claim(contact, destination)
        if known.state is State.ACCEPTED and known.call_id is not None:
            return known.call_id
        if known.state is State.REJECTED:
            raise RejectedError("refused before", reason=known.reason or "")
        if known.state in {State.SKIPPED, State.INVALID, State.WITHHELD}:
            raise InvalidCallError("this contact must not be called")
        if known.state is not State.CLAIMED:
            raise OutcomeUnknownError("asked before", reason=known.reason or "")
        # The intent is on the disk before the first byte leaves. If this process dies
        # now, the next one finds the contact unknown, and calls nobody twice.
        try:
            await self._ledger.intend(
                known.number, self._owner, self._pabx, time.time()
            )
        except ClaimLostError:  # withdrawn meanwhile, by "digitro campaign withdraw"
            known.state = State.SKIPPED
            raise InvalidCallError("this contact must not be called") from None
        known.state = State.UNKNOWN
        try:
            accepted = await self._client.make_predictive_call(
                call, pabx=self._pabx, deadline=self._deadline
            )
        except DigitroError as error:
            await self._settle(known, STEPS[error.outcome], reason=error.reason)
            raise
        await self._settle(known, Step.ACCEPT, call_id=accepted.call_id)
        if known.state is not State.ACCEPTED:  # another call has this call id
            raise OutcomeUnknownError("its answer is another call's")
        return accepted.call_id

    async def _claim(self, contact: str, destination: str) -> Known:
        """Put a contact in that is new, and claim one that may be called."""
        row = NewContact(
            line=self._last + 1,
            identity=Personal(contact),
            id=Personal(contact),
            destination=Personal(destination),
        )
        async with self._claiming:  # so that what is claimed below is this contact
            [added] = await self._ledger.add([row])
            if added.difference is not None:
                raise InvalidCallError("this contact has another number")
            known = self._known.get(contact)
            if known is not None and known.state is not State.PENDING:
                return known
            after = self._last if known is None else known.number - 1
            claimed = await self._ledger.claim(1, self._owner, LEASE, after=after)
            number = claimed[0].number
            self._last = max(self._last, number)
            self._known[contact] = known = Known(number, State.CLAIMED)
            return known

    async def _settle(
        self,
        known: Known,
        step: Step,
        *,
        call_id: str | None = None,
        reason: str | None = None,
    ) -> None:
        """Record what came of a call, and wait until that is on the disk."""
        recorded = asyncio.get_running_loop().create_future()

        def on_done(error: BaseException | None, state: State | None) -> None:
            if recorded.cancelled():
                return
            if error is not None:
                recorded.set_exception(LedgerError(str(error)))
            else:
                recorded.set_result(state)

        self._ledger.settle(
            known.number,
            self._owner,
            step,
            self._pabx,
            time.time(),
            on_done=on_done,
            call_id=call_id,
            reason=reason or None,
        )
        known.state = await recorded
        known.call_id, known.reason = call_id, reason
