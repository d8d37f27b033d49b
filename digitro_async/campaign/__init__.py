"""Durable batches: nobody called twice and nobody forgotten, across crashes."""

from typing import TYPE_CHECKING

from digitro_async._common.lazy_names import lazy_names
from digitro_async.campaign._claim_limit import ClaimLimit
from digitro_async.campaign._claimed_contacts import BuildCall
from digitro_async.campaign._ends_file import EndProblem, EndRow, read_ends
from digitro_async.campaign._evidence_file import (
    EvidenceProblem,
    EvidenceRow,
    read_evidence,
)
from digitro_async.campaign._import import count_rows, import_rows
from digitro_async.campaign._import_ends import EndsSummary, import_ends
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
    "EndProblem",
    "EndRow",
    "EndsSummary",
    "EvidenceProblem",
    "EvidenceRow",
    "EvidenceSummary",
    "ImportSummary",
    "RehearsedContact",
    "RehearsedStep",
    "RowFile",
    "RuledRun",
    "RuledSlices",
    "RulesInForce",
    "SliceClaims",
    "count_rows",
    "import_ends",
    "import_rows",
    "read_ends",
    "read_evidence",
    "read_later_results",
    "reconcile_rows",
    "rehearse",
]

if TYPE_CHECKING:
    from digitro_async.campaign._campaign import Campaign
    from digitro_async.campaign._campaign_run import CampaignRun
    from digitro_async.campaign._ruled_run import RuledRun
    from digitro_async.campaign._ruled_slices import RuledSlices
    from digitro_async.campaign._rules_in_force import RulesInForce
    from digitro_async.campaign._rules_rehearsal import (
        RehearsedContact,
        RehearsedStep,
        rehearse,
    )
else:
    # Who applies no rules loads none, and who dials nobody no client.
    __getattr__ = lazy_names(
        __name__,
        "_rules_in_force",
        "_rules_rehearsal",
        "_ruled_slices",
        "_ruled_run",
        homes={"Campaign": "_campaign", "CampaignRun": "_campaign_run"},
    )
