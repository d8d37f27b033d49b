import asyncio
from typing import Any

import pytest
from dispatch_scene import is_clean, make_dispatcher, now, submit_all
from helpers import LOST, NOT_SENT, ScriptedTransport, answered, make_call, make_pabx
from virtual_time import virtual_time

from digitro_async import (
    ConfigurationError,
    Dispatcher,
    InvalidCallError,
    Outcome,
    PABXPausedError,
)
from digitro_async.protocol import Observation


async def _unknown() -> Any:
    from digitro_async.errors import OutcomeUnknownError
    from digitro_async.protocol import AttemptResult, Classification

    return AttemptResult(Classification(Outcome.UNKNOWN, OutcomeUnknownError))


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
