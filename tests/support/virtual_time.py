"""Runs a test on an event loop whose clock jumps instead of waiting.

looptime's own pytest plugin is switched off in ``pyproject.toml``: it asks for an event
loop in every synchronous test, which Python 3.12 warns of and which nobody closes.
"""

import asyncio
import functools
import inspect
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec

import looptime

__all__ = ["virtual_time"]

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
