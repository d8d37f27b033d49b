"""Lets one run at a time dial a ledger whose runs share no rate slots."""

import weakref

from digitro_async.errors import LedgerInUseError
from digitro_async.ledger._records import ClaimOwner

__all__ = ["SingleRun"]


class SingleRun:
    """Knows who dials a ledger, and who holds the rate slots of its calls."""

    def __init__(self) -> None:
        self._owner: ClaimOwner | None = None
        self._slot_holder: weakref.ref[object] | None = None
        self._last_holder: weakref.ref[object] | None = None

    def begin(self, owner: ClaimOwner, slot_holder: object) -> bool:
        """Note that an owner dials; see ``Ledger.begin_run``.

        Raises:
            LedgerInUseError: If another one dials.
        """
        if self._owner is not None:
            raise LedgerInUseError(
                "the ledger is being dialled by another run of this process: let it "
                "end, or drain it, before the next one begins",
                reason="running",
            )
        self._owner = owner
        self._slot_holder = weakref.ref(slot_holder)
        return self._last_holder is not None and self._last_holder() is slot_holder

    def is_of(self, owner: ClaimOwner) -> bool:
        """Whether it is this owner that dials."""
        return self._owner == owner

    def end(self, owner: ClaimOwner, *, holds_slots: bool) -> None:
        """Note that an owner dials no more; see ``Ledger.end_run``."""
        if not self.is_of(owner):
            return
        if holds_slots:
            self._last_holder = self._slot_holder
        self._owner = self._slot_holder = None
