"""The client that lists are dialled with."""

import contextlib
import logging
from collections.abc import AsyncIterator, Iterator

from digitro_async.cli._output import print_error
from digitro_async.client import DigitroClient
from digitro_async.config import Config
from digitro_async.transport import LeanSessionManager, SessionManager

__all__ = ["open_client"]


@contextlib.asynccontextmanager
async def open_client(config: Config) -> AsyncIterator[DigitroClient]:
    """Open a client as the configuration says."""
    manager = LeanSessionManager() if config.lean else SessionManager()
    with _warnings_printed():
        async with (
            manager as sessions,
            DigitroClient(
                config.pabx, sessions=sessions, retry=config.retry, pause=config.pause
            ) as client,
        ):
            yield client


class _Printing(logging.Handler):
    """Prints what the library warns of."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one warning on stderr."""
        print_error(f"digitro: {record.getMessage()}")


@contextlib.contextmanager
def _warnings_printed() -> Iterator[None]:
    """Print the library's warnings while the block runs: nobody else would."""
    logger, printing = logging.getLogger("digitro_async"), _Printing(logging.WARNING)
    logger.addHandler(printing)
    try:
        yield
    finally:
        logger.removeHandler(printing)
