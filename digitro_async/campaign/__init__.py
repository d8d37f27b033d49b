"""Durable batches: nobody called twice and nobody forgotten, across crashes."""

from digitro_async.campaign._campaign import Campaign
from digitro_async.campaign._campaign_run import CampaignRun
from digitro_async.campaign._claim_limit import ClaimLimit
from digitro_async.campaign._claimed_contacts import BuildCall
from digitro_async.campaign._evidence_file import (
    EvidenceProblem,
    EvidenceRow,
    read_evidence,
)
from digitro_async.campaign._import import count_rows, import_rows
from digitro_async.campaign._import_summary import ImportSummary
from digitro_async.campaign._later_results import read_later_results
from digitro_async.campaign._reconcile_rows import EvidenceSummary, reconcile_rows
from digitro_async.campaign._row_pages import RowFile
from digitro_async.campaign._slice_claims import SliceClaims

__all__ = [
    "BuildCall",
    "Campaign",
    "CampaignRun",
    "ClaimLimit",
    "EvidenceProblem",
    "EvidenceRow",
    "EvidenceSummary",
    "ImportSummary",
    "RowFile",
    "SliceClaims",
    "count_rows",
    "import_rows",
    "read_evidence",
    "read_later_results",
    "reconcile_rows",
]
