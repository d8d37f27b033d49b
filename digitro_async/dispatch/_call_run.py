"""How far one call has come, and the result it ends in."""

import asyncio
from collections.abc import Callable, Hashable
from typing import Protocol

from digitro_async._common.drafts import draft_of
from digitro_async.dispatch._recorder import Recorder
from digitro_async.errors import DigitroError, Outcome
from digitro_async.models import Call, CallResult, CommandAccepted, Timings
from digitro_async.protocol import Command, Connection

__all__ = ["CallRun", "is_cancelled"]


class _Doubts(Protocol):
    """Whoever takes doubts about the answers to calls."""

    def add(self, call_run: "CallRun") -> None:
        """Doubt the answer that a call got."""
        ...


class CallRun:
    """One call on its way; lets its owner decide whether to cut it short.

    Args:
        call: The call.
        clock: Tells the loop's time, see ``live_clock``.
        pabx: Name of the PABX that must take it, None for any.
        key: What its owner knows it by.

    Attributes:
        began: Loop time when it was taken on.
        on_wire: Whether an attempt is going on.
        is_last: Whether the attempt that goes on is the last, however it ends.
        command: The row of its command, None until it was looked up.
        attempts: Attempts begun.
        sent_at: Unix time when the last one began.
        sent: Loop time when the last one began.
        settled: Loop time when the last one ended.
        result: What a cancelled attempt came to, settled by its evidence.
        problem: Why the PABX can't be used as configured, where that is so.
        recorder: Where its attempts are recorded, None where they are not.
        deliver: Takes the result of a call whose attempts are recorded.
        connection: What the last attempt was sent on, where that is known.
        doubts: Told where the answer to an attempt turns out to be doubtful.
        is_doubtful: Whether the answer to the last attempt may belong to another call.
        is_recording: Whether the last attempt has ended and is being recorded; the
            result is delivered once it is.
    """

    __slots__ = (
        "attempts",
        "began",
        "call",
        "clock",
        "command",
        "connection",
        "deliver",
        "doubts",
        "is_doubtful",
        "is_last",
        "is_recording",
        "key",
        "on_wire",
        "pabx",
        "problem",
        "recorder",
        "result",
        "sent",
        "sent_at",
        "settled",
    )

    def __init__(
        self,
        call: Call,
        clock: Callable[[], float],
        pabx: str | None = None,
        key: Hashable = None,
    ) -> None:
        self.call = call
        self.clock = clock
        self.pabx = pabx
        self.key = key
        self.began = clock()
        self.on_wire = self.is_last = self.is_recording = self.is_doubtful = False
        self.command: Command | None = None
        self.attempts = 0
        self.sent_at: float | None = None
        self.sent = self.settled = 0.0
        self.result: CallResult | None = None
        self.problem = ""
        self.recorder: Recorder | None = None
        self.deliver: Callable[[CallResult], None] | None = None
        self.connection: Connection | None = None
        self.doubts: _Doubts | None = None

    def doubt(self, attempt: int) -> None:
        """Take note that the answer to an attempt may belong to another call."""
        if attempt == self.attempts and not self.is_doubtful:
            self.is_doubtful = True
            if self.doubts is not None:
                self.doubts.add(self)

    def end(
        self,
        now: float,
        error: DigitroError | None,
        pabx: str | None = None,
        accepted: CommandAccepted | None = None,
    ) -> CallResult:
        """Return the result that the call ends in.

        Args:
            now: Loop time.
            error: Why it was not accepted, None where it was.
            pabx: Name of the PABX that had it last.
            accepted: The acceptance.
        """
        sent = now if self.sent_at is None else self.sent
        timings = _TimingsDraft()
        timings.sent_at = self.sent_at
        timings.waited = sent - self.began
        timings.latency = now - sent
        timings.__class__ = Timings
        draft = _ResultDraft()
        draft.call = self.call
        draft.outcome = _ACCEPTED if error is None else error.outcome or _INVALID
        draft.call_id = None if accepted is None else accepted.call_id
        draft.error = error
        draft.pabx = pabx
        draft.attempts = self.attempts
        draft.timings = timings
        draft.key = self.key
        draft.accepted = accepted
        draft.__class__ = CallResult
        result: CallResult = draft
        return result


def is_cancelled() -> bool:
    """Whether this task was asked to end, and not just something it waited for."""
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


_ACCEPTED, _INVALID = Outcome.ACCEPTED, Outcome.INVALID
_TimingsDraft, _ResultDraft = draft_of(Timings), draft_of(CallResult)
