"""What can be asked of a simulator about the calls it received."""

from digitro_async.errors import ConfigurationError
from digitro_async.settings import RateLimit
from digitro_async.testing.simulator._received_calls import (
    OverCap,
    ReceivedCall,
    Record,
    Summary,
)
from digitro_async.testing.simulator._request_handler import RequestHandler

__all__ = ["Readings"]


class Readings:
    """The reading half of a ``FakePABX``."""

    rate: RateLimit | None
    _handler: RequestHandler
    _record: Record

    @property
    def calls(self) -> list[ReceivedCall]:
        """Every POST received, in order.

        Raises:
            ConfigurationError: If ``keep_record`` is off.
        """
        if not self._record.keep:
            raise ConfigurationError("calls are not kept: keep_record is off")
        return list(self._record.calls)

    @property
    def posts(self) -> int:
        """POSTs received whole."""
        return len(self._record.times)

    @property
    def accepted(self) -> int:
        """POSTs answered with a whole and true 200."""
        return self._record.accepted

    @property
    def placed(self) -> int:
        """POSTs whose phone would have rung, whatever was answered."""
        return self._record.placed

    @property
    def connections(self) -> int:
        """TCP connections accepted."""
        return self._handler.connections

    @property
    def over_cap(self) -> list[OverCap]:
        """POSTs that came while the cap was used up; empty without a cap."""
        return self._record.over_cap(self.rate)

    def windows(self, per: float = 1.0) -> list[int]:
        """For each POST, count those in the window that ends with it.

        A window is half-open: of two POSTs ``per`` seconds apart only one is in it.

        Args:
            per: Length of the window in seconds.
        """
        return self._record.windows(per)

    def worst_window(self, per: float = 1.0) -> int:
        """Return the most POSTs in any sliding window.

        Args:
            per: Length of the window in seconds.
        """
        return max(self.windows(per), default=0)

    def summary(self) -> Summary:
        """Return the counts so far."""
        record = self._record
        return Summary(
            received=self.posts,
            accepted=record.accepted,
            placed=record.placed,
            by_status=dict(record.by_status),
            by_fault=dict(record.by_fault),
            connections=self.connections,
            worst_window=self.worst_window(self.rate.per if self.rate else 1.0),
            over_cap=len(self.over_cap),
        )
