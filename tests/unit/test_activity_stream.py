"""What observers are told of calls, and that nothing of them harms one."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

import attrs
import pytest
from dispatch_scene import cancel_a_waiting_call, make_dispatcher
from helpers import LOST, NOT_SENT, ScriptedTransport, answered, make_call, make_pabx
from virtual_time import virtual_time

from digitro_async import (
    ClientEvent,
    ConfigurationError,
    Dispatcher,
    EventKind,
    OtherCommand,
    Outcome,
    PauseSettings,
    RateLimit,
    RetrySettings,
)
from digitro_async.dispatch._call_run import CallRun
from digitro_async.observe import (
    ActivitiesLost,
    Activity,
    CallQueued,
    CallRetried,
    CallSent,
    CallSettled,
)

CALLS = (CallQueued, CallSent, CallRetried, CallSettled)


def watched(
    transport: ScriptedTransport, *kinds: type, **settings: Any
) -> tuple[Dispatcher, list[Activity]]:
    """Return a dispatcher and the list of what an observer is told of it."""
    dispatcher, told = make_dispatcher(transport, **settings), list[Activity]()
    dispatcher.activity.observe(told.extend, *kinds)
    return dispatcher, told


def course(told: Sequence[Activity], serial: int) -> list[str]:
    """Return the names of what was told of one call."""
    return [
        type(one).__name__ for one in told if getattr(one, "serial", None) == serial
    ]


def kinds_of(told: Sequence[Activity]) -> list[EventKind]:
    """Return the kinds of the client's events that were told."""
    return [one.kind for one in told if isinstance(one, ClientEvent)]


class TestCourseOfACall:
    """What is told of one call."""

    @virtual_time
    async def test_an_accepted_call(self) -> None:
        """It is queued, sent and settled, under one number."""
        dispatcher, told = watched(ScriptedTransport())
        result = await dispatcher.submit(make_call())
        dispatcher.activity.flush()

        assert course(told, 1) == ["CallQueued", "CallSent", "CallSettled"]
        settled = told[-1]
        assert isinstance(settled, CallSettled)
        assert (settled.outcome, settled.reason) == (Outcome.ACCEPTED, "")
        assert (settled.pabx, settled.status, settled.attempts) == ("one", 200, 1)
        assert settled.command == "predictive_call"
        assert settled.latency == result.timings.latency
        assert settled.waited == result.timings.waited
        assert settled.sent_at == result.timings.sent_at

    @virtual_time
    async def test_a_settled_call_is_what_the_constructor_makes(self) -> None:
        """A call that is settled is told by a value like a constructed one."""
        dispatcher, told = watched(ScriptedTransport(), CallSettled)
        await dispatcher.submit(make_call())
        dispatcher.activity.flush()
        fields = attrs.asdict(told[0], recurse=False)

        assert told == [CallSettled(**fields)]
        assert hash(told[0]) == hash(CallSettled(**fields))

    @virtual_time
    async def test_a_call_that_is_sent_again(self) -> None:
        """The attempt that failed is told before the next one goes out."""
        dispatcher, told = watched(ScriptedTransport([NOT_SENT]))
        await dispatcher.submit(make_call())
        dispatcher.activity.flush()

        assert course(told, 1) == [
            *("CallQueued", "CallSent", "CallRetried", "CallSent", "CallSettled")
        ]
        retried = next(one for one in told if isinstance(one, CallRetried))
        assert (retried.attempt, retried.outcome) == (1, Outcome.NOT_SENT)
        assert retried.reason == "connect_failed"

    @virtual_time
    async def test_a_call_that_is_refused(self) -> None:
        """A refusal is told with its status and its reason."""
        dispatcher, told = watched(ScriptedTransport([answered(400)]), CallSettled)
        await dispatcher.submit(make_call())
        dispatcher.activity.flush()

        (settled,) = told
        assert isinstance(settled, CallSettled)
        assert (settled.outcome, settled.status) == (Outcome.REJECTED, 400)
        assert settled.reason == "status_400"

    @virtual_time
    async def test_what_is_no_call(self) -> None:
        """What is no call, or names no PABX, is settled without being sent."""
        dispatcher, told = watched(ScriptedTransport())
        nothing: Any = object()
        await dispatcher.submit(nothing)
        await dispatcher.submit(make_call(), pabx="canary-name")
        dispatcher.activity.flush()

        assert course(told, 1) == course(told, 2) == ["CallQueued", "CallSettled"]
        assert "canary" not in repr(told)

    @virtual_time
    async def test_a_command_that_is_known_by_its_path(self) -> None:
        """The path of such a command is not told: it may hold anything."""
        dispatcher, told = watched(ScriptedTransport())
        await dispatcher.submit(OtherCommand("canary-path", {"A": "canary-value"}))
        dispatcher.activity.flush()

        assert {getattr(one, "command", None) for one in told} == {"other"}
        assert "canary" not in repr(told)

    @pytest.mark.parametrize("is_listed", [True, False])
    def test_a_call_that_is_cancelled_while_it_waits(self, is_listed: bool) -> None:
        """A call that never had its turn is settled all the same, once."""

        @virtual_time
        async def run() -> None:
            dispatcher, told = watched(ScriptedTransport())
            await cancel_a_waiting_call(dispatcher, is_listed=is_listed)
            dispatcher.activity.flush()

            assert course(told, 1) == ["CallQueued", "CallSettled"]
            settled = [one for one in told if isinstance(one, CallSettled)]
            assert [one.outcome for one in settled] == [Outcome.NOT_SENT]

        run()

    @virtual_time
    async def test_every_call_of_a_list_is_settled_once(self) -> None:
        """Whatever the outcomes, each call of a list is queued and settled once."""
        script = [NOT_SENT, LOST, answered(400), answered(500), NOT_SENT] * 4
        pause = PauseSettings(unknown_run=99, not_sent_run=99, rejected_run=99)
        dispatcher, told = watched(
            ScriptedTransport(script), pause=pause, retry=RetrySettings()
        )
        async with dispatcher.stream([make_call(n) for n in range(40)]) as results:
            taken = [result async for result in results]
        dispatcher.activity.flush()

        queued = sorted(one.serial for one in told if isinstance(one, CallQueued))
        settled = [one for one in told if isinstance(one, CallSettled)]
        assert queued == sorted(one.serial for one in settled) == list(range(1, 41))
        assert sorted(one.outcome for one in settled) == sorted(
            result.outcome for result in taken
        )
        sent = sum(isinstance(one, CallSent) for one in told)
        assert sent == sum(one.attempts for one in settled)


class TestClientEvents:
    """What is told beside calls."""

    @virtual_time
    async def test_a_pause_and_its_probe(self) -> None:
        """A pause, the call that tries the PABX and the end of the pause are told."""
        pause = PauseSettings(unknown_run=1, first_pause=10)
        dispatcher, told = watched(ScriptedTransport([LOST]), ClientEvent, pause=pause)
        await dispatcher.submit(make_call())
        await dispatcher.submit(make_call(), wait_while_paused=True)
        dispatcher.activity.flush()

        assert kinds_of(told) == [
            *(EventKind.PAUSED, EventKind.PROBE_BEGAN, EventKind.RESUMED)
        ]

    @virtual_time
    async def test_another_rate_and_a_drain(self) -> None:
        """Another cap is told with its figures, and so are both ends of a drain."""
        pabx = make_pabx(rate=RateLimit(10))
        dispatcher, told = watched(ScriptedTransport(), ClientEvent, pabx=pabx)
        dispatcher.set_rate(3, per=1.0)
        dispatcher.set_rate(None)
        await dispatcher.drain()
        dispatcher.activity.flush()

        changed = EventKind.RATE_CHANGED
        assert kinds_of(told) == [
            *(changed, changed, EventKind.DRAIN_BEGAN, EventKind.DRAIN_ENDED)
        ]
        rates = [(one.calls, one.per) for one in told if isinstance(one, ClientEvent)]
        assert rates[:2] == [(3, 1.0), (None, None)]

    @virtual_time
    async def test_on_event_is_told_of_what_may_concern_an_operator(self) -> None:
        """What is told to observers alone reaches neither ``on_event`` nor the log."""
        events: list[ClientEvent] = []
        dispatcher = make_dispatcher(ScriptedTransport(), on_event=events.append)
        dispatcher.activity.observe(lambda batch: None)
        await dispatcher.drain()
        await asyncio.sleep(1)

        assert events == []

    def test_a_pause_before_any_loop_runs(self) -> None:
        """A pause by hand is told at once where no loop runs yet."""
        dispatcher, told = watched(ScriptedTransport())
        dispatcher.pause()

        assert kinds_of(told) == [EventKind.PAUSED]


class TestObservers:
    """What an observer may do."""

    @virtual_time
    async def test_a_batch_comes_soon(self) -> None:
        """What was told of calls comes in one batch, a tenth of a second later."""
        batches: list[Sequence[Activity]] = []
        dispatcher = make_dispatcher(ScriptedTransport())
        dispatcher.activity.observe(batches.append, CallSettled)
        for number in range(3):
            await dispatcher.submit(make_call(number))
        before = list(batches)
        await asyncio.sleep(0.2)

        assert before == []
        assert [len(batch) for batch in batches] == [3]

    @virtual_time
    async def test_one_that_raises(self) -> None:
        """What an observer raises reaches no call, and it is told the next batch."""
        told: list[Activity] = []

        def fail(batch: Sequence[Activity]) -> None:
            raise RuntimeError("canary-text")

        dispatcher = make_dispatcher(ScriptedTransport())
        dispatcher.activity.observe(fail)
        dispatcher.activity.observe(told.extend, CallSettled)
        for number in range(2):
            result = await dispatcher.submit(make_call(number))
            dispatcher.activity.flush()
            assert result.outcome is Outcome.ACCEPTED

        assert len(told) == 2

    def test_the_complaint_of_one_that_raises(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        """What an observer raises is logged once, and without its text."""
        dispatcher = make_dispatcher(ScriptedTransport())

        def fail(batch: Sequence[Activity]) -> None:
            raise RuntimeError("canary-text")

        dispatcher.activity.observe(fail, ClientEvent)
        with caplog.at_level(logging.ERROR):
            for _ in range(3):
                dispatcher.pause()
                dispatcher.resume()

        assert len(caplog.records) == 1
        assert "an observer raised RuntimeError" in caplog.text
        assert "canary" not in caplog.text

    @pytest.mark.parametrize("wrong", [None, 7, "text"])
    def test_one_that_can_not_be_called(self, wrong: Any) -> None:
        """What is no function is refused at once."""
        activity = make_dispatcher(ScriptedTransport()).activity

        with pytest.raises(ConfigurationError, match="must be a function"):
            activity.observe(wrong)

    def test_one_that_would_be_awaited(self) -> None:
        """A coroutine function is refused: nobody would await it."""

        async def observer(batch: Sequence[Activity]) -> None:
            pass

        activity = make_dispatcher(ScriptedTransport()).activity

        with pytest.raises(ConfigurationError, match="not awaited"):
            activity.observe(observer)

    def test_a_class_that_is_never_told(self) -> None:
        """A class of which there are no activities is refused, with those there are."""
        activity = make_dispatcher(ScriptedTransport()).activity

        with pytest.raises(ConfigurationError, match="ClientEvent, CallQueued"):
            activity.observe(print, int)

    @virtual_time
    async def test_calls_are_plain_where_nobody_observes_them(self) -> None:
        """Before an observer comes and after it stops, calls are made as ever."""
        dispatcher = make_dispatcher(ScriptedTransport())
        services = dispatcher._services
        plain = (services.make_run, services.transport)
        observing = dispatcher.activity.observe(lambda batch: None, *CALLS)
        while_observed = (services.make_run, services.transport)
        observing.stop()
        observing.stop()
        dispatcher.activity.observe(lambda batch: None, ClientEvent)

        assert plain[0] is CallRun
        assert not set(plain) & set(while_observed)
        assert (services.make_run, services.transport) == plain

    @virtual_time
    async def test_one_that_stops_itself(self) -> None:
        """An observer that stops while it is told is told nothing more."""
        dispatcher, told = make_dispatcher(ScriptedTransport()), list[Activity]()

        def once(batch: Sequence[Activity]) -> None:
            told.extend(batch)
            observing.stop()

        observing = dispatcher.activity.observe(once, CallSettled)
        for number in range(2):
            await dispatcher.submit(make_call(number))
            dispatcher.activity.flush()

        assert len(told) == 1

    @virtual_time
    async def test_more_than_can_wait(self) -> None:
        """What has no room while the loop is busy is counted, never kept."""
        most = 20_000
        dispatcher, told = watched(ScriptedTransport(), CallQueued)
        queued = CallQueued(serial=1, time=0.0, pabx=None, command="other")
        for _ in range(most + 5):
            dispatcher.activity.put(queued)
        dispatcher.activity.flush()

        assert len(told) == most + 1
        assert isinstance(told[-1], ActivitiesLost)
        assert told[-1].count == 5
