"""Whether a CancelledError is meant for the task that gets it."""

import asyncio

__all__ = ["is_cancelled"]


def is_cancelled() -> bool:
    """Whether this task was asked to end, and not only the future it waited for."""
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0
