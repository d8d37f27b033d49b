"""The time that pacing goes by."""

import asyncio
import time
from collections.abc import Callable

from digitro_async._common.own_loop import running_loop
from digitro_async.errors import WrongLoopError

__all__ = ["live_clock", "live_time", "time_anywhere"]


def live_clock() -> Callable[[], float]:
    """Return a clock of the running loop, in seconds, that is never stale.

    asyncio's own loops read the clock at every call (and tests may move it). Other
    loops, uvloop among them, keep a copy in whole milliseconds that is as old as the
    loop's current turn. A slot that is given back by such a copy is given back too
    early, and the PABX then sees more than its cap; the system's monotonic clock, which
    those loops are based on, is read instead.

    Raises:
        WrongLoopError: If no event loop of asyncio runs.
    """
    loop = running_loop("a call")
    if not isinstance(loop, asyncio.BaseEventLoop):
        return time.monotonic
    if type(loop).time is asyncio.BaseEventLoop.time:  # what that is, and sooner
        return time.monotonic
    return loop.time


def live_time() -> float:
    """Return the time by ``live_clock``, for those who need it now and then."""
    return live_clock()()


def time_anywhere() -> float:
    """Return the time, also in a thread without a loop: that of all common loops."""
    try:
        return live_time()
    except WrongLoopError:
        return time.monotonic()
