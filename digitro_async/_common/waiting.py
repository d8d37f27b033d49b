"""Waits for tasks within a time that holds whatever they do."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

__all__ = ["settled_of", "within"]

_Result = TypeVar("_Result")


async def within(seconds: float, coroutine: Coroutine[Any, Any, _Result]) -> _Result:
    """Return the result of a coroutine, or leave it to itself after a time.

    A driver of a database that is cancelled may wait for a server that says nothing.
    Nobody waits for that here: it is cancelled, and ends when it can.

    Raises:
        TimeoutError: If the result is not there in time.
    """
    task = asyncio.ensure_future(coroutine)
    try:
        await asyncio.wait({task}, timeout=seconds)
    finally:
        if not task.done():
            task.cancel()
            task.add_done_callback(_forget)
    if task.done():
        return task.result()
    raise TimeoutError


async def settled_of(task: "asyncio.Future[Any]") -> None:
    """Wait until a task has ended, in whatever way."""
    while not task.done():
        await asyncio.wait({task})
    _forget(task)


def _forget(task: "asyncio.Future[Any]") -> None:
    if not task.cancelled():
        task.exception()
