"""The work of a run in a world that breaks, repeated by its seed."""

import itertools
import random
from collections.abc import Iterator
from typing import Final

import attrs
from crash_processes import FAULTS
from crash_world_child import PAGE, Clock

from digitro_async.testing import Fault, FaultKind, FaultPlan

LATE: Final = (
    Fault(FaultKind.DUPLICATE_ANSWER, pause=0.008, probability=0.006),
    Fault(FaultKind.STRAY_ANSWER, pause=0.002, probability=0.003),
)
WORLD_FAULTS: Final = (
    FaultPlan([*LATE, *FAULTS.faults], seed=1),
    FaultPlan(LATE, seed=2),
)
"""The faults of each simulator: all of the checker's, and answers too many. The one
with the small cap answers, or a lost answer would hold its only slot for seconds."""


@attrs.frozen(kw_only=True)
class WorldPlan:
    """The work of one run of the program.

    Attributes:
        kills: How often a process is killed, whatever it does.
        rates: The cap of each PABX.
        in_flight: Most calls on the wire at once to each.
        contacts: Length of the list; None for as long as is needed.
        seed: Of everything random.
        bug: A mistake to put into the children.
    """

    kills: int
    rates: tuple[int, ...] = (150, 1)
    in_flight: tuple[int, ...] = (12, 2)
    contacts: int | None = None
    seed: int = 0
    bug: str | None = None

    @property
    def migrations(self) -> int:
        """How many of the kills come while a ledger is migrated."""
        return max(2, self.kills // 8)

    @property
    def imports(self) -> int:
        """How many come while the file is put in."""
        return max(1, self.kills // 5)

    def moments(self) -> list[float]:
        """Return how long each child may dial, as ``Plan.moments`` does."""
        chance = random.Random(self.seed)
        return [
            -chance.uniform(0, 0.05) if number % 8 == 7 else chance.uniform(0.15, 0.7)
            for number in range(self.kills - self.migrations - self.imports)
        ]

    def clocks(self) -> Iterator[Clock]:
        """Yield what the clock shows in one child after the other.

        It is mostly set forward between them, which lets slots go, and then far back.
        """
        chance = random.Random(f"{self.seed}/clocks")
        for hours in itertools.cycle((-1, 0, 1)):
            then = chance.choice((hours, hours, 0, 1, -1))
            yield Clock(hours=hours, after=chance.uniform(0.05, 0.8), then=then)

    def names(self) -> Iterator[tuple[str, ...]]:
        """Yield what the PABX are called from run to run; each was new before."""
        chance = random.Random(f"{self.seed}/names")
        names, number = ("north", "south"), 0
        while True:
            yield names
            fate = chance.random()
            if fate < 0.3:
                names = names[::-1]
            elif fate < 0.6:
                number += 1
                names = (f"north {number}", f"south {number}")

    def size(self) -> int:
        """Return how many contacts are enough for every kill."""
        if self.contacts is not None:
            return self.contacts
        dialled = sum(moment for moment in self.moments() if moment > 0)
        return round(sum(self.rates) * (dialled + 1)) + 3 * PAGE
