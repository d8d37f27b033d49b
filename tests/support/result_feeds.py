"""Helpers of the tests of results that are handed on."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from ledgers import PostgresShelf, Shelf, SQLiteShelf

from digitro_async.ledger import LedgerResult, ResultFeed, open_result_feed

__all__ = ["FED_SHELVES", "feed_of", "forget_position", "read_all", "said"]

FED_SHELVES: dict[str, Callable[[Path], Shelf]] = {
    "sqlite": SQLiteShelf,
    "postgres": PostgresShelf,
}
"""Kinds of ledgers whose results can be handed on, to where that of a test stands."""


def feed_of(shelf: Shelf) -> ResultFeed:
    """Return the feed of the ledger of a test, not open."""
    if isinstance(shelf, SQLiteShelf):
        return open_result_feed(shelf.path)
    assert isinstance(shelf, PostgresShelf)
    return open_result_feed(shelf.address)


async def read_all(
    feed: ResultFeed, most: int = 100, *, confirm: bool = True
) -> list[LedgerResult]:
    """Return the results that are there now, by pages; each page is handed on."""
    results: list[LedgerResult] = []
    empty = 0
    while empty < 3:  # a fence is moved by looking again
        page = await feed.read(most)
        if page is None:
            empty += 1
            await asyncio.sleep(0.01)
            continue
        results += page.results
        if not confirm:
            break
        await feed.confirm(page)
    return results


def said(results: list[LedgerResult]) -> list[tuple[int, str]]:
    """Return what each result says of which contact."""
    return [
        (
            one.contact,
            str(one.state if one.end is None else one.end.disposition),
        )
        for one in results
    ]


def forget_position(place: Shelf | Path) -> None:
    """Let the results of a ledger be handed on from the beginning."""
    if isinstance(place, SQLiteShelf):
        place = place.path
    if isinstance(place, Path):
        place.with_name(f"{place.name}.webhook").unlink()
    elif isinstance(place, PostgresShelf):
        with place.server.connect(place.name) as connection:
            connection.execute(
                "DELETE FROM digitro.setting WHERE name = 'webhook_position'"
            )
