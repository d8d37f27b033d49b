"""Durable batches: nobody called twice and nobody forgotten, across crashes."""

from digitro_async.campaign._campaign import Campaign
from digitro_async.campaign._campaign_run import CampaignRun
from digitro_async.campaign._import_summary import ImportSummary

__all__ = ["Campaign", "CampaignRun", "ImportSummary"]
