"""Simulated PABX for tests and rehearsals, honest and hostile, and a bad network."""

from digitro_async.testing._sample_contacts import sample_contacts, write_sample_file
from digitro_async.testing.hostile import HostileConnection, HostilePABX
from digitro_async.testing.network import (
    Bandwidth,
    ChaosProxy,
    Latency,
    LimitData,
    ResetPeer,
    Slicer,
    SlowClose,
    Timeout,
    Toxic,
)
from digitro_async.testing.simulator import (
    FakePABX,
    Fault,
    FaultKind,
    FaultPlan,
    OverCap,
    ReceivedCall,
    Summary,
)

__all__ = [
    "Bandwidth",
    "ChaosProxy",
    "FakePABX",
    "Fault",
    "FaultKind",
    "FaultPlan",
    "HostileConnection",
    "HostilePABX",
    "Latency",
    "LimitData",
    "OverCap",
    "ReceivedCall",
    "ResetPeer",
    "Slicer",
    "SlowClose",
    "Summary",
    "Timeout",
    "Toxic",
    "sample_contacts",
    "write_sample_file",
]
