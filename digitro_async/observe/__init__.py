"""What a client tells of itself while it runs, to functions and a logger."""

from digitro_async.observe._activities import (
    ActivitiesLost,
    Activity,
    CallEnded,
    CallQueued,
    CallRetried,
    CallSent,
    CallSettled,
)
from digitro_async.observe._activity_queue import ActivityQueue
from digitro_async.observe._activity_stream import (
    ACTIVITY_QUEUE_SIZE,
    ActivityStream,
    Observer,
    Observing,
    OutcomeCounter,
)
from digitro_async.observe._events import QUIET_KINDS, ClientEvent, EventKind
from digitro_async.observe._logger import LOGGER
from digitro_async.observe._reporter import LEVELS, EventReporter, OnEvent

__all__ = [
    "ACTIVITY_QUEUE_SIZE",
    "LEVELS",
    "LOGGER",
    "QUIET_KINDS",
    "ActivitiesLost",
    "Activity",
    "ActivityQueue",
    "ActivityStream",
    "CallEnded",
    "CallQueued",
    "CallRetried",
    "CallSent",
    "CallSettled",
    "ClientEvent",
    "EventKind",
    "EventReporter",
    "Observer",
    "Observing",
    "OnEvent",
    "OutcomeCounter",
]
