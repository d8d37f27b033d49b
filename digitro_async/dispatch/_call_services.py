"""The parts of a dispatcher that its calls share."""

from collections.abc import Callable
from typing import Any

import attrs

from digitro_async.dispatch._back_offs import BackOffs
from digitro_async.dispatch._in_flight import InFlight
from digitro_async.dispatch._retry import may_be_sent_again, retry_delay
from digitro_async.dispatch._router import Router
from digitro_async.dispatch._standing import Standing
from digitro_async.errors import Outcome
from digitro_async.observe import ActivityStream
from digitro_async.protocol import AttemptResult, Connection
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
        make_run: Makes a ``CallRun``, of a class that tells observers where there are
            some.
        activity: What observers are told through.
        in_flight: Counts the calls that go on.
        back_offs: The waits before retries.
    """

    router: Router
    transport: Transport
    retry: RetrySettings
    chance: Callable[[], float]
    make_run: Callable[..., Any]
    activity: ActivityStream
    in_flight: InFlight = attrs.field(factory=InFlight)
    back_offs: BackOffs = attrs.field(factory=BackOffs)

    def delay_of_retry(
        self,
        standing: Standing,
        result: AttemptResult,
        attempts: int,
        connection: Connection | None,
        left: float,
        *,
        is_repeat_safe: bool = False,
    ) -> float | None:
        """Return seconds until the next attempt of a call, None where there is none.

        Args:
            standing: The state of the PABX that had the last attempt.
            result: The result of that attempt.
            attempts: Attempts made so far.
            connection: The connection of that attempt, None where it had none.
            left: Seconds until the call's deadline.
            is_repeat_safe: Whether it may be sent again where its outcome is unknown.
        """
        classification = result.classification
        if not may_be_sent_again(classification, is_repeat_safe=is_repeat_safe):
            return None
        delay = retry_delay(
            result,
            attempts,
            self.retry,
            self.chance(),
            is_repeat_safe=is_repeat_safe,
        )
        if delay is None or delay > left or not standing.quota.take():
            return None
        if classification.outcome is Outcome.NOT_SENT or connection is None:
            return delay
        # The answer may be another call's; the true one shows itself by then.
        delay = max(delay, connection.retire())
        return None if delay > left else delay
