"""PURE: the port to the database that workers share, for their signs of life."""

from collections.abc import Mapping
from typing import Any, Protocol

__all__ = ["BeatLostError", "BeatStore"]


class BeatLostError(Exception):
    """Raised where no answer came: nobody knows whether the database was reached.

    Args:
        problem: What is known of it, in words that hold no address and no value.
    """

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


class BeatStore(Protocol):
    """The database that workers share. What goes in and out is as JSON.

    Each method ends within the time that one may take, whatever the database does.
    """

    async def enroll(
        self, name: str, lease: float, about: Mapping[str, Any], pabx: Mapping[str, str]
    ) -> int:
        """Enter a worker and return its number.

        Args:
            name: A name for people.
            lease: Seconds of its lease.
            about: What it tells of itself.
            pabx: The addresses of its PABX, by name.

        Raises:
            BeatLostError: If no answer came.
        """
        ...

    async def beat(
        self, number: int, sequence: int, report: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Give a worker's report, and return what holds for it.

        Args:
            number: Number of the worker.
            sequence: Number of the report; one that is not above the last is refused.
            report: The report.

        Raises:
            BeatLostError: If no answer came.
        """
        ...

    async def leave(self, number: int, report: Mapping[str, Any]) -> None:
        """Let a worker go that sends nothing any more.

        Args:
            number: Number of the worker.
            report: Until when its slots are taken.

        Raises:
            BeatLostError: If no answer came.
        """
        ...

    async def aclose(self) -> None:
        """Close the way to it."""
        ...
