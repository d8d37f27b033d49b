"""This library, counted for Prometheus."""

from contextlib import ExitStack

from benchmarks.contenders.watched import dispatch_watched
from benchmarks.harness.work import Job, RunCounts, Stopwatch
from digitro_async import DigitroClient
from digitro_async.exporters import PrometheusExporter


async def prometheus(job: Job, watch: Stopwatch, tally: RunCounts) -> None:
    """Count what happens; nobody scrapes."""

    def attach(client: DigitroClient, stack: ExitStack) -> None:
        stack.enter_context(PrometheusExporter(client))

    await dispatch_watched(job, watch, tally, attach)
