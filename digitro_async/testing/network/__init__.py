"""A TCP proxy that spoils connections as bad networks do."""

from digitro_async.testing.network._chaos_proxy import ChaosProxy
from digitro_async.testing.network._toxics import (
    Bandwidth,
    Latency,
    LimitData,
    ResetPeer,
    Slicer,
    SlowClose,
    Timeout,
    Toxic,
)

__all__ = [
    "Bandwidth",
    "ChaosProxy",
    "Latency",
    "LimitData",
    "ResetPeer",
    "Slicer",
    "SlowClose",
    "Timeout",
    "Toxic",
]
