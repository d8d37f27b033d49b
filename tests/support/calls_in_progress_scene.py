"""Calls in progress without a loop, and a clock that a test moves."""

from typing import Any

from digitro_async import CallEnd, CallPhase, CallSeen, Disposition, EndEvidence
from digitro_async.dispatch._call_history import Sighting
from digitro_async.dispatch._calls_in_progress import (
    CallInProgress,
    CallsInProgress,
    EndRules,
)

__all__ = ["EndScene"]

A = b"number a"


class EndScene:
    """Calls of one PABX, and a clock.

    Args:
        most: Most calls in progress.
        rules: Rules other than the usual ones.
    """

    def __init__(self, most: int | None = None, **rules: Any) -> None:
        usual = {"end_timeout": 100.0, "grace": 1.0, "match_window": 10.0, "keep": 50.0}
        self.calls = CallsInProgress(EndRules(**{**usual, **rules}), most)
        self.now = 0.0
        self.calls.open("one", -1.0)

    def send(self, number: bytes = A) -> CallInProgress:
        """Send a call."""
        self.calls.enter()
        return self.calls.send(None, "key", "one", number, self.now)

    def accept(self, call_id: str = "id", number: bytes = A) -> CallInProgress:
        """Send a call that is accepted."""
        call = self.send(number)
        self.calls.accept(call, call_id, self.now)
        return call

    def lose(self, number: bytes = A, **options: bool) -> CallInProgress:
        """Send a call whose answer is lost."""
        call = self.send(number)
        self.calls.lose(call, self.now, **options)
        return call

    def see(
        self,
        phase: str,
        call_id: str = "id",
        number: bytes | None = None,
        disposition: Disposition | None = None,
    ) -> None:
        """Let an event come."""
        seen = Sighting(
            CallPhase(phase), disposition, None, self.now, None, "NAME", self.now
        )
        self.calls.see(call_id, seen, number)

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        until = self.now + seconds
        while self.calls.next_due <= until:
            self.now = max(self.now, self.calls.next_due)
            self.calls.expire(self.now)
        self.now = until

    def news(self) -> list[CallEnd | CallSeen]:
        """Take what is new."""
        news = [one for _, one in self.calls.news]
        self.calls.news.clear()
        return news

    def ends(self) -> list[tuple[Disposition, EndEvidence]]:
        """Take the ends that are new."""
        ends = [one for one in self.news() if isinstance(one, CallEnd)]
        return [(one.disposition, one.evidence) for one in ends]
