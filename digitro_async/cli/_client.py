"""The client that lists are dialled with."""

import contextlib
from collections.abc import AsyncIterator

from digitro_async.cli._config import Config
from digitro_async.client import DigitroClient
from digitro_async.transport import LeanSessionManager, SessionManager

__all__ = ["open_client"]


@contextlib.asynccontextmanager
async def open_client(config: Config) -> AsyncIterator[DigitroClient]:
    """Open a client as the configuration says."""
    manager = LeanSessionManager() if config.lean else SessionManager()
    async with (
        manager as sessions,
        DigitroClient(
            config.pabx, sessions=sessions, retry=config.retry, pause=config.pause
        ) as client,
    ):
        yield client
