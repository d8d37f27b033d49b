"""Runs a test on an event loop whose clock jumps instead of waiting.

looptime's own pytest plugin is switched off in ``pyproject.toml``: it asks for an event
loop in every synchronous test, which Python 3.12 warns of and which nobody closes.
"""

import asyncio
import contextlib
import functools
import inspect
import time
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, ParamSpec
from unittest import mock

import looptime

__all__ = ["no_real_sleep", "virtual_time"]

_Args = ParamSpec("_Args")


def virtual_time(
    test: Callable[_Args, Coroutine[Any, Any, None]],
) -> Callable[_Args, None]:
    """Make a coroutine a synchronous test that runs in virtual time, from 0 on.

    Async fixtures can't be used in it; everything it needs it opens itself.
    """

    @functools.wraps(test)
    def run(*args: _Args.args, **kwargs: _Args.kwargs) -> None:
        with asyncio.Runner(loop_factory=_new_loop) as runner:
            runner.run(test(*args, **kwargs))

    # With __wrapped__ pytest-asyncio would see a coroutine function; without a
    # signature pytest would not see the parameters.
    del run.__dict__["__wrapped__"]
    run.__dict__["__signature__"] = inspect.signature(test)
    return run


def _new_loop() -> asyncio.AbstractEventLoop:
    loop: asyncio.AbstractEventLoop = looptime.new_event_loop(start=0)
    return loop


@contextlib.contextmanager
def no_real_sleep() -> Iterator[None]:
    """Fail whoever sleeps in here on a clock that does not jump."""
    sleep = asyncio.sleep

    async def sleep_in_virtual_time(delay: float, result: Any = None) -> Any:
        loop = asyncio.get_running_loop()
        if delay > 0 and not isinstance(loop, looptime.LoopTimeEventLoop):
            raise AssertionError(
                f"asyncio.sleep({delay}) waits for real: use virtual_time"
            )
        return await sleep(delay, result)

    def never(delay: float) -> None:
        raise AssertionError(f"time.sleep({delay}) waits for real: use virtual_time")

    with (
        mock.patch.object(asyncio, "sleep", sleep_in_virtual_time),
        mock.patch.object(time, "sleep", never),
    ):
        yield
