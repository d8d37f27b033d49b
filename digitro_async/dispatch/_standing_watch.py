"""StandingWatch: tells of what changes in the standing of one PABX."""

from digitro_async._common.base_url import address_of
from digitro_async.dispatch._breaker import BreakerState
from digitro_async.dispatch._channel import CHANNEL_NOT_FOUND, NO_CHANNEL
from digitro_async.dispatch._live_clock import time_anywhere
from digitro_async.dispatch._pause_status import PauseStatus
from digitro_async.dispatch._standing import Standing
from digitro_async.observe import EventKind, EventReporter
from digitro_async.protocol import CAUSES

__all__ = ["StandingWatch"]


class StandingWatch:
    """Tells of pauses, probes and breaches of one PABX, each time somebody looks.

    Args:
        standing: The state of the PABX.
        reporter: Told of the events.
    """

    __slots__ = ("_address", "_alarms", "_code", "_reporter", "_standing")

    def __init__(self, standing: Standing, reporter: EventReporter) -> None:
        self._standing = standing
        self._reporter = reporter
        self._address = address_of(standing.pabx.base_url)
        self._code = ""  # of the pause that was told last
        self._alarms = 0
        standing.doubts.on_breach = self._tell_breach
        standing.on_fewer_places = self._tell_fewer_places
        standing.breaker.on_probe = self._tell_probe

    def look(self, *, cause: str = "", probe: bool = False) -> None:
        """Tell of what has changed since the last look.

        Args:
            cause: Code of the attempt that has ended, empty where none has.
            probe: Whether that was a probe.
        """
        standing = self._standing
        alarms, breaker = standing.counters.alarms, standing.breaker
        if alarms != self._alarms:
            self._alarms = alarms
            kind = EventKind.PROTOCOL_VIOLATION
            self._tell(kind, f"broke the protocol ({cause})", cause, cause)
        code = breaker.reason or (NO_CHANNEL if standing.channel.id is None else "")
        if code != self._code:
            before, self._code = self._code, code
            if code:
                self._tell_pause(code, cause)
            else:
                self._tell(EventKind.RESUMED, "gets calls again", before)
        elif probe and breaker.state is BreakerState.OPEN:
            status = standing.snapshot(time_anywhere(), 0).pause
            kind, what = EventKind.PROBE_FAILED, f"is paused still: {cause}"
            self._tell(kind, what, code, cause, status)

    def tell_of_reuse(self) -> None:
        """Tell that each call has a new connection of its own from now on."""
        what = (
            "closes kept connections without saying so, and calls were lost: each call"
            " has a new connection of its own from now on"
        )
        self._tell(EventKind.REUSE_ENDED, what, "connection_lost", "connection_lost")

    def tell_of_rate(self, calls: int | None, per: float) -> None:
        """Tell observers that another cap is kept than before.

        Args:
            calls: Most calls; None for those of the settings.
            per: Seconds in which these are counted.
        """
        name, cap = self._standing.pabx.name, "the cap of its settings"
        if calls is not None:
            cap = f"a cap of {calls} calls in {per:g} s"
        self._reporter.activity.note(
            EventKind.RATE_CHANGED,
            f"PABX {name} has {cap}",
            pabx=name,
            calls=calls,
            per=None if calls is None else per,
        )

    def _tell_probe(self) -> None:
        """Tell observers that one call goes to a paused PABX."""
        name, breaker = self._standing.pabx.name, self._standing.breaker
        self._reporter.activity.note(
            EventKind.PROBE_BEGAN,
            f"PABX {name} is tried with one call",
            pabx=name,
            reason=str(breaker.reason),
        )

    def _tell_pause(self, code: str, cause: str) -> None:
        status = self._standing.snapshot(time_anywhere(), 0).pause
        text = code if status is None else status.text
        what = f"is {text}" if text.startswith("paused") else f"is paused: {text}"
        opens = code == NO_CHANNEL and self._standing.channel.on_dead is not None
        self._tell(EventKind.PAUSED, what, code, cause, None if opens else status)
        if code in {NO_CHANNEL, CHANNEL_NOT_FOUND}:
            what = "needs another channel id: calls start after set_channel_id"
            if opens:
                what = "has no event channel now: calls start when it is open again"
            self._tell(EventKind.CHANNEL_MISSING, what, code, cause)

    def _tell_breach(self, calls: int) -> None:
        """Tell of an answer that nobody asked for, which was counted."""
        self._alarms = self._standing.counters.alarms
        what = (
            "sent an answer that no call waited for. Its connections were closed; the"
            f" outcome of {calls} calls is doubtful"
        )
        self._tell(EventKind.PROTOCOL_VIOLATION, what, "unasked_answer")

    def _tell_fewer_places(self, reason: str, places: int) -> None:
        """Tell that this machine holds fewer calls at once than the PABX may get."""
        what = (
            f"gets {places} calls at once, and not {self._standing.pabx.max_in_flight},"
            f" until more are possible: {CAUSES[reason]}"
        )
        self._tell(EventKind.FEWER_IN_FLIGHT, what, reason, reason)

    def _tell(
        self,
        kind: EventKind,
        what: str,
        reason: str,
        cause: str = "",
        status: PauseStatus | None = None,
    ) -> None:
        seconds = None
        if status is not None:
            seconds = status.next_try_in
            what += (
                "; it stays so until resume()"
                if seconds is None
                else f"; next try in {seconds:.0f} s"
            )
        self._reporter.report(
            kind,
            f"PABX {self._standing.pabx.name} {what}",
            pabx=self._standing.pabx.name,
            address=self._address,
            reason=str(reason),
            cause=str(cause),
            retry_after=seconds,
        )
