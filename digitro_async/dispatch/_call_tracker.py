"""CallTracker: follows the calls to one address by events, and tells of their ends."""

import asyncio
import hashlib
import math
import os
from collections.abc import Callable, Hashable, Sequence
from functools import partial

from digitro_async._common.validators import opened
from digitro_async.call_events import (
    CallEnd,
    CallEvent,
    CallPhase,
    CallSeen,
    ChannelClosed,
    ChannelEvent,
    ChannelOpened,
    Disposition,
    Gap,
)
from digitro_async.dispatch._call_history import Sighting
from digitro_async.dispatch._calls_in_progress import (
    CallInProgress,
    CallsInProgress,
)
from digitro_async.dispatch._end_rules import end_rules_of
from digitro_async.dispatch._live_clock import live_time
from digitro_async.dispatch._noted_changes import note_channel, note_end
from digitro_async.dispatch._recorder import EndRecorder
from digitro_async.errors import DrainedError, Outcome
from digitro_async.models import PABX, Call
from digitro_async.observe import EventKind, EventReporter
from digitro_async.protocol import AttemptResult, doubtful_answer

__all__ = ["CallTracker", "EndSink", "make_tracker", "sink_of"]

SHORTEST_TIMER = 1e-4
"""Seconds; a loop fires a shorter timer too early, again and again."""

REMEMBERED_ENDS = 10_000
"""Ends of calls that may be asked for by their call id."""

# Looked up once: a member of an enumeration takes long to look up.
_UNKNOWN, _ENDED = Outcome.UNKNOWN, CallPhase.ENDED
_DOUBTFUL = doubtful_answer().classification.reason
_CLOSED = "The client was closed before it was known what became of the call."


class EndSink:
    """Whoever wants to know the ends of the calls of one stream.

    Args:
        recorder: Records them, None where nobody does.
        on_end: Called with each once it is recorded, None where nobody waits for it.
    """

    __slots__ = ("on_end", "recorder")

    def __init__(
        self,
        recorder: EndRecorder | None,
        on_end: Callable[[CallInProgress], None] | None,
    ) -> None:
        self.recorder: EndRecorder | None = recorder
        self.on_end: Callable[[CallInProgress], None] | None = on_end


def sink_of(
    recorder: object, on_end: Callable[[CallInProgress], None] | None
) -> EndSink | None:
    """Return the sink of a stream, None where nobody wants to know of ends.

    Args:
        recorder: The recorder of the stream; it may be an ``EndRecorder``.
        on_end: Called with each end once it is recorded.
    """
    records = recorder if isinstance(recorder, EndRecorder) else None
    return None if records is None and on_end is None else EndSink(records, on_end)


class CallTracker:
    """Follows the calls to one address in the event loop.

    Args:
        together: The PABX at that address; the events of one at least are read.
        reporter: Told of calls of unknown outcome that an event shows.

    Attributes:
        calls: The calls that are in progress.
        dispositions: What became of calls, counted, by the name of their PABX.
        on_room: Called where one more call may be in progress.
    """

    def __init__(self, together: Sequence[PABX], reporter: EventReporter) -> None:
        caps = [one.max_in_progress for one in together if one.max_in_progress]
        self.calls: CallsInProgress = CallsInProgress(
            end_rules_of(together), min(caps, default=None)
        )
        self.dispositions: dict[str, dict[Disposition, int]] = {
            one.name: dict.fromkeys(Disposition, 0) for one in together
        }
        self.on_room: Callable[[], None] | None = None
        self._reporter = reporter
        self._matches = any(
            one.events is not None and one.events.destination_fields for one in together
        )
        digits = [one.call_ends.destination_digits for one in together if one.events]
        self._digits = None if None in digits else max(filter(None, digits))
        self._salt = os.urandom(16)
        self._timer: asyncio.TimerHandle | None = None
        self._due = math.inf  # of the timer
        self._untold: list[tuple[CallInProgress, CallEnd | CallSeen]] = []
        self._ends: dict[str, CallEnd] = {}  # by call id; oldest first
        self._asked: dict[str, list[asyncio.Future[CallEnd]]] = {}
        self._idle: asyncio.Event | None = None
        self._is_stopped = False

    def send(
        self, call: Call, key: Hashable, pabx: str, sink: EndSink | None
    ) -> CallInProgress:
        """Follow a call that is sent now.

        Args:
            call: The call.
            key: The key of its ``DispatchItem``.
            pabx: Name of the PABX.
            sink: Whoever wants to know its end.
        """
        number = None
        if self._matches:
            number = self._mark_of(opened(getattr(call, "destination", None)))
        return self.calls.send(sink, key, pabx, number, live_time())

    def follow_earlier(
        self,
        key: Hashable,
        pabx: str,
        call_id: str | None,
        sink: EndSink | None,
        ago: float,
    ) -> None:
        """Follow a call of before; see ``Dispatcher.follow_earlier``."""
        known = None if call_id is None else self.calls.by_id.get(call_id)
        if known is not None:  # of a stream of this client, whose recorder is gone
            known.owner = sink
            return
        then = live_time() - ago
        self.calls.enter()
        call = self.calls.send(sink, key, pabx, None, then)
        if call_id is None:
            self.calls.lose(call, then, may_match=False)
        else:
            self.calls.accept(call, call_id, then)
        self._go_on(live_time())

    def finish(
        self, call: CallInProgress | None, result: AttemptResult, now: float
    ) -> None:
        """Take the result of an attempt into account.

        Args:
            call: The call, None where nothing was sent.
            result: The result.
            now: The time.
        """
        accepted, classification = result.accepted, result.classification
        if call is None:
            self.calls.leave()
        elif accepted is not None and accepted.call_id is not None:
            self.calls.accept(call, accepted.call_id, now)
        elif classification.outcome is _UNKNOWN:
            has_doubt = classification.reason == _DOUBTFUL
            has_doubt = has_doubt or classification.protocol_violation
            self.calls.lose(call, now, may_match=not has_doubt)
        else:
            self.calls.not_placed(call)
        self._go_on(now)

    def cut_off(self, call: CallInProgress | None, now: float, *, sent: bool) -> None:
        """Take an attempt into account that was cut off.

        Args:
            call: The call, None where nothing was sent.
            now: The time.
            sent: Whether it may have been sent: then it may still be placed.
        """
        if call is None:
            self.calls.leave()
        elif sent:
            self.calls.lose(call, now)
        else:
            self.calls.not_placed(call)
        self._go_on(now)

    def doubt(self, call: CallInProgress) -> None:
        """Take into account that the answer to a call may be another call's."""
        self.calls.doubt(call)

    def take(self, event: ChannelEvent) -> None:
        """Take an event of the address into account, in the event loop."""
        now, calls = live_time(), self.calls
        before = calls.count
        if isinstance(event, CallEvent):
            call_id, number = event.call_id, None
            if call_id is None:
                return
            to = event.destination
            if to is not None and self._matches and call_id not in calls.by_id:
                number = self._mark_of(to.reveal())
            seen = Sighting(
                event.phase,
                event.disposition,
                event.word,
                event.seen_at,
                event.at,
                event.name,
                now,
            )
            calls.see(call_id, seen, number)
            if event.phase is not _ENDED:
                return  # nothing is due sooner than before
        elif isinstance(event, ChannelOpened):
            calls.open(event.pabx, now)
        elif isinstance(event, ChannelClosed):
            calls.close(event.pabx, now)
        elif isinstance(event, Gap):
            calls.miss(now)
        if not isinstance(event, CallEvent):
            note_channel(self._reporter, event)
        self._go_on(now)
        self._tell_of_room(before)

    async def end_of(self, call_id: str) -> CallEnd | None:
        """Return what became of a call, once that is known.

        Returns:
            Its end; None where no call with that id is in progress or ended lately.

        Raises:
            DrainedError: If the events are read no more before it is known.
        """
        end = self._ends.get(call_id)
        if end is not None or call_id not in self.calls.by_id:
            return end
        asked: asyncio.Future[CallEnd] = asyncio.get_running_loop().create_future()
        self._asked.setdefault(call_id, []).append(asked)
        return await asked

    async def wait_idle(self) -> None:
        """Wait until the end of every call is known and told."""
        while not self._is_stopped and (len(self.calls) or self._untold):
            if self._idle is None:
                self._idle = asyncio.Event()
            await self._idle.wait()

    def stop(self) -> None:
        """Follow no call any more: the client closes."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._due = None, -math.inf  # never set again
        self._is_stopped = True
        asked, self._asked = self._asked, {}
        for future in (one for several in asked.values() for one in several):
            if not future.done():
                future.set_exception(DrainedError(_CLOSED, reason="drained"))
        self._wake_idle()

    def _mark_of(self, number: object) -> bytes | None:
        """Return what stands for a number here: nothing that shows it."""
        if not isinstance(number, str) or not number:
            return None
        compared = number if self._digits is None else number[-self._digits :]
        data = compared.encode("utf-8", "surrogatepass")
        return hashlib.blake2b(data, key=self._salt, digest_size=16).digest()

    def _go_on(self, now: float) -> None:
        """Hand on what is new, and see to it that what is due later is done."""
        if self.calls.news:
            self._hand_on()
        due = self.calls.next_due
        if due < self._due:
            if self._timer is not None:
                self._timer.cancel()
            loop = asyncio.get_running_loop()
            self._due = due
            self._timer = loop.call_later(max(due - now, SHORTEST_TIMER), self._expire)
        self._wake_idle()

    def _expire(self) -> None:
        now, before = live_time(), self.calls.count
        self._timer, self._due = None, math.inf
        self.calls.expire(now)
        self._go_on(now)
        self._tell_of_room(before)

    def _tell_of_room(self, before: int) -> None:
        if self.calls.count < before and self.on_room is not None:
            self.on_room()

    def _hand_on(self) -> None:
        """Tell of what is new in the loop's next turn: an outcome is recorded first."""
        if not self._untold:
            asyncio.get_running_loop().call_soon(self._tell)
        self._untold += self.calls.news
        for _, news in self.calls.news:
            if isinstance(news, CallEnd):
                self._keep(news)
        self.calls.news.clear()

    def _keep(self, end: CallEnd) -> None:
        self.dispositions[end.pabx][end.disposition] += 1
        if end.call_id is None:
            return
        self._ends.pop(end.call_id, None)
        self._ends[end.call_id] = end
        if len(self._ends) > REMEMBERED_ENDS:
            del self._ends[next(iter(self._ends))]

    def _tell(self) -> None:
        untold, self._untold = self._untold, []
        for call, news in untold:
            if isinstance(news, CallEnd):
                self._tell_end(call, news)
            else:
                self._tell_seen(call, news)
        self._wake_idle()

    def _wake_idle(self) -> None:
        if self._idle is None:
            return
        if self._is_stopped or not (len(self.calls) or self._untold):
            self._idle.set()
            self._idle = None

    def _tell_end(self, call: CallInProgress, end: CallEnd) -> None:
        note_end(self._reporter, end)
        for asked in self._asked.pop(end.call_id or "", ()):
            if not asked.done():
                asked.set_result(end)
        sink = call.owner
        if not isinstance(sink, EndSink):
            return
        told = partial(_tell_once, sink, call)
        if sink.recorder is None:
            told()
            return
        try:
            sink.recorder.record_end(call.key, call.pabx, end, told)
        except Exception as error:  # noqa: BLE001 - of somebody's own recorder
            self._complain(error)
            told()

    def _tell_seen(self, call: CallInProgress, seen: CallSeen) -> None:
        text = f"an event of {seen.pabx} shows that a call without an answer was placed"
        self._reporter.report(EventKind.UNKNOWN_SETTLED, text, pabx=seen.pabx)
        sink = call.owner
        if isinstance(sink, EndSink) and sink.recorder is not None:
            try:
                sink.recorder.record_settled_by_event(call.key, call.pabx, seen)
            except Exception as error:  # noqa: BLE001 - of somebody's own recorder
                self._complain(error)

    def _complain(self, error: Exception) -> None:
        name = type(error).__name__
        self._reporter.complain(f"a recorder raised {name} for the end of a call")


def _tell_once(sink: EndSink, call: CallInProgress) -> None:
    if not call.is_told:
        call.is_told = True
        if sink.on_end is not None:
            sink.on_end(call)


def make_tracker(
    together: Sequence[PABX], reporter: EventReporter
) -> CallTracker | None:
    """Return the tracker of the calls to one address, None where no events are read.

    Args:
        together: The PABX at that address. A ``max_in_progress`` of one holds for all.
        reporter: Told of calls of unknown outcome that an event shows.
    """
    if all(one.events is None for one in together):
        return None
    return CallTracker(together, reporter)
