"""A contact that waits, as a test of a schedule models it."""

import attrs

from digitro_async import Outcome
from digitro_async.ledger import AgreedCallback, ClaimOwner, State, WaitKind

__all__ = ["Tried", "Waiting"]


@attrs.define(eq=False)
class Tried:
    """An attempt as the model knows it; without a beginning it is a plan."""

    key: int
    began_at: float | None = None
    outcome: Outcome | None = None
    is_over: bool = False


@attrs.define(eq=False)
class Waiting:
    """A contact as the model knows it."""

    state: State = State.PENDING
    owner: ClaimOwner | None = None
    due: float | None = None
    wait: WaitKind | None = None
    callback: AgreedCallback | None = None
    tried: list[Tried] = attrs.field(factory=list)
    attempts: int = 0
    has_end: bool = False

    def is_claimed_by(self, owner: ClaimOwner) -> bool:
        """Whether that owner has a claim on it."""
        return self.state is State.CLAIMED and self.owner == owner

    def end_plans(self) -> None:
        """Drop a plan without an intent; end the attempt that had one."""
        if self.tried and self.tried[-1].began_at is None:
            self.tried.pop()
        if self.tried:
            self.tried[-1].is_over = True
