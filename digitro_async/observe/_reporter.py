"""EventReporter: tells a program's function, and the logger, of events."""

import asyncio
import contextvars
import inspect
import logging
import time
from collections.abc import Callable, Coroutine
from pathlib import PurePath
from typing import Any, Final

from digitro_async.errors import ConfigurationError, LedgerError
from digitro_async.observe._events import ClientEvent, EventKind
from digitro_async.observe._logger import LOGGER

__all__ = ["LEVELS", "EventReporter", "OnEvent"]

OnEvent = Callable[[ClientEvent], object]
"""Takes an event. It is called in the event loop, and is not awaited."""

LEVELS: Final = {
    EventKind.PAUSED: logging.WARNING,
    EventKind.PROBE_FAILED: logging.INFO,
    EventKind.RESUMED: logging.INFO,
    EventKind.PROTOCOL_VIOLATION: logging.WARNING,
    EventKind.REUSE_ENDED: logging.WARNING,
    EventKind.FEWER_IN_FLIGHT: logging.WARNING,
    EventKind.CHANNEL_MISSING: logging.WARNING,
    EventKind.UNKNOWN_SETTLED: logging.INFO,
    EventKind.LEDGER_FAILED: logging.ERROR,
}
"""The level of each kind of event in the log."""

LONG_CALL = 0.5
"""Seconds that the function may take for one event without a warning in the log."""


class EventReporter:
    """Tells of events, after the call that led to them went on.

    Args:
        on_event: The program's function, None for the logger alone. Nothing that it
            raises reaches a call: that is logged, once.

    Raises:
        ConfigurationError: If ``on_event`` can't be called, or would have to be
            awaited.
    """

    def __init__(self, on_event: OnEvent | None = None) -> None:
        if on_event is not None:
            _check(on_event)
        self._on_event = on_event
        # An event is not told in the context of the call that happened to lead to it.
        self._context = contextvars.copy_context()
        self._complaints: set[str] = set()
        self._warned: set[str | None] = set()  # PABX whose breaches were logged

    def report(
        self,
        kind: EventKind,
        text: str,
        *,
        pabx: str | None = None,
        address: str | None = None,
        reason: str = "",
        cause: str = "",
        retry_after: float | None = None,
    ) -> None:
        """Tell of an event, soon; see ``ClientEvent``."""
        event = ClientEvent(
            kind=kind,
            time=time.time(),
            pabx=pabx,
            address=address,
            reason=reason,
            cause=cause,
            retry_after=retry_after,
            text=text,
        )
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # paused by hand before any loop runs
            self._context.copy().run(self._tell, event)
        else:
            loop.call_soon(self._tell, event, context=self._context)

    def report_ledger(self, problem: LedgerError) -> str:
        """Tell that the ledger of a campaign can't be written; return why, as a code.

        Args:
            problem: Its error.
        """
        # A foreign ledger may raise it, so its texts are not ours to show.
        is_code = problem.reason.replace("_", "").isalnum()
        code = problem.reason if is_code else "failed"
        text = f"the ledger can't be written ({code}): no further call begins"
        self.report(EventKind.LEDGER_FAILED, text, reason=code)
        return code

    def complain(self, problem: str) -> None:
        """Log a problem of the program's own code once.

        Args:
            problem: The problem; nothing private is in it.
        """
        if problem not in self._complaints:
            self._complaints.add(problem)
            self._log(logging.ERROR, problem)

    def _tell(self, event: ClientEvent) -> None:
        self._log(self._level_of(event), event.text, event)
        if self._on_event is None:
            return
        began = time.monotonic()
        try:
            returned = self._on_event(event)
        except Exception as error:  # noqa: BLE001 - of the program; no call may notice
            self._complain(f"raised {type(error).__name__} at {_place_of(error)}")
            return
        if inspect.isawaitable(returned):
            self._complain("returned something to await, which nobody does")
            if isinstance(returned, Coroutine):
                returned.close()
        if time.monotonic() - began > LONG_CALL:
            self._complain(f"took longer than {LONG_CALL} s, and everything waited")

    def _level_of(self, event: ClientEvent) -> int:
        if event.kind is EventKind.PROTOCOL_VIOLATION:
            if event.pabx in self._warned:
                return logging.DEBUG  # there may be one for each call
            self._warned.add(event.pabx)
        return LEVELS[event.kind]

    def _complain(self, problem: str) -> None:
        self.complain(f"on_event {problem}: it is called all the same")

    def _log(self, level: int, text: str, event: ClientEvent | None = None) -> None:
        try:
            LOGGER.log(level, "%s", text, extra={"client_event": event})
        except Exception as error:  # noqa: BLE001 - a handler or filter of the program
            del error  # there is nowhere left to tell of it


def _check(on_event: Any) -> None:
    if not callable(on_event):
        raise ConfigurationError("on_event must be a function that takes an event")
    called = on_event if inspect.isroutine(on_event) else type(on_event).__call__
    if any(
        is_async(one)
        for one in (on_event, called)
        for is_async in (inspect.iscoroutinefunction, inspect.isasyncgenfunction)
    ):
        raise ConfigurationError(
            "on_event is called and not awaited, so it can't be a coroutine function:"
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
