"""Helpers of the tests of schedules: who waits until when, and what was tried."""

from collections.abc import AsyncIterator, Collection, Sequence
from pathlib import Path
from typing import Any, cast

import pytest
import pytest_asyncio
from ledgers import (
    LEASE,
    NOW,
    OWNER,
    SHELVES,
    Shelf,
    accept,
    an_end,
    contacts,
    end_call,
    intend,
    new_contact,
)

from digitro_async import Disposition
from digitro_async.ledger import (
    AttemptPlan,
    ClaimOwner,
    Deferral,
    LedgerAttempt,
    NewContact,
    NumberOfContact,
    PlannedContact,
    ScheduledLedger,
    WaitKind,
)
from digitro_async.privacy import Personal

__all__ = [
    "ALL_KINDS",
    "LATER",
    "Scene",
    "called_once",
    "claim_due",
    "contact_with",
    "defer",
    "dialled",
    "key_of",
    "numbers_of",
    "plain_key",
    "plan",
    "recalled",
    "scene",
]

LATER = NOW + 3_600.0
"""An hour later."""

ALL_KINDS: Collection[WaitKind | None] = (None, *WaitKind)


class Scene:
    """An open ledger, where it stands, and the time by its clock.

    Attributes:
        now: The time by the clock of the ledger.
        shelf: Where it stands.
        ledger: The ledger.
    """

    def __init__(self, kind: str, folder: Path) -> None:
        self.now = NOW
        self.shelf: Shelf = SHELVES[kind](folder, lambda: self.now)
        self.ledger = cast("ScheduledLedger", self.shelf.ledger())

    async def reopen(self) -> None:
        """Lose the owner of the ledger, and open it again."""
        await self.shelf.lose_owner(self.ledger)
        self.ledger = cast("ScheduledLedger", self.shelf.ledger())
        await self.ledger.__aenter__()


@pytest_asyncio.fixture(params=SHELVES)
async def scene(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Scene]:
    """Yield an open ledger of each kind, with a clock that is set by hand."""
    made = Scene(request.param, tmp_path)
    if not hasattr(made.ledger, "schedule"):
        pytest.skip("this kind of ledger keeps no schedule")
    await made.ledger.__aenter__()
    yield made
    await made.ledger.__aexit__(None, None, None)


def key_of(number: str) -> int:
    """Return the key of a number: its digits."""
    return int(number)


def contact_with(line: int, *numbers: str, **given: Any) -> NewContact:
    """Return a contact with several numbers."""
    several = tuple(NumberOfContact(destination=Personal(one)) for one in numbers)
    return new_contact(line, destination=Personal(numbers[0]), numbers=several, **given)


def numbers_of(planned: PlannedContact) -> list[str]:
    """Return the numbers of a contact as text."""
    return [one.destination.reveal() for one in planned.numbers]


def dialled(planned: PlannedContact) -> str:
    """Return the number that is to be dialled."""
    return planned.claimed.destination.reveal()


async def claim_due(
    scene: Scene, limit: int = 99, owner: ClaimOwner = OWNER, **given: Any
) -> Sequence[PlannedContact]:
    """Claim contacts by the scene's clock, of all kinds where nothing else is said."""
    kinds = given.pop("kinds", ALL_KINDS)
    return await scene.ledger.schedule.claim(
        limit, owner, given.pop("lease", LEASE), now=scene.now, kinds=kinds, **given
    )


def numbers_claimed(planned: Sequence[PlannedContact]) -> list[int]:
    """Return the ledger's numbers of contacts."""
    return [one.claimed.number for one in planned]


def plain_key(attempt: LedgerAttempt) -> int | None:
    """Return the key of the number of an attempt, None where nobody noted it."""
    return None if attempt.key is None else int(attempt.key.reveal())


async def plan(
    scene: Scene, number: int, key: int = 7, place: int = 0, **given: Any
) -> list[int]:
    """Plan one attempt; return who was left out."""
    hold = given.pop("hold_numbers", True)
    owner = given.pop("owner", OWNER)
    one = AttemptPlan(number=number, place=place, key=key, **given)
    return list(await scene.ledger.schedule.plan(owner, [one], hold_numbers=hold))


async def defer(
    scene: Scene, number: int, due: float = LATER, reason: str = "hours", **given: Any
) -> None:
    """Put one claimed contact off."""
    one = Deferral(number=number, due=due, reason=reason, **given)
    await scene.ledger.schedule.put_off(OWNER, [one], now=scene.now)


async def called_once(
    scene: Scene,
    number: int,
    *,
    disposition: Disposition | None = Disposition.BUSY,
    **given: Any,
) -> None:
    """Call a claimed contact: plan, intent, acceptance, end."""
    ledger, call_id = scene.ledger, given.pop("call_id", str(number))
    await plan(scene, number, **given)
    await intend(ledger, number, "one", scene.now)
    await accept(ledger, number, call_id, at=scene.now + 1)
    if disposition is not None:
        end = an_end(disposition, call_id, answered_at=scene.now + 5)
        await end_call(ledger, number, end)


async def recalled(scene: Scene, number: int = 1, due: float = LATER) -> None:
    """Put contacts in, call one of them, and have it recalled."""
    await scene.ledger.add(contacts(number))
    await claim_due(scene)
    await called_once(scene, number)

    assert await scene.ledger.schedule.recall(
        number, attempts=1, due=due, place=0, reason="busy", now=scene.now
    )


async def attempts(scene: Scene, *numbers: int) -> Sequence[LedgerAttempt]:
    """Return the attempts of contacts."""
    return await scene.ledger.schedule.attempts_of(numbers, ())
