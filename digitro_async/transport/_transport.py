"""The port between the dispatcher and whatever speaks HTTP."""

from typing import Protocol

from digitro_async.models import PABX
from digitro_async.protocol import Evidence, Observation

__all__ = ["Transport"]


class Transport(Protocol):
    """Makes one attempt: one POST, never repeated, never redirected."""

    async def exchange(
        self, pabx: PABX, body: bytes, evidence: Evidence
    ) -> Observation:
        """POST the body once and return what was seen.

        Args:
            pabx: Where to.
            body: The request's body, ready to be sent.
            evidence: Set while the attempt goes on, so that the caller knows how far
                it came even where this is cancelled.

        Raises:
            ConfigurationError: If the attempt can't be begun at all.
            asyncio.CancelledError: If it is cancelled; ``evidence`` tells the rest.
        """
        ...
