import asyncio
from pathlib import Path
from typing import Any

from campaigns import (
    CALL,
    contacts,
    run,
    scripted,
    shelf,
)
from helpers import (
    ScriptedTransport,
    make_pabx,
)
from ledgers import (
    Shelf,
    some,
)

from digitro_async import (
    Campaign,
    DigitroClient,
    RateLimit,
    open_ledger,
)
from digitro_async.dispatch._pacing import Pacer
from digitro_async.ledger import State
from digitro_async.ledger._reconciliation import QUARANTINE
from digitro_async.testing import FakePABX

__all__ = ["shelf"]  # a fixture


class Unspaced(Pacer):
    """A pacer that lets calls go as long as there are slots."""

    def start(self, _: float) -> None:
        """Take a slot and nothing else."""
        self._held += 1


class TestSlots:
    """The cap holds across runs."""

    async def test_no_window_over_the_cap(self, tmp_path: Path) -> None:
        """Runs right after each other, by other clients, keep the cap together."""
        cap = RateLimit(8, per=0.8)
        path = tmp_path / "ledger.db"
        async with FakePABX(rate=cap, latency=0.01) as pabx:
            for _ in range(4):
                settings = pabx.settings()
                async with (
                    open_ledger(path) as ledger,
                    DigitroClient(settings) as client,
                ):
                    campaign = Campaign(ledger, client, call=CALL)
                    await campaign.add(contacts(24))
                    async with campaign.run() as results:
                        taken = 0
                        async for _ in results:
                            taken += 1
                            if taken == 6:
                                break
            posts, over = pabx.posts, pabx.over_cap
            worst = pabx.summary().worst_window

        assert posts >= 20
        assert over == []
        assert worst <= 8

    async def test_the_same_client_goes_on_at_once(self, shelf: Shelf) -> None:
        """A client that runs again does not hold the slots of its calls twice."""
        pabx = make_pabx(rate=RateLimit(20, per=3600), max_in_flight=10)
        async with shelf.ledger() as ledger:
            campaign, client = scripted(ledger, ScriptedTransport(), pabx=pabx)
            admission = client.dispatcher._router.admissions["one"]
            admission.standing.pacer = Unspaced(RateLimit(20, per=3600))
            await campaign.add(contacts(12))
            async with asyncio.timeout(60):
                await run(campaign)
                await campaign.add(contacts(20))
                await run(campaign)
            counts = await ledger.counts()

        assert some(counts) == {State.ACCEPTED: 20}

    async def test_another_client_waits(self, shelf: Shelf) -> None:
        """A client that did not make the calls holds their slots."""
        pabx = make_pabx(rate=RateLimit(20, per=3600), max_in_flight=10)
        async with shelf.ledger() as ledger:
            cooling: list[float] = []
            for count in (12, 20):
                campaign, client = scripted(ledger, ScriptedTransport(), pabx=pabx)
                pacer = Unspaced(RateLimit(20, per=3600))
                client.dispatcher._router.admissions["one"].standing.pacer = pacer
                await campaign.add(contacts(count))
                await run(campaign)
                now = asyncio.get_running_loop().time()
                cooling = sorted(until - now for until in pacer._cooling)

        assert len(cooling) == 20
        assert 3590 < cooling[0] <= cooling[-1] <= 3600

    async def test_quarantine(self, shelf: Shelf) -> None:
        """The longest quarantine of all runs is kept."""
        async with shelf.ledger() as ledger:
            kept = []
            for total in (10.0, 30.0, 5.0):
                pabx = make_pabx(timeouts=timeouts(total))
                await run(scripted(ledger, ScriptedTransport(), pabx=pabx)[0])
                kept.append(await ledger.get_setting(QUARANTINE))

        assert kept == ["80", "120", "120"]


def timeouts(total: float) -> Any:
    """Return limits with that total."""
    from digitro_async import TimeoutSettings

    return TimeoutSettings(
        total=total, connect=min(total, 5.0), sock_connect=min(total, 5.0)
    )
