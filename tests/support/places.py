"""Where things stand in a checkout."""

from pathlib import Path
from typing import Final

__all__ = ["ROOT", "SUPPORT", "TESTS"]

SUPPORT: Final = Path(__file__).parent
TESTS: Final = SUPPORT.parent
ROOT: Final = TESTS.parent
