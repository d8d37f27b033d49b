"""The settings of a worker's signs of life and of its leases."""

import attrs

from digitro_async._common.validators import positive, positive_seconds, quiet_init
from digitro_async.errors import ConfigurationError
from digitro_async.workers._liveness import LivenessSettings

__all__ = ["WorkerSettings"]


@quiet_init
@attrs.frozen(kw_only=True)
class WorkerSettings:
    """The rules for signs of life and leases; times in seconds.

    Every worker of one database should have the same.

    Args:
        beat: Seconds from one sign of life to the next. What an operator or another
            worker changes is known after one of them, slots that move after three.
        timeout: Most seconds that the database takes to answer one.
        lease: Seconds without a sign of life after which the others have a worker's
            slots, as soon as no call of it can be counted any more. The worker itself
            starts nothing from a little before that on.
        misses: Signs of life in a row without an answer after which a worker is taken
            for cut off.

    Raises:
        ConfigurationError: If a number is not above zero, or a lease is over before a
            sign of life can be tried again.
    """

    beat: float = attrs.field(default=1.0, validator=positive_seconds)
    timeout: float = attrs.field(default=3.0, validator=positive_seconds)
    lease: float = attrs.field(default=10.0, validator=positive_seconds)
    misses: int = attrs.field(default=5, validator=positive)

    @property
    def liveness(self) -> LivenessSettings:
        """The same for ``Liveness``, which ends a process that is cut off."""
        return LivenessSettings(
            every=self.beat, answer=self.beat + self.timeout, misses=self.misses
        )

    def __attrs_post_init__(self) -> None:
        if self.lease < 2 * (self.beat + self.timeout):
            raise ConfigurationError(
                "lease must be at least twice beat and timeout together: one answer "
                "that is lost would end it"
            )
