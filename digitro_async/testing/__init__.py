"""A simulated PABX for tests and rehearsals, with faults on demand.

The names are loaded on first use: pytest imports this package in every run of
everyone who has the library installed, and must not pay for a server it won't start.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from digitro_async.testing._fake_pabx import FakePABX
    from digitro_async.testing._fault_kinds import FaultKind
    from digitro_async.testing._fault_plan import FaultPlan
    from digitro_async.testing._faults import Fault
    from digitro_async.testing._hostile import HostilePABX
    from digitro_async.testing._hostile_line import HostileLine
    from digitro_async.testing._memory_ledger import MemoryLedger
    from digitro_async.testing._record import OverCap, ReceivedCall, Summary

__all__ = [
    "FakePABX",
    "Fault",
    "FaultKind",
    "FaultPlan",
    "HostileLine",
    "HostilePABX",
    "MemoryLedger",
    "OverCap",
    "ReceivedCall",
    "Summary",
]

_HOMES = {
    "FakePABX": "_fake_pabx",
    "Fault": "_faults",
    "FaultKind": "_fault_kinds",
    "FaultPlan": "_fault_plan",
    "HostileLine": "_hostile_line",
    "HostilePABX": "_hostile",
    "MemoryLedger": "_memory_ledger",
    "OverCap": "_record",
    "ReceivedCall": "_record",
    "Summary": "_record",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
