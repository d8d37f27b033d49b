"""The ports of the ledger: one for its owners, one for whoever only reads."""

from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Iterator,
    Mapping,
    Sequence,
)
from types import TracebackType
from typing import Protocol, Self, runtime_checkable

from digitro_async.errors import LedgerError
from digitro_async.ledger._held_slots import HeldSlots
from digitro_async.ledger._records import (
    AddResult,
    ClaimedContact,
    ContactRecord,
    Import,
    NewContact,
    Reconciliation,
)
from digitro_async.ledger._state import State, Step
from digitro_async.privacy import Personal

__all__ = ["Ledger", "LedgerReader", "SettlesAndTells", "TellsOfLoss", "Told"]

Told = Callable[[BaseException | None, State | None], None]
"""Takes why a step could not be recorded, or where it led."""


class Ledger(Protocol):
    """The durable record of one campaign, with one live owner.

    What a method has returned from is durable; what it was cancelled in is written all
    the same. Times are Unix times in seconds. Every method raises ``LedgerError`` where
    the ledger can't be read or written; after a failed write nothing is written any
    more.
    """

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

    @property
    def recovered(self) -> int:
        """Open intents that were found when it was opened: now unknown."""
        ...

    async def add(
        self,
        contacts: Sequence[NewContact],
        *,
        importing: int | None = None,
        rejected: int = 0,
    ) -> Sequence[AddResult]:
        """Put contacts in that are not there yet; tell of each whether it is new.

        Args:
            contacts: The contacts.
            importing: Number of the import that they are of; it is counted on in the
                same commit.
            rejected: Rows read with them that are no contacts.
        """
        ...

    async def begin_import(
        self,
        *,
        file: str | None = None,
        size: int | None = None,
        digest: bytes | None = None,
        now: float,
    ) -> int:
        """Record that a list is being put in, and return the number of the import.

        An import of the same content that did not end is succeeded by it. A list
        without a file succeeds those that began with the same contacts, as soon as
        these are read.

        Args:
            file: Name of its file, without the folder.
            size: Bytes of the file.
            digest: Digest of its content; None for a list that has no file.
            now: The time.
        """
        ...

    async def end_import(
        self, number: int, *, now: float, rejected: int = 0, edited: bool = False
    ) -> None:
        """Record that a list was put in to its end.

        Args:
            number: The import.
            now: The time.
            rejected: Rows read last that are no contacts.
            edited: Whether imports of other contents of a file of its name that did
                not end are succeeded by it too.
        """
        ...

    async def imports(self) -> Sequence[Import]:
        """Return every import that was begun, in order."""
        ...

    async def claim(
        self, limit: int, *, after: int = 0, max_attempts: int | None = None
    ) -> Sequence[ClaimedContact]:
        """Claim pending contacts, in the order of import.

        Args:
            limit: Most contacts.
            after: Only contacts with numbers above this one.
            max_attempts: Leave out contacts that had so many attempts, unless the last
                one failed for a reason of the PABX (``PABX_REASONS``): that is never
                held against a contact.
        """
        ...

    async def release(self, numbers: Sequence[int] | None = None) -> None:
        """Give back what is claimed of these contacts, or all that is claimed."""
        ...

    async def invalidate(self, number: int, reason: str) -> None:
        """Record that a claimed contact can't be called as it is.

        Raises:
            IllegalTransitionError: If it is not claimed.
        """
        ...

    def intend(self, number: int, pabx: str, at: float) -> Awaitable[None]:
        """Record that a claimed contact is about to be called.

        Raises:
            ClaimLostError: If the contact is not claimed: it must not be called.
        """
        ...

    def settle(
        self,
        number: int,
        step: Step,
        pabx: str,
        at: float,
        *,
        call_id: str | None = None,
        reason: str | None = None,
    ) -> Awaitable[State]:
        """Record what the call came to and return where the contact is.

        An acceptance whose call id the same PABX gave before is recorded as unknown.

        Raises:
            IllegalTransitionError: If the contact has no open intent.
        """
        ...

    async def doubt(self, numbers: Sequence[int], pabx: str, at: float) -> int:
        """Make contacts unknown whose last answer may belong to another call.

        Contacts that have no answer of that PABX, or a call on the wire, stay as they
        are.

        Args:
            numbers: The ledger's numbers of them.
            pabx: Name of the PABX that gave the answers.
            at: The time.

        Returns:
            How many contacts became unknown.
        """
        ...

    async def reconcile(
        self,
        contact: str | int | Personal,
        *,
        accepted: bool,
        evidence: str,
        now: float,
    ) -> Reconciliation:
        """Settle an unknown contact by evidence.

        Args:
            contact: The ledger's number, or the caller's id as ``Personal``; neither
                can be mistaken. Text is the id or ``#`` and the number.
            accepted: Whether it was called; otherwise it may be called again.
            evidence: How that is known; kept in the record, so nothing personal.
            now: The time.

        Raises:
            LedgerError: If there is no such contact, if text may mean two of them, or
                if a late delivery of its call can't be ruled out yet.
            IllegalTransitionError: If the contact is not unknown.
        """
        ...

    async def counts(self) -> Mapping[State, int]:
        """Return how many contacts are in each state."""
        ...

    async def count_exhausted(self, max_attempts: int) -> int:
        """Return how many pending contacts ``claim`` leaves out for that limit."""
        ...

    def entries(self) -> AsyncIterator[ContactRecord]:
        """Return every contact, in the order of import."""
        ...

    async def held_slots(
        self,
        *,
        calls: int,
        window: float,
        quarantine: float,
        now: float,
        elsewhere: Collection[str] = (),
    ) -> HeldSlots:
        """Return the rate slots that calls of earlier runs to one address hold.

        A wall clock that was set meanwhile only makes that longer.

        Args:
            calls: Calls of the cap.
            window: Seconds of the cap's window.
            quarantine: Seconds from its intent in which a call may be delivered.
            now: The time.
            elsewhere: Names of the PABX that never were at that address.
        """
        ...

    async def set_setting(self, name: str, value: str) -> None:
        """Keep a setting of the campaign."""
        ...

    async def get_setting(self, name: str) -> str | None:
        """Return a setting of the campaign."""
        ...


@runtime_checkable
class SettlesAndTells(Protocol):
    """A ledger that can also settle without anything to wait for: a third as dear."""

    def settle_and_tell(
        self,
        number: int,
        step: Step,
        pabx: str,
        at: float,
        *,
        call_id: str | None,
        reason: str | None,
        told: Told,
    ) -> None:
        """Do what ``settle`` does, and call ``told`` in the loop once it is durable.

        Raises:
            LedgerError: If it is not open: ``told`` is not called then.
        """
        ...


@runtime_checkable
class TellsOfLoss(Protocol):
    """A ledger that finds out by itself that it can't be written any more."""

    def on_loss(self, tell: Callable[[LedgerError], None] | None) -> None:
        """Say who is told in the loop, once; None for nobody."""
        ...


class LedgerReader(Protocol):
    """Reads a ledger without claiming anything, also while others dial it.

    Every method, entering too, raises ``LedgerError`` where the ledger can't be read.
    """

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

    def counts(self) -> Mapping[State, int]:
        """Return how many contacts are in each state."""
        ...

    def count_exhausted(self, max_attempts: int) -> int:
        """Return how many pending contacts ``Ledger.claim`` leaves out."""
        ...

    def imports(self) -> Sequence[Import]:
        """Return every import that was begun, in order."""
        ...

    def entries(self) -> Iterator[ContactRecord]:
        """Yield every contact, in the order of import."""
        ...
