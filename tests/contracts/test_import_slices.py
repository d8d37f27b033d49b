"""An import keeps the loop no longer than a slice, whatever the rows are."""

import asyncio
from pathlib import Path

import pytest
from ledgers import SHELVES
from test_imports import CALL, campaign_of

from digitro_async import Campaign
from digitro_async.campaign import _row_pages
from digitro_async.campaign._row_pages import SLICE_SECONDS
from digitro_async.contacts import open_contacts


class CountedClock:
    """Stands in for ``time`` where rows are read: each look at it is a millisecond.

    So the length of a slice is the same on every machine.
    """

    def __init__(self) -> None:
        self.looks = 0

    def monotonic(self) -> float:
        """Return the time."""
        self.looks += 1
        return self.looks / 1000


class TestSlices:
    """Rows that are no contacts keep the loop no longer than others."""

    async def most_looks(
        self, campaign: Campaign, path: Path, clock: CountedClock
    ) -> int:
        """Put a file in; return the most looks at the clock while nothing else ran."""
        most, last, done = 0, 0, False

        async def tick() -> None:
            nonlocal most, last
            while not done:
                await asyncio.sleep(0)
                most, last = max(most, clock.looks - last), clock.looks

        with open_contacts(path, defaults=CALL) as file:
            ticking = asyncio.ensure_future(tick())
            await campaign.add(file)
            done = True
            await ticking
        return most

    @pytest.mark.parametrize(
        ("piece", "times", "size"),
        [
            ("B;ramal\n", 20_000, 300),
            ("\n", 1_000_000, 1100),
            ("xxxxx", 4_000_000, 5 * 10**6),
        ],
        ids=["bad rows", "blank lines", "one line"],
    )
    async def test_import(
        self,
        *,
        tmp_path: Path,
        piece: str,
        times: int,
        size: int,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """Bad rows, blank lines and one endless line are passed over in slices.

        The time is looked at once in so many bytes at least, in each of them.
        """
        clock = CountedClock()
        monkeypatch.setattr(_row_pages, "time", clock)
        path = tmp_path / "c.csv"
        path.write_text(f"id;destination\n{piece * times}\nC1;0483280\n")
        async with SHELVES["memory"](tmp_path).ledger() as ledger:
            most = await self.most_looks(campaign_of(ledger), path, clock)
            (found,) = await ledger.imports()

        assert (found.new, found.is_whole) == (1, True)
        assert most <= 1000 * SLICE_SECONDS + 2
        assert path.stat().st_size / clock.looks <= size
