"""Faults of the simulator by name, and mixtures; all others: the fault catalogue."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import attrs
import pytest
from helpers import API_KEY, RawServer, make_call, quiet_loop

from digitro_async import (
    AnswerTimeoutError,
    CallResult,
    ConnectionLostError,
    DigitroClient,
    Outcome,
    PauseSettings,
    PermissionDeniedError,
    PoolSettings,
    RejectedError,
    RetrySettings,
    ServerFaultError,
    ThrottledError,
    TimeoutSettings,
    UnexpectedRedirectError,
    UnreadableAnswerError,
)
from digitro_async.testing import FakePABX, Fault, FaultKind, FaultPlan

SHORT = 0.3
LONG = 20.0
K = FaultKind

FATES: list[tuple[Fault, Outcome, Any]] = [
    (Fault(K.RESET_BEFORE_READING), Outcome.UNKNOWN, ConnectionLostError),
    (Fault(K.CLOSE_BEFORE_READING), Outcome.UNKNOWN, ConnectionLostError),
    (Fault(K.RESET_AFTER_READING), Outcome.UNKNOWN, ConnectionLostError),
    (Fault(K.LOSE_ANSWER), Outcome.UNKNOWN, ConnectionLostError),
    (Fault(K.STALL), Outcome.UNKNOWN, AnswerTimeoutError),
    (Fault(K.SLOW_ANSWER), Outcome.ACCEPTED, type(None)),
    (Fault(K.SLOW_ANSWER, pause=0.1), Outcome.UNKNOWN, AnswerTimeoutError),
    (Fault(K.ERROR_500_AFTER_PLACING), Outcome.UNKNOWN, ServerFaultError),
    (Fault(K.ERROR_503), Outcome.UNKNOWN, ServerFaultError),
    (Fault(K.THROTTLE_429), Outcome.REFUSED, ThrottledError),
    (Fault(K.STATUS, status=200), Outcome.UNKNOWN, UnreadableAnswerError),
    (Fault(K.STATUS, status=403), Outcome.REFUSED, PermissionDeniedError),
    (Fault(K.STATUS, status=422), Outcome.REJECTED, RejectedError),
    (Fault(K.STATUS, status=418), Outcome.UNKNOWN, UnreadableAnswerError),
    (Fault(K.REDIRECT, status=302), Outcome.UNKNOWN, UnexpectedRedirectError),
    (Fault(K.REDIRECT, status=303), Outcome.UNKNOWN, UnexpectedRedirectError),
    (Fault(K.REDIRECT, status=307), Outcome.UNKNOWN, UnexpectedRedirectError),
    (Fault(K.REDIRECT, status=308), Outcome.UNKNOWN, UnexpectedRedirectError),
    (Fault(K.HALF_ANSWER), Outcome.UNKNOWN, UnreadableAnswerError),
    (Fault(K.HUGE_ANSWER), Outcome.UNKNOWN, UnreadableAnswerError),
    (Fault(K.DEEP_JSON, size=20_000), Outcome.UNKNOWN, UnreadableAnswerError),
    (Fault(K.GARBAGE_200), Outcome.UNKNOWN, UnreadableAnswerError),
    (Fault(K.HTML_200), Outcome.UNKNOWN, UnreadableAnswerError),
    (Fault(K.NOT_HTTP), Outcome.UNKNOWN, UnreadableAnswerError),
    (Fault(K.NULL_CALL_ID), Outcome.UNKNOWN, UnreadableAnswerError),
    (Fault(K.NUMERIC_CALL_ID), Outcome.UNKNOWN, UnreadableAnswerError),
    (Fault(K.EMPTY_CALL_ID), Outcome.UNKNOWN, UnreadableAnswerError),
    (Fault(K.ANSWER_TWICE), Outcome.ACCEPTED, type(None)),
    (Fault(K.DUPLICATE_ANSWER), Outcome.ACCEPTED, type(None)),
    (Fault(K.STRAY_ANSWER), Outcome.ACCEPTED, type(None)),
    (Fault(K.ANSWER_BEFORE_READING), Outcome.ACCEPTED, type(None)),
]


@pytest.fixture(autouse=True)
async def _quiet() -> AsyncIterator[None]:
    async with quiet_loop():
        yield


async def one_call(
    pabx: FakePABX, *, reuse: bool = True, seconds: float = LONG
) -> CallResult:
    """Make one attempt and return what became of it."""
    limits = TimeoutSettings(total=seconds)
    settings = pabx.settings(timeouts=limits, pool=PoolSettings(reuse=reuse))
    async with DigitroClient(settings, retry=RetrySettings(max_attempts=1)) as client:
        async with asyncio.timeout(LONG):
            return await client.dispatcher.submit(make_call())


@pytest.mark.parametrize("reuse", [True, False])
@pytest.mark.parametrize(
    ("fault", "outcome", "error"), FATES, ids=lambda value: getattr(value, "kind", None)
)
async def test_each_fault_has_its_outcome(
    fault: Fault, outcome: Outcome, error: type[Exception], reuse: bool
) -> None:
    """Each fault has one outcome, of one connection and one POST, in time."""
    async with RawServer() as other:
        if fault.kind is K.REDIRECT:
            fault = attrs.evolve(fault, location=other.base_url + "/elsewhere")
        async with FakePABX(api_key=API_KEY, faults=FaultPlan([fault])) as pabx:
            # Any other answer counts, however late a busy machine brings it.
            is_endless = fault.kind is K.STALL or fault.pause
            seconds = 3 * SHORT if is_endless else LONG
            result = await one_call(pabx, reuse=reuse, seconds=seconds)

            assert result.outcome is outcome
            assert outcome in fault.kind.traits.outcomes
            assert type(result.error) is error
            assert pabx.connections == 1
            assert pabx.posts <= 1
            if pabx.placed:  # a phone rang: it must not be said that none did
                assert result.outcome in {Outcome.ACCEPTED, Outcome.UNKNOWN}
        assert other.lines == []


@pytest.mark.parametrize("kind", [K.RESET_ON_CONNECT, K.UNASKED_ANSWER])
async def test_faults_of_a_connection(kind: FaultKind) -> None:
    """A fault on a new connection ends the attempt, after one try."""
    async with FakePABX(faults=FaultPlan([Fault(kind)])) as pabx:
        result = await one_call(pabx)
        await asyncio.sleep(0.01)

        assert pabx.connections == 1
        assert pabx.posts <= 1
        # Where it spoke after we had begun, who can tell whose answer it is?
        assert result.outcome in kind.traits.outcomes
        assert result.outcome is not Outcome.NOT_SENT or pabx.posts == 0


async def test_repeated_call_id() -> None:
    """A call id that was given before leaves the second call unknown."""
    async with FakePABX(faults=FaultPlan([Fault(K.REPEATED_CALL_ID, at=2)])) as pabx:
        async with DigitroClient(pabx.settings()) as client:
            first = await client.dispatcher.submit(make_call(1))
            second = await client.dispatcher.submit(make_call(2))

        assert first.outcome is Outcome.ACCEPTED
        assert {second.outcome} == K.REPEATED_CALL_ID.traits.outcomes


def test_every_kind_has_its_outcome() -> None:
    """Each kind of fault is played, and each outcome that it may have is expected."""
    played: dict[str, set[Outcome]] = {}
    for fault, outcome, _ in FATES:
        played.setdefault(fault.kind, set()).add(outcome)
    elsewhere = {K.RESET_ON_CONNECT, K.UNASKED_ANSWER, K.REPEATED_CALL_ID}

    assert set(played) | elsewhere == set(FaultKind)
    assert not set(played) & elsewhere
    for kind, outcomes in played.items():
        assert outcomes == K(kind).traits.outcomes


async def test_answer_twice_does_not_answer_the_next_call() -> None:
    """A second answer to one call is never taken for the next call's."""
    async with FakePABX(faults=FaultPlan([Fault(K.ANSWER_TWICE)])) as pabx:
        async with DigitroClient(pabx.settings()) as client:
            results = [
                await client.dispatcher.submit(make_call(number))
                for number in range(10)
            ]

        assert [result.outcome for result in results] == [Outcome.ACCEPTED] * 10
        assert [result.call_id for result in results] == [
            call.call_id for call in pabx.calls
        ]


async def test_retries_reach_the_pabx_once_each() -> None:
    """Throttled calls are sent again, each attempt once, and all arrive."""
    plan = FaultPlan([Fault(K.THROTTLE_429, at=[1, 2, 5])])
    retry = RetrySettings(base_delay=0.01)
    async with FakePABX(faults=plan) as pabx:
        async with DigitroClient(pabx.settings(), retry=retry) as client:
            results = [
                await client.dispatcher.submit(make_call(number)) for number in range(5)
            ]

        assert [result.outcome for result in results] == [Outcome.ACCEPTED] * 5
        assert pabx.posts == sum(result.attempts for result in results) == 8
        assert pabx.placed == 5


async def test_mixture() -> None:
    """Under any mixture of faults no phone rings twice, and none rings unnoticed."""
    # No client can see every answer that comes late: soundness_answers.py counts them.
    but = {K.HUGE_ANSWER, K.DUPLICATE_ANSWER, K.STRAY_ANSWER}
    kinds = [fault for fault, _, __ in FATES if fault.kind not in but]
    rules = [attrs.evolve(fault, probability=0.02) for fault in kinds]
    async with FakePABX(faults=FaultPlan(rules, seed=3), latency=0.002) as pabx:
        settings = pabx.settings(
            timeouts=TimeoutSettings(total=SHORT), max_in_flight=30
        )
        client = DigitroClient(
            settings,
            retry=RetrySettings(base_delay=0.01),
            pause=PauseSettings(wait_for_resume=True),
        )
        dispatcher = client.dispatcher
        taken = []
        async with (
            client,
            client.dispatch(make_call(number) for number in range(1500)) as results,
        ):
            async for result in results:
                taken.append(result)
                dispatcher.resume()  # no fault shall pause it

        rang = [call.destination for call in pabx.calls if call.placed]
        by_number = {result.call.destination.reveal(): result for result in taken}

        assert len(by_number) == len(taken) == 1500
        assert len(rang) == len(set(rang))
        for number in rang:
            assert number is not None
            assert by_number[number].outcome in {Outcome.ACCEPTED, Outcome.UNKNOWN}
        accepted = [one for one in taken if one.outcome is Outcome.ACCEPTED]
        early = pabx.summary().by_fault.get(K.ANSWER_BEFORE_READING, 0)
        unread = {one.call.destination.reveal() for one in accepted} - set(rang)
        assert len(unread) <= early
