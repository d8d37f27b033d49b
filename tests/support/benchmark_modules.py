"""The benchmarks, which are not installed with the package.

Tests that use the fixture ``checkout`` find them in the checkout.
"""

import importlib
from types import ModuleType
from typing import Any

from places import ROOT

__all__ = ["ROOT", "figures", "module"]


def module(name: str) -> Any:
    """Return a module of the benchmarks."""
    found: ModuleType = importlib.import_module(f"benchmarks.{name}")
    return found


def figures(
    contender: str, speed: float, *, p99_ms: float = 2.0, noisy: bool = False
) -> Any:
    """Return figures of a contender that makes ``speed`` calls a second."""
    return module("harness.contender_process").Figures(
        contender=contender,
        calls=100,
        seconds=100 / speed,
        calls_per_second=speed,
        cpu_us=1e6 / speed,
        cpu_share=1.0,
        p50_ms=1.0,
        p99_ms=p99_ms,
        p999_ms=3.0,
        peak_mib=40.0,
        noisy=noisy,
    )
