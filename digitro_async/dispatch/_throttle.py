"""PURE: until when a PABX that asked for fewer calls gets none."""

import math

from digitro_async.dispatch._retry import throttle_pause
from digitro_async.settings import RetrySettings

__all__ = ["Throttle"]


class Throttle:
    """Rests one PABX after its answers 429 and 425. Time is an argument.

    Args:
        settings: Limits of the rest.

    Attributes:
        until: Start no call before that moment.
        run: Number of times the PABX asked since it last accepted a call.
        asked: Seconds that it asked for last, None where it gave none.
    """

    __slots__ = ("_settings", "asked", "run", "until")

    def __init__(self, settings: RetrySettings) -> None:
        self._settings = settings
        self.until: float = -math.inf
        self.run: int = 0
        self.asked: float | None = None

    def record(self, retry_after: float | None, now: float, chance: float) -> None:
        """Begin to rest; answers to calls that were on the wire together count once.

        Args:
            retry_after: Seconds that the PABX asked for, None if it did not say.
            now: The time.
            chance: A number from 0 to 1: the jitter.
        """
        if now >= self.until or not self.run:
            self.run += 1
        self.asked = retry_after
        pause = throttle_pause(retry_after, self.run, self._settings, chance)
        self.until = max(self.until, now + pause)

    def lift(self) -> None:
        """End the rest, and forget the wait that the PABX asked for."""
        self.until, self.run = -math.inf, 0
