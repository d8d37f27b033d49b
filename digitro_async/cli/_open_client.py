"""The client that every command makes its calls with."""

import contextlib
import logging
from collections.abc import AsyncIterator, Iterator

from digitro_async.cli._metrics_options import NO_METRICS, MetricsToServe
from digitro_async.cli._output import print_error
from digitro_async.client import DigitroClient
from digitro_async.config import Config
from digitro_async.observe import EventKind

__all__ = ["open_client"]


_PRINTED = {
    *(EventKind.PROTOCOL_VIOLATION, EventKind.REUSE_ENDED),
    EventKind.FEWER_IN_FLIGHT,
}
"""The events that the progress does not show by itself."""


@contextlib.asynccontextmanager
async def open_client(
    config: Config, metrics: MetricsToServe = NO_METRICS
) -> AsyncIterator[DigitroClient]:
    """Open a client as the configuration says, and print the library's warnings.

    Args:
        config: The configuration.
        metrics: Where its metrics are served, if anywhere.
    """
    with _warnings_printed():
        async with (
            DigitroClient(
                config.pabx, retry=config.retry, pause=config.pause
            ) as client,
            metrics.serving(client),
        ):
            yield client


class _WarningPrinter(logging.Handler):
    """Prints the library's warnings."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one warning on stderr, unless the progress shows the same."""
        event = getattr(record, "client_event", None)
        if event is not None and event.kind not in _PRINTED:
            return
        print_error(f"digitro: {record.getMessage()}")


@contextlib.contextmanager
def _warnings_printed() -> Iterator[None]:
    """Print the library's warnings while the block runs: nobody else would."""
    logger = logging.getLogger("digitro_async")
    printer = _WarningPrinter(logging.WARNING)
    logger.addHandler(printer)
    try:
        yield
    finally:
        logger.removeHandler(printer)
