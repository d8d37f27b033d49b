"""This library, while somebody watches: an observer, an exporter, a log."""

import logging
from collections.abc import Callable
from contextlib import ExitStack

from benchmarks.contenders.digitro import make_call, opened
from benchmarks.harness.work import Job, RunCounts, Stopwatch
from digitro_async import DigitroClient, SessionManager
from digitro_async.exporters import JSONFormatter, log_activities

Attach = Callable[[DigitroClient, ExitStack], object]
"""Has a client watched until the stack ends."""


async def dispatch_watched(
    job: Job, watch: Stopwatch, tally: RunCounts, attach: Attach
) -> None:
    """Stream all calls through ``dispatch``, and have them watched."""
    async with opened(job, SessionManager) as client:
        with ExitStack() as stack, watch:
            attach(client, stack)
            calls = (make_call(number) for number in range(job.calls))
            async with client.dispatch(calls) as results:
                async for result in results:
                    tally.add(result.call_id, result.timings.latency)


async def observed(job: Job, watch: Stopwatch, tally: RunCounts) -> None:
    """Hand everything to an observer that does nothing."""

    def attach(client: DigitroClient, stack: ExitStack) -> None:
        stack.callback(client.activity.observe(len).stop)

    await dispatch_watched(job, watch, tally, attach)


async def logged(job: Job, watch: Stopwatch, tally: RunCounts) -> None:
    """Write each call to a log that goes nowhere."""

    class Nowhere(logging.Handler):
        """Makes a line of each record, and forgets it."""

        def emit(self, record: logging.LogRecord) -> None:
            self.format(record)

    def attach(client: DigitroClient, stack: ExitStack) -> None:
        logger = logging.Logger("watched", logging.INFO)  # noqa: LOG001 - of its own
        handler = Nowhere()
        handler.setFormatter(JSONFormatter())
        logger.addHandler(handler)
        stack.callback(log_activities(client, logger=logger).stop)

    await dispatch_watched(job, watch, tally, attach)
