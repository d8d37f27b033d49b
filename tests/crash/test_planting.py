"""Mistakes are put where the library does the thing that they spoil."""

from typing import Any

import pytest
from planting import MIGRATION, OBSERVATIONS_CLASSIFIED, PLACES, Place

from digitro_async.dispatch import Dispatcher
from digitro_async.ledger import SQLiteLedger


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.name)
def test_every_place_is_there(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each place is used in its package, and what is put there is there."""
    before = place.original()
    put: list[Any] = []

    def remember(owner: Any, name: str, value: Any) -> None:
        put.append(getattr(owner, name))
        monkeypatch.setattr(owner, name, value)

    place.replace(lambda _: len, remember)

    assert put
    assert all(one == before for one in put)


def test_a_mistake_upon_a_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second mistake is planted into the source that holds the first."""
    before = MIGRATION.original()
    MIGRATION.replace(lambda made: ("first", made), monkeypatch.setattr)
    MIGRATION.replace(lambda made: ("second", made), monkeypatch.setattr)

    assert MIGRATION.original() == ("second", ("first", before))


@pytest.mark.parametrize(
    "place",
    [
        Place("digitro_async.dispatch", "gone"),
        Place("digitro_async.dispatch", "Dispatcher.gone"),
        Place("digitro_async.contacts", "classify", "digitro_async.protocol"),
    ],
    ids=["function", "method", "not used"],
)
def test_a_place_that_is_gone(place: Place) -> None:
    """A mistake that can't be made any more is an error, and is not passed over."""
    with pytest.raises(AttributeError, match=r"planting\.py"):
        place.replace(lambda original: original)


def test_all_of_a_package_is_searched() -> None:
    """Private modules count, and classes are found in the modules that write them."""
    assert callable(OBSERVATIONS_CLASSIFIED.original())
    drained = Place("digitro_async.dispatch", "Dispatcher.drain").original()
    assert drained is vars(Dispatcher)["drain"]
    added = Place("digitro_async.ledger.sqlite", "SQLiteLedger.add").original()
    assert added is vars(SQLiteLedger)["add"]
