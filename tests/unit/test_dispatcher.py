import asyncio
import gc
import weakref

import attrs
import pytest
from dispatch_scene import make_dispatcher, submit_all
from helpers import (
    LOST,
    NOT_SENT,
    Attempt,
    ScriptedTransport,
    accepted,
    answered,
    everything_of,
    make_pabx,
)
from virtual_time import virtual_time

from digitro_async import (
    AnyDestination,
    Outcome,
    OutcomeUnknownError,
    PredictiveCall,
    UnreadableAnswerError,
)
from digitro_async.protocol._names import CALL_ID


class TestPrivacy:
    """The contents of frames and cycles."""

    @virtual_time
    async def test_cancelled_back_off_shows_no_answer(self) -> None:
        """The text of the PABX is in no frame of a call that is cut off."""
        seen = attrs.evolve(answered(429), body=b'{"error": "canary-answer"}')
        dispatcher = make_dispatcher(ScriptedTransport([seen]))
        call = PredictiveCall(
            device="1",
            device_password="canary-password",
            destination=AnyDestination("canary-number"),
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
