"""The port of the ledger for its owners; readers have ``_reader_port``."""

from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Mapping,
    Sequence,
)
from types import MappingProxyType, TracebackType
from typing import Protocol, Self

from digitro_async.errors import LedgerError
from digitro_async.ledger._call_ends_port import CallEnds
from digitro_async.ledger._occupied_slots import OccupiedSlots
from digitro_async.ledger._records import (
    AddResult,
    ClaimedContact,
    ClaimOwner,
    ContactRecord,
    Import,
    NewContact,
    Reconciliation,
)
from digitro_async.ledger._state import State, Step
from digitro_async.privacy import Personal
from digitro_async.settings import RateLimit

__all__ = ["Ledger", "OnDone"]

OnDone = Callable[[BaseException | None, State | None], None]
"""Takes why an outcome could not be recorded, or the state that it led to."""


class Ledger(Protocol):
    """The durable record of one campaign, for one or many owners of claims.

    * A change is durable once its method has returned; one whose method was cancelled
      is written all the same. Times are Unix times in seconds.
    * A claim is one owner's: nobody else may give it back, begin its call or record
      what came of that. An owner whose lease is over may lose a claim to another owner.
      It never loses an intent to one: only ``recover`` ends that, as unknown.
    * Leases end by the clock of the ledger, and never by that of its owners.
    * Every method raises ``LedgerError`` where the ledger can't be read or written;
      after a failed write nothing is written any more.
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
        """Open intents of gone owners that became unknown since this was opened.

        A ledger that one process owns at a time counts here the intents found on
        opening: all earlier owners are gone then.
        """
        ...

    @property
    def ends(self) -> CallEnds:
        """The ends of its calls."""
        ...

    def on_loss(self, tell: Callable[[LedgerError], None] | None) -> None:
        """Choose what is called, once, when nothing can be written any more.

        A ledger that can't find that out by itself tells nobody.

        Args:
            tell: Takes the error; None for nobody.
        """
        ...

    async def begin_run(self, owner: ClaimOwner, slot_holder: object) -> bool:
        """Note that an owner begins to dial.

        A ledger whose owners share no rate slots lets one dial at a time: two that did
        not know of each other's calls would be over a cap together.

        Args:
            owner: The owner.
            slot_holder: The object that holds the rate slots of its calls.

        Returns:
            Whether that object holds the slots of all earlier calls already, as the
            last run was its own. Otherwise ``occupied_slots`` tells them.

        Raises:
            LedgerInUseError: If another owner dials, and both can't.
        """
        ...

    async def end_run(self, owner: ClaimOwner, *, holds_slots: bool) -> None:
        """Note that an owner dials no more. It does not fail.

        Args:
            owner: The owner.
            holds_slots: Whether its slot holder holds the slots of all earlier calls.
        """
        ...

    async def add(
        self,
        contacts: Sequence[NewContact],
        *,
        importing: int | None = None,
        rejected: int = 0,
        update: bool = False,
    ) -> Sequence[AddResult]:
        """Put contacts in that are not there yet; tell of each whether it is new.

        A pending contact of which they say something else than the ledger is withheld
        until they say the same, or ``update`` is given.

        Args:
            contacts: The contacts.
            importing: Number of the import that they are of; it is counted on in the
                same commit.
            rejected: Rows read with them that are no contacts.
            update: Whether a pending contact takes over what they say of it.
        """
        ...

    async def begin_import(
        self,
        *,
        file: str | None = None,
        size: int | None = None,
        digest: bytes | None = None,
        beginnings: Mapping[int, bytes] = MappingProxyType({}),
        now: float,
    ) -> int:
        """Record that a list is being put in, and return the number of the import.

        An import of the same content that did not end is succeeded by it, and one of
        content that this one begins with. A list without a file succeeds those that
        began with the same contacts, as soon as these are read.

        Args:
            file: Name of its file, without the folder.
            size: Bytes of the file.
            digest: Digest of its content; None for a list that has no file.
            beginnings: Sizes of imports that did not end, and the digest of as many
                bytes at the beginning of the file.
            now: The time.
        """
        ...

    async def end_import(
        self, number: int, *, now: float, rejected: int = 0, edited: bool = False
    ) -> int:
        """Record that a list was put in to its end.

        Args:
            number: The import.
            now: The time.
            rejected: Rows read last that are no contacts.
            edited: Whether imports of other contents of a file of its name that did
                not end are succeeded by it too.

        Returns:
            How many pending contacts the list does not name.
        """
        ...

    async def imports(self) -> Sequence[Import]:
        """Return every import that was begun, in order."""
        ...

    async def claim(
        self,
        limit: int,
        owner: ClaimOwner,
        lease: float,
        *,
        after: int = 0,
        max_attempts: int | None = None,
        within: range | None = None,
        pabx: Collection[str | None] | None = None,
    ) -> Sequence[ClaimedContact]:
        """Claim contacts, in the order of import, and begin the owner's lease anew.

        Contacts can be claimed that are pending, or claimed by an owner whose lease is
        over. Two owners never get the same one.

        Args:
            limit: Most contacts.
            owner: The owner.
            lease: Seconds from now in which nobody else may have the owner's claims.
            after: Only contacts with numbers above this one.
            max_attempts: Leave out contacts of which this number of attempts failed.
                One that was not placed for a reason of the PABX or the way to it
                (``PABX_REASONS``) never counts against a contact.
            within: Only contacts with numbers in this range, whose step is 1.
            pabx: Only contacts that one of these PABX must take; None among them means
                contacts that any may take. None for all contacts.
        """
        ...

    async def renew(self, owner: ClaimOwner, lease: float) -> None:
        """Begin an owner's lease anew, as a sign of life.

        Args:
            owner: The owner.
            lease: Seconds from now.
        """
        ...

    async def release(
        self, owner: ClaimOwner, numbers: Sequence[int] | None = None
    ) -> None:
        """Give back claims of an owner; its intents and the claims of others stay.

        Args:
            owner: The owner.
            numbers: Contacts; None for all.
        """
        ...

    async def recover(self, owner: ClaimOwner | None = None) -> int:
        """Give back the claims of an owner that is gone; its intents become unknown.

        Args:
            owner: The owner; None for every one whose lease is over.

        Returns:
            How many contacts became unknown.
        """
        ...

    async def invalidate(self, number: int, owner: ClaimOwner, reason: str) -> None:
        """Record that a claimed contact can't be called as it is.

        Raises:
            IllegalTransitionError: If the owner has no claim on it.
        """
        ...

    def intend(
        self, number: int, owner: ClaimOwner, pabx: str, at: float
    ) -> Awaitable[None]:
        """Record that a claimed contact is about to be called.

        Raises:
            ClaimLostError: If the owner has no claim on it: it must not be called. The
                reason is ``withdrawn`` where it was withdrawn.
        """
        ...

    def settle(
        self,
        number: int,
        owner: ClaimOwner,
        step: Step,
        pabx: str,
        at: float,
        *,
        on_done: OnDone,
        call_id: str | None = None,
        reason: str | None = None,
    ) -> None:
        """Record the outcome of a call, and call ``on_done`` once that is durable.

        An acceptance whose call id the same PABX gave before is recorded as unknown.
        ``on_done`` is called in the loop, after this has returned, with an
        ``IllegalTransitionError`` where the owner has no open intent of the contact.

        Raises:
            IllegalTransitionError: If no call ends in that step; ``on_done`` is not
                called then.
            LedgerError: If the ledger is not open; nor is it then.
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

    async def withdraw(
        self, contact: str | int | Personal, *, reason: str, now: float
    ) -> State:
        """Let nobody begin the call of a contact any more, and return where it is.

        A contact that is pending, withheld or claimed is skipped; who claimed it learns
        that by a ``ClaimLostError`` from ``intend``. One with a call on the wire, or
        whose call is over, stays as it is.

        Args:
            contact: As for ``reconcile``.
            reason: Why, as a code; nothing personal.
            now: The time.

        Raises:
            LedgerError: If there is no such contact, or text may mean two of them.
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
            evidence: The source of that knowledge; it is recorded, so nothing personal.
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

    async def occupied_slots(
        self,
        *,
        limit: RateLimit,
        quarantine: float,
        now: float,
        elsewhere: Collection[str] = (),
    ) -> OccupiedSlots:
        """Return the rate slots that calls of earlier runs to one address hold.

        A wall clock that was set meanwhile only makes that longer.

        Args:
            limit: The cap.
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
