"""Writes what happens in a client to a logger, each with its fields."""

import datetime as dt
import json
import logging
from collections.abc import Sequence
from typing import Any, Final

import attrs

from digitro_async.client import DigitroClient
from digitro_async.errors import Outcome
from digitro_async.observe import (
    LEVELS,
    ActivitiesLost,
    Activity,
    CallEnded,
    CallQueued,
    CallRetried,
    CallSent,
    CallSettled,
    ClientEvent,
    Observing,
)

__all__ = ["JSONFormatter", "log_activities"]

_NAMES: Final[dict[type, str]] = {
    CallQueued: "call_queued",
    CallSent: "call_sent",
    CallRetried: "call_retried",
    CallSettled: "call_settled",
    CallEnded: "call_ended",
    ActivitiesLost: "activities_lost",
}
_LEFT_OUT: Final = frozenset({"origin", "attempt_was_told", "time", "text"})
"""Fields that say nothing to whoever reads a log, or that the record has."""


def log_activities(
    client: DigitroClient, *kinds: type, logger: logging.Logger | None = None
) -> Observing:
    """Write what happens in a client to a logger, until ``stop``.

    Each record has the name of what happened as its message and the fields in
    ``digitro``, a dictionary of plain values. No number, id, key or text of a PABX is
    in it. Calls that were queued or sent have the level DEBUG, those that are unknown
    WARNING, all others INFO.

    What ``on_event`` is told is in the log of ``digitro_async`` in any case, and is not
    written again.

    Args:
        client: The client.
        kinds: The classes of activities that are written; none for all.
        logger: The logger; None for ``digitro_async.activity``.
    """
    if logger is None:
        logger = logging.getLogger("digitro_async.activity")
    return client.activity.observe(_ActivityWriter(logger).take, *kinds)


class JSONFormatter(logging.Formatter):
    """Writes a record as one line of JSON.

    It has time, level, logger and event, and the fields of what happened in a client;
    of other records the text, and where an exception was raised its class.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        at = dt.datetime.fromtimestamp(record.created, dt.UTC)
        line: dict[str, Any] = {
            "time": at.isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
        }
        event = getattr(record, "client_event", None)
        if isinstance(event, ClientEvent):
            line |= {"event": event.kind.value, "text": event.text}
            line |= _fields_of(event)
        line |= getattr(record, "digitro", {})
        if record.exc_info and record.exc_info[0] is not None:
            line["error"] = record.exc_info[0].__name__  # its text may hold anything
        return json.dumps(line, ensure_ascii=False, default=str)


class _ActivityWriter:
    """Writes activities to a logger.

    Args:
        logger: The logger.
    """

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger

    def take(self, batch: Sequence[Activity]) -> None:
        """Write a batch, each activity at the moment at which it happened."""
        for one in batch:
            level = _level_of(one)
            if level is None or not self._logger.isEnabledFor(level):
                continue
            name = one.kind.value if isinstance(one, ClientEvent) else _NAMES[type(one)]
            record = self._logger.makeRecord(
                self._logger.name,
                level,
                __file__,
                0,
                name,
                (),
                None,
                "take",
                {"digitro": _fields_of(one)},
            )
            record.created = one.time
            record.msecs = (one.time % 1) * 1000
            self._logger.handle(record)


def _level_of(one: Activity) -> int | None:
    """Return the level of an activity, None for one that is logged elsewhere."""
    if isinstance(one, CallQueued | CallSent):
        return logging.DEBUG
    if isinstance(one, ClientEvent) and one.kind in LEVELS:
        return None
    if isinstance(one, ActivitiesLost):
        return logging.WARNING
    if isinstance(one, CallSettled) and one.outcome is Outcome.UNKNOWN:
        return logging.WARNING
    return logging.INFO


def _fields_of(one: Activity) -> dict[str, Any]:
    """Return the fields of an activity as plain values, those without a value not."""
    found = {}
    for field in attrs.fields(type(one)):
        value = getattr(one, field.name)
        if field.name in _LEFT_OUT or value is None or (not value and value != 0):
            continue
        found[field.name] = str(value) if isinstance(value, str) else value
    return found
