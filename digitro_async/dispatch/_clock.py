"""The time that pacing goes by."""

import asyncio
import time

__all__ = ["live_time"]


def live_time() -> float:
    """Return the running loop's time in seconds, never a stale one.

    asyncio's own loops read the clock at every call (and tests may move it). Other
    loops, uvloop among them, keep a copy in whole milliseconds that is as old as the
    loop's current turn. A slot that is given back by such a copy is given back too
    early, and the PABX then sees more than its cap; the system's monotonic clock, which
    those loops are based on, is read instead.
    """
    loop = _running_loop()
    if type(loop).time is _SYSTEM_TIME:  # what that is, and sooner
        return _monotonic()
    return loop.time() if isinstance(loop, _ASYNCIO_LOOP) else _monotonic()


_running_loop = asyncio.get_running_loop
_monotonic = time.monotonic
_ASYNCIO_LOOP = asyncio.BaseEventLoop
_SYSTEM_TIME = asyncio.BaseEventLoop.time
