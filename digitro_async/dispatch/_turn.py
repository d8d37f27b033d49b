"""PURE: what is known of the turn of one attempt."""

from typing import Protocol

from digitro_async.dispatch._needs import Needs

__all__ = ["Turn"]


class Turn(Protocol):
    """What is known of the turn of one attempt. A ``Ticket`` is one.

    Attributes:
        started: When it started.
        recorded: When its intent was recorded; when it started without a ledger.
        channel_id: The channel that it was sent over.
        is_probe: Whether it shows whether a pause may end.
        needs: What it holds beside its place in flight.
    """

    started: float
    recorded: float
    channel_id: int | None
    is_probe: bool
    needs: Needs
