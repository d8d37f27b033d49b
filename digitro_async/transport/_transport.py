"""The port between the dispatcher and the part that speaks HTTP."""

from typing import Protocol

from digitro_async.models import PABX
from digitro_async.protocol import Evidence, Observation, Request

__all__ = ["Transport"]


class Transport(Protocol):
    """Makes one attempt: one POST, never repeated, never redirected."""

    async def exchange(
        self, pabx: PABX, request: Request, evidence: Evidence
    ) -> Observation:
        """POST a request once and return the observation.

        Args:
            pabx: The PABX to send to.
            request: The request, of any command, over any channel.
            evidence: Set while the attempt goes on, so that the caller knows how far
                the attempt came even where it is cancelled.

        Raises:
            ConfigurationError: If the attempt can't be begun at all.
            asyncio.CancelledError: If the task is cancelled; ``evidence`` says how far
                the attempt came.
        """
        ...
