"""Liveness: ends the process where the database does not answer any more."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from typing import Final, Protocol, Self

import attrs

from digitro_async._common.validators import at_least, positive_seconds, quiet_init
from digitro_async._common.waiting import within
from digitro_async.errors import DigitroError
from digitro_async.observe import LOGGER
from digitro_async.workers._service_manager import ServiceManager

__all__ = ["DATABASE_LOST", "Liveness", "LivenessSettings"]

DATABASE_LOST: Final = 75
"""Exit code of a process whose database did not answer: EX_TEMPFAIL of sysexits.h."""


class RoundTrip(Protocol):
    """Asks the database for a sign of life."""

    def __call__(self) -> Awaitable[object]:
        """Return once there was one, or raise."""
        ...


@quiet_init
@attrs.frozen(kw_only=True)
class LivenessSettings:
    """The settings of the watch over the link to the database.

    Attributes:
        every: Seconds between two round trips.
        answer: Longest time of one, in seconds.
        misses: Round trips without an answer, one after another, at which the process
            ends.

    Raises:
        ConfigurationError: If a value can't be used.
    """

    every: float = attrs.field(default=2.0, validator=positive_seconds)
    answer: float = attrs.field(default=3.0, validator=positive_seconds)
    misses: int = attrs.field(default=5, validator=at_least(1))

    @property
    def longest(self) -> float:
        """Seconds from the last answer to the end of the process."""
        return self.misses * (self.every + self.answer)


def end_process() -> None:
    """End the process at once, without a word to anybody who may not answer."""
    sys.stderr.flush()
    os._exit(DATABASE_LOST)


class Liveness:
    """Needs an answer of the database again and again, and ends the process without.

    A task that waits for a server that does not answer can't be told to end, and no
    driver notices. Others get this process's contacts when its lease is over, so it
    must not stay. Its calls on the wire are unknown then, as after any crash.

    A process that was stopped for a while is not ended for that: misses are counted,
    and not seconds. The watchdog of systemd is fed by an answer and by nothing else.

    Args:
        round_trip: Asks the database.
        settings: Times and misses.
        manager: The service manager.
        end: Ends the process.
    """

    def __init__(
        self,
        round_trip: RoundTrip,
        settings: LivenessSettings | None = None,
        *,
        manager: ServiceManager | None = None,
        end: Callable[[], object] = end_process,
    ) -> None:
        self._round_trip = round_trip
        self._settings = settings or LivenessSettings()
        self._manager = manager or ServiceManager()
        self._end = end
        self._task: asyncio.Future[None] | None = None
        self.missed: int = 0

    async def __aenter__(self) -> Self:
        self._task = asyncio.ensure_future(self._watch())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _watch(self) -> None:
        settings = self._settings
        while True:
            if await self._is_answered():
                self.missed = 0
                self._manager.feed_watchdog()
            else:
                self.missed += 1
                if self.missed >= settings.misses:
                    print(  # noqa: T201 - the last word
                        f"digitro: no answer of the database {self.missed} times: "
                        f"ending with exit code {DATABASE_LOST}; other workers go on",
                        file=sys.stderr,
                    )
                    self._end()
                    return
                LOGGER.warning(
                    "no answer of the database, %s of %s times",
                    self.missed,
                    settings.misses,
                )
            await asyncio.sleep(settings.every)

    async def _is_answered(self) -> bool:
        try:
            await within(self._settings.answer, _awaited(self._round_trip))
        except (TimeoutError, OSError, DigitroError):
            return False
        return True


async def _awaited(round_trip: RoundTrip) -> None:
    await round_trip()
