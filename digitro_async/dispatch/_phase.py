"""PURE: the phases of a call that is being made."""

import enum

__all__ = ["Phase"]


class Phase(enum.Enum):
    """The progress of a call: its present phase."""

    WAITING = "waiting"
    """It has no attempt on the wire: it waits for its turn or for a retry."""
    ON_WIRE = "on_wire"
    """An attempt goes on, from before its intent is recorded."""
    RECORDING = "recording"
    """The last attempt has ended; the result is delivered once it is recorded."""
