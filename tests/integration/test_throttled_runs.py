"""A throttle as web backends and campaigns meet it, on a real clock."""

from pathlib import Path

import pytest
from campaigns import contacts, run, scripted
from helpers import NOT_SENT, ScriptedTransport, answered, make_call, make_pabx
from ledgers import SHELVES, some

from digitro_async import (
    DigitroClient,
    DigitroError,
    Dispatcher,
    PABXPausedError,
    PauseSettings,
    RateWaitTimeoutError,
    RetrySettings,
)
from digitro_async.ledger import State
from digitro_async.protocol import Observation
from digitro_async.testing import FakePABX, Fault, FaultKind, FaultPlan

NEVER = PauseSettings(not_sent_run=10**9)


async def test_one_call_a_request() -> None:
    """A web backend without retries sends nothing while the PABX is throttled."""
    plan = FaultPlan([Fault(FaultKind.THROTTLE_429)])
    retry = RetrySettings(max_attempts=1, base_delay=300.0, max_delay=300.0)
    async with (
        FakePABX(faults=plan) as pabx,
        DigitroClient(pabx.settings(rate=None), retry=retry) as client,
    ):
        ends = []
        for number in range(20):
            try:
                await client.make_predictive_call(make_call(number), max_wait=0.01)
            except DigitroError as error:
                ends.append(type(error))

    assert pabx.posts == 1
    assert ends[1:] == [RateWaitTimeoutError] * 19


class TestAttempts:
    """Nobody's attempts are used up by what the PABX does."""

    @pytest.mark.parametrize("kind", ["memory", "sqlite"])
    @pytest.mark.parametrize(
        "seen", [answered(429), answered(403), NOT_SENT], ids=["429", "403", "no line"]
    )
    async def test_over_many_runs(
        self, kind: str, seen: Observation, tmp_path: Path
    ) -> None:
        """After seven refused runs everybody is called by the eighth."""
        transport = ScriptedTransport(decide=lambda _: seen)
        async with SHELVES[kind](tmp_path).ledger() as ledger:
            campaign, client = scripted(
                ledger, transport, max_attempts=3, pabx=make_pabx(max_in_flight=1)
            )
            client._dispatcher = Dispatcher(
                make_pabx(max_in_flight=1),
                transport,
                retry=RetrySettings(max_attempts=1, base_delay=0),
                pause=NEVER,
            )
            await campaign.add(contacts(3))
            for _ in range(7):
                try:
                    await run(campaign)
                except PABXPausedError:  # by the 403
                    client.dispatcher.resume()
            count_exhausted = await ledger.count_exhausted(3)
            transport._decide = lambda _: None
            client.dispatcher.resume()
            await run(campaign)
            counts = await ledger.counts()

        assert count_exhausted == 0
        assert some(counts) == {State.ACCEPTED: 3}
