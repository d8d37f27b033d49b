"""The toxics that act on data in a chaos proxy, as in Toxiproxy.

Names and meanings are those of Toxiproxy (github.com/Shopify/toxiproxy, its README);
times are in seconds here, as everywhere in this package.
"""

import asyncio
import random
from collections.abc import AsyncIterator
from typing import Final, Protocol

import attrs

from digitro_async._common.validators import at_least, positive

__all__ = [
    "Bandwidth",
    "Latency",
    "LimitData",
    "Link",
    "ResetPeer",
    "Slicer",
    "SlowClose",
    "Timeout",
    "Toxic",
]

# ruff: noqa: ARG002 - all toxics have the same parameters

_NOTHING: Final[tuple[bytes, ...]] = ()


class Link(Protocol):
    """One direction of one connection, as a toxic sees it.

    Attributes:
        chance: Generator that a toxic draws from.
    """

    chance: random.Random

    async def hold(self, toxic: "Toxic", seconds: float) -> None:
        """Wait that long, or until the toxic is removed."""

    def passed(self, toxic: "Toxic", count: int) -> int:
        """Count bytes for a toxic, and return its count before them."""

    def close(self) -> None:
        """End the connection on both sides."""

    def reset(self) -> None:
        """End the connection on both sides, with RST."""


@attrs.frozen(eq=False)
class Toxic:
    """A way to spoil the data of one direction; this one changes nothing."""

    async def through(
        self, data: bytes, came: float, link: Link
    ) -> AsyncIterator[bytes]:
        """Yield the data that goes on.

        Args:
            data: Data that came.
            came: Time of its arrival, by the loop's clock.
            link: The direction of the connection.
        """
        yield data

    def closes_after(self) -> float | None:
        """Return the seconds after which it closes a connection; None for never."""
        return None

    def delays_close(self) -> float:
        """Return the seconds by which it delays the end of the data."""
        return 0.0


@attrs.frozen(eq=False)
class Latency(Toxic):
    """Delays all data.

    Args:
        latency: Seconds.
        jitter: Seconds by which the delay may be longer or shorter.

    Raises:
        ConfigurationError: If a value is below zero.
    """

    latency: float = attrs.field(validator=at_least(0))
    jitter: float = attrs.field(default=0.0, validator=at_least(0), kw_only=True)

    async def through(
        self, data: bytes, came: float, link: Link
    ) -> AsyncIterator[bytes]:
        """Yield all data after its delay."""
        delay = self.latency + link.chance.uniform(-self.jitter, self.jitter)
        await link.hold(self, came + delay - asyncio.get_running_loop().time())
        yield data


@attrs.frozen(eq=False)
class Bandwidth(Toxic):
    """Limits the bytes that pass in a second.

    Args:
        rate: Kilobytes (1000 bytes) a second.

    Raises:
        ConfigurationError: If it is not above zero.
    """

    rate: int = attrs.field(validator=positive)

    async def through(
        self, data: bytes, came: float, link: Link
    ) -> AsyncIterator[bytes]:
        """Yield the bytes of a tenth of a second at a time."""
        step = self.rate * 100
        for start in range(0, len(data), step):
            piece = data[start : start + step]
            await link.hold(self, len(piece) / (self.rate * 1000))
            yield piece


@attrs.frozen(eq=False)
class Slicer(Toxic):
    """Cuts data into small pieces.

    Args:
        average_size: Bytes of a piece.
        size_variation: Bytes by which a piece may be longer or shorter.
        delay: Seconds after each piece.

    Raises:
        ConfigurationError: If a value is out of range.
    """

    average_size: int = attrs.field(validator=positive)
    size_variation: int = attrs.field(default=0, validator=at_least(0), kw_only=True)
    delay: float = attrs.field(default=0.0, validator=at_least(0), kw_only=True)

    async def through(
        self, data: bytes, came: float, link: Link
    ) -> AsyncIterator[bytes]:
        """Yield all data, piece by piece."""
        start = 0
        while start < len(data):
            drift = link.chance.randint(-self.size_variation, self.size_variation)
            size = max(1, self.average_size + drift)
            yield data[start : start + size]
            start += size
            await link.hold(self, self.delay)


@attrs.frozen(eq=False)
class LimitData(Toxic):
    """Closes the connection when a number of bytes has passed.

    Args:
        limit: Bytes that pass; Toxiproxy calls them ``bytes``.

    Raises:
        ConfigurationError: If it is below zero.
    """

    limit: int = attrs.field(validator=at_least(0))

    async def through(
        self, data: bytes, came: float, link: Link
    ) -> AsyncIterator[bytes]:
        """Yield the data within the limit."""
        left = self.limit - link.passed(self, len(data))
        if left > 0:
            yield data[:left]
        if len(data) >= left:
            link.close()


@attrs.frozen(eq=False)
class ResetPeer(Toxic):
    """Resets the connection when data comes.

    Args:
        timeout: Seconds between the data and the reset.

    Raises:
        ConfigurationError: If it is below zero.
    """

    timeout: float = attrs.field(default=0.0, validator=at_least(0))

    async def through(
        self, data: bytes, came: float, link: Link
    ) -> AsyncIterator[bytes]:
        """Yield nothing and reset."""
        await link.hold(self, self.timeout)
        link.reset()
        for piece in _NOTHING:
            yield piece


@attrs.frozen(eq=False)
class Timeout(Toxic):
    """Drops all data, and closes the connection after a while.

    Args:
        timeout: Seconds until it closes; 0 for never.

    Raises:
        ConfigurationError: If it is below zero.
    """

    timeout: float = attrs.field(default=0.0, validator=at_least(0))

    async def through(
        self, data: bytes, came: float, link: Link
    ) -> AsyncIterator[bytes]:
        """Yield nothing."""
        for piece in _NOTHING:
            yield piece

    def closes_after(self) -> float | None:
        """Return the seconds until it closes; None for never."""
        return self.timeout or None


@attrs.frozen(eq=False)
class SlowClose(Toxic):
    """Delays the end of a connection.

    Args:
        delay: Seconds.

    Raises:
        ConfigurationError: If it is below zero.
    """

    delay: float = attrs.field(validator=at_least(0))

    def delays_close(self) -> float:
        """Return the seconds of delay."""
        return self.delay
