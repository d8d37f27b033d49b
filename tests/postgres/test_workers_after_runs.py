"""Workers keep to the cap right after a run that shared none over the same database."""

import contextlib
from collections.abc import AsyncIterator, Iterator

import pytest
from campaigns import CALL, NEVER, ONCE
from ledgers import new_contact
from postgres_server import database, needs_postgres

from digitro_async import Campaign, DigitroClient, LedgerError, RateLimit
from digitro_async.ledger import ClaimOwner, PostgresLedger
from digitro_async.testing import FakePABX
from digitro_async.workers import (
    InProcessEngine,
    PostgresBeats,
    SlicingSettings,
    Worker,
    WorkerBeat,
)

pytestmark = [needs_postgres, pytest.mark.timeout(300)]

FAST = SlicingSettings(size=10, look=0.05, come_again=0.1, clean_up=0.5, reopen=0.05)
CAP = RateLimit(5, 10.0)


@pytest.fixture
def address() -> Iterator[str]:
    """Make a database."""
    with database() as made:
        yield made


async def dial_alone(address: str, pabx: FakePABX, *, dies: bool) -> None:
    """Use a window up by a run that shares no caps, and let it end or die."""
    settings = pabx.settings(rate=CAP)
    with contextlib.suppress(LedgerError):
        async with (
            PostgresLedger(address, "spring") as ledger,
            DigitroClient(settings, retry=ONCE, pause=NEVER) as client,
            Campaign(ledger, client, call=CALL).run(max_calls=5) as results,
        ):
            for _ in range(5):
                await anext(results)
            if dies:
                await ledger.abort()


@contextlib.asynccontextmanager
async def working(address: str, campaign: str, pabx: FakePABX) -> AsyncIterator[Worker]:
    """Dial what is left by a worker, which shares caps."""
    async with DigitroClient(
        pabx.settings(rate=CAP), retry=ONCE, pause=NEVER
    ) as client:
        store = PostgresBeats(address, timeout=30.0)
        worker = Worker(
            InProcessEngine(),
            client,
            lambda name: PostgresLedger(address, name, shares_caps=True),
            [campaign],
            call=CALL,
            settings=FAST,
            until_done=True,
        )
        async with WorkerBeat(store, client.dispatcher, name="worker"), worker:
            yield worker


@pytest.mark.parametrize("dies", [False, True])
async def test_no_window_has_more(address: str, *, dies: bool) -> None:
    """The calls of a run count for the workers after it, in another campaign too."""
    for name in ("spring", "autumn"):
        async with PostgresLedger(address, name) as ledger:
            await ledger.add([new_contact(one) for one in range(1, 9)])
    async with FakePABX(rate=CAP) as pabx:
        await dial_alone(address, pabx, dies=dies)
        assert pabx.posts == 5
        async with working(address, "autumn", pabx) as worker:
            for _ in range(3):
                await anext(worker)
        over = pabx.over_cap

    assert pabx.posts >= 8
    assert over == []


async def test_workers_wait_once(address: str) -> None:
    """A worker that went by the calls of such a run once does not do so again."""
    async with FakePABX(rate=CAP) as pabx:
        async with PostgresLedger(address, "spring") as ledger:
            await ledger.add([new_contact(one) for one in range(1, 6)])
        await dial_alone(address, pabx, dies=False)
        async with PostgresLedger(address, shares_caps=True) as shared:
            owner, holder = ClaimOwner("one"), pabx
            begun = [await shared.begin_run(owner, holder)]
            await shared.end_run(owner, holds_slots=False)  # it could not reserve them
            begun.append(await shared.begin_run(owner, holder))
            await shared.end_run(owner, holds_slots=True)
            begun.append(await shared.begin_run(owner, holder))
            await shared.end_run(owner, holds_slots=True)

    assert begun == [False, False, True]
