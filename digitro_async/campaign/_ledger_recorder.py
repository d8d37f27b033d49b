"""LedgerRecorder: each attempt of a run, written into its ledger before and after."""

import asyncio
import time
from collections.abc import Callable, Hashable, Sequence
from functools import partial

from digitro_async.errors import DrainedError, LedgerError, Outcome
from digitro_async.ledger._ledger_port import Ledger, SettlesAndTells, Told
from digitro_async.ledger._state import State, Step, step_for
from digitro_async.protocol import AttemptResult, repeated_call_id

__all__ = ["LedgerRecorder"]


class LedgerRecorder:
    """Writes each attempt into the ledger, before and after.

    Args:
        ledger: The ledger.
        stop: Called with the error where it can't be written.

    Attributes:
        unrecorded: Contacts whose outcome is not in the ledger, and the outcomes.
    """

    def __init__(self, ledger: Ledger, stop: Callable[[LedgerError], None]) -> None:
        self.ledger = ledger
        self._stop = stop
        self._tells = ledger if isinstance(ledger, SettlesAndTells) else None
        self._taking_back: set[asyncio.Future[State]] = set()
        self._writing: set[asyncio.Future[State]] = set()
        self._doubting: set[asyncio.Future[int]] = set()
        self.unrecorded: list[tuple[int, Outcome]] = []

    async def record_intent(self, key: Hashable, pabx: str) -> None:
        """Record that a call is about to be sent."""
        assert isinstance(key, int)  # noqa: S101 - for the type checker
        try:
            await self.ledger.intend(key, pabx, time.time())
        except asyncio.CancelledError:
            # It is written all the same, and nothing will be sent.
            self._taking_back.add(
                asyncio.ensure_future(
                    self.ledger.settle(
                        key, Step.NOT_PLACED, pabx, time.time(), reason="cancelled"
                    )
                )
            )
            raise
        except LedgerError as error:
            self._stop(error)
        else:
            return
        raise DrainedError(pabx=pabx, reason="ledger_failed")

    def record_outcome(
        self,
        key: Hashable,
        pabx: str,
        result: AttemptResult,
        on_recorded: Callable[[AttemptResult], None],
    ) -> None:
        """Record the result of an attempt."""
        assert isinstance(key, int)  # noqa: S101 - for the type checker
        accepted = result.accepted
        call_id = None if accepted is None else accepted.call_id
        classification, now = result.classification, time.time()
        step, reason = step_for(classification.outcome), classification.reason or None
        told = partial(self._told, key, result, on_recorded)
        try:
            if self._tells is not None:
                self._tells.settle_and_tell(
                    key, step, pabx, now, call_id=call_id, reason=reason, told=told
                )
                return
            writing = asyncio.ensure_future(
                self.ledger.settle(key, step, pabx, now, call_id=call_id, reason=reason)
            )
        except Exception as error:  # noqa: BLE001 - of somebody's own ledger, perhaps
            told(error, None)
        else:
            self._writing.add(writing)  # the loop would not keep it alive
            writing.add_done_callback(partial(self._written, told))

    def record_doubts(self, keys: Sequence[Hashable], pabx: str) -> None:
        """Record that the answers to calls may belong to other calls."""
        numbers = [key for key in keys if isinstance(key, int)]
        doubting = asyncio.ensure_future(self.ledger.doubt(numbers, pabx, time.time()))
        self._doubting.add(doubting)
        doubting.add_done_callback(self._doubted)

    def _doubted(self, doubting: asyncio.Future[int]) -> None:
        self._doubting.discard(doubting)
        error = None if doubting.cancelled() else doubting.exception()
        if isinstance(error, LedgerError):
            self._stop(error)

    def _written(self, told: Told, writing: asyncio.Future[State]) -> None:
        self._writing.discard(writing)
        if writing.cancelled():
            told(LedgerError("the ledger was interrupted", reason="interrupted"), None)
            return
        error = writing.exception()
        if error is None:
            told(None, writing.result())
        else:
            told(error, None)

    def _told(
        self,
        number: int,
        result: AttemptResult,
        on_recorded: Callable[[AttemptResult], None],
        error: BaseException | None,
        state: State | None,
    ) -> None:
        """Give the result of an attempt by its record back to the call."""
        if error is not None:
            self.unrecorded.append((number, result.classification.outcome))
        if isinstance(error, LedgerError):
            self._stop(error)
        elif error is not None:  # of somebody's own ledger: its text may hold anything
            problem = type(error).__name__
            self._stop(LedgerError(f"the ledger failed: {problem}", reason="failed"))
        elif state is State.UNKNOWN and result.accepted is not None:
            result = repeated_call_id()
        on_recorded(result)

    async def settled(self) -> None:
        """Wait until what was taken back, or is doubted, is written."""
        await asyncio.gather(
            *self._taking_back, *self._doubting, return_exceptions=True
        )
