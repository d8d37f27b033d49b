"""How far one call has come, and the result it ends in."""

from collections.abc import Callable, Hashable

from digitro_async.dispatch._journal import Journal
from digitro_async.errors import DigitroError, Outcome
from digitro_async.models import CallAccepted, CallResult, PredictiveCall, Timings

__all__ = ["Progress"]


class Progress:
    """One call on its way; lets its owner decide whether to cut it short.

    Made for every call, so what most calls never set stands in the class.

    Args:
        call: The call.
        clock: Tells the loop's time, see ``live_clock``.
        pabx: Name of the PABX that must take it, None for any.
        key: What its owner knows it by.

    Attributes:
        began: Loop time when it was taken on.
        on_wire: Whether an attempt is going on.
        is_last: Whether the attempt that goes on is the last, however it ends.
        attempts: Attempts begun.
        sent_at: Unix time when the last one began.
        sent: Loop time when the last one began.
        settled: Loop time when the last one ended.
        result: What a cancelled attempt came to, settled by its evidence.
        problem: Why the PABX can't be used as configured, where that is so.
        journal: Where its attempts are recorded, None where they are not.
        deliver: Takes the result of a call whose attempts are recorded.
        is_recording: Whether the last attempt has ended and is being recorded; the
            result is delivered once it is.
    """

    on_wire: bool = False
    is_last: bool = False
    attempts: int = 0
    sent_at: float | None = None
    sent: float = 0.0
    settled: float = 0.0
    result: CallResult | None = None
    problem: str = ""
    journal: Journal | None = None
    deliver: Callable[[CallResult], None] | None = None
    is_recording: bool = False

    def __init__(
        self,
        call: PredictiveCall,
        clock: Callable[[], float],
        pabx: str | None = None,
        key: Hashable = None,
    ) -> None:
        self.call = call
        self.clock = clock
        self.pabx = pabx
        self.key = key
        self.began = clock()

    def end(
        self,
        now: float,
        error: DigitroError | None,
        pabx: str | None = None,
        accepted: CallAccepted | None = None,
    ) -> CallResult:
        """Return the result that the call ends in.

        Args:
            now: Loop time.
            error: Why it was not accepted, None where it was.
            pabx: Name of the PABX that had it last.
            accepted: The acceptance.
        """
        sent = now if self.sent_at is None else self.sent
        return CallResult(
            call=self.call,
            outcome=_ACCEPTED if error is None else error.outcome or Outcome.INVALID,
            call_id=None if accepted is None else accepted.call_id,
            error=error,
            pabx=pabx,
            attempts=self.attempts,
            timings=Timings(self.sent_at, sent - self.began, now - sent),
            key=self.key,
            accepted=accepted,
        )


_ACCEPTED = Outcome.ACCEPTED
