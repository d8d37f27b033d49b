"""CountedCallRun: a call that is counted as soon as it is settled.

It takes the place of ``CallRun`` while somebody counts calls, so that a call that
nobody counts pays nothing for it.
"""

from collections.abc import Coroutine
from math import inf
from typing import Any, Final

from digitro_async.dispatch._admission import Admission
from digitro_async.dispatch._call_run import CallRun
from digitro_async.errors import (
    DigitroError,
    NotSentError,
    OutcomeUnknownError,
)
from digitro_async.models import CallResult, CommandAccepted
from digitro_async.protocol import COMMANDS, AttemptResult, Failure, Observation

__all__ = ["CountedCallRun", "name_of_command"]

OTHER_COMMAND: Final = "other"
"""Name of every command that is known by its path alone: that may hold anything."""


class CountedCallRun(CallRun):
    """One call on its way, which the counters of the client's activity count.

    It is made as a ``CallRun`` is.
    """

    _attempts_kept = 0

    def run(
        self, *, wait_while_paused: bool, max_wait: float = inf, deadline: float = inf
    ) -> Coroutine[Any, Any, CallResult | None]:
        """Take the call to its end; see ``CallRun``."""
        way = super().run(
            wait_while_paused=wait_while_paused, max_wait=max_wait, deadline=deadline
        )
        # One coroutine less for a call of a list: its worker ends what is cancelled.
        return way if self._deliver is not None else self._run_single(way)

    async def _run_single(
        self, way: Coroutine[Any, Any, CallResult | None]
    ) -> CallResult | None:
        """Take a single call to its end, and settle it where it is given up."""
        try:
            return await way
        except BaseException:
            if self.result is None:
                self._give_up()
            raise

    def end(
        self,
        now: float,
        error: DigitroError | None,
        pabx: str | None = None,
        accepted: CommandAccepted | None = None,
    ) -> CallResult:
        """Return the result of the call, and take note of it."""
        result = super().end(now, error, pabx, accepted)
        self.note_settled(result)
        return result

    def note_settled(self, result: CallResult) -> None:
        """Count the call."""
        counters = self._services.activity.counters
        if counters:
            name, timings = name_of_command(self.call), result.timings
            reason = "" if result.error is None else str(result.error.reason)
            for counter in counters:
                counter.count_settled(
                    result.pabx,
                    name,
                    result.outcome,
                    reason,
                    result.attempts,
                    timings.waited,
                    timings.latency,
                )

    async def _keep_attempt(
        self, admission: Admission, observation: Observation, result: AttemptResult
    ) -> None:
        self._attempts_kept = self.attempts
        for counter in self._services.activity.counters:
            reason = str(result.classification.reason)
            counter.count_retried(admission.pabx.name, reason)
        await super()._keep_attempt(admission, observation, result)

    def _give_up(self) -> None:
        """Settle a single call that ends without a result, as one that is cancelled."""
        kind: type[DigitroError] = NotSentError
        now, pabx = self.ended or self.clock(), None
        if self._last_error is not None:
            pabx = self._last_error.pabx
        if self.attempts > self._attempts_kept:  # cut off with the whole process
            kind, now = OutcomeUnknownError, self.clock()
        reason = Failure.CANCELLED.value
        self.end(now, kind(reason=reason, attempts=self.attempts, pabx=pabx), pabx)


def name_of_command(call: object) -> str:
    """Return the name of a call's command, whatever a program gives as a call."""
    name = getattr(call, "command", None)
    return name if isinstance(name, str) and name in COMMANDS else OTHER_COMMAND
