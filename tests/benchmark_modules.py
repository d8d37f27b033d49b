"""The benchmarks, which are not installed with the package.

Tests that use the fixture ``checkout`` find them in the checkout.
"""

import importlib
from pathlib import Path
from types import ModuleType
from typing import Any

__all__ = ["ROOT", "module"]

ROOT = Path(__file__).resolve().parent.parent


def module(name: str) -> Any:
    """Return a module of the benchmarks."""
    found: ModuleType = importlib.import_module(f"benchmarks.{name}")
    return found
