"""Many workers dial one campaign: slices, an engine that moves them, signs of life."""

from typing import TYPE_CHECKING

from digitro_async._common.lazy_names import lazy_names
from digitro_async.workers._beat import WorkerBeat
from digitro_async.workers._beat_port import BeatLostError, BeatStore
from digitro_async.workers._beat_words import CampaignOrders
from digitro_async.workers._engine_port import Engine, Handle, Slice, StalledSlice
from digitro_async.workers._in_process_engine import InProcessEngine
from digitro_async.workers._liveness import (
    DATABASE_LOST,
    Liveness,
    LivenessSettings,
)
from digitro_async.workers._service_manager import ServiceManager
from digitro_async.workers._slicing_settings import SlicingSettings
from digitro_async.workers._worker import ListCampaigns, OpenLedger, Worker
from digitro_async.workers._worker_settings import WorkerSettings

__all__ = [
    "DATABASE_LOST",
    "BeatLostError",
    "BeatStore",
    "CampaignOrders",
    "Engine",
    "EngineSettings",
    "Handle",
    "InProcessEngine",
    "ListCampaigns",
    "Liveness",
    "LivenessSettings",
    "OpenLedger",
    "PostgresBeats",
    "ProcrastinateEngine",
    "ServiceManager",
    "Slice",
    "SlicingSettings",
    "StalledSlice",
    "Worker",
    "WorkerBeat",
    "WorkerDatabase",
    "WorkerSettings",
]

if TYPE_CHECKING:
    from digitro_async.workers._postgres_beats import PostgresBeats
    from digitro_async.workers._procrastinate_engine import (
        EngineSettings,
        ProcrastinateEngine,
    )
    from digitro_async.workers._worker_database import WorkerDatabase
else:
    # Loaded when they are asked for: they need the libraries of the extra ``postgres``.
    __getattr__ = lazy_names(
        __name__, "_procrastinate_engine", "_postgres_beats", "_worker_database"
    )
