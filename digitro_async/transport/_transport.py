"""The port between the dispatcher and whatever speaks HTTP."""

from typing import Protocol

from digitro_async.models import PABX
from digitro_async.protocol import Evidence, Observation, Request

__all__ = ["Transport"]


class Transport(Protocol):
    """Makes one attempt: one POST, never repeated, never redirected."""

    async def exchange(
        self, pabx: PABX, request: Request, evidence: Evidence
    ) -> Observation:
        """POST a request once and return what was seen.

        Args:
            pabx: Where to.
            request: The request: of any command, over any channel.
            evidence: Set while the attempt goes on, so that the caller knows how far
                it came even where this is cancelled.

        Raises:
            ConfigurationError: If the attempt can't be begun at all.
            asyncio.CancelledError: If it is cancelled; ``evidence`` tells the rest.
        """
        ...
