"""A simulated PABX that rings nobody and remembers every call it received."""

from digitro_async.testing.simulator._fake_pabx import FakePABX
from digitro_async.testing.simulator._fault_kinds import FaultKind
from digitro_async.testing.simulator._fault_plan import FaultPlan
from digitro_async.testing.simulator._faults import Fault
from digitro_async.testing.simulator._received_calls import (
    OverCap,
    ReceivedCall,
    Summary,
)

__all__ = [
    "FakePABX",
    "Fault",
    "FaultKind",
    "FaultPlan",
    "OverCap",
    "ReceivedCall",
    "Summary",
]
