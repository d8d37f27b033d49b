"""PURE: the course of one event channel: opening, open, waiting to be opened again."""

import enum
from collections.abc import Callable
from typing import Final

from digitro_async.call_events import ChannelReason
from digitro_async.event_settings import EventChannelSettings

__all__ = ["ChannelCourse", "ChannelState", "choose_id", "is_refusal", "renewal_times"]

SHORTEST_BACKOFF: Final = 0.1
"""Seconds that are waited at least, whatever the server says."""

SHORTEST_RENEWAL: Final = 1.0
"""Seconds until a subscription is renewed at least, however soon it is said to end."""

_MOST_DOUBLINGS: Final = 40

_REFUSALS: Final = frozenset(
    {
        ChannelReason.NO_CHANNEL_ID,
        ChannelReason.SUBSCRIPTION_REFUSED,
        ChannelReason.BAD_SETTINGS,
    }
)
"""Reasons after which the next channel would end as this one."""

_SERVER_FAULTS: Final = 500
"""The smallest status that says that the server failed, and refused nothing."""


class ChannelState(enum.StrEnum):
    """What an event channel is doing."""

    WAITING = "waiting"
    """It is to be opened, now or after a back-off."""
    OPENING = "opening"
    """The request that opens it was sent."""
    OPEN = "open"
    """It has an id, and commands may go over it."""
    CLOSED = "closed"
    """Nobody will open it again."""


class ChannelCourse:
    """The states of the event channel of one PABX, and when it is opened again.

    Time is an argument; nobody waits here. There is never more than one channel: one
    can be opened only after the one before has ended.

    Args:
        settings: The settings of the channel.
        chance: Returns a number from 0 to 1: the jitter of back-offs.

    Attributes:
        state: The state.
        channel_id: The id, None while it is not open.
        retry: Seconds after which the server wants to be asked again, None where it did
            not say.
    """

    __slots__ = (
        "_chance",
        "_failures",
        "_opened_at",
        "_settings",
        "channel_id",
        "retry",
        "state",
    )

    def __init__(
        self, settings: EventChannelSettings, chance: Callable[[], float]
    ) -> None:
        self._settings = settings
        self._chance = chance
        self._failures = 0
        self._opened_at = 0.0
        self.state: ChannelState = ChannelState.WAITING
        self.channel_id: int | None = None
        self.retry: float | None = None

    def begin(self) -> None:
        """Begin to open the channel.

        Raises:
            RuntimeError: If it was not ended before, or was closed.
        """
        if self.state is not ChannelState.WAITING:
            raise RuntimeError(f"a channel that is {self.state} can't be opened")
        self.state = ChannelState.OPENING

    def open(self, channel_id: int, now: float) -> None:
        """Take the id that the channel has from now on.

        Raises:
            RuntimeError: If it was not being opened.
        """
        if self.state is ChannelState.OPENING:
            self._opened_at = now
        elif self.state is not ChannelState.OPEN:
            raise RuntimeError(f"a channel that is {self.state} can't be open")
        self.state, self.channel_id = ChannelState.OPEN, channel_id

    def end(
        self, now: float, *, is_refused: bool = False, retry_after: float | None = None
    ) -> float:
        """End the channel; return the seconds until it may be opened again.

        Args:
            now: The time.
            is_refused: Whether the PABX refused it, or the settings don't fit.
            retry_after: Seconds that the PABX asked to wait, None where it did not.

        Raises:
            RuntimeError: If there was none.
        """
        if self.state not in {ChannelState.OPENING, ChannelState.OPEN}:
            raise RuntimeError(f"a channel that is {self.state} can't end")
        settings = self._settings
        was_open = self.state is ChannelState.OPEN
        if was_open and now - self._opened_at >= settings.max_backoff:
            self._failures = 0
        self.state, self.channel_id = ChannelState.WAITING, None
        most = max(settings.max_backoff, settings.refused_backoff)
        if is_refused:
            asked = min(retry_after or 0.0, most)
            return max(settings.refused_backoff, asked) * (1 + self._chance() / 4)
        first = settings.first_backoff if self.retry is None else self.retry
        first = max(first, SHORTEST_BACKOFF)  # doubled, 0 would stay 0
        longest: float = min(first * 2.0**self._failures, settings.max_backoff)
        self._failures = min(self._failures + 1, _MOST_DOUBLINGS)
        wait = longest * (1 + self._chance()) / 2
        return max(wait, min(retry_after or 0.0, most), SHORTEST_BACKOFF)

    def close(self) -> None:
        """End the channel for good."""
        self.state, self.channel_id = ChannelState.CLOSED, None


def renewal_times(expires: float, share: float) -> tuple[float, ...]:
    """Return when a subscription is renewed, as seconds from its beginning.

    The later ones are for a renewal that failed before.

    Args:
        expires: Seconds until it ends.
        share: The share of them after which it is renewed.
    """
    left = expires * (1 - share)
    times = (expires - left * part for part in (1.0, 0.5, 0.2))
    return tuple(max(time, SHORTEST_RENEWAL) for time in times)


def is_refusal(reason: str, status: int | None) -> bool:
    """Whether the PABX, or what is set, stands against a channel.

    Args:
        reason: Why the channel ended.
        status: Status of the answer, None where none came.
    """
    if status is not None:
        return status < _SERVER_FAULTS
    return reason in _REFUSALS


def choose_id(
    settings: EventChannelSettings, chance: Callable[[], float]
) -> int | None:
    """Return a channel id for products that let the client choose it, else None.

    Args:
        settings: The settings of the event channel.
        chance: Returns a number from 0 to 1.
    """
    if settings.chosen_ids is None:
        return None
    first, last = settings.chosen_ids
    return first + min(int(chance() * (last - first + 1)), last - first)
