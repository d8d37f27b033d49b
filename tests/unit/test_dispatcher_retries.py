import asyncio

import pytest
from dispatch_scene import make_dispatcher, submit_all
from helpers import (
    LOST,
    NOT_SENT,
    ScriptedTransport,
    accepted,
    answered,
    make_call,
    make_pabx,
)
from virtual_time import virtual_time

from digitro_async import (
    ConnectFailedError,
    Outcome,
    PauseSettings,
    RateLimit,
    RetrySettings,
    ThrottledError,
    UnreadableAnswerError,
)
from digitro_async.protocol import Failure, Observation


class TestRetries:
    """The calls that are sent again, and the times."""

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
