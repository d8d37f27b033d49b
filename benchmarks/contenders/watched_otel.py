"""This library, watched by OpenTelemetry: by its API alone, and by its SDK."""

from contextlib import ExitStack

from opentelemetry.metrics import MeterProvider as AnyMeterProvider
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, Sampler, TraceIdRatioBased
from opentelemetry.trace import NoOpTracerProvider
from opentelemetry.trace import TracerProvider as AnyTracerProvider

from benchmarks.contenders.watched import dispatch_watched
from benchmarks.harness.work import Job, RunCounts, Stopwatch
from digitro_async import DigitroClient
from digitro_async.exporters import OpenTelemetryExporter


async def watched(
    job: Job,
    watch: Stopwatch,
    tally: RunCounts,
    tracers: AnyTracerProvider | None,
    meters: AnyMeterProvider,
) -> None:
    """Make the calls while they are exported.

    Args:
        job: The calls.
        watch: Times them.
        tally: Counts them.
        tracers: Makes the spans; None for none.
        meters: Takes the metrics.
    """

    def attach(client: DigitroClient, stack: ExitStack) -> None:
        exporter = OpenTelemetryExporter(
            client,
            tracer_provider=tracers,
            meter_provider=meters,
            spans=tracers is not None,
        )
        stack.enter_context(exporter)

    await dispatch_watched(job, watch, tally, attach)


async def api_alone(job: Job, watch: Stopwatch, tally: RunCounts) -> None:
    """Count and make spans for nobody: what this library does itself."""
    await watched(job, watch, tally, NoOpTracerProvider(), NoOpMeterProvider())


async def metrics(job: Job, watch: Stopwatch, tally: RunCounts) -> None:
    """Count what happens, and make no span."""
    await watched(job, watch, tally, None, MeterProvider([InMemoryMetricReader()]))


async def unsampled_spans(job: Job, watch: Stopwatch, tally: RunCounts) -> None:
    """Ask for spans of which none is kept, and count for nobody."""
    await _with_spans(job, watch, tally, ALWAYS_OFF, NoOpMeterProvider())


async def sampled_spans(job: Job, watch: Stopwatch, tally: RunCounts) -> None:
    """Count, and keep a span of each hundredth attempt."""
    meters = MeterProvider([InMemoryMetricReader()])
    await _with_spans(job, watch, tally, TraceIdRatioBased(0.01), meters)


async def spans(job: Job, watch: Stopwatch, tally: RunCounts) -> None:
    """Count, and keep a span of each attempt."""
    meters = MeterProvider([InMemoryMetricReader()])
    await _with_spans(job, watch, tally, TraceIdRatioBased(1.0), meters)


async def _with_spans(
    job: Job,
    watch: Stopwatch,
    tally: RunCounts,
    sampler: Sampler,
    meters: AnyMeterProvider,
) -> None:
    """Make the calls while the SDK makes spans of a share of their attempts."""
    tracers = TracerProvider(sampler=sampler)
    tracers.add_span_processor(BatchSpanProcessor(InMemorySpanExporter()))
    await watched(job, watch, tally, tracers, meters)
    tracers.shutdown()
