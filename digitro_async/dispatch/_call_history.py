"""PURE: what the events of one call say together.

Events may come twice and in any order; each answer here is the same for every order.
"""

from typing import Final, NamedTuple

from digitro_async.call_events import CallEnd, CallPhase, Disposition, EndEvidence

__all__ = ["CallHistory", "Sighting"]

# The disposition of a call is the last of these that an event tells of. Who answered
# says more than that somebody did, that somebody did more than why nobody might have,
# and any reason more than the end alone.
_BY_WEIGHT: Final = (
    Disposition.ENDED,
    Disposition.OTHER,
    Disposition.NO_ANSWER,
    Disposition.CONGESTION,
    Disposition.BUSY,
    Disposition.INVALID_NUMBER,
    Disposition.BLOCKED,
    Disposition.ANSWERED,
    Disposition.ABANDONED,
    Disposition.FAX,
    Disposition.MACHINE,
)
_WEIGHTS: Final = {one: weight for weight, one in enumerate(_BY_WEIGHT)}
_BY_PHASE: Final = {
    CallPhase.ANSWERED: Disposition.ANSWERED,
    CallPhase.ENDED: Disposition.ENDED,
}
# Looked up once: a member of an enumeration takes long to look up.
_ENDED: Final = CallPhase.ENDED
_OTHER: Final = CallPhase.OTHER


class Sighting(NamedTuple):
    """What is kept of one event of a call: nothing that is private.

    Attributes:
        phase: How far the call is.
        disposition: What became of the call, None where the event does not say.
        word: The PABX's own word for that.
        seen_at: Unix time when the event was read.
        at: The PABX's own time, as text.
        name: Name of the event.
        now: Loop time when the event was read.
    """

    phase: CallPhase
    disposition: Disposition | None
    word: str | None
    seen_at: float
    at: str | None
    name: str
    now: float


class CallHistory:
    """What the events of one call say together.

    Attributes:
        has_ended: Whether one of them told of the call's end.
    """

    __slots__ = ("_best", "_times", "_word", "has_ended")

    def __init__(self) -> None:
        self.has_ended: bool = False
        self._best: tuple[int, bool, str] | None = None  # weight, at the end, word
        self._word: tuple[int, bool, str] | None = None  # the same, of those with one
        self._times: dict[CallPhase, tuple[float, str]] = {}

    def add(self, seen: Sighting) -> None:
        """Take one event into account."""
        phase, disposition = seen.phase, seen.disposition
        if phase is _ENDED:
            self.has_ended = True
        if phase is not _OTHER:
            time = seen.seen_at, seen.at or ""
            known = self._times.get(phase)
            if known is None or time < known:
                self._times[phase] = time
        for said in (disposition, _BY_PHASE.get(phase)):
            if said is not None and said in _WEIGHTS:
                word = (seen.word or "") if said is disposition else ""
                told = _WEIGHTS[said], phase is _ENDED, word
                if self._best is None or told > self._best:
                    self._best = told
                if word and (self._word is None or told > self._word):
                    self._word = told

    @property
    def disposition(self) -> Disposition:
        """What became of the call, by the events so far."""
        if self._best is None:
            return Disposition.NONE_SEEN
        return _BY_WEIGHT[self._best[0]]

    @property
    def word(self) -> str | None:
        """The PABX's own word: that of the disposition, or else the next best."""
        if self._best is not None and self._best[2]:
            return self._best[2]
        return None if self._word is None else self._word[2]

    def end(
        self, pabx: str, call_id: str | None, key: object, evidence: EndEvidence
    ) -> CallEnd:
        """Return what became of the call.

        Args:
            pabx: Name of the PABX.
            call_id: The call id.
            key: The key of the call's ``DispatchItem``.
            evidence: How its end is known.
        """
        times = self._times

        def seen_at(phase: CallPhase) -> float | None:
            return times[phase][0] if phase in times else None

        return CallEnd(
            pabx=pabx,
            disposition=self.disposition,
            evidence=evidence,
            call_id=call_id,
            key=key,
            word=self.word,
            started_at=seen_at(CallPhase.STARTED),
            rang_at=seen_at(CallPhase.RINGING),
            answered_at=seen_at(CallPhase.ANSWERED),
            ended_at=seen_at(CallPhase.ENDED),
            pabx_times={phase: text for phase, (_, text) in times.items() if text},
        )
