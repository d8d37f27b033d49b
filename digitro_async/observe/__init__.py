"""What a client tells of itself while it runs: events, to a function and a logger."""

from digitro_async.observe._events import ClientEvent, EventKind
from digitro_async.observe._logger import LOGGER
from digitro_async.observe._reporter import LEVELS, EventReporter, OnEvent

__all__ = [
    "LEVELS",
    "LOGGER",
    "ClientEvent",
    "EventKind",
    "EventReporter",
    "OnEvent",
]
