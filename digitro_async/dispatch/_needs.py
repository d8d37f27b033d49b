"""PURE: what a command waits for at its PABX, beside a place in flight."""

import attrs

__all__ = ["NEEDS_OF_A_CALL", "Needs"]


@attrs.frozen
class Needs:
    """What a command waits for at its PABX, beside a place in flight.

    Attributes:
        rate_slot: Whether it counts against the cap on the rate.
        place_in_progress: Whether it counts against the cap on calls in progress:
            commands about calls that go on must get through where that is reached.
    """

    rate_slot: bool = True
    place_in_progress: bool = True


NEEDS_OF_A_CALL = Needs()
