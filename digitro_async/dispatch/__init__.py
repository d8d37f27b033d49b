"""Many calls at once: pace, retry, pause, and a stream of results."""

from digitro_async.dispatch._dispatcher import Dispatcher
from digitro_async.dispatch._journal import Journal
from digitro_async.dispatch._pacing import quarantine_of
from digitro_async.dispatch._shared import at_one_address
from digitro_async.dispatch._statistics import PABXStatistics, Statistics
from digitro_async.dispatch._stream import Calls, DispatchResults

__all__ = [
    "Calls",
    "DispatchResults",
    "Dispatcher",
    "Journal",
    "PABXStatistics",
    "Statistics",
    "at_one_address",
    "quarantine_of",
]
