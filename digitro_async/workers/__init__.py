"""Many workers dial one campaign: slices, an engine that moves them, signs of life."""

from digitro_async.workers._engine_port import Engine, Handle, Slice, StalledSlice
from digitro_async.workers._in_process_engine import InProcessEngine
from digitro_async.workers._slicing_settings import SlicingSettings
from digitro_async.workers._worker import ListCampaigns, OpenLedger, Worker

__all__ = [
    "Engine",
    "Handle",
    "InProcessEngine",
    "ListCampaigns",
    "OpenLedger",
    "Slice",
    "SlicingSettings",
    "StalledSlice",
    "Worker",
]
