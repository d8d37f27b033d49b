"""PURE: the metrics for Prometheus: names, labels and what they count, as a table."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final, TypeAlias

import attrs

from digitro_async.dispatch import HealthStatus, Limit, PABXStatistics, Statistics
from digitro_async.exporters._call_counts import CallCounts, Durations
from digitro_async.exporters._label_values import label_of_reason

__all__ = ["METRICS", "Metric", "MetricReading", "Row"]

Row: TypeAlias = tuple[tuple[str, ...], "float | Durations"]
"""The values of the labels, and the value."""


@attrs.frozen
class MetricReading:
    """What is exported at one moment.

    Attributes:
        counts: What became of calls.
        statistics: The state of each PABX.
        health: Whether calls can be made.
    """

    counts: CallCounts
    statistics: Statistics
    health: HealthStatus


@attrs.frozen
class Metric:
    """One metric.

    Attributes:
        name: Its name; that of a counter is written with ``_total``.
        kind: ``counter``, ``gauge`` or ``histogram``.
        labels: Names of its labels. Each has a closed set of values: the names of the
            PABX that are configured, or a list of this library.
        text: What it counts.
        read: Returns its rows.
    """

    name: str
    kind: str
    labels: tuple[str, ...]
    text: str
    read: Callable[[MetricReading], Iterable[Row]] = attrs.field(repr=False)


def _counted(name: str) -> Callable[[MetricReading], Iterable[Row]]:
    """Return what reads one of the counters of ``CallCounts``."""

    def read(reading: MetricReading) -> Iterable[Row]:
        counted: Mapping[object, int] = getattr(reading.counts, name)
        for key, value in counted.copy().items():  # type: ignore[attr-defined]
            values = key if isinstance(key, tuple) else (key,)
            yield tuple(map(str, values)), value

    return read


def _timed(name: str) -> Callable[[MetricReading], Iterable[Row]]:
    """Return what reads some of the durations of ``CallCounts``."""

    def read(reading: MetricReading) -> Iterable[Row]:
        several: Mapping[str, Durations] = getattr(reading.counts, name)
        return [((pabx,), durations) for pabx, durations in several.items()]

    return read


def _of_each(
    value_of: Callable[[PABXStatistics], float | None],
) -> Callable[[MetricReading], Iterable[Row]]:
    """Return what reads a figure of each PABX that has it."""

    def read(reading: MetricReading) -> Iterable[Row]:
        for name, one in reading.statistics.pabx.items():
            value = value_of(one)
            if value is not None:
                yield (name,), value

    return read


def _cap_of(one: PABXStatistics) -> float | None:
    return None if one.cap is None else one.cap.calls / one.cap.per


def _pause_reasons(reading: MetricReading) -> Iterable[Row]:
    for name, one in reading.statistics.pabx.items():
        if one.paused:
            yield (name, label_of_reason(one.paused)), 1


def _limits(reading: MetricReading) -> Iterable[Row]:
    for name, one in reading.statistics.pabx.items():
        limit = one.limit
        for each in Limit:
            yield (name, each.value), each is limit


def _health(reading: MetricReading) -> Iterable[Row]:
    return [((each.value,), each is reading.health) for each in HealthStatus]


def _lost(reading: MetricReading) -> Iterable[Row]:
    return [((), reading.counts.lost)]


_PABX: Final = ("pabx",)

METRICS: Final = (
    Metric(
        "digitro_calls",
        "counter",
        ("pabx", "command", "outcome"),
        "Calls and other commands with a result.",
        _counted("settled"),
    ),
    Metric(
        "digitro_call_failures",
        "counter",
        ("pabx", "reason"),
        "Calls and other commands that were not accepted.",
        _counted("failures"),
    ),
    Metric(
        "digitro_call_retries",
        "counter",
        ("pabx", "reason"),
        "Attempts that failed before others of the same call.",
        _counted("retries"),
    ),
    Metric(
        "digitro_attempts",
        "counter",
        _PABX,
        "Attempts of the calls with a result.",
        _counted("attempts"),
    ),
    Metric(
        "digitro_call_ends",
        "counter",
        ("pabx", "disposition"),
        "Calls of which it is known what became.",
        _counted("ends"),
    ),
    Metric(
        "digitro_client_events",
        "counter",
        ("kind",),
        "Events of the client, such as pauses.",
        _counted("events"),
    ),
    Metric(
        "digitro_activities_lost",
        "counter",
        (),
        "Activities that were not counted, because the event loop stood still.",
        _lost,
    ),
    Metric(
        "digitro_protocol_violations",
        "counter",
        _PABX,
        "Answers that broke the protocol.",
        _of_each(lambda one: one.alarms),
    ),
    Metric(
        "digitro_doubtful_calls",
        "counter",
        _PABX,
        "Calls whose answer may belong to another call.",
        _of_each(lambda one: one.doubtful),
    ),
    Metric(
        "digitro_pauses",
        "counter",
        _PABX,
        "Pauses that answers of the PABX have caused.",
        _of_each(lambda one: one.pauses),
    ),
    Metric(
        "digitro_call_latency_seconds",
        "histogram",
        _PABX,
        "Seconds from the last attempt of a call to its answer or failure.",
        _timed("latencies"),
    ),
    Metric(
        "digitro_call_wait_seconds",
        "histogram",
        _PABX,
        "Seconds from when a call was taken on to its last attempt.",
        _timed("waits"),
    ),
    Metric(
        "digitro_call_ring_seconds",
        "histogram",
        _PABX,
        "Seconds that calls rang, where events told.",
        _timed("rings"),
    ),
    Metric(
        "digitro_call_talk_seconds",
        "histogram",
        _PABX,
        "Seconds that calls were answered, where events told.",
        _timed("talks"),
    ),
    Metric(
        "digitro_calls_in_flight",
        "gauge",
        _PABX,
        "Calls on the wire.",
        _of_each(lambda one: one.in_flight),
    ),
    Metric(
        "digitro_calls_in_flight_max",
        "gauge",
        _PABX,
        "Most calls on the wire at present.",
        _of_each(lambda one: one.max_in_flight),
    ),
    Metric(
        "digitro_calls_waiting",
        "gauge",
        _PABX,
        "Calls that wait for their turn.",
        _of_each(lambda one: one.waiting),
    ),
    Metric(
        "digitro_calls_in_progress",
        "gauge",
        _PABX,
        "Calls between their start and their end; 0 without events.",
        _of_each(lambda one: one.in_progress),
    ),
    Metric(
        "digitro_calls_in_progress_max",
        "gauge",
        _PABX,
        "Most calls in progress, where there is such a cap.",
        _of_each(lambda one: one.max_in_progress),
    ),
    Metric(
        "digitro_rate_cap",
        "gauge",
        _PABX,
        "Calls a second that the cap allows, where there is one.",
        _of_each(_cap_of),
    ),
    Metric(
        "digitro_lost_slots",
        "gauge",
        _PABX,
        "Rate slots that are kept for calls that were never answered.",
        _of_each(lambda one: one.lost_slots),
    ),
    Metric(
        "digitro_silent_seconds",
        "gauge",
        _PABX,
        "Seconds since the last answer, while calls are on the wire.",
        _of_each(lambda one: one.silent_for),
    ),
    Metric(
        "digitro_pabx_paused",
        "gauge",
        _PABX,
        "1 where the PABX gets no call now.",
        _of_each(lambda one: bool(one.paused)),
    ),
    Metric(
        "digitro_pabx_pause_reason",
        "gauge",
        ("pabx", "reason"),
        "1 for the reason why the PABX gets no call now.",
        _pause_reasons,
    ),
    Metric(
        "digitro_pabx_limit",
        "gauge",
        ("pabx", "limit"),
        "1 for what keeps the next call from starting.",
        _limits,
    ),
    Metric(
        "digitro_health",
        "gauge",
        ("status",),
        "1 for the status of the client.",
        _health,
    ),
)
"""Every metric, in the order in which they are written."""
