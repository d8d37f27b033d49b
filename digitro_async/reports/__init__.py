"""Reports: what a ledger tells of its campaign, as figures, a page and lines."""

from digitro_async.reports._campaign_parts import (
    ListedCampaign,
    campaign_part,
    campaigns_part,
)
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
from digitro_async.reports._page_sections import (
    PageSection,
    page_sections,
    summary_piece,
)
from digitro_async.reports._page_style import PAGE_STYLE, STYLE_HASH
from digitro_async.reports._report_page import report_page
from digitro_async.reports._summary_lines import sparkline, summary_lines

__all__ = [
    "PAGE_STYLE",
    "STYLE_HASH",
    "AttemptOutcome",
    "CampaignReading",
    "CampaignView",
    "ContactsView",
    "DurationsView",
    "Figure",
    "HourView",
    "Interval",
    "ListView",
    "ListedCampaign",
    "ListedView",
    "PABXView",
    "PageSection",
    "ReasonView",
    "StandstillView",
    "Timeline",
    "WaitsView",
    "campaign_part",
    "campaigns_part",
    "page_sections",
    "report_page",
    "sparkline",
    "summary_lines",
    "summary_piece",
]
