"""Answers of the simulator that come once too often, a while after the true one."""

import asyncio
import json
import time

import pytest
from simulated_calls import REQUEST, RawClient

from digitro_async import DigitroError
from digitro_async.testing import FakePABX, Fault, FaultPlan


@pytest.mark.parametrize(
    ("kind", "same"), [("duplicate_answer", True), ("stray_answer", False)]
)
async def test_comes_later_on_the_same_connection(kind: str, same: bool) -> None:
    """The second answer comes after the pause, with the same call id or a fresh one."""
    plan = FaultPlan([Fault(kind, pause=0.05)])
    async with FakePABX(faults=plan) as pabx, RawClient(pabx.port) as line:
        _, _, first = await line.ask()
        _, _, second = await line.answer()
        late = time.monotonic() - pabx.calls[0].at

        assert late >= 0.05
        assert (first == second) is same
        assert json.loads(second)["ID_CHAMADA"]
        assert (pabx.posts, pabx.accepted, pabx.placed) == (1, 1, 1)


async def test_is_taken_for_the_next_call() -> None:
    """Whoever asks next on the connection reads it as the answer to that."""
    plan = FaultPlan([Fault("stray_answer", pause=0, at=1)])
    async with FakePABX(faults=plan) as pabx, RawClient(pabx.port) as line:
        await line.ask()
        _, _, body = await line.ask()
        await pabx.wait_for_posts(2)

        ids = {call.call_id for call in pabx.calls}
        assert len(ids) == pabx.placed == 2
        assert json.loads(body)["ID_CHAMADA"] not in ids


async def test_the_connection_may_be_gone() -> None:
    """Nothing is written to a connection that has ended meanwhile."""
    plan = FaultPlan([Fault("duplicate_answer", pause=0.02)])
    async with FakePABX(faults=plan) as pabx:
        async with RawClient(pabx.port) as line:
            line.writer.write(REQUEST)
            await line.answer()
        await asyncio.sleep(0.04)

        assert pabx.posts == 1


def test_the_pause_is_seconds() -> None:
    """A pause below zero is refused."""
    with pytest.raises(DigitroError, match="pause must be"):
        Fault("stray_answer", pause=-1)
