import asyncio

import pytest
from dispatch_scene import is_clean, make_dispatcher, now, submit_all
from helpers import LOST, NOT_SENT, ScriptedTransport, answered, make_call, make_pabx
from virtual_time import virtual_time

from digitro_async import ConfigurationError, Outcome, PABXPausedError, RetrySettings
from digitro_async.protocol import Observation


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
