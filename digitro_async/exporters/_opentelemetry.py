"""OpenTelemetryExporter: spans and metrics of one client, by the HTTP conventions.

The conventions are those of the HTTP client spans and metrics, stable since version
1.23 (https://opentelemetry.io/docs/specs/semconv/http/); ``url.template`` and
``http.client.active_requests`` are in development there. ``url.full`` would hold the
channel id, and is left out.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final
from urllib.parse import urlsplit

import attrs
from opentelemetry import metrics, trace
from opentelemetry.context import Context
from opentelemetry.metrics import CallbackOptions, Meter, MeterProvider, Observation
from opentelemetry.trace import (
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TracerProvider,
)

from digitro_async.client import DigitroClient
from digitro_async.dispatch import PABXStatistics
from digitro_async.errors import Outcome
from digitro_async.exporters._call_counts import LATENCY_BOUNDS
from digitro_async.exporters._exporter import Exporter
from digitro_async.exporters._label_values import label_of_reason
from digitro_async.models import PABX
from digitro_async.observe import Activity, CallRetried, CallSettled
from digitro_async.protocol import COMMANDS

__all__ = ["OpenTelemetryExporter"]

SCOPE: Final = "digitro_async"
"""Name of the instrumentation scope."""

OTHER_TEMPLATE: Final = "/requests/{channel_id}/{command}"
"""The route of commands that are known by their path alone: that may hold anything."""

_NANOSECONDS: Final = 1_000_000_000
_ACCEPTED: Final = Outcome.ACCEPTED

_ROOT: Final = trace.set_span_in_context(trace.INVALID_SPAN, Context())
"""The context of what belongs to no span; one that is empty would not count as one."""

_Attributes = dict[str, str | int]


@attrs.frozen
class _Address:
    """Where the requests to one PABX go.

    Attributes:
        attributes: The same as attributes.
        prefix: What stands before the path of each request.
    """

    attributes: _Attributes
    prefix: str = ""


@attrs.frozen
class _AttemptKind:
    """What attempts that are alike have in common.

    Attributes:
        name: The name of their spans.
        attributes: Their attributes.
    """

    name: str
    attributes: _Attributes


class OpenTelemetryExporter(Exporter):
    """Makes spans and metrics of what happens in one client.

    Each attempt is a client span, with the span in which a single call was made as its
    parent. Calls of a list are the roots of traces of their own: a list may be long.

    Args:
        client: The client.
        tracer_provider: Makes the spans; None for the program's.
        meter_provider: Takes the metrics; None for the program's.
        spans: Whether spans are made.
    """

    def __init__(
        self,
        client: DigitroClient,
        *,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
        spans: bool = True,
    ) -> None:
        super().__init__(client)
        self._activity = client.activity
        self._statistics_of_each: Callable[[], Mapping[str, PABXStatistics]] = lambda: (
            client.statistics().pabx
        )
        self._addresses = {one.name: _address_of(one) for one in client.dispatcher.pabx}
        self._known: dict[tuple[object, ...], _AttemptKind] = {}
        self._tracer = None
        if spans:
            self._tracer = trace.get_tracer(SCOPE, tracer_provider=tracer_provider)
            client.activity.origin_of = _current_span
        meter = metrics.get_meter(SCOPE, meter_provider=meter_provider)
        self._duration = meter.create_histogram(
            "http.client.request.duration",
            unit="s",
            description="Duration of HTTP client requests.",
            explicit_bucket_boundaries_advisory=LATENCY_BOUNDS,
        )
        self._make_instruments(meter)
        self._observing = client.activity.observe(self._take, CallSettled, CallRetried)

    def close(self) -> None:
        """Make no further span, and report no state any more; counts stay.

        Instruments can't be removed again. The last counts are there for whoever
        collects them at the end of the program.
        """
        super().close()
        self._observing.stop()
        self._statistics_of_each = dict
        if self._activity.origin_of is _current_span:
            self._activity.origin_of = None

    def _take(self, batch: Sequence[Activity]) -> None:
        for one in batch:
            if type(one) is CallSettled:
                if one.sent_at is not None and not one.attempt_was_told:
                    is_failed = one.outcome is not _ACCEPTED
                    error = label_of_reason(one.reason) if is_failed else None
                    self._tell(one, error, one.attempts, one.sent_at + one.latency)
            elif isinstance(one, CallRetried):
                self._tell(one, label_of_reason(one.reason), one.attempt, one.time)

    def _tell(
        self,
        one: CallSettled | CallRetried,
        error: str | None,
        attempt: int,
        ended_at: float,
    ) -> None:
        """Tell of an attempt.

        Args:
            one: What was told of it.
            error: The reason why it was not accepted, None where it was.
            attempt: Its number, from 1.
            ended_at: Unix time when it ended.
        """
        known = (one.pabx, one.command, one.status, error)
        alike = self._known.get(known)
        if alike is None:
            alike = self._known[known] = self._kind_of(*known)
        # Else it would be told of the span in which the client was opened.
        self._duration.record(one.latency, alike.attributes, _ROOT)
        if self._tracer is None:
            return
        context = _ROOT
        if isinstance(one.origin, SpanContext):
            parent = trace.NonRecordingSpan(one.origin)
            context = trace.set_span_in_context(parent, _ROOT)
        end = int(ended_at * _NANOSECONDS)
        span = self._tracer.start_span(
            alike.name,
            context,
            SpanKind.CLIENT,
            alike.attributes,
            start_time=end - int(one.latency * _NANOSECONDS),
        )
        if span.is_recording():
            if attempt > 1:
                span.set_attribute("http.request.resend_count", attempt - 1)
            if error is not None:
                span.set_status(Status(StatusCode.ERROR))
        span.end(end)

    def _kind_of(
        self, pabx: str | None, command: str, status: int | None, error: str | None
    ) -> _AttemptKind:
        """Return what attempts that are alike have in common."""
        row, address = COMMANDS.get(command), self._addresses.get(pabx or "", _NOWHERE)
        template = address.prefix + (OTHER_TEMPLATE if row is None else row.path)
        made: _Attributes = {
            "http.request.method": "POST",
            **address.attributes,
            "url.template": template,
        }
        if status is not None:
            made["http.response.status_code"] = status
        if error is not None:
            # By the conventions, the status where that is the error.
            is_status = error == f"status_{status}"
            made["error.type"] = str(status) if is_status else error
        return _AttemptKind(f"POST {template}", made)

    def _make_instruments(self, meter: Meter) -> None:
        """Make the instruments that are read when metrics are collected."""
        counts = self._counts
        meter.create_observable_counter(
            "digitro.client.calls",
            [_reading(lambda: _rows(counts.settled, *_OF_CALLS))],
            unit="{call}",
            description="Calls and other commands with a result.",
        )
        meter.create_observable_counter(
            "digitro.client.call.failures",
            [_reading(lambda: _rows(counts.failures, _NAME, "error.type"))],
            unit="{call}",
            description="Calls and other commands that were not accepted.",
        )
        meter.create_observable_counter(
            "digitro.client.call.ends",
            [_reading(lambda: _rows(counts.ends, _NAME, "digitro.disposition"))],
            unit="{call}",
            description="Calls of which it is known what became.",
        )
        meter.create_observable_counter(
            "digitro.client.activities.lost",
            [_reading(lambda: [Observation(counts.lost)])],
            unit="{activity}",
            description="Activities that were not counted.",
        )
        meter.create_observable_up_down_counter(
            "http.client.active_requests",
            [_reading(self._active_requests)],
            unit="{request}",
            description="Number of active HTTP requests.",
        )
        for name, unit, text, value_of in _GAUGES:
            meter.create_observable_gauge(
                name, [_reading(self._of_each(value_of))], unit, text
            )

    def _active_requests(self) -> Iterable[Observation]:
        for name, one in self._statistics_of_each().items():
            attributes = self._addresses[name].attributes
            yield Observation(
                one.in_flight, {"http.request.method": "POST", **attributes}
            )

    def _of_each(
        self, value_of: Callable[[PABXStatistics], float | None]
    ) -> Callable[[], Iterable[Observation]]:
        def read() -> Iterable[Observation]:
            for name, one in self._statistics_of_each().items():
                value = value_of(one)
                if value is not None:
                    yield Observation(value, {_NAME: name})

        return read


_NOWHERE: Final = _Address({})
_NAME: Final = "digitro.pabx.name"
_OF_CALLS: Final = (_NAME, "digitro.command", "digitro.outcome")
_GAUGES: Final = (
    (
        "digitro.client.calls.waiting",
        "{call}",
        "Calls that wait for their turn.",
        lambda one: one.waiting,
    ),
    (
        "digitro.client.calls.in_progress",
        "{call}",
        "Calls between their start and their end; 0 without events.",
        lambda one: one.in_progress,
    ),
    (
        "digitro.client.pabx.paused",
        "1",
        "1 where the PABX gets no call now.",
        lambda one: int(bool(one.paused)),
    ),
    (
        "digitro.client.rate.cap",
        "{call}/s",
        "Calls a second that the cap allows, where there is one.",
        lambda one: None if one.cap is None else one.cap.calls / one.cap.per,
    ),
)


def _reading(
    read: Callable[[], Iterable[Observation]],
) -> Callable[[CallbackOptions], Iterable[Observation]]:
    """Return the callback of an instrument."""
    return lambda _: read()


def _rows(
    counted: "dict[tuple[str, str], int] | dict[tuple[str, str, Outcome], int]",
    *names: str,
) -> Iterable[Observation]:
    """Return counted keys as observations, with names for the parts of each key."""
    for key, count in counted.copy().items():
        values = map(str, key)
        yield Observation(count, dict(zip(names, values, strict=True)))


def _address_of(pabx: PABX) -> _Address:
    """Return where the requests to a PABX go."""
    parts = urlsplit(pabx.base_url)
    attributes: _Attributes = {
        _NAME: pabx.name,
        "server.address": parts.hostname or "",
        "server.port": parts.port or (443 if parts.scheme == "https" else 80),
        "url.scheme": parts.scheme,
    }
    return _Address(attributes, parts.path)


def _current_span() -> SpanContext | None:
    """Return the span in which a call is made, None where it is in none."""
    context = trace.get_current_span().get_span_context()
    return context if context.is_valid else None
