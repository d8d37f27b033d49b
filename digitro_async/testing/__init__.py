"""Simulated PABX for tests and rehearsals, honest and hostile, and a bad network.

The names are loaded on first use: pytest imports this package in every run of
everyone who has the library installed, and must not pay for a server it won't start.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from digitro_async.testing._chaos import ChaosProxy
    from digitro_async.testing._fake_pabx import FakePABX
    from digitro_async.testing._fault_kinds import FaultKind
    from digitro_async.testing._fault_plan import FaultPlan
    from digitro_async.testing._faults import Fault
    from digitro_async.testing._hostile import HostilePABX
    from digitro_async.testing._hostile_line import HostileLine
    from digitro_async.testing._memory_ledger import MemoryLedger
    from digitro_async.testing._record import OverCap, ReceivedCall, Summary
    from digitro_async.testing._toxics import (
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
    "FakePABX",
    "Fault",
    "FaultKind",
    "FaultPlan",
    "HostileLine",
    "HostilePABX",
    "Latency",
    "LimitData",
    "MemoryLedger",
    "OverCap",
    "ReceivedCall",
    "ResetPeer",
    "Slicer",
    "SlowClose",
    "Summary",
    "Timeout",
    "Toxic",
]

_HOMES = {
    "Bandwidth": "_toxics",
    "ChaosProxy": "_chaos",
    "FakePABX": "_fake_pabx",
    "Fault": "_faults",
    "FaultKind": "_fault_kinds",
    "FaultPlan": "_fault_plan",
    "HostileLine": "_hostile_line",
    "HostilePABX": "_hostile",
    "Latency": "_toxics",
    "LimitData": "_toxics",
    "MemoryLedger": "_memory_ledger",
    "OverCap": "_record",
    "ReceivedCall": "_record",
    "ResetPeer": "_toxics",
    "Slicer": "_toxics",
    "SlowClose": "_toxics",
    "Summary": "_record",
    "Timeout": "_toxics",
    "Toxic": "_toxics",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
