"""Dispatcher: the way in to pace, retries and pauses. It does no I/O itself."""

import math
import random
from collections.abc import Callable, Hashable, Iterable, Mapping

import attrs

from digitro_async._common.boot_clock import boot_time
from digitro_async.call_events import CallEnd, ChannelEvent
from digitro_async.dispatch._argument_checks import (
    check_port,
    check_recorder,
    check_settings,
    check_size,
    check_turn,
    checked_reason,
    checked_seconds,
)
from digitro_async.dispatch._call_event_feed import (
    QUEUE_SIZE,
    CallEventFeed,
    CallEvents,
)
from digitro_async.dispatch._call_result import with_end
from digitro_async.dispatch._call_source import Calls
from digitro_async.dispatch._call_tracker import sink_of
from digitro_async.dispatch._dispatch_results import DispatchResults
from digitro_async.dispatch._health import Health, health_of
from digitro_async.dispatch._live_clock import live_clock, live_time, time_anywhere
from digitro_async.dispatch._observed_run import make_services
from digitro_async.dispatch._ordered_rate import order_rate
from digitro_async.dispatch._recorder import EndRecorder, Recorder
from digitro_async.dispatch._router import Router
from digitro_async.dispatch._shared_sending import SharedSending
from digitro_async.dispatch._statistics import Statistics
from digitro_async.errors import ConfigurationError, LedgerError
from digitro_async.models import PABX, Call, CallResult
from digitro_async.observe import ActivityStream, EventKind, EventReporter, OnEvent
from digitro_async.settings import PauseSettings, RateLimit, RetrySettings
from digitro_async.transport import Transport

__all__ = ["Dispatcher"]


class Dispatcher:
    """Rate-limited concurrent sender over one or several PABX.

    ``DigitroClient`` has one inside; use it directly to bring your own transport. What
    happens inside is ``activity``, for observers.

    Args:
        pabx: The PABX, or several with different names.
        transport: Makes each attempt.
        retry: When a call that was not placed is sent again.
        pause: When a PABX is paused.
        chance: Returns a number from 0 to 1: the jitter of back-offs.
        on_event: Told of pauses and the like; see ``DigitroClient``.

    Raises:
        ConfigurationError: If there is no PABX, two share a name, the transport is
            none, or ``on_event`` is no plain function.
    """

    def __init__(
        self,
        pabx: PABX | Iterable[PABX],
        transport: Transport,
        *,
        retry: RetrySettings | None = None,
        pause: PauseSettings | None = None,
        chance: Callable[[], float] = random.random,
        on_event: OnEvent | None = None,
    ) -> None:
        retry = RetrySettings() if retry is None else retry
        pause = PauseSettings() if pause is None else pause
        check_settings(retry, pause)
        check_port("transport", transport, "exchange")
        self._reporter = EventReporter(on_event)
        self._ledger_problem = ""
        self._clock: Callable[[], float] | None = None  # of the loop that it is used in
        self._router = Router(pabx, retry, pause, chance, self._reporter)
        self._feed = CallEventFeed()
        self.activity: ActivityStream = self._reporter.activity
        self._services = make_services(
            self._router, transport, retry, chance, self.activity
        )

    @property
    def pabx(self) -> tuple[PABX, ...]:
        """The PABX it sends to."""
        return tuple(admission.pabx for admission in self._router.admissions.values())

    @property
    def capacity(self) -> int:
        """Most calls on the wire at once, over all PABX."""
        return self._router.capacity

    @property
    def needs_resume(self) -> bool:
        """Whether every PABX is paused until ``resume``."""
        return self._router.needs_resume

    @property
    def end_timeouts(self) -> Mapping[str, float]:
        """The PABX whose calls are followed, and within how many seconds they end.

        Those are the PABX with ``events``, and those beside them at their addresses.
        """
        trackers = self._router.trackers.items()
        return {name: tracker.calls.end_timeout for name, tracker in trackers}

    async def submit(
        self,
        call: Call,
        *,
        pabx: str | None = None,
        key: Hashable = None,
        wait_while_paused: bool = False,
        max_wait: float | None = None,
        deadline: float | None = None,
    ) -> CallResult:
        """Take one call to its end and return its result.

        It takes the next turn, before the calls of ``stream`` that wait; these keep one
        turn in four.

        Args:
            call: The call.
            pabx: Name of the PABX that must take it, None for the least loaded.
            key: Comes back in the result.
            wait_while_paused: Whether to wait while the PABX is paused.
            max_wait: Most seconds to wait for one turn, None for no limit.
            deadline: Seconds from now after which nothing new begins: no turn, no
                wait, no retry. An attempt that is on the wire goes on to its end.

        Raises:
            ConfigurationError: If ``pabx``, ``max_wait`` or ``deadline`` can't be used.
            asyncio.CancelledError: If it is cancelled; an attempt on the wire is cut
                off and counted by its evidence.
        """
        # Whatever can be wrong is found before anything is counted or queued.
        check_turn(pabx, max_wait, deadline)
        clock = self._clock = live_clock()
        call_run = self._services.make_run(self._services, call, clock, pabx, key)
        result = await call_run.run(
            wait_while_paused=wait_while_paused,
            max_wait=math.inf if max_wait is None else max_wait,
            deadline=math.inf if deadline is None else deadline,
        )
        assert result is not None  # noqa: S101 - there is no recorder
        return with_end(result, call_run.followed)

    def stream(
        self,
        calls: Calls,
        recorder: Recorder | None = None,
        *,
        wait_for_end: bool = False,
    ) -> DispatchResults:
        """Send many calls; see ``DigitroClient.dispatch``.

        Raises:
            ConfigurationError: If the recorder is none, or no events are read.
        """
        check_recorder(recorder)
        if wait_for_end and not self._router.trackers:
            raise ConfigurationError("wait_for_end needs a PABX with events")
        return DispatchResults(
            self._services, calls, recorder, wait_for_end=wait_for_end
        )

    def take_event(self, event: ChannelEvent) -> None:
        """Take an event of a PABX into account, in the event loop.

        A client does so with the events that it reads. Whoever reads them in another
        way gives them here: each one, in order, ``ChannelOpened`` and ``Gap`` too.

        Args:
            event: The event; that of a PABX without ``events`` is ignored.
        """
        tracker = self._router.trackers.get(event.pabx)
        if tracker is None:
            return
        tracker.take(event)
        self._feed.put(event)

    def call_events(self, queue_size: int = QUEUE_SIZE) -> CallEvents:
        """Return the events of calls from now on; see ``DigitroClient.call_events``.

        Raises:
            ConfigurationError: If no PABX has events, or the size is below 1.
        """
        if not self._router.trackers:
            raise ConfigurationError("no PABX has events: give PABX(events=...)")
        check_size("queue_size", queue_size)
        return self._feed.open(queue_size)

    async def call_end(self, call_id: str, pabx: str | None = None) -> CallEnd:
        """Return what became of a call; see ``DigitroClient.call_end``.

        Raises:
            ConfigurationError: If the PABX has no events, or no such call is known.
            DrainedError: If the client was closed meanwhile.
        """
        return await self._router.end_of(call_id, pabx)

    def follow_earlier(
        self,
        pabx: str,
        call_id: str | None,
        *,
        key: Hashable,
        recorder: EndRecorder,
        ago: float,
    ) -> bool:
        """Follow a call that another client made, until its end.

        It counts for ``max_in_progress``. Calls are given here in the order of their
        answers, before others are made: then each deadline is kept.

        Args:
            pabx: Name of the PABX that took it.
            call_id: The call id, None where nobody knows it: then it has its deadline.
            key: Its key.
            recorder: The recorder that is told of its end.
            ago: Seconds since its answer, or since it was sent.

        Returns:
            Whether it is followed: not where no events of that PABX are read.
        """
        tracker = self._router.trackers.get(pabx)
        if tracker is None:
            return False
        tracker.follow_earlier(key, pabx, call_id, sink_of(recorder, None), ago)
        return True

    async def wait_for_ends(self) -> None:
        """Wait until the end of every call in progress is known and recorded.

        It takes as long as the longest call, and ``end_timeout`` at most.
        """
        for tracker in set(self._router.trackers.values()):
            await tracker.wait_idle()

    def stop_events(self) -> None:
        """Follow no call any more, and end every iteration over events."""
        for tracker in self._router.trackers.values():
            tracker.stop()
        self._feed.close()
        self.activity.close()

    def reserve_slots(
        self,
        pabx: str,
        seconds: Iterable[float],
        *,
        lost: Iterable[float] = (),
        limit: RateLimit | None = None,
    ) -> None:
        """Take rate slots for calls that another run made before this one.

        PABX at one address share their slots: name one of these only.

        Args:
            pabx: Name of the PABX.
            seconds: For each call, how long from now its slot is taken.
            lost: For each call that was sent and never answered, how long from now its
                slot is taken at most; an answer to a later call frees it.
            limit: The cap that the slots are of, None for every one at its address.

        Raises:
            ConfigurationError: If there is no PABX of that name, or they are no times.
        """
        now = live_time()
        free_at = [now + one for one in checked_seconds(seconds)]
        lost_until = [now + one for one in checked_seconds(lost)]
        for admission in self._router.named(pabx):
            admission.standing.reserve_slots(free_at, lost_until, now=now, limit=limit)

    def pause(self, pabx: str | None = None, *, reason: str = "operator") -> None:
        """Start no call on the PABX (None: on any) until ``resume``.

        Args:
            pabx: Name of the PABX.
            reason: Short text that says why; numbers in it are masked.

        Raises:
            ConfigurationError: If there is no PABX of that name, or no reason.
        """
        reason = checked_reason(reason)
        for admission in self._router.named(pabx):
            admission.pause(reason)

    def check_name(self, pabx: str | None) -> None:
        """Check that a PABX has that name, or it is None.

        Raises:
            ConfigurationError: If there is no PABX of that name.
        """
        self._router.named(pabx)

    def resume(self, pabx: str | None = None) -> None:
        """Start calls again after a pause for any reason.

        Raises:
            ConfigurationError: If there is no PABX of that name.
        """
        for admission in self._router.named(pabx):
            admission.resume()

    def set_rate(
        self, calls: int | None, *, per: float = 1.0, pabx: str | None = None
    ) -> None:
        """Keep another cap than that of the settings from now on; see ``order_rate``.

        Args:
            calls: Most calls, over all PABX at one address; None: those of settings.
            per: Seconds in which these are counted.
            pabx: Name of the PABX, None for every one.

        Raises:
            ConfigurationError: If there is no PABX of that name, or no such cap.
        """
        order_rate(self._router.named(pabx), self._router.named(None), calls, per)

    def set_channel_id(self, channel_id: int | None, pabx: str | None = None) -> None:
        """Send calls over another event channel from now on; connections stay open.

        Calls that wait for a channel start, and a pause ends that came because the
        PABX did not find the channel before.

        Args:
            channel_id: Id of the event channel; None where there is none now and one
                will be given: calls wait for it, as long as their ``max_wait``.
            pabx: Name of the PABX, None for every one.

        Raises:
            ConfigurationError: If there is no PABX of that name, or it is no such id.
        """
        admissions = self._router.named(pabx)
        for admission in admissions:  # nothing is set where one can't be
            attrs.evolve(admission.pabx, channel_id=channel_id)
        for admission in admissions:
            admission.set_channel(channel_id)

    def follow_channel(self, pabx: str, on_dead: Callable[[int], object]) -> None:
        """Expect the channel ids of a PABX from somebody who opens its channels.

        Args:
            pabx: Name of the PABX.
            on_dead: Told an id that answers to commands say is dead; whoever is told
                gives None or another one by ``set_channel_id``.

        Raises:
            ConfigurationError: If there is no PABX of that name.
        """
        for admission in self._router.named(pabx):
            admission.standing.channel.follow(on_dead)

    async def drain(self) -> None:
        """Start no call any more, and return once each call on the wire has ended.

        What reads a source for ``stream`` stops reading, even where the source waits.
        """
        self.activity.note(EventKind.DRAIN_BEGAN, "no further call begins")
        for admission in self._router.admissions.values():
            admission.drain()
        in_flight = self._services.in_flight
        in_flight.end_streams()
        self._services.back_offs.end()
        await in_flight.wait_idle()
        self.activity.note(EventKind.DRAIN_ENDED, "the last call has ended")

    def report_ledger(self, problem: LedgerError | None) -> None:
        """Tell ``on_event`` and ``health`` of the ledger that calls are recorded in.

        Args:
            problem: The error after which it is written no more; None where a run
                begins to write to it.
        """
        report = self._reporter.report_ledger
        self._ledger_problem = "" if problem is None else report(problem)

    def share(self, clock: Callable[[], float] = boot_time) -> SharedSending:
        """Share caps and pauses with other workers from now on; nothing starts yet."""
        return SharedSending(self._router.admissions.values(), clock)

    def health(self) -> Health:
        """Return whether calls can be made now. Any thread may ask."""
        return health_of(self.statistics(), ledger=self._ledger_problem)

    def statistics(self) -> Statistics:
        """Return a frozen snapshot. Any thread may ask."""
        now = time_anywhere() if self._clock is None else self._clock()
        admissions = self._router.admissions.items()
        return Statistics(
            {name: admission.snapshot(now) for name, admission in admissions},
            waits_for_source=self._services.in_flight.waits_for_source,
        )
