import asyncio
import gc
import random
import weakref
from collections.abc import Callable
from typing import Any

import anyio
import attrs
import pytest
from helpers import (
    LOST,
    NOT_SENT,
    Attempt,
    ScriptedTransport,
    accepted,
    answered,
    everything_of,
    make_call,
    make_pabx,
    per_second,
    within,
)
from virtual_time import virtual_time

from digitro_async import (
    PABX,
    CallResult,
    ConfigurationError,
    ConnectFailedError,
    Dispatcher,
    DrainedError,
    InvalidCallError,
    Outcome,
    OutcomeUnknownError,
    PABXPausedError,
    PauseSettings,
    PredictiveCall,
    RateLimit,
    RateWaitTimeoutError,
    RetrySettings,
    ThrottledError,
    UnreadableAnswerError,
)
from digitro_async.dispatch._pacing import CATCH_UP, Pacer
from digitro_async.protocol import Evidence, Failure, Observation, Request
from digitro_async.protocol._names import CALL_ID


def make_dispatcher(
    transport: Any, pabx: PABX | list[PABX] | None = None, **settings: Any
) -> Dispatcher:
    """Return a dispatcher whose jitter is always the longest."""
    return Dispatcher(pabx or make_pabx(), transport, chance=lambda: 1.0, **settings)


def now() -> float:
    """Return the loop's time."""
    return asyncio.get_running_loop().time()


async def submit_all(
    dispatcher: Dispatcher,
    count: int,
    *,
    wait_while_paused: bool = True,
    **options: Any,
) -> list[CallResult]:
    """Submit so many calls at once."""
    return await asyncio.gather(
        *(
            dispatcher.submit(
                make_call(number), wait_while_paused=wait_while_paused, **options
            )
            for number in range(count)
        )
    )


def is_clean(dispatcher: Dispatcher) -> bool:
    """Whether nothing is left on the wire, in the pacer or among the waiting."""
    for admission in dispatcher._router.admissions.values():
        standing = admission.standing
        held = standing.pacer._held if isinstance(standing.pacer, Pacer) else 0
        if standing.counters.in_flight or held or any(admission._waiters):
            return False
    services = dispatcher._services
    return not services.in_flight.count and not services.back_offs._sleepers


class TestPacing:
    """When calls start."""

    @virtual_time
    async def test_starts_are_evenly_spaced(self) -> None:
        """Calls that wait together start one by one, not in bursts."""
        transport = ScriptedTransport()
        dispatcher = make_dispatcher(transport, make_pabx(rate=per_second(10)))
        await submit_all(dispatcher, 30)
        gaps = [
            b - a for a, b in zip(transport.times, transport.times[1:], strict=False)
        ]

        assert min(gaps) >= 0.1 - CATCH_UP - 1e-9
        assert transport.times[-1] == pytest.approx(2.9, abs=2 * CATCH_UP)
        assert is_clean(dispatcher)

    @pytest.mark.parametrize("seed", range(40))
    def test_no_window_holds_more_than_the_cap(self, seed: int) -> None:
        """Whatever the latencies, no window at the PABX is over the cap."""
        chance = random.Random(seed)
        calls = chance.choice([1, 2, 3, 7, 20])
        per = chance.choice([0.5, 1.0, 3.0])
        slow = chance.choice([0.01, 0.3, 2.0])
        arrived: list[float] = []

        class Wire:
            """Takes calls at any moment between their start and their answer."""

            async def exchange(
                self, _: PABX, __: Request, evidence: Evidence
            ) -> Observation:
                if chance.random() < 0.1:
                    await asyncio.sleep(chance.random() * slow)
                    return NOT_SENT
                evidence.request_started = True
                await asyncio.sleep(chance.random() * slow)
                arrived.append(now())
                if chance.random() < 0.5:
                    await asyncio.sleep(chance.random() * slow)
                kind = chance.random()
                return LOST if kind < 0.02 else accepted(len(arrived))

        @virtual_time
        async def run() -> None:
            pabx = make_pabx(rate=RateLimit(calls, per), max_in_flight=50)
            dispatcher = make_dispatcher(Wire(), pabx)
            tasks = []
            for number in range(150):
                call = dispatcher.submit(make_call(number), wait_while_paused=True)
                tasks.append(asyncio.create_task(call))
                if chance.random() < 0.2:
                    await asyncio.sleep(chance.random())
                if chance.random() < 0.1:
                    chance.choice(tasks).cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

            assert is_clean(dispatcher)

        run()
        arrived.sort()
        over = [
            late - early
            for early, late in zip(arrived, arrived[calls:], strict=False)
            if late - early < per - 1e-9
        ]

        assert len(arrived) > 20
        assert over == []

    @virtual_time
    async def test_no_more_in_flight_than_allowed(self) -> None:
        """No more calls are on the wire than max_in_flight."""
        transport = ScriptedTransport(latency=0.1)
        dispatcher = make_dispatcher(transport, make_pabx(max_in_flight=7))
        await submit_all(dispatcher, 100)

        assert transport.most_on_wire == 7
        assert now() == pytest.approx(1.5, abs=0.01)

    @virtual_time
    async def test_first_come_first_served(self) -> None:
        """Calls go out in the order in which they were submitted."""
        transport = ScriptedTransport(latency=0.1)
        pabx = make_pabx(rate=per_second(5), max_in_flight=2)
        await submit_all(make_dispatcher(transport, pabx), 25)

        assert transport.destinations == [str(number) for number in range(25)]

    @virtual_time
    async def test_max_wait(self) -> None:
        """A call whose turn does not come in time was not sent."""
        transport = ScriptedTransport()
        dispatcher = make_dispatcher(transport, make_pabx(rate=per_second(1)))
        results = await submit_all(dispatcher, 5, max_wait=2.5)

        assert [result.outcome for result in results] == [Outcome.ACCEPTED] * 3 + [
            Outcome.NOT_SENT
        ] * 2
        assert isinstance(results[4].error, RateWaitTimeoutError)
        assert results[4].pabx == "one"
        assert results[4].attempts == 0
        assert dispatcher.statistics().outcomes[Outcome.NOT_SENT] == 2
        assert is_clean(dispatcher)


class TestRetries:
    """What is sent again, and when."""

    @pytest.mark.parametrize(
        ("seen", "attempts"),
        [
            (NOT_SENT, 3),
            (answered(429), 3),
            (answered(425), 3),
            (answered(400), 1),
            (answered(401), 1),
            (answered(404), 1),
            (answered(500), 1),
            (answered(503), 1),
            (answered(302), 1),
            (answered(200), 1),
            (answered(204), 1),
            (LOST, 1),
            (Observation(request_started=True, failure=Failure.TIMEOUT), 1),
            (
                Observation(request_started=False, status=200, body=accepted("x").body),
                1,
            ),
        ],
    )
    def test_only_what_was_not_placed_is_sent_again(
        self, seen: Observation, attempts: int
    ) -> None:
        """Only NOT_SENT and a throttle are repeated."""

        @virtual_time
        async def run() -> None:
            transport = ScriptedTransport([seen] * 10)
            result = await make_dispatcher(transport).submit(make_call())

            assert len(transport.attempts) == result.attempts == attempts
            assert result.error is not None
            assert result.error.attempts == attempts

        run()

    @virtual_time
    async def test_back_off_doubles(self) -> None:
        """Each back-off is twice the last, up to the longest."""
        transport = ScriptedTransport([NOT_SENT] * 10)
        retry = RetrySettings(max_attempts=5, base_delay=1, max_delay=3)
        dispatcher = make_dispatcher(
            transport, retry=retry, pause=PauseSettings(not_sent_run=100)
        )
        result = await dispatcher.submit(make_call())

        assert transport.times == pytest.approx([0, 1, 3, 6, 9])
        assert result.outcome is Outcome.NOT_SENT
        assert isinstance(result.error, ConnectFailedError)

    @virtual_time
    async def test_a_retry_can_be_accepted(self) -> None:
        """A call that was not sent at first is accepted in the end."""
        transport = ScriptedTransport([NOT_SENT, NOT_SENT])
        result = await make_dispatcher(transport).submit(make_call())

        assert result.outcome is Outcome.ACCEPTED
        assert result.attempts == 3
        assert result.timings.waited == pytest.approx(1.5)

    @virtual_time
    async def test_retry_after_holds_the_whole_pabx_back(self) -> None:
        """After a Retry-After nothing starts on that PABX before it is over."""
        transport = ScriptedTransport([answered(429, "20")])
        dispatcher = make_dispatcher(transport, make_pabx(max_in_flight=1))
        await submit_all(dispatcher, 5)

        assert transport.times[0] == 0
        assert min(transport.times[1:]) >= 20
        assert dispatcher.statistics().outcomes[Outcome.ACCEPTED] == 5

    @virtual_time
    async def test_throttle_without_retry_after_holds_the_pabx_back_too(self) -> None:
        """A throttle that names no time is waited out by all for one back-off."""
        transport = ScriptedTransport([answered(429)], latency=0.001)
        retry = RetrySettings(base_delay=10)
        dispatcher = make_dispatcher(transport, retry=retry)
        first = asyncio.create_task(dispatcher.submit(make_call(1)))
        await asyncio.sleep(0.01)
        await dispatcher.submit(make_call(2))
        await first

        assert min(transport.times[1:]) == pytest.approx(10, abs=0.1)

    @virtual_time
    async def test_throttle_that_does_not_end(self) -> None:
        """A call that is throttled to the last is refused, with the time to wait."""
        transport = ScriptedTransport([answered(429, "7")] * 3)
        result = await make_dispatcher(transport).submit(make_call())

        assert result.outcome is Outcome.REFUSED
        assert isinstance(result.error, ThrottledError)
        assert result.error.retry_after == 7

    @virtual_time
    async def test_quota(self) -> None:
        """Where the retry bucket is empty, nothing is sent again."""
        transport = ScriptedTransport([NOT_SENT] * 100)
        dispatcher = make_dispatcher(
            transport,
            retry=RetrySettings(quota=12, cost=5),
            pause=PauseSettings(not_sent_run=1000),
        )
        results = [await dispatcher.submit(make_call(number)) for number in range(5)]

        assert [result.attempts for result in results] == [3, 1, 1, 1, 1]

    @virtual_time
    async def test_retries_go_through_the_pacer(self) -> None:
        """A retry waits for a slot like any other call."""
        transport = ScriptedTransport([answered(429)])
        pabx = make_pabx(rate=RateLimit(1, 60))
        retry = RetrySettings(base_delay=0)
        await make_dispatcher(transport, pabx, retry=retry).submit(make_call())

        assert transport.times == pytest.approx([0, 60])

    @virtual_time
    async def test_repeated_call_id_is_unknown(self) -> None:
        """An acceptance with a call id that was given before proves nothing."""
        transport = ScriptedTransport([accepted("same"), accepted("same")])
        dispatcher = make_dispatcher(transport)
        first, second = await submit_all(dispatcher, 2)

        assert first.outcome is Outcome.ACCEPTED
        assert second.outcome is Outcome.UNKNOWN
        assert isinstance(second.error, UnreadableAnswerError)
        assert second.error.reason == "repeated_call_id"
        assert len(transport.attempts) == 2
        assert dispatcher.statistics().pabx["one"].alarms == 1

    @virtual_time
    async def test_same_call_id_of_two_pabx(self) -> None:
        """Two PABX may give the same call id."""
        transport = ScriptedTransport([accepted("same"), accepted("same")])
        dispatcher = make_dispatcher(transport, [make_pabx("a"), make_pabx("b")])
        results = [
            await dispatcher.submit(make_call(), pabx=name) for name in ("a", "b")
        ]

        assert [result.outcome for result in results] == [Outcome.ACCEPTED] * 2


class TestPauses:
    """When a PABX is paused, and what ends it."""

    @pytest.mark.parametrize("status", [401, 403, 404, 405, 301, 307])
    def test_a_wrong_set_up_pauses_until_resume(self, status: int) -> None:
        """Answers that hold for every call pause the PABX until somebody resumes."""

        @virtual_time
        async def run() -> None:
            transport = ScriptedTransport([answered(status)])
            dispatcher = make_dispatcher(transport)
            await dispatcher.submit(make_call(1))
            second = await dispatcher.submit(make_call(2), wait_while_paused=True)

            assert dispatcher.needs_resume
            assert isinstance(second.error, PABXPausedError)
            assert second.error.retry_after is None
            assert second.attempts == 0

            dispatcher.resume()

            assert (await dispatcher.submit(make_call(3))).outcome is Outcome.ACCEPTED
            assert len(transport.attempts) == 2

        run()

    @virtual_time
    async def test_run_of_rejections(self) -> None:
        """Twenty rejections in a row are the set-up's fault, not the calls'."""
        transport = ScriptedTransport([answered(400)] * 20)
        dispatcher = make_dispatcher(transport)
        for number in range(20):
            result = await dispatcher.submit(make_call(number))

            assert result.outcome is Outcome.REJECTED

        assert dispatcher.needs_resume
        assert dispatcher.statistics().pabx["one"].paused == "rejected_run"

    @virtual_time
    async def test_run_of_unknowns_and_recovery_by_single_probes(self) -> None:
        """After ten unknowns single calls probe, each after twice as long."""
        transport = ScriptedTransport([LOST] * 12, latency=0.001)
        dispatcher = make_dispatcher(transport, make_pabx(max_in_flight=1))
        results = await submit_all(dispatcher, 30)
        starts = transport.times

        assert starts[9] < 0.1
        assert starts[10] == pytest.approx(5, abs=0.1)
        assert starts[11] == pytest.approx(15, abs=0.1)
        assert starts[12] == pytest.approx(35, abs=0.1)
        assert starts[13] > starts[12]
        assert sum(result.outcome is Outcome.UNKNOWN for result in results) == 12
        assert sum(result.outcome is Outcome.ACCEPTED for result in results) == 18
        assert is_clean(dispatcher)

    @virtual_time
    async def test_run_of_unsent(self) -> None:
        """Five calls in a row that could not be sent pause the PABX."""
        transport = ScriptedTransport([NOT_SENT] * 5)
        retry = RetrySettings(max_attempts=1)
        dispatcher = make_dispatcher(transport, retry=retry)
        for number in range(5):
            await dispatcher.submit(make_call(number))
        refused = await dispatcher.submit(make_call(6))

        assert isinstance(refused.error, PABXPausedError)
        assert refused.error.retry_after == pytest.approx(5)
        assert refused.error.reason == "not_sent_run"

        await dispatcher.submit(make_call(7), wait_while_paused=True)

        assert now() == pytest.approx(5)

    @virtual_time
    async def test_operator_pause(self) -> None:
        """While the operator pauses nothing starts; what is on the wire goes on."""
        transport = ScriptedTransport(latency=1)
        dispatcher = make_dispatcher(transport)
        first = asyncio.create_task(dispatcher.submit(make_call(1)))
        await asyncio.sleep(0.5)
        dispatcher.pause("one", reason="lunch")
        second = await dispatcher.submit(make_call(2))

        assert (await first).outcome is Outcome.ACCEPTED
        assert isinstance(second.error, PABXPausedError)
        assert second.error.reason == "lunch"
        with pytest.raises(ConfigurationError):
            dispatcher.pause("nobody")

    @virtual_time
    async def test_configuration_that_cannot_be_used(self) -> None:
        """A PABX that can't be used as configured is paused, and the call unsent."""

        class Broken:
            """Can't be used."""

            async def exchange(self, *_: object) -> Observation:
                raise ConfigurationError("channel_id is not set")

        dispatcher = make_dispatcher(Broken())
        result = await dispatcher.submit(make_call(), wait_while_paused=True)

        assert result.outcome is Outcome.NOT_SENT
        assert result.attempts == 1
        assert result.error is not None
        assert result.error.reason == "configuration"
        assert "channel_id is not set" in str(result.error)
        assert dispatcher.needs_resume
        assert is_clean(dispatcher)


class TestSeveralPABX:
    """Which PABX takes a call."""

    @virtual_time
    async def test_least_loaded(self) -> None:
        """Calls are shared by what each PABX can take."""
        transport = ScriptedTransport(latency=1)
        pabx = [
            make_pabx("small", max_in_flight=10),
            make_pabx("big", max_in_flight=30),
        ]
        await submit_all(make_dispatcher(transport, pabx), 40)
        names = [attempt.pabx for attempt in transport.attempts]

        assert names.count("small") == 10
        assert names.count("big") == 30
        assert now() == pytest.approx(1, abs=0.01)

    @virtual_time
    async def test_named(self) -> None:
        """A call that names its PABX goes to that one only."""
        transport = ScriptedTransport([NOT_SENT, NOT_SENT])
        dispatcher = make_dispatcher(transport, [make_pabx("a"), make_pabx("b")])
        result = await dispatcher.submit(make_call(), pabx="b")

        assert {attempt.pabx for attempt in transport.attempts} == {"b"}
        assert result.pabx == "b"

    @virtual_time
    async def test_unknown_name(self) -> None:
        """A call for a PABX that does not exist is invalid."""
        result = await make_dispatcher(ScriptedTransport()).submit(
            make_call(), pabx="nobody"
        )

        assert result.outcome is Outcome.INVALID
        assert isinstance(result.error, InvalidCallError)

    @virtual_time
    async def test_not_a_call(self) -> None:
        """Something that is no call is invalid."""
        thing: Any = {"destination": "1"}
        result = await make_dispatcher(ScriptedTransport()).submit(thing)

        assert result.outcome is Outcome.INVALID

    @virtual_time
    async def test_unsent_calls_move_on(self) -> None:
        """A call that could not be sent goes to another PABX."""
        transport = ScriptedTransport(
            decide=lambda attempt: NOT_SENT if attempt.pabx == "a" else None
        )
        dispatcher = make_dispatcher(transport, [make_pabx("a"), make_pabx("b")])
        result = await dispatcher.submit(make_call())

        assert [attempt.pabx for attempt in transport.attempts] == ["a", "b"]
        assert result.outcome is Outcome.ACCEPTED
        assert result.pabx == "b"

    @pytest.mark.parametrize(
        "seen", [LOST, answered(400), answered(500), answered(302)]
    )
    def test_nothing_else_moves_on(self, seen: Observation) -> None:
        """A call that may have left, or was refused, goes to no other PABX."""

        @virtual_time
        async def run() -> None:
            transport = ScriptedTransport([seen])
            dispatcher = make_dispatcher(transport, [make_pabx("a"), make_pabx("b")])
            await dispatcher.submit(make_call())

            assert len(transport.attempts) == 1

        run()

    @virtual_time
    async def test_throttled_calls_stay(self) -> None:
        """A throttled call waits for the PABX that throttled it."""
        transport = ScriptedTransport([answered(429, "5")])
        dispatcher = make_dispatcher(transport, [make_pabx("a"), make_pabx("b")])
        await dispatcher.submit(make_call())

        assert [attempt.pabx for attempt in transport.attempts] == ["a", "a"]

    @virtual_time
    async def test_paused_pabx_is_passed_by(self) -> None:
        """While one PABX is paused the other takes its calls."""
        transport = ScriptedTransport()
        dispatcher = make_dispatcher(transport, [make_pabx("a"), make_pabx("b")])
        dispatcher.pause("a")
        results = await submit_all(dispatcher, 10, wait_while_paused=False)

        assert {result.pabx for result in results} == {"b"}
        assert not dispatcher.needs_resume

    @virtual_time
    async def test_calls_that_wait_move_when_their_pabx_is_paused(self) -> None:
        """Calls that wait for a PABX that is paused go to the other."""
        transport = ScriptedTransport(latency=0.1)
        pabx = [make_pabx(name, max_in_flight=1) for name in "ab"]
        dispatcher = make_dispatcher(transport, pabx)
        waiting = asyncio.create_task(submit_all(dispatcher, 10))
        await asyncio.sleep(0.05)
        dispatcher.pause("a")
        results = await waiting

        assert [result.outcome for result in results] == [Outcome.ACCEPTED] * 10
        assert sum(result.pabx == "b" for result in results) == 9
        assert is_clean(dispatcher)

    @virtual_time
    async def test_patient_calls_wait_for_the_pabx_that_comes_back(self) -> None:
        """Where one PABX is held and the other pauses, patient calls wait for that."""
        transport = ScriptedTransport()
        dispatcher = make_dispatcher(
            transport, [make_pabx("a", max_in_flight=1), make_pabx("b")]
        )
        admissions = dispatcher._router.admissions
        for _ in range(10):
            ticket = admissions["b"].acquire_nowait(now())
            assert ticket is not None
            ticket.release(await _unknown(), now())  # pauses it for 5 s
        admissions["a"].standing.counters.in_flight = 1  # no room for the moment
        waiting = asyncio.create_task(
            dispatcher.submit(make_call(), wait_while_paused=True)
        )
        await asyncio.sleep(1)
        dispatcher.pause("a")
        result = await waiting
        admissions["a"].standing.counters.in_flight = 0

        assert result.outcome is Outcome.ACCEPTED
        assert result.pabx == "b"
        assert now() == pytest.approx(5)

    @virtual_time
    async def test_all_held(self) -> None:
        """Where every PABX is held even patient calls end."""
        dispatcher = make_dispatcher(
            ScriptedTransport(), [make_pabx("a"), make_pabx("b")]
        )
        dispatcher.pause()
        result = await dispatcher.submit(make_call(), wait_while_paused=True)

        assert dispatcher.needs_resume
        assert isinstance(result.error, PABXPausedError)

    def test_names(self) -> None:
        """There is at least one PABX and each has a name of its own."""
        for pabx in ([], [make_pabx("a"), make_pabx("a")]):
            with pytest.raises(ConfigurationError):
                Dispatcher(pabx, ScriptedTransport())


async def _unknown() -> Any:
    from digitro_async.errors import OutcomeUnknownError
    from digitro_async.protocol import AttemptResult, Classification

    return AttemptResult(Classification(Outcome.UNKNOWN, OutcomeUnknownError))


class TestDrain:
    """The orderly end."""

    @virtual_time
    async def test_what_is_on_the_wire_finishes(self) -> None:
        """Drain waits for the wire and turns away who waits."""
        transport = ScriptedTransport(latency=3)
        dispatcher = make_dispatcher(transport, make_pabx(max_in_flight=2))
        calls = asyncio.create_task(submit_all(dispatcher, 5))
        await asyncio.sleep(1)
        await dispatcher.drain()
        results = await calls

        assert now() == pytest.approx(3)
        assert [result.outcome for result in results] == [Outcome.ACCEPTED] * 2 + [
            Outcome.NOT_SENT
        ] * 3
        assert isinstance(results[4].error, DrainedError)
        assert is_clean(dispatcher)

    @virtual_time
    async def test_several_may_drain(self) -> None:
        """Everybody who drains is told when it is done."""
        dispatcher = make_dispatcher(ScriptedTransport(latency=3))
        call = asyncio.create_task(dispatcher.submit(make_call()))
        await asyncio.sleep(0)
        await asyncio.wait_for(
            asyncio.gather(*(dispatcher.drain() for _ in range(3))), 10
        )

        assert call.done()

    @virtual_time
    async def test_back_off_is_cut_short(self) -> None:
        """A call that waits to be sent again is not waited for."""
        transport = ScriptedTransport([answered(429, "300")])
        dispatcher = make_dispatcher(transport)
        call = asyncio.create_task(dispatcher.submit(make_call()))
        await asyncio.sleep(1)
        await dispatcher.drain()
        result = await call

        assert now() == pytest.approx(1)
        assert result.outcome is Outcome.NOT_SENT
        assert isinstance(result.error, DrainedError)
        assert result.error.attempts == result.attempts == 1
        assert is_clean(dispatcher)

    @virtual_time
    async def test_no_new_attempt_begins(self) -> None:
        """A call on the wire that could be sent again is not, while draining."""
        transport = ScriptedTransport([NOT_SENT] * 3, latency=1)
        dispatcher = make_dispatcher(transport)
        call = asyncio.create_task(dispatcher.submit(make_call()))
        await asyncio.sleep(0.5)
        await dispatcher.drain()

        assert (await call).attempts == 1
        assert now() == pytest.approx(1)

    @virtual_time
    async def test_afterwards_nothing_starts(self) -> None:
        """After a drain every call is told so."""
        dispatcher = make_dispatcher(ScriptedTransport())
        await dispatcher.drain()
        result = await dispatcher.submit(make_call())

        assert isinstance(result.error, DrainedError)
        assert result.error.reason == "drained"


Limit = Callable[[float], Any]


class TestCancellation:
    """What is left where a call is cancelled."""

    @pytest.mark.parametrize("limit", [asyncio.timeout, anyio.fail_after])
    @pytest.mark.parametrize("sent", [True, False])
    def test_on_the_wire(self, limit: Limit, sent: bool) -> None:
        """A call cut off on the wire is counted by its evidence and holds nothing."""

        @virtual_time
        async def run() -> None:
            seen = attrs.evolve(accepted("x"), request_started=sent)
            transport = ScriptedTransport([seen], latency=10)
            dispatcher = make_dispatcher(transport, make_pabx(rate=per_second(1)))
            with pytest.raises(TimeoutError):
                async with within(limit(2)):
                    await dispatcher.submit(make_call())
            outcome = Outcome.UNKNOWN if sent else Outcome.NOT_SENT

            assert now() == pytest.approx(2)
            assert dispatcher.statistics().outcomes[outcome] == 1
            assert is_clean(dispatcher)
            current = asyncio.current_task()
            assert current is not None
            assert current.cancelling() == 0

            await dispatcher.submit(make_call())

            # The PABX may still read what was sent: a quarantine and a window more.
            assert transport.times[1] == pytest.approx(121 if sent else 2)

        run()

    @pytest.mark.parametrize("limit", [asyncio.timeout, anyio.fail_after])
    def test_while_waiting(self, limit: Limit) -> None:
        """A call cut off while it waits was never begun."""

        @virtual_time
        async def run() -> None:
            transport = ScriptedTransport(latency=10)
            dispatcher = make_dispatcher(transport, make_pabx(max_in_flight=1))
            first = asyncio.create_task(dispatcher.submit(make_call()))
            await asyncio.sleep(0)
            with pytest.raises(TimeoutError):
                async with within(limit(2)):
                    await dispatcher.submit(make_call())

            assert (await first).outcome is Outcome.ACCEPTED
            assert len(transport.attempts) == 1
            assert is_clean(dispatcher)

        run()

    @virtual_time
    async def test_while_backing_off(self) -> None:
        """A call cut off during its back-off leaves nothing."""
        dispatcher = make_dispatcher(ScriptedTransport([NOT_SENT] * 3))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await dispatcher.submit(make_call())

        assert is_clean(dispatcher)

    @virtual_time
    async def test_probe(self) -> None:
        """A probe that is cut off does not keep the PABX shut."""
        transport = ScriptedTransport([LOST] * 10, latency=lambda: 1.0)
        dispatcher = make_dispatcher(transport, make_pabx(max_in_flight=10))
        await submit_all(dispatcher, 10)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5.5):
                await dispatcher.submit(make_call(), wait_while_paused=True)
        result = await dispatcher.submit(make_call(), wait_while_paused=True)

        assert result.outcome is Outcome.ACCEPTED
        assert is_clean(dispatcher)

    @virtual_time
    async def test_cancellation_that_is_not_ours(self) -> None:
        """Where only what the transport waited for is cancelled, the call goes on."""

        class Fickle:
            """Waits for something that is cancelled."""

            attempts = 0

            async def exchange(self, *_: object) -> Observation:
                self.attempts += 1
                if self.attempts == 1:
                    other = asyncio.get_running_loop().create_future()
                    other.cancel()
                    await other
                return accepted("y")

        result = await make_dispatcher(Fickle()).submit(make_call())

        assert result.outcome is Outcome.ACCEPTED
        assert result.attempts == 2

    @virtual_time
    async def test_transport_that_raises_anything(self) -> None:
        """Whatever a transport raises is settled by the evidence."""

        class Sick:
            """Breaks half way."""

            def __init__(self, *, sending: bool) -> None:
                self.request_started = sending

            async def exchange(
                self, _: PABX, __: Request, evidence: Evidence
            ) -> Observation:
                evidence.request_started = self.request_started
                raise RuntimeError("canary-secret")

        retry = RetrySettings(max_attempts=1)
        for sending, outcome in ((True, Outcome.UNKNOWN), (False, Outcome.NOT_SENT)):
            dispatcher = make_dispatcher(Sick(sending=sending), retry=retry)
            result = await dispatcher.submit(make_call())

            assert result.outcome is outcome
            assert result.error is not None
            assert result.error.reason == "unexpected_error"
            assert "canary" not in everything_of(result.error)
            assert is_clean(dispatcher)

    @pytest.mark.parametrize("seed", range(20))
    def test_nothing_leaks_whatever_is_cancelled(self, seed: int) -> None:
        """After any mixture of ends nothing is held and every call is accounted for."""
        chance = random.Random(seed)
        kinds = [None, None, None, LOST, NOT_SENT, answered(429), answered(400)]

        @virtual_time
        async def run() -> None:
            transport = ScriptedTransport(
                latency=lambda: chance.random() * 2,
                decide=lambda _: chance.choice(kinds),
            )
            pabx = [
                make_pabx(name, rate=per_second(20), max_in_flight=5) for name in "ab"
            ]
            dispatcher = make_dispatcher(transport, pabx)
            tasks = []
            for number in range(200):
                coroutine = dispatcher.submit(
                    make_call(number), wait_while_paused=chance.random() < 0.8
                )
                tasks.append(asyncio.create_task(coroutine))
                await asyncio.sleep(chance.random() * 0.1)
                if chance.random() < 0.5:
                    chance.choice(tasks).cancel()
                if chance.random() < 0.02:
                    dispatcher.pause(chance.choice("ab"))
                if chance.random() < 0.1:
                    dispatcher.resume()
            dispatcher.resume()
            await asyncio.gather(*tasks, return_exceptions=True)

            assert is_clean(dispatcher)
            statistics = dispatcher.statistics()
            assert statistics.in_flight == 0
            assert statistics.attempts == len(transport.attempts)
            settled = [task.result() for task in tasks if not task.cancelled()]
            for result in settled:
                reached = transport.destinations.count(result.call.destination.reveal())
                assert reached == result.attempts

        run()


class TestPrivacy:
    """What frames and cycles hold."""

    @virtual_time
    async def test_cancelled_back_off_shows_no_answer(self) -> None:
        """What the PABX wrote is in no frame of a call that is cut off."""
        seen = attrs.evolve(answered(429), body=b'{"error": "canary-answer"}')
        dispatcher = make_dispatcher(ScriptedTransport([seen]))
        call = PredictiveCall(
            device="1",
            device_password="canary-password",
            destination="canary-number",
            user_data="canary-data",
        )
        del seen  # this frame is shown too
        with pytest.raises(TimeoutError) as caught:
            async with asyncio.timeout(0.1):
                await dispatcher.submit(call)

        shown = everything_of(caught.value)
        assert "call_run.run(" in shown
        assert "canary-answer" not in shown
        assert "canary-number" not in shown
        assert "canary-password" not in shown
        assert "canary-data" not in shown

    @virtual_time
    async def test_refused_call_is_freed_at_once(self) -> None:
        """A call that was turned away is not kept alive by a reference cycle."""
        dispatcher = make_dispatcher(ScriptedTransport())
        dispatcher.pause()
        call = PredictiveCall(device="1", device_password="2", destination="3")
        gone = weakref.ref(call)
        gc.collect()
        gc.disable()
        try:
            result = await dispatcher.submit(call)
            assert result.error is not None
            assert result.error.__traceback__ is None
            del call, result

            assert gone() is None
        finally:
            gc.enable()


@virtual_time
async def test_statistics() -> None:
    """A snapshot tells what each PABX is doing and did."""
    transport = ScriptedTransport([answered(400), LOST, NOT_SENT], latency=1)
    pabx = make_pabx(max_in_flight=3)
    dispatcher = make_dispatcher(transport, pabx)
    calls = asyncio.create_task(submit_all(dispatcher, 5))
    await asyncio.sleep(0.5)
    before = dispatcher.statistics()
    await calls
    after = dispatcher.statistics()

    assert (before.in_flight, before.pabx["one"].waiting) == (3, 2)
    assert after.attempts == 6
    assert after.outcomes[Outcome.ACCEPTED] == 3
    assert after.outcomes[Outcome.REJECTED] == 1
    assert after.outcomes[Outcome.UNKNOWN] == 1
    assert after.in_flight == 0
    assert after.rate > 0


def test_attempts_have_names() -> None:
    """The helpers of these tests speak of the wire's names only through one table."""
    assert Attempt(1, "one", "2", 0.0).pabx == "one"
    assert CALL_ID.encode() in accepted("x").body
    assert issubclass(UnreadableAnswerError, OutcomeUnknownError)
