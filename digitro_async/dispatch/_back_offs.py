"""BackOffs: waits between the attempts of calls, which can be ended together."""

import asyncio

__all__ = ["BackOffs", "wake"]


class BackOffs:
    """Waits that can be ended together."""

    def __init__(self) -> None:
        self._sleepers: set[asyncio.Future[None]] = set()

    async def wait(self, seconds: float) -> None:
        """Wait that long, or until ``end``."""
        loop = asyncio.get_running_loop()
        sleeper = loop.create_future()
        timer = loop.call_later(seconds, wake, sleeper)
        self._sleepers.add(sleeper)
        try:
            await sleeper
        finally:
            timer.cancel()
            self._sleepers.discard(sleeper)

    def end(self) -> None:
        """End every wait."""
        for sleeper in self._sleepers:
            wake(sleeper)


def wake(sleeper: asyncio.Future[None]) -> None:
    """Set the future where nobody has."""
    if not sleeper.done():
        sleeper.set_result(None)
