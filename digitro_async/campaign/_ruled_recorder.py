"""RuledRecorder: asks the gates once more before each intent, and hears of each end."""

import asyncio
from collections.abc import Callable, Hashable

from digitro_async.call_events import CallEnd
from digitro_async.campaign._ledger_recorder import LedgerRecorder
from digitro_async.campaign._rules_in_force import RulesInForce
from digitro_async.errors import (
    ClaimLostError,
    DrainedError,
    LedgerError,
    NotSentError,
)
from digitro_async.ledger._ledger_port import Ledger
from digitro_async.ledger._records import ClaimOwner
from digitro_async.protocol import AttemptResult
from digitro_async.rules import ALLOW, Defer, GateAnswer

__all__ = ["RuledRecorder"]


class RuledRecorder(LedgerRecorder):
    """A ``LedgerRecorder`` that lets no call begin which a gate does not allow.

    Args:
        ledger: The ledger.
        owner: The owner of the contacts that are called.
        stop: Called with the error where the ledger can't be written.
        heeding: The rules.
    """

    def __init__(
        self,
        ledger: Ledger,
        owner: ClaimOwner,
        stop: Callable[[LedgerError], None],
        heeding: RulesInForce,
    ) -> None:
        super().__init__(ledger, owner, stop, clock=heeding.clock)
        self._heeding = heeding

    async def record_intent(self, key: Hashable, pabx: str) -> None:
        """Record that a call is about to be sent, if the gates still allow it."""
        assert isinstance(key, int)  # noqa: S101 - for the type checker
        answer = self._heeding.in_hand.check(key)
        if answer is not ALLOW:
            raise await self._held_back(key, pabx, answer)
        self._heeding.in_hand.begin(key, self._heeding.clock())
        try:
            await super().record_intent(key, pabx)
        except BaseException:
            self._heeding.in_hand.take_back(key)
            raise
        # Somebody may have been blocked, or hours have ended, while it was written. It
        # is asked in memory, so nothing can come in between this and the sending.
        answer = self._heeding.in_hand.check(key)
        if answer is not ALLOW:
            self._heeding.in_hand.take_back(key)
            await asyncio.wait([self._take_back(key, pabx)])
            raise await self._held_back(key, pabx, answer)

    def record_outcome(
        self,
        key: Hashable,
        pabx: str,
        result: AttemptResult,
        on_recorded: Callable[[AttemptResult], None],
    ) -> None:
        """Record the outcome of an attempt."""
        assert isinstance(key, int)  # noqa: S101 - for the type checker
        number = key

        def recorded(by_record: AttemptResult) -> None:
            outcome = by_record.classification.outcome
            self._heeding.settle(number, pabx, outcome)
            on_recorded(by_record)

        super().record_outcome(key, pabx, result, recorded)

    def record_end(
        self,
        key: Hashable,
        pabx: str,
        end: CallEnd,
        on_recorded: Callable[[], None],
    ) -> None:
        """Record what became of a call."""
        assert isinstance(key, int)  # noqa: S101 - for the type checker
        number = key

        def recorded() -> None:
            self._heeding.note_end(number, end)
            on_recorded()

        super().record_end(key, pabx, end, recorded)

    async def _held_back(
        self, number: int, pabx: str, answer: GateAnswer
    ) -> NotSentError:
        """Write down that a call is not made now; return the error of that call."""
        try:
            await self._heeding.hold_back(number, answer)
        except ClaimLostError:
            pass
        except LedgerError as error:
            self._stop(error)
            return DrainedError(pabx=pabx, reason="ledger_failed")
        word = "puts off" if isinstance(answer, Defer) else "forbids"
        return NotSentError(
            f"A rule {word} the call since its contact came up.",
            pabx=pabx,
            reason=str(getattr(answer, "reason", "")),
        )
