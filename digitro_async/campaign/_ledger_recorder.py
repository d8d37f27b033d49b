"""LedgerRecorder: writes each attempt of a run into its ledger, before and after."""

import asyncio
import time
from collections.abc import Callable, Hashable, Sequence
from functools import partial
from typing import Any

from digitro_async.call_events import CallEnd, CallSeen
from digitro_async.errors import (
    ClaimLostError,
    DrainedError,
    LedgerError,
    NotSentError,
    Outcome,
)
from digitro_async.ledger._ledger_port import Ledger
from digitro_async.ledger._records import ClaimOwner, Reconciliation
from digitro_async.ledger._state import (
    WITHDRAWN,
    State,
    Step,
    step_for,
)
from digitro_async.protocol import AttemptResult, repeated_call_id

__all__ = ["LedgerRecorder"]

_OF_THE_CALL = frozenset(
    {"illegal_step", "known_call", "no_such_contact", "other_pabx"}
)
"""Reasons of errors that are about one call that was seen, and not about the ledger."""


class LedgerRecorder:
    """Writes each attempt into the ledger, before and after, and what became of it.

    Args:
        ledger: The ledger.
        owner: The owner of the contacts that are called.
        stop: Called with the error where the ledger can't be written.
        clock: Tells the Unix time; None for that of the machine.

    Attributes:
        campaign: Name of the campaign, empty where the ledger is of one alone.
        unrecorded: Contacts whose outcome is not in the ledger, and the outcomes.
    """

    def __init__(
        self,
        ledger: Ledger,
        owner: ClaimOwner,
        stop: Callable[[LedgerError], None],
        *,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self._ledger = ledger
        self.campaign: str = getattr(ledger, "campaign", "")
        self._owner = owner
        self._stop = stop
        self._clock = time.time if clock is None else clock
        self._taking_back: set[asyncio.Future[None]] = set()
        self._doubting: set[asyncio.Future[int]] = set()
        self._settling: set[asyncio.Future[Reconciliation]] = set()
        self._is_over = False
        self.unrecorded: list[tuple[int, Outcome]] = []

    async def record_intent(self, key: Hashable, pabx: str) -> None:
        """Record that a call is about to be sent."""
        assert isinstance(key, int)  # noqa: S101 - for the type checker
        try:
            await self._ledger.intend(key, self._owner, pabx, self._clock())
        except asyncio.CancelledError:
            self._take_back(key, pabx)
            raise
        except ClaimLostError as error:  # of this contact alone
            refusal = _refusal_of(error, pabx)
        except LedgerError as error:
            self._stop(error)
            refusal = DrainedError(pabx=pabx, reason="ledger_failed")
        else:
            return
        raise refusal

    def record_outcome(
        self,
        key: Hashable,
        pabx: str,
        result: AttemptResult,
        on_recorded: Callable[[AttemptResult], None],
    ) -> None:
        """Record the outcome of an attempt."""
        assert isinstance(key, int)  # noqa: S101 - for the type checker
        accepted = result.accepted
        call_id = None if accepted is None else accepted.call_id
        classification, now = result.classification, self._clock()
        step, reason = step_for(classification.outcome), classification.reason or None
        on_done = partial(self._recorded, key, result, on_recorded)
        try:
            self._ledger.settle(
                key,
                self._owner,
                step,
                pabx,
                now,
                on_done=on_done,
                call_id=call_id,
                reason=reason,
            )
        except Exception as error:  # noqa: BLE001 - of somebody's own ledger, perhaps
            on_done(error, None)

    def record_doubts(self, keys: Sequence[Hashable], pabx: str) -> None:
        """Record that the answers to calls may belong to other calls."""
        numbers = [key for key in keys if isinstance(key, int)]
        doubting = asyncio.ensure_future(
            self._ledger.doubt(numbers, pabx, self._clock())
        )
        self._doubting.add(doubting)
        doubting.add_done_callback(self._doubted)

    def record_end(
        self,
        key: Hashable,
        pabx: str,  # noqa: ARG002 - the end names it
        end: CallEnd,
        on_recorded: Callable[[], None],
    ) -> None:
        """Record what became of a call."""
        assert isinstance(key, int)  # noqa: S101 - for the type checker
        on_done = partial(self._end_recorded, on_recorded)
        try:
            self._ledger.ends.record(key, end, on_done=on_done)
        except LedgerError as error:
            on_done(error, None)

    def record_settled_by_event(
        self,
        key: Hashable,
        pabx: str,  # noqa: ARG002 - the event names it
        seen: CallSeen,
    ) -> None:
        """Record that an unknown call was placed."""
        assert isinstance(key, int)  # noqa: S101 - for the type checker
        try:
            settling = asyncio.ensure_future(
                self._ledger.ends.settle_seen(key, seen, now=self._clock())
            )
        except LedgerError as error:
            self._fail(error)
            return
        self._settling.add(settling)
        settling.add_done_callback(self._settled)

    def end(self) -> None:
        """Stop nothing any more: the run is over. Ends are recorded while they can."""
        self._is_over = True

    def _settled(self, settling: asyncio.Future[Reconciliation]) -> None:
        self._settling.discard(settling)
        error = None if settling.cancelled() else settling.exception()
        # What can't be this contact's call leaves it unknown.
        if isinstance(error, LedgerError) and error.reason not in _OF_THE_CALL:
            self._fail(error)

    def _end_recorded(
        self, on_recorded: Callable[[], None], error: BaseException | None, _: object
    ) -> None:
        if isinstance(error, LedgerError):
            self._fail(error)
        on_recorded()

    def _fail(self, error: LedgerError) -> None:
        if not self._is_over:
            self._stop(error)

    def _doubted(self, doubting: asyncio.Future[int]) -> None:
        self._doubting.discard(doubting)
        error = None if doubting.cancelled() else doubting.exception()
        if isinstance(error, LedgerError):
            self._stop(error)

    def _take_back(self, number: int, pabx: str) -> asyncio.Future[None]:
        """Record that a call was not placed whose intent was written all the same.

        Nothing will be sent. What is returned is done once that is recorded.
        """
        taken_back = asyncio.get_running_loop().create_future()

        def on_done(_: BaseException | None, __: State | None) -> None:
            if not taken_back.done():
                taken_back.set_result(None)

        try:
            self._ledger.settle(
                number,
                self._owner,
                Step.NOT_PLACED,
                pabx,
                self._clock(),
                on_done=on_done,
                reason="cancelled",
            )
        except LedgerError:
            taken_back.set_result(None)
            return taken_back
        self._taking_back.add(taken_back)
        taken_back.add_done_callback(self._taking_back.discard)
        return taken_back

    def _recorded(
        self,
        number: int,
        result: AttemptResult,
        on_recorded: Callable[[AttemptResult], None],
        error: BaseException | None,
        state: State | None,
    ) -> None:
        """Hand the result of an attempt, by its record, to the call."""
        if error is not None:
            self.unrecorded.append((number, result.classification.outcome))
        if isinstance(error, LedgerError):
            self._stop(error)
        elif error is not None:  # of somebody's own ledger: its text may hold anything
            problem = type(error).__name__
            self._stop(
                LedgerError(f"the ledger failed with {problem}", reason="failed")
            )
        elif state is State.UNKNOWN and result.accepted is not None:
            result = repeated_call_id()
        on_recorded(result)

    async def wait_written(self) -> None:
        """Wait until all is written that somebody waits for."""
        waited: list[asyncio.Future[Any]] = [*self._taking_back, *self._doubting]
        await asyncio.gather(*waited, *self._settling, return_exceptions=True)


def _refusal_of(lost: ClaimLostError, pabx: str) -> NotSentError:
    """Return the error of the one call that is not made as its claim is lost."""
    if lost.reason == WITHDRAWN:
        return NotSentError(
            "The contact was withdrawn before its call began.",
            pabx=pabx,
            reason="withdrawn",
        )
    return NotSentError(
        "The contact is another run's by now, so this one does not call it.",
        pabx=pabx,
        reason="claim_lost",
    )
