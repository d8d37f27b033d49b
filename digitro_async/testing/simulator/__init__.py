"""A simulated PABX that rings nobody and remembers every call it received."""

from digitro_async.testing.simulator._call_courses import CallCourse
from digitro_async.testing.simulator._call_script import CallScript
from digitro_async.testing.simulator._event_delivery import (
    EventDelivery,
    EventForm,
    HeartbeatForm,
)
from digitro_async.testing.simulator._event_fault_kinds import EventFaultKind
from digitro_async.testing.simulator._fake_pabx import FakePABX
from digitro_async.testing.simulator._fault_kinds import FaultKind
from digitro_async.testing.simulator._fault_plan import FaultPlan
from digitro_async.testing.simulator._faults import Fault
from digitro_async.testing.simulator._received_calls import (
    OverCap,
    ReceivedCall,
    Summary,
)
from digitro_async.testing.simulator._simulated_channels import ChannelCounts
from digitro_async.testing.simulator._simulated_events import SimulatedEvents

__all__ = [
    "CallCourse",
    "CallScript",
    "ChannelCounts",
    "EventDelivery",
    "EventFaultKind",
    "EventForm",
    "FakePABX",
    "Fault",
    "FaultKind",
    "FaultPlan",
    "HeartbeatForm",
    "OverCap",
    "ReceivedCall",
    "SimulatedEvents",
    "Summary",
]
