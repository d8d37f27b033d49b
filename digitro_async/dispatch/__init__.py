"""Many calls at once: pace, retry, pause, and a stream of results."""

from digitro_async.dispatch._breaker import ORDERED
from digitro_async.dispatch._call_event_feed import QUEUE_SIZE, CallEvents
from digitro_async.dispatch._call_source import Calls
from digitro_async.dispatch._dispatch_results import DispatchResults
from digitro_async.dispatch._dispatcher import Dispatcher
from digitro_async.dispatch._health import Health, HealthStatus, PABXHealth
from digitro_async.dispatch._limits import Limit, allowed_rate
from digitro_async.dispatch._pacing import quarantine_of
from digitro_async.dispatch._pause_status import PauseStatus
from digitro_async.dispatch._recorder import EndRecorder, Recorder
from digitro_async.dispatch._shared_address import IN_PROGRESS, CapKey, CapReport
from digitro_async.dispatch._shared_caps import at_one_address
from digitro_async.dispatch._shared_pause import PauseOrder, PauseReport
from digitro_async.dispatch._shared_sending import SharedSending
from digitro_async.dispatch._statistics import PABXStatistics, Statistics

__all__ = [
    "IN_PROGRESS",
    "ORDERED",
    "QUEUE_SIZE",
    "CallEvents",
    "Calls",
    "CapKey",
    "CapReport",
    "DispatchResults",
    "Dispatcher",
    "EndRecorder",
    "Health",
    "HealthStatus",
    "Limit",
    "PABXHealth",
    "PABXStatistics",
    "PauseOrder",
    "PauseReport",
    "PauseStatus",
    "Recorder",
    "SharedSending",
    "Statistics",
    "allowed_rate",
    "at_one_address",
    "quarantine_of",
]
