"""Exporter: what the exporters of one client have in common."""

from types import TracebackType
from typing import Self

from digitro_async.client import DigitroClient
from digitro_async.exporters._call_counts import CallCounts

__all__ = ["Exporter"]


class Exporter:
    """Counts what happens in one client, until it is closed.

    Args:
        client: The client.
    """

    def __init__(self, client: DigitroClient) -> None:
        names = (one.name for one in client.dispatcher.pabx)
        self._counts = CallCounts(client.activity, names)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Count nothing more."""
        self._counts.close()
