"""PURE: the settings by which a worker takes and dials slices."""

import attrs

from digitro_async._common.validators import at_least, positive_seconds, quiet_init

__all__ = ["SlicingSettings"]


@quiet_init
@attrs.frozen(kw_only=True)
class SlicingSettings:
    """The settings by which a worker takes and dials slices. Times are in seconds.

    Attributes:
        size: Contacts of a slice. Every worker of a campaign should have the same, so
            that none puts in what another put in already.
        concurrency: Slices of a campaign that one worker dials at once: two or more
            leave no gap between slices.
        ahead: Slices that wait in the engine at most for each worker that asks.
        lease: Time after the last sign of life of a worker after which others may have
            its contacts.
        renew: Time between two signs of life of a worker to the ledger.
        look: Time between two looks of a worker that has nothing to do.
        come_again: Time after which contacts come up again that could not be called.
        clean_up: Time between two looks for what dead workers left.
        reopen: Time after which a worker that lost the ledger tries again.

    Raises:
        ConfigurationError: If a value can't be used.
    """

    size: int = attrs.field(default=200, validator=at_least(1))
    concurrency: int = attrs.field(default=3, validator=at_least(1))
    ahead: int = attrs.field(default=64, validator=at_least(1))
    lease: float = attrs.field(default=30.0, validator=positive_seconds)
    renew: float = attrs.field(default=5.0, validator=positive_seconds)
    look: float = attrs.field(default=1.0, validator=positive_seconds)
    come_again: float = attrs.field(default=15.0, validator=positive_seconds)
    clean_up: float = attrs.field(default=5.0, validator=positive_seconds)
    reopen: float = attrs.field(default=1.0, validator=positive_seconds)
