"""Workers that are killed, frozen or cut off: nobody is called twice, nobody forgotten.

The long ones: ``python -m pytest -m long tests/workers/test_worker_lab.py``.
"""

import asyncio
from pathlib import Path

import pytest
from mute_proxy import MuteProxy
from postgres_server import needs_postgres
from worker_lab import IN_FLIGHT, Times, WorkerLab

from digitro_async.ledger import State
from digitro_async.workers import DATABASE_LOST

pytestmark = [needs_postgres, pytest.mark.timeout(600)]  # two dozen processes start

WORKERS = 3

LONG = [pytest.mark.long, pytest.mark.timeout(3_600)]

DEAF = Times(beat=0.5, answer=2.0, misses=3)
"""Of a worker whose link falls silent."""


def check(lab: WorkerLab) -> None:
    """Everybody was called once, and whoever crashed is the reason of each doubt."""
    verdict = lab.judge()
    log = lab.log()

    assert verdict.twice == 0, log
    assert verdict.forgotten == 0, log
    assert verdict.invented == 0, log
    assert verdict.unexplained == [], log
    settled = verdict.states[State.ACCEPTED] + verdict.states[State.UNKNOWN]
    assert settled == lab.contacts, (verdict, log)
    crashed = sum(one.is_crashed for one in lab.workers)
    assert verdict.states[State.UNKNOWN] <= IN_FLIGHT * crashed, log


@pytest.mark.parametrize(
    ("contacts", "times"),
    [
        pytest.param(600, 10, id="600 contacts"),
        pytest.param(10_000, 100, id="10,000 contacts", marks=LONG),
    ],
)
async def test_killed_and_frozen(tmp_path: Path, contacts: int, times: int) -> None:
    """Workers killed and workers frozen past their lease call nobody twice."""
    async with WorkerLab(tmp_path, contacts) as lab:
        for _ in range(WORKERS):
            await lab.start()
        freezing = []
        for turn in range(1, 2 * times + 1):
            await lab.reach(turn * contacts // (2 * times + 1))
            # The one that dials longest: the last to come in may not have begun.
            victim = next(one for one in lab.workers if one.is_free)
            if turn % 2:
                await lab.kill(victim)
            else:
                victim.is_crashed = True
                freezing.append(asyncio.ensure_future(lab.freeze(victim)))
            await lab.start()
        await asyncio.gather(*freezing)
        await lab.finish()
        check(lab)


@pytest.mark.parametrize(
    ("contacts", "times"),
    [
        pytest.param(600, 2, id="600 contacts"),
        pytest.param(10_000, 10, id="10,000 contacts", marks=LONG),
    ],
)
async def test_server_crashes(tmp_path: Path, contacts: int, times: int) -> None:
    """A database that crashes and comes back ends no campaign, and doubles no call."""
    async with WorkerLab(tmp_path, contacts) as lab:
        for _ in range(WORKERS):
            await lab.start()
        for turn in range(1, times + 1):
            await lab.reach(turn * contacts // (times + 1))
            await asyncio.to_thread(lab.server.crash)
        await lab.finish()
        for worker in lab.workers:  # each may have had a commit without an answer
            worker.is_crashed = True
        check(lab)


@pytest.mark.parametrize(
    ("contacts", "times", "seconds"),
    [
        pytest.param(600, 1, 0.0, id="600 contacts"),
        pytest.param(10_000, 10, 60.0, id="10,000 contacts", marks=LONG),
    ],
)
async def test_mute_link(
    tmp_path: Path, contacts: int, times: int, seconds: float
) -> None:
    """A worker whose link is mute ends by itself, and the others dial its contacts."""
    # The list lasts longer than all silences together.
    latency = 0.2 + 4.0 * (seconds > 0)
    async with WorkerLab(tmp_path, contacts, latency=latency) as lab:
        for _ in range(WORKERS - 1):
            await lab.start()
        for turn in range(1, times + 1):
            async with MuteProxy(lab.server.port) as link:
                deaf = await lab.start(through=link, times=DEAF)
                await lab.heard_of(deaf)
                link.mute()
                deaf.is_crashed = True
                muted = asyncio.ensure_future(asyncio.sleep(seconds))
                assert await deaf.end() == DATABASE_LOST, lab.log()
                await muted
            await lab.reach(turn * contacts // (times + 1))
        await lab.finish()
        check(lab)
