"""PURE: the port of the schedule: who waits until when, and what was tried already."""

from collections.abc import Callable, Collection, Sequence
from typing import Protocol

from digitro_async.call_events import Disposition
from digitro_async.ledger._ledger_port import Ledger
from digitro_async.ledger._records import ClaimOwner, WaitKind
from digitro_async.ledger._schedule_records import (
    AgreedCallback,
    AttemptCounts,
    AttemptPlan,
    Deferral,
    EndedContact,
    LedgerAttempt,
    LedgerBlock,
    PlannedContact,
    Refusal,
    WaitCounts,
)
from digitro_async.ledger._state import State
from digitro_async.privacy import Personal

__all__ = ["KeyOf", "Schedule", "ScheduledLedger"]

KeyOf = Callable[[str], int]
"""Returns the key of a number to dial: equal for all forms of one number."""


class Schedule(Protocol):
    """What a ledger keeps so that rules can be applied; a part of ``ScheduledLedger``.

    * A contact that waits is pending and has a time when it is due. It keeps both until
      it waits for something else: an interrupted run loses neither.
    * ``Ledger.claim`` leaves contacts out that are not due by the ledger's clock.
    * Every change is durable once its method has returned; one method is one commit.
    * Every method raises ``LedgerError`` where the ledger can't be read or written.
    """

    async def claim(
        self,
        limit: int,
        owner: ClaimOwner,
        lease: float,
        *,
        now: float,
        kinds: Collection[WaitKind | None],
        priority: int | None = None,
        after: int = 0,
        max_attempts: int | None = None,
        within: range | None = None,
        pabx: Collection[str | None] | None = None,
    ) -> Sequence[PlannedContact]:
        """Claim contacts, and begin the owner's lease anew.

        Fresh contacts, which never waited, come in the order of import; those that wait
        come by priority, the highest first, then by when they were due.

        Args:
            limit: Most contacts.
            owner: The owner.
            lease: Seconds from now in which nobody else may have the owner's claims.
            now: The time: contacts that are due later are left out.
            kinds: What the contacts waited for; None among them means fresh ones.
            priority: Only contacts of this priority; None for all.
            after: Only fresh contacts with numbers above this one.
            max_attempts: As for ``Ledger.claim``.
            within: Only contacts with numbers in this range, whose step is 1.
            pabx: As for ``Ledger.claim``.
        """
        ...

    async def priorities(self) -> Sequence[int]:
        """Return the priorities of pending contacts, each once, the highest first."""
        ...

    async def plan(
        self, owner: ClaimOwner, plans: Sequence[AttemptPlan], *, hold_numbers: bool
    ) -> Sequence[int]:
        """Note by which numbers claimed contacts are about to be called.

        It comes before the intent, so that every attempt has its number. A plan whose
        intent does not follow gives way to the next one of its contact.

        Args:
            owner: The owner.
            plans: The plans.
            hold_numbers: Whether a contact is left out whose number is another one's
                that is planned or on the wire at this moment, in any campaign of the
                ledger: caps and spacings that count by number need that.

        Returns:
            Contacts that are left out, or that the owner has no claim on any more.
        """
        ...

    async def put_off(
        self, owner: ClaimOwner, deferrals: Sequence[Deferral], *, now: float
    ) -> None:
        """Let claimed contacts be pending until they are due.

        What a contact waits for stays: a recall that is put off is a recall, and a
        fresh contact is deferred. One that the owner has no claim on stays as it is.

        Args:
            owner: The owner.
            deferrals: The deferrals.
            now: The time.
        """
        ...

    async def refuse(
        self, owner: ClaimOwner, refusals: Sequence[Refusal], *, now: float
    ) -> None:
        """Let claimed contacts be skipped, as rules forbid their calls for good.

        One that the owner has no claim on stays as it is.

        Args:
            owner: The owner.
            refusals: The refusals.
            now: The time.
        """
        ...

    async def recall(
        self,
        number: int,
        *,
        attempts: int,
        due: float,
        place: int,
        reason: str,
        now: float,
    ) -> bool:
        """Let an accepted contact whose call has ended be pending until it is due.

        Args:
            number: The ledger's number of the contact.
            attempts: Its intents as the rule knew them: nobody recalls it twice.
            due: When it is due, a Unix time.
            place: Place of the number that is tried then.
            reason: The rule, as a code.
            now: The time.

        Returns:
            Whether it waits for that recall now. False where it is not accepted, has
            had another attempt since, or its call has no end.
        """
        ...

    async def call_back(
        self, contact: str | int | Personal, callback: AgreedCallback, *, now: float
    ) -> State:
        """Let a contact wait for a call that was agreed on, and return where it is.

        A pending contact, and an accepted one, is pending then; the callback takes the
        place of whatever it waited for. Any other one stays where it is.

        Args:
            contact: As for ``Ledger.reconcile``.
            callback: The callback.
            now: The time.

        Raises:
            LedgerError: If there is no such contact, or text may mean two of them.
        """
        ...

    async def ended(
        self,
        dispositions: Collection[Disposition],
        *,
        numbers: Sequence[int] | None = None,
        after: int = 0,
        limit: int,
    ) -> Sequence[EndedContact]:
        """Return accepted contacts whose last call ended in one of some ways.

        Args:
            dispositions: The ways.
            numbers: Only these contacts; None for all.
            after: Only contacts with numbers above this one.
            limit: Most contacts.
        """
        ...

    async def attempts_of(
        self, contacts: Sequence[int], keys: Collection[int]
    ) -> Sequence[LedgerAttempt]:
        """Return the attempts of contacts, and those of any contact by some numbers.

        Those of other campaigns of the ledger are among them, and plans of claimed
        contacts whose intent is not recorded yet. They come by contact, in order.

        Args:
            contacts: Contacts of this campaign.
            keys: Keys of numbers.
        """
        ...

    async def attempts_since(self, when: float) -> Sequence[LedgerAttempt]:
        """Return all attempts, of any campaign of the ledger, that began since.

        Args:
            when: The moment, a Unix time.
        """
        ...

    async def count_attempts(self) -> AttemptCounts:
        """Return how many attempts of this campaign are over and may have rung."""
        ...

    async def note_keys(self, key_of: KeyOf, *, scheme: str) -> int:
        """Note the number of each attempt whose number nobody noted by this scheme.

        Attempts of runs without rules are not noted when they are made.

        Args:
            key_of: Returns the key of a number.
            scheme: A text that differs where ``key_of`` may return other keys.

        Returns:
            How many were noted.
        """
        ...

    async def block(
        self, key: int, *, reason: str, until: float | None, now: float
    ) -> None:
        """Let nobody call a number, in any campaign of the ledger; the last terms hold.

        Args:
            key: The key of the number. It is kept as a keyed hash.
            reason: Why; nothing personal.
            until: When it may be called again, a Unix time; None for never.
            now: The time.
        """
        ...

    async def unblock(self, key: int) -> bool:
        """Take a number off; False where it was not blocked.

        Args:
            key: The key of the number.
        """
        ...

    async def blocks(self) -> Sequence[LedgerBlock]:
        """Return every block."""
        ...

    async def blocks_changed(self) -> object:
        """Return a value that differs once blocks have changed; it is cheap to get."""
        ...

    def block_hash(self, key: int) -> bytes:
        """Return the keyed hash by which blocks know a number.

        Args:
            key: The key of the number.
        """
        ...

    async def waiting(
        self,
        *,
        now: float,
        max_attempts: int | None = None,
        pabx: Collection[str | None] | None = None,
    ) -> WaitCounts:
        """Return how many pending contacts wait, and until when.

        Args:
            now: The time; contacts that are due by then do not count.
            max_attempts: As for ``Ledger.claim``.
            pabx: As for ``Ledger.claim``.
        """
        ...


class ScheduledLedger(Ledger, Protocol):
    """A ledger that keeps a schedule too."""

    @property
    def schedule(self) -> Schedule:
        """Its schedule."""
        ...
