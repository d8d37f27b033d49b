"""Reports: what a ledger tells of its campaign, as figures, a page and lines."""

from digitro_async.reports._campaign_reading import CampaignReading
from digitro_async.reports._campaign_tally import AttemptOutcome
from digitro_async.reports._campaign_view import (
    CampaignView,
    ContactsView,
    DurationsView,
    Figure,
    HourView,
    Interval,
    ListedView,
    ListView,
    PABXView,
    ReasonView,
    StandstillView,
    Timeline,
    WaitsView,
)

__all__ = [
    "AttemptOutcome",
    "CampaignReading",
    "CampaignView",
    "ContactsView",
    "DurationsView",
    "Figure",
    "HourView",
    "Interval",
    "ListView",
    "ListedView",
    "PABXView",
    "ReasonView",
    "StandstillView",
    "Timeline",
    "WaitsView",
]
