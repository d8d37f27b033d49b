"""Ticket: the turn of one call at one PABX."""

from collections.abc import Hashable
from typing import Any, Generic, Protocol, TypeVar

from digitro_async.dispatch._call_tracker import EndSink
from digitro_async.dispatch._calls_in_progress import CallInProgress
from digitro_async.dispatch._live_clock import live_time
from digitro_async.dispatch._needs import NEEDS_OF_A_CALL, Needs
from digitro_async.dispatch._noted_evidence import NotedEvidence
from digitro_async.dispatch._recorder import Recorder
from digitro_async.dispatch._standing import Standing
from digitro_async.dispatch._standing_watch import StandingWatch
from digitro_async.models import PABX, Call
from digitro_async.protocol import AttemptResult, Evidence, Failure

__all__ = ["Ticket", "TicketIssuer"]


class TicketIssuer(Protocol):
    """The part of an admission that its tickets use."""

    pabx: PABX
    standing: Standing
    watch: StandingWatch

    def admit_next(self) -> None:
        """Let the next calls start: one is no longer on the wire."""
        ...

    def note_sent(self, ticket: "Ticket[Any]") -> None:
        """Note that the request of a call was written: its slot is free in time."""
        ...


_Issuer = TypeVar("_Issuer", bound=TicketIssuer)


class Ticket(Generic[_Issuer]):
    """The turn of one call at one PABX, until it is released or cancelled, once.

    Attributes:
        admission: The admission that gave it.
        is_probe: Whether the call is the one that shows whether a pause may end.
        started: When the call started.
        recorded: When its intent was recorded; as long as none is, when it started.
        channel_id: The event channel that the call is sent over.
        followed: The call as it is followed until its end; None before it is sent, and
            where no events are read.
        is_over: Whether it was given back.
        needs: What the call holds beside its place in flight.
    """

    # Without slots: since 3.12 they make objects more slowly, and each call has one.
    def __init__(
        self, admission: _Issuer, now: float, needs: Needs = NEEDS_OF_A_CALL
    ) -> None:
        standing = admission.standing
        self.admission = admission
        self.started: float = now
        self.recorded: float = now
        self.channel_id: int | None = standing.channel.id
        self.is_over: bool = False
        self.needs: Needs = needs
        self.is_probe: bool = standing.start(now, needs)
        self.followed: CallInProgress | None = None
        self._tracker = standing.tracker if needs.place_in_progress else None

    async def record_intent(self, recorder: Recorder, key: Hashable) -> None:
        """Return once it is recorded that the call is about to be sent.

        Args:
            recorder: The recorder.
            key: The key by which the call's owner knows it.
        """
        counters = self.admission.standing.counters
        counters.recording += 1
        try:
            await recorder.record_intent(key, self.admission.pabx.name)
        finally:
            counters.recording -= 1
        self.recorded = live_time()
        counters.record_times.append(self.recorded - self.started)

    def follow(
        self, call: Call, key: Hashable, sink: EndSink | None
    ) -> CallInProgress | None:
        """Follow the call until its end: it is sent now.

        Args:
            call: The call.
            key: The key of its ``DispatchItem``.
            sink: Whoever wants to know its end, None for nobody.
        """
        if self._tracker is not None:
            pabx = self.admission.pabx.name
            self.followed = self._tracker.send(call, key, pabx, sink)
        return self.followed

    def make_evidence(self) -> Evidence:
        """Return the evidence of an attempt; it notes the sending where that counts."""
        if self.admission.standing.notes_sending:
            return NotedEvidence(self.note_sent, self.admission.standing.may_send)
        return Evidence()

    def note_sent(self) -> None:
        """Note that the request of the call was written, unless its turn is over."""
        if not self.is_over:
            self.admission.note_sent(self)

    def release(self, result: AttemptResult, now: float) -> None:
        """Give the turn back with the result of its attempt."""
        admission = self.admission
        self.is_over = True
        if result.accepted is None and (
            result.classification.reason == Failure.LEASE_ENDED
        ):
            admission.standing.take_back(now, self)  # that says nothing of the PABX
        else:
            admission.standing.record(result, now, self)
        if self._tracker is not None:
            self._tracker.finish(self.followed, result, now)
        if result.accepted is None or self.is_probe:
            cause = result.classification.reason
            admission.watch.look(cause=cause, probe=self.is_probe)
        admission.admit_next()

    def cancel(self, now: float, *, sent: bool) -> None:
        """Give the turn of an attempt back that was cut off.

        Args:
            now: The time.
            sent: Whether it may have been sent: then it may still be delivered.
        """
        admission = self.admission
        self.is_over = True
        admission.standing.record_cut_off(now, self, sent=sent)
        if self._tracker is not None:
            self._tracker.cut_off(self.followed, now, sent=sent)
        admission.watch.look(cause=Failure.CANCELLED, probe=self.is_probe)
        admission.admit_next()

    def take_back(self, now: float) -> None:
        """Give the turn back that no attempt was made with."""
        self.admission.standing.take_back(now, self)
        if self._tracker is not None:
            self._tracker.calls.leave()
        self.admission.admit_next()
