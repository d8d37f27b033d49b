"""Standing: the state of one PABX at run time, known by its answers."""

import math
import random
from collections.abc import Callable, Iterable
from typing import Final

from digitro_async._common.base_url import address_of
from digitro_async._common.reason_words import UNSENT, words_of
from digitro_async.command_settings import EVERY_COMMAND, CommandSettings
from digitro_async.dispatch._breaker import Breaker, BreakerState
from digitro_async.dispatch._call_tracker import CallTracker
from digitro_async.dispatch._channel import CHANNEL_NOT_FOUND, NO_CHANNEL, Channel
from digitro_async.dispatch._doubts import Doubts
from digitro_async.dispatch._needs import NEEDS_OF_A_CALL, Needs
from digitro_async.dispatch._pacing import Pacer, Together
from digitro_async.dispatch._pause_status import (
    PauseStatus,
    past_pause,
    pause_status,
    throttle_status,
)
from digitro_async.dispatch._places import Places
from digitro_async.dispatch._repeated_ids import RepeatedIds
from digitro_async.dispatch._retry import RetryQuota
from digitro_async.dispatch._shared_caps import (
    finish_attempt,
    make_pacer,
    reserve_slots,
    strictest,
)
from digitro_async.dispatch._statistics import Counters, PABXStatistics, median_of
from digitro_async.dispatch._throttle import Throttle
from digitro_async.dispatch._turn import Turn
from digitro_async.errors import (
    ChannelNotFoundError,
    ConfigurationError,
    Outcome,
    PABXPausedError,
    ThrottledError,
)
from digitro_async.models import PABX, PredictiveCall
from digitro_async.protocol import OWN_FAULTS, AttemptResult, Command, Failure
from digitro_async.settings import PauseSettings, RateLimit, RetrySettings

__all__ = ["Standing"]

_CALL: Final = PredictiveCall.command
_CLOSED, _PAUSED_BY_HAND = BreakerState.CLOSED, BreakerState.PAUSED_BY_HAND


class Standing:
    """The state of one PABX at run time. Time is an argument; nobody waits here.

    Args:
        pabx: The PABX.
        retry: Limits of retries.
        pause: When to pause it.
        chance: Returns a number from 0 to 1: the jitter of its back-off.
        pacer: Paces the calls to its address; None where it has that to itself.
        tracker: Follows the calls to its address until they end, None where no events
            are read.

    Attributes:
        pabx: The PABX.
        quota: The budget of its retries.
        breaker: Whether its answers pause it.
        throttle: Until when it asked for rest.
        channel: Its event channel.
        counters: Its counts.
        doubts: Takes doubts about its answers.
        on_fewer_places: Told once that this machine holds fewer calls at once, with
            the code of the reason and their number.
        pacer: When a rate slot is free, None where there is no cap.
        tracker: Knows how many calls are in progress; None where no events are read.
        notes_sending: Whether it is to be noted when requests were written.
        may_send: Tells whether a request may be written now, None where it always may.
        has_settings: Whether there are settings of any command.
        is_repeated: Tells whether it gave a call id lately, and remembers it.
        uses_fresh_connections: Whether each call has a connection of its own, because
            kept ones were closed under calls.
    """

    __slots__ = (
        *("_address", "_chance", "_lack", "_places", "_settings", "breaker"),
        *("channel", "counters", "doubts", "has_settings", "is_repeated"),
        *("may_send", "notes_sending", "on_fewer_places", "pabx", "pacer", "quota"),
        *("throttle", "tracker", "uses_fresh_connections"),
    )

    def __init__(  # noqa: PLR0917 - the parts that calls share
        self,
        pabx: PABX,
        retry: RetrySettings,
        pause: PauseSettings,
        chance: Callable[[], float] = random.random,
        pacer: Pacer | Together | None = None,
        tracker: CallTracker | None = None,
    ) -> None:
        self.pabx = pabx
        self.tracker = tracker
        self.quota: RetryQuota = RetryQuota(retry)
        self.breaker: Breaker = Breaker(pause)
        self.throttle: Throttle = Throttle(retry)
        self.channel: Channel = Channel(pabx.name, pabx.channel_id)
        self.counters: Counters = Counters()
        self.doubts: Doubts = Doubts(pabx.name, self.counters, tracker)
        self.pacer: Pacer | Together | None = pacer or make_pacer(
            [pabx], pause.first_pause
        )
        limits = () if self.pacer is None else self.pacer.limits
        self.notes_sending: bool = any(one.counted_within is not None for one in limits)
        self.may_send: Callable[[], bool] | None = None
        self.is_repeated: Callable[[str], bool] = RepeatedIds().is_repeated
        self.uses_fresh_connections = False
        self._settings = {one.command: one for one in pabx.commands}
        self.has_settings: bool = bool(self._settings)
        self._address = address_of(pabx.base_url)
        self._chance = chance
        self._places = Places(pabx.max_in_flight)
        self._lack = ""  # why there are fewer places, in words
        self.on_fewer_places: Callable[[str, int], None] | None = None

    @property
    def lacks_channel(self) -> bool:
        """Whether it has no channel, and nobody will give it one."""
        return self.channel.id is None and not self.channel.is_expected

    @property
    def needs_resume(self) -> bool:
        """Whether it is paused until ``resume`` or a channel id, and no order."""
        is_paused = self.breaker.state is _PAUSED_BY_HAND
        return (is_paused and not self.breaker.is_ordered) or self.lacks_channel

    @property
    def is_paused(self) -> bool:
        """Whether it is paused in any way, or waits for a channel."""
        return self.breaker.state is not _CLOSED or self.channel.id is None

    def settings_of(self, command: Command) -> CommandSettings | None:
        """Return the settings of a command, None where there are none."""
        every = self._settings.get(EVERY_COMMAND)
        return self._settings.get(command.name, every)

    def needs_of(self, command: Command | None) -> Needs:
        """Return what a command waits for; None stands for a call."""
        if command is None or command.name == _CALL:
            return NEEDS_OF_A_CALL
        settings = self.settings_of(command)
        counts = settings is None or settings.counts_as_call
        return Needs(rate_slot=counts, place_in_progress=False)

    def earliest(self, now: float, needs: Needs = NEEDS_OF_A_CALL) -> float:
        """Return when a call may start: a time, or inf where only an event helps.

        Args:
            now: The time.
            needs: What it waits for.
        """
        if self.counters.in_flight >= self._places.now and not (
            self._places.may_raise(now)
        ):
            return math.inf
        if self.channel.id is None:
            return math.inf
        if (
            self.tracker is not None
            and needs.place_in_progress
            and not self.tracker.calls.has_room()
        ):
            return math.inf
        when, rests_until = self.breaker.until, self.throttle.until
        if rests_until > when:  # noqa: PLR1730 - max() takes longer
            when = rests_until
        if self.pacer is not None and needs.rate_slot:
            when = max(when, self.pacer.earliest(now))
        return when

    def start(self, now: float, needs: Needs = NEEDS_OF_A_CALL) -> bool:
        """Count a call that starts; return whether it is a probe.

        Args:
            now: The time.
            needs: What it holds from now on.
        """
        if self.pacer is not None and needs.rate_slot:
            self.pacer.start(now)
        if self.tracker is not None and needs.place_in_progress:
            self.tracker.calls.enter()
        self.counters.start(now)
        return self.breaker.state is not _CLOSED and self.breaker.start()

    def note_sent(self, turn: Turn, now: float) -> None:
        """Note that the request of a call was written, where the cap asks for that."""
        if self.pacer is not None and turn.needs.rate_slot:
            self.pacer.note_sent(turn, now)

    def take_back(self, now: float, turn: Turn) -> None:
        """Undo the start of a call that made no attempt."""
        self.counters.attempts -= 1
        if turn.is_probe:
            self.breaker.abandon_probe(now)
        self._leave_wire(now, turn, sent=False)

    def record(self, result: AttemptResult, now: float, turn: Turn) -> None:
        """Take the result of an attempt into account.

        Args:
            result: The result.
            now: The time.
            turn: The turn that it was made in.
        """
        probe = turn.is_probe
        counters = self.counters
        counters.in_flight -= 1
        if result.accepted is not None or result.status is not None:
            counters.latencies.append(now - turn.recorded)
            counters.heard_at = now
        if self.pacer is not None and turn.needs.rate_slot:
            finish_attempt(self.pacer, result, now, turn.started, turn)
        if result.accepted is not None and not probe:
            self.breaker.record_accepted()
            self.quota.refund()
            self.throttle.run = 0
            return
        classification = result.classification
        if classification.error is ThrottledError:
            self.throttle.record(result.retry_after, now, self._chance())
        elif result.accepted is not None:
            self.throttle.run = 0
        if (
            classification.error is ChannelNotFoundError
            and turn.channel_id != self.channel.id
            and not probe
        ):
            return  # that a channel is gone says nothing of the one that came after
        if self._is_dead_channel(result) and self.channel.lose(
            counters.outcomes[Outcome.ACCEPTED]
        ):
            if probe:
                self.breaker.abandon_probe(now)
            return
        if (
            classification.reason in OWN_FAULTS
            and classification.reason != Failure.BLOCKED
            and counters.in_flight
            and not probe
        ):
            self._hold_fewer(classification.reason, now)  # the PABX is not at fault
            return
        self.breaker.record(classification, now, probe=probe, status=result.status)

    def _is_dead_channel(self, result: AttemptResult) -> bool:
        """Whether an answer says that the id of the event channel is not valid."""
        events = self.pabx.events
        return (
            events is not None
            and result.status in events.dead_id_statuses
            and result.classification.error is ChannelNotFoundError
        )

    def _hold_fewer(self, reason: str, now: float) -> None:
        """Let no more calls be in flight than this machine holds."""
        self._lack = words_of(reason).removeprefix(UNSENT)
        is_first = self._places.lower(self.counters.in_flight, now)
        if is_first and self.on_fewer_places is not None:
            self.on_fewer_places(reason, self._places.now)

    def record_cut_off(self, now: float, turn: Turn, *, sent: bool) -> None:
        """Take an attempt into account that was cut off; it counts by its evidence.

        Args:
            now: The time.
            turn: The turn that it was made in.
            sent: Whether it may have been sent: then it may still be delivered.
        """
        if sent:
            self.breaker.record_cut_off(now, probe=turn.is_probe)
        elif turn.is_probe:
            self.breaker.cut_probe(now)
        self._leave_wire(now, turn, sent=sent)

    def _leave_wire(self, now: float, turn: Turn, *, sent: bool) -> None:
        self.counters.in_flight -= 1
        if self.pacer is not None and turn.needs.rate_slot:
            if sent:
                self.pacer.give_up(now, turn.started, turn)
            else:
                self.pacer.finish(now, sent=False, call=turn)

    def reserve_slots(
        self,
        free_at: Iterable[float],
        lost_until: Iterable[float] = (),
        *,
        now: float = -math.inf,
        limit: RateLimit | None = None,
    ) -> None:
        """Take the rate slots of calls that were made before.

        Args:
            free_at: For each call that was answered, when its slot is free.
            lost_until: For each that was not, when its slot is free at the latest.
            now: The time: what starts later is sent later than the lost ones.
            limit: The cap that the slots are of, None for every one.
        """
        if self.pacer is not None:
            reserve_slots(self.pacer, list(free_at), list(lost_until), now, limit)

    def set_channel(self, channel_id: int | None) -> None:
        """Take another channel; end a pause that came because one was not found."""
        self.channel.set(channel_id)
        if channel_id is not None and self.breaker.reason == CHANNEL_NOT_FOUND:
            self.breaker.resume()

    def resume(self) -> None:
        """End the pause and the rest, for any reason."""
        self.breaker.resume()
        self.throttle.lift()

    def paused_error(self, now: float) -> PABXPausedError | ConfigurationError:
        """Return the error of a call that won't wait for the end of the pause."""
        if self.lacks_channel:
            return self.channel.missing_error()
        error = PABXPausedError(pabx=self.pabx.name, reason=self._why_paused())
        if not self.needs_resume:
            error.retry_after = self._seconds_left(now)
        return error

    def snapshot(
        self, now: float, waiting: int, *, is_draining: bool = False
    ) -> PABXStatistics:
        """Return its statistics.

        Args:
            now: The time.
            waiting: Calls that wait for their turn.
            is_draining: Whether no further call is started.
        """
        counters, tracker = self.counters, self.tracker
        throttled = self.throttle.until > now
        latency = median_of(counters.latencies)
        return PABXStatistics(
            name=self.pabx.name,
            in_flight=counters.in_flight,
            waiting=waiting,
            attempts=counters.attempts,
            outcomes=dict(counters.outcomes),
            rate=counters.rate(now),
            paused=self._why_paused() or ("throttled" if throttled else ""),
            resumes_in=self._seconds_left(now) if self.is_paused or throttled else None,
            alarms=counters.alarms,
            doubtful=counters.doubtful,
            uses_fresh_connections=self.uses_fresh_connections,
            address=self._address,
            average_rate=counters.average_rate(now),
            pause=self._pause_status(now),
            pauses=self.breaker.pauses,
            last_pause=past_pause(self.breaker, self._address, now),
            latency=latency,
            record_seconds=median_of(counters.record_times) or 0.0,
            recording=counters.recording,
            silent_for=counters.silent_for(now),
            max_in_flight=self._places.now,
            lack=self._lack if self._places.are_fewer else "",
            cap=self._cap(latency),
            lost_slots=0 if self.pacer is None else self.pacer.lost_slots,
            is_draining=is_draining,
            in_progress=0 if tracker is None else tracker.calls.count,
            max_in_progress=None if tracker is None else tracker.calls.most,
            dispositions={}
            if tracker is None
            else dict(tracker.dispositions[self.pabx.name]),
        )

    def _cap(self, latency: float | None) -> RateLimit | None:
        """Return the strictest cap of its address, None where there is none."""
        limits = () if self.pacer is None else self.pacer.limits
        return strictest(limits, latency or 0.0)

    def _pause_status(self, now: float) -> PauseStatus | None:
        address, left = self._address, self._seconds_left(now)
        status = pause_status(self.breaker, self.channel, address, left, now)
        throttle = self.throttle
        if status is None and throttle.until > now:
            left = throttle.until - now
            return throttle_status(address, left, throttle.run, throttle.asked)
        return status

    def _why_paused(self) -> str:
        return self.breaker.reason or (NO_CHANNEL if self.channel.id is None else "")

    def _seconds_left(self, now: float) -> float | None:
        """Return seconds until it tries again by itself, None where it won't."""
        if self.channel.id is None:
            return None
        left = self.breaker.seconds_left(now)
        return None if left is None else max(left, self.throttle.until - now)
