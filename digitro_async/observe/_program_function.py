"""ProgramFunction: a function of the program, called so that no call may notice."""

import inspect
import time
from collections.abc import Callable, Coroutine
from pathlib import PurePath
from typing import Any

from digitro_async.errors import ConfigurationError

__all__ = ["ProgramFunction"]

LONG_CALL = 0.5
"""Seconds that the function may take without a complaint."""


class ProgramFunction:
    """A plain function of the program, which is told of something in the event loop.

    Args:
        name: What it is called, in texts.
        function: The function.
        complain: Told of its problems; nothing that it raises goes further.
        takes: What it takes, in words.

    Raises:
        ConfigurationError: If it can't be called, or would have to be awaited.
    """

    __slots__ = ("_complain_of", "_function", "_name")

    def __init__(
        self,
        name: str,
        function: Any,
        complain: Callable[[str], None],
        *,
        takes: str = "activities",
    ) -> None:
        _check(name, function, takes)
        self._name = name
        self._function: Callable[[Any], object] = function
        self._complain_of = complain

    def call(self, told: Any) -> None:
        """Call it; nothing is raised."""
        began = time.monotonic()
        try:
            returned = self._function(told)
        except Exception as error:  # noqa: BLE001 - of the program; no call may notice
            self._complain(f"raised {type(error).__name__} at {_place_of(error)}")
            return
        if inspect.isawaitable(returned):
            self._complain("returned something to await, which nobody does")
            if isinstance(returned, Coroutine):
                returned.close()
        if time.monotonic() - began > LONG_CALL:
            self._complain(f"took longer than {LONG_CALL} s, and everything waited")

    def _complain(self, problem: str) -> None:
        self._complain_of(f"{self._name} {problem}: it is called all the same")


def _check(name: str, function: Any, takes: str) -> None:
    if not callable(function):
        raise ConfigurationError(f"{name} must be a function that takes {takes}")
    called = function if inspect.isroutine(function) else type(function).__call__
    if any(
        is_async(one)
        for one in (function, called)
        for is_async in (inspect.iscoroutinefunction, inspect.isasyncgenfunction)
    ):
        raise ConfigurationError(
            f"{name} is called and not awaited, so it can't be a coroutine function:"
            " give a plain function, which may start a task or fill a queue"
        )


def _place_of(error: BaseException) -> str:
    """Return the file and line that raised an error; its text may hold anything."""
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    if frame is None:
        return "an unknown place"
    return f"{PurePath(frame.tb_frame.f_code.co_filename).name}:{frame.tb_lineno}"
