"""This library, watched by OpenTelemetry's SDK."""

from contextlib import ExitStack

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import TraceIdRatioBased

from benchmarks.contenders.watched import dispatch_watched
from benchmarks.harness.work import Job, RunCounts, Stopwatch
from digitro_async import DigitroClient
from digitro_async.exporters import OpenTelemetryExporter


async def metrics(
    job: Job, watch: Stopwatch, tally: RunCounts, spans: float | None = None
) -> None:
    """Count what happens.

    Args:
        job: The calls.
        watch: Times them.
        tally: Counts them.
        spans: Share of the attempts of which a span is kept; None for no spans.
    """

    def attach(client: DigitroClient, stack: ExitStack) -> None:
        tracers = TracerProvider(sampler=TraceIdRatioBased(spans or 0.0))
        tracers.add_span_processor(BatchSpanProcessor(InMemorySpanExporter()))
        stack.callback(tracers.shutdown)
        exporter = OpenTelemetryExporter(
            client,
            tracer_provider=tracers,
            meter_provider=MeterProvider([InMemoryMetricReader()]),
            spans=spans is not None,
        )
        stack.enter_context(exporter)

    await dispatch_watched(job, watch, tally, attach)


async def sampled_spans(job: Job, watch: Stopwatch, tally: RunCounts) -> None:
    """Count, and make a span of each hundredth attempt."""
    await metrics(job, watch, tally, 0.01)


async def spans(job: Job, watch: Stopwatch, tally: RunCounts) -> None:
    """Count, and make a span of each attempt."""
    await metrics(job, watch, tally, 1.0)
