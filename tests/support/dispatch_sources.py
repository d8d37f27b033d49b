"""Sources of calls that are counted, and the results of a dispatch over them."""

import asyncio
import collections
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any

from helpers import make_pabx

from digitro_async import (
    CallResult,
    Dispatcher,
    DispatchItem,
    DispatchResults,
    PredictiveCall,
    RateLimit,
)

Call = PredictiveCall | DispatchItem
ONE_A_SECOND = RateLimit(10, 10.0)  # with slots for slow calls


def make_dispatcher(transport: Any, *, several: int = 1, **settings: Any) -> Dispatcher:
    """Return a dispatcher over PABX with those settings."""
    pause = settings.pop("pause", None)
    pabx = [make_pabx(str(number), **settings) for number in range(several)]
    return Dispatcher(pabx, transport, pause=pause, chance=lambda: 1.0)


class Source:
    """Calls that are counted as they are read."""

    def __init__(self, calls: Iterable[Call]) -> None:
        self.read: list[Call] = []
        self._calls = iter(calls)

    def __iter__(self) -> Iterator[Call]:
        for call in self._calls:
            self.read.append(call)
            yield call


class AsyncSource(Source):
    """Calls that are counted as they are read, each after a while."""

    def __init__(self, calls: Iterable[Call], pause: float = 0.0) -> None:
        super().__init__(calls)
        self._pause = pause

    async def __aiter__(self) -> AsyncIterator[Call]:
        for call in self._calls:
            await asyncio.sleep(self._pause)
            self.read.append(call)
            yield call


def numbers(results: Iterable[CallResult]) -> list[str]:
    """Return the destinations of results."""
    return [result.call.destination.reveal() for result in results]


def assert_conserved(source: Source, results: Iterable[CallResult]) -> None:
    """Check that every call read is in exactly one result."""
    read = [
        item.call if isinstance(item, DispatchItem) else item for item in source.read
    ]
    counted = collections.Counter(id(result.call) for result in results)

    assert counted == collections.Counter(id(call) for call in read)


async def take(results: DispatchResults) -> list[CallResult]:
    """Take all results."""
    return [result async for result in results]
