"""Views of what a ledger holds: one campaign, or several of a database."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import attrs

from digitro_async.control import CampaignStatus
from digitro_async.errors import DigitroError
from digitro_async.ledger import LedgerAddress, State, open_ledger_reader
from digitro_async.reports import (
    CampaignReading,
    CampaignView,
    ListedCampaign,
    PageSection,
    campaign_part,
    campaigns_part,
    page_sections,
    summary_piece,
)

__all__ = ["LedgerViews"]

MOST_WHOLE: Final = 4
"""Most campaigns of which all is shown; the others have a row each."""


class LedgerViews:
    """Reads what a page shows of a ledger, again and again.

    Args:
        address: Where the ledger is.
        campaigns: Names of the campaigns of a database, none for all that it has; None
            for the one of the address.
        new_reading: Makes a reading of a campaign.
    """

    def __init__(
        self,
        address: LedgerAddress,
        campaigns: Sequence[str] | None,
        new_reading: Callable[[LedgerAddress], CampaignReading],
    ) -> None:
        self._address, self._campaigns = address, campaigns
        self._new_reading = new_reading
        self._readings: dict[str | None, CampaignReading] = {}

    def view(self) -> Mapping[str, Any]:
        """Return the name and the sections of the page, or a problem in words."""
        try:
            name, sections = self._view()
        except DigitroError as error:
            return {"problem": str(error.args[0])}
        return {"name": name, "sections": [attrs.asdict(one) for one in sections]}

    def _view(self) -> tuple[str, Sequence[PageSection]]:
        if self._campaigns is None:
            return self._alone(self._address.campaign)
        found = asyncio.run(self._standing(self._campaigns))
        if len(found) == 1:
            return self._alone(found[0].name)
        # Those that are being dialled first, of which somebody may want to know more.
        first = sorted(found, key=lambda one: not one.left)[:MOST_WHOLE]
        places = {one.name: place for place, one in enumerate(found)}
        first.sort(key=lambda one: places[one.name])
        whole = [campaign_part(self._read(one.name), places[one.name]) for one in first]
        return f"{len(found)} campaigns", [campaigns_part(found), *whole]

    def _alone(self, campaign: str | None) -> tuple[str, Sequence[PageSection]]:
        view = self._read(campaign)
        summary = PageSection("summary", "", summary_piece(view).html)
        return view.name, [summary, *page_sections(view)]

    def _read(self, campaign: str | None) -> CampaignView:
        address = attrs.evolve(self._address, campaign=campaign)
        if campaign not in self._readings:
            self._readings[campaign] = self._new_reading(address)
        with open_ledger_reader(address, accept_loss=True) as reader:
            return self._readings[campaign].read(reader, time.time())

    async def _standing(self, names: Sequence[str]) -> list[ListedCampaign]:
        # Late: who shows a file needs no driver of a database.
        from digitro_async.control import PostgresControl  # noqa: PLC0415

        async with PostgresControl(self._address) as control:
            found = await control.campaigns()
        return [_counts_of(one) for one in found if not names or one.name in names]


def _counts_of(one: CampaignStatus) -> ListedCampaign:
    counts = {State(name): count for name, count in one.counts.items()}
    return ListedCampaign(name=one.name, paused=one.paused, counts=counts)
