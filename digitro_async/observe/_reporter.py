"""EventReporter: tells a program's function, and the logger, of events."""

import asyncio
import contextvars
import logging
import time
from collections.abc import Callable
from typing import Final

from digitro_async._common.reasons import is_code
from digitro_async.errors import LedgerError
from digitro_async.observe._activity_stream import ActivityStream
from digitro_async.observe._events import ClientEvent, EventKind
from digitro_async.observe._logger import LOGGER
from digitro_async.observe._program_function import ProgramFunction

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


class EventReporter:
    """Tells of events, after the call that led to them went on.

    Args:
        on_event: The program's function, None for the logger alone. Nothing that it
            raises reaches a call: that is logged, once.

    Raises:
        ConfigurationError: If ``on_event`` can't be called, or would have to be
            awaited.

    Attributes:
        activity: What happens inside the client, for observers.
    """

    def __init__(self, on_event: OnEvent | None = None) -> None:
        self._function = None
        if on_event is not None:
            self._function = ProgramFunction(
                "on_event", on_event, self.complain, takes="an event"
            )
        # An event is not told in the context of the call that happened to lead to it.
        self._context = contextvars.copy_context()
        self._complaints: set[str] = set()
        self._warned: set[str | None] = set()  # PABX whose breaches were logged
        self.activity: ActivityStream = ActivityStream(self.complain)

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
        self.activity.put_event(event)
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
        code = problem.reason if is_code(problem.reason) else "failed"
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
        if self._function is not None:
            self._function.call(event)

    def _level_of(self, event: ClientEvent) -> int:
        if event.kind is EventKind.PROTOCOL_VIOLATION:
            if event.pabx in self._warned:
                return logging.DEBUG  # there may be one for each call
            self._warned.add(event.pabx)
        return LEVELS[event.kind]

    def _log(self, level: int, text: str, event: ClientEvent | None = None) -> None:
        try:
            LOGGER.log(level, "%s", text, extra={"client_event": event})
        except Exception as error:  # noqa: BLE001 - a handler or filter of the program
            del error  # there is nowhere left to tell of it
