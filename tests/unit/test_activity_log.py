"""What becomes of calls, as records of a logger."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from helpers import make_pabx

from digitro_async import DigitroClient, EventKind, Outcome
from digitro_async.exporters import JSONFormatter, log_activities
from digitro_async.observe import (
    ActivitiesLost,
    CallQueued,
    CallRetried,
    CallSettled,
    ClientEvent,
)

CALL: dict[str, Any] = {"serial": 7, "pabx": "one", "command": "predictive_call"}


class Lines(logging.Handler):
    """Keeps each record as a line of JSON."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(JSONFormatter())
        self.lines: list[dict[str, Any]] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record."""
        self.lines.append(json.loads(self.format(record)))


@pytest.fixture
def handler() -> Iterator[Lines]:
    """Listen to the library's logger of activities."""
    logger, made = logging.getLogger("digitro_async.activity"), Lines()
    logger.addHandler(made)
    logger.setLevel(logging.DEBUG)
    yield made
    logger.removeHandler(made)
    logger.setLevel(logging.NOTSET)


def settled(outcome: Outcome, reason: str = "") -> CallSettled:
    """Return a call that is settled."""
    return CallSettled(
        **CALL,
        time=1000.5,
        outcome=outcome,
        reason=reason,
        status=None,
        attempts=1,
        sent_at=1000.25,
        waited=0.0,
        latency=0.25,
        origin="canary",
    )


def test_records_of_calls(handler: Lines) -> None:
    """Each activity is a record with its name, its moment and its fields."""
    client = DigitroClient(make_pabx())
    observing = log_activities(client)
    several = (
        CallQueued(**CALL, time=999.0),
        settled(Outcome.ACCEPTED),
        settled(Outcome.UNKNOWN, "timeout"),
        CallRetried(
            **CALL,
            time=1.0,
            attempt=1,
            outcome=Outcome.NOT_SENT,
            reason="connect_failed",
            status=None,
            latency=0.0,
        ),
        ActivitiesLost(time=2.0, count=3),
    )
    observing.take(several)

    told = [(one["event"], one["level"]) for one in handler.lines]
    assert told == [
        ("call_queued", "debug"),
        ("call_settled", "info"),
        ("call_settled", "warning"),
        ("call_retried", "info"),
        ("activities_lost", "warning"),
    ]
    assert handler.lines[2] == {
        "time": "1970-01-01T00:16:40.500+00:00",
        "level": "warning",
        "logger": "digitro_async.activity",
        "event": "call_settled",
        **CALL,
        "outcome": "unknown",
        "reason": "timeout",
        "attempts": 1,
        "sent_at": 1000.25,
        "waited": 0.0,
        "latency": 0.25,
    }
    assert "canary" not in json.dumps(handler.lines)


def test_events_that_the_log_has_already(handler: Lines) -> None:
    """An event that the library logs by itself is not written twice."""
    client = DigitroClient(make_pabx())
    observing = log_activities(client, ClientEvent)
    observing.take(
        [
            ClientEvent(kind=EventKind.PAUSED, time=1.0, text="it is paused"),
            ClientEvent(kind=EventKind.DRAIN_BEGAN, time=2.0, text="it drains"),
        ]
    )

    assert [one["event"] for one in handler.lines] == ["drain_began"]


def test_nothing_is_written_until_somebody_asks(handler: Lines) -> None:
    """Without ``log_activities`` calls leave no record."""
    client = DigitroClient(make_pabx())
    client.dispatcher.pause()

    assert handler.lines == []
    assert client.activity.wanted == frozenset()


def test_records_of_the_library_itself() -> None:
    """A client's event in the library's own log is written with its fields."""
    logger, lines = logging.getLogger("digitro_async"), Lines()
    logger.addHandler(lines)
    try:
        DigitroClient(make_pabx()).dispatcher.pause(reason="lunch")
    finally:
        logger.removeHandler(lines)

    (line,) = lines.lines
    assert (line["event"], line["pabx"], line["reason"]) == ("paused", "one", "lunch")
    assert line["text"].startswith("PABX one is paused")


def test_the_text_of_an_exception_is_not_written() -> None:
    """Of an exception its class is written: its text may hold anything."""
    lines = Lines()
    error = ValueError("canary")
    info = (type(error), error, None)
    record = logging.makeLogRecord({"msg": "failed", "exc_info": info})
    lines.emit(record)

    assert lines.lines[0]["error"] == "ValueError"
    assert "canary" not in json.dumps(lines.lines)
