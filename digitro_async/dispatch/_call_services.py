"""The parts of a dispatcher that its calls share."""

from collections.abc import Callable

import attrs

from digitro_async.dispatch._back_offs import BackOffs
from digitro_async.dispatch._in_flight import InFlight
from digitro_async.dispatch._router import Router
from digitro_async.settings import RetrySettings
from digitro_async.transport import Transport

__all__ = ["CallServices"]


@attrs.define(eq=False)
class CallServices:
    """The parts of a dispatcher that its calls share.

    Attributes:
        router: Chooses the PABX, and gives turns.
        transport: Makes an attempt.
        retry: Limits of retries.
        chance: Returns a number from 0 to 1: the jitter of back-offs.
        in_flight: Counts the calls that go on.
        back_offs: The waits before retries.
    """

    router: Router
    transport: Transport
    retry: RetrySettings
    chance: Callable[[], float]
    in_flight: InFlight = attrs.field(factory=InFlight)
    back_offs: BackOffs = attrs.field(factory=BackOffs)
