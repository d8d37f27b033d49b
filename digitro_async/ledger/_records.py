"""PURE: the values that pass through the port of the ledger."""

import enum
from collections.abc import Mapping
from typing import Any

import attrs

from digitro_async.call_events import CallEnd
from digitro_async.errors import ConfigurationError
from digitro_async.ledger._state import State
from digitro_async.privacy import Personal

__all__ = [
    "AddResult",
    "Change",
    "ClaimOwner",
    "ClaimedContact",
    "ContactRecord",
    "Difference",
    "Import",
    "NewContact",
    "NumberOfContact",
    "Reconciliation",
    "WaitKind",
    "storable",
]

LONGEST_ID = 64


def storable(text: str) -> str:
    """Return the text as any ledger can hold it."""
    # Half a surrogate pair is no text, so no PABX can write it; it becomes an escape.
    if text.isascii():
        return text
    return text.encode("utf-8", "backslashreplace").decode()


def _check_id(_: object, __: object, value: Any) -> None:
    """Refuse an id that an owner can't be found by.

    Raises:
        ConfigurationError: If it is no text of 1 to 64 printable characters.
    """
    if isinstance(value, str) and 0 < len(value) <= LONGEST_ID and value.isprintable():
        return
    raise ConfigurationError(
        f"the id of an owner is text of 1 to {LONGEST_ID} printable characters"
    )


@attrs.frozen
class ClaimOwner:
    """An owner of claims: one run of one process.

    Attributes:
        id: A text that no other owner has; ``new_owner`` makes one.
        label: A name for people, such as that of a host. It is kept and shown, so it
            holds nothing private.
    """

    id: str = attrs.field(validator=_check_id)
    label: str = ""


class WaitKind(enum.StrEnum):
    """Why a pending contact is not called at once."""

    DEFERRED = "deferred"
    """A rule puts its call off."""
    RECALL = "recall"
    """It was called, and is to be tried again."""
    CALLBACK = "callback"
    """A call was agreed on."""


@attrs.frozen(kw_only=True)
class NumberOfContact:
    """A number of a contact, as a ledger keeps it.

    Attributes:
        destination: The number, exactly as the PABX shall get it.
        kind: The kind that the list gives it.
        hours: The times of a day at which it may be rung: see ``DayHours``.
    """

    destination: Personal
    kind: str | None = None
    hours: tuple[tuple[int, int], ...] = ()


@attrs.frozen(kw_only=True)
class NewContact:
    """A contact as it is put into a ledger.

    Attributes:
        line: Its line in the contact file.
        identity: The text by which it is known again: the caller's id or the number.
        id: The caller's id.
        destination: The number to dial.
        pabx: Name of the PABX to use.
        fields: Other fields of its call that are its own.
        numbers: All its numbers, in the order in which they are tried, where it has
            several, or one with a kind or hours; the first is ``destination``. Empty
            for a contact of one number.
        priority: Its priority: contacts that wait come up by it, the highest first.
    """

    line: int
    identity: Personal
    id: Personal | None = None
    destination: Personal
    pabx: str | None = None
    fields: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    numbers: tuple[NumberOfContact, ...] = attrs.field(default=(), repr=False)
    priority: int = 0


class Change(enum.StrEnum):
    """What became of a contact of which a list says something else than the ledger."""

    UPDATED = "updated"
    """The ledger has what the list says."""
    WITHHELD = "withheld"
    """It is pending no more: nobody calls it until it is decided which is right."""
    KEPT = "kept"
    """It was past being pending; nothing of it was changed."""


@attrs.frozen
class Difference:
    """A difference between what a list and the ledger say of one contact.

    Attributes:
        change: What became of it.
        fields: Names of all that differs: ``destination``, ``pabx``, ``numbers``, other
            fields.
        state: Where the contact was.
    """

    change: Change
    fields: tuple[str, ...]
    state: State


@attrs.frozen
class AddResult:
    """The result of adding one contact.

    Attributes:
        new: Whether it was not there before.
        line: The line that the ledger has what it knows of it from.
        difference: What the list says otherwise, None for nothing. Of a contact that is
            not pending only another number is one.
    """

    new: bool
    line: int
    difference: Difference | None = None


@attrs.frozen(kw_only=True)
class ClaimedContact:
    """A contact that a runner has claimed.

    Attributes:
        number: The ledger's number of it.
        attempts: Intents so far.
        destination: The number to dial.
        pabx: Name of the PABX to use.
        fields: Other fields of its call that are its own.
    """

    number: int
    attempts: int
    destination: Personal
    pabx: str | None
    fields: Mapping[str, str] = attrs.field(repr=False)


@attrs.frozen(kw_only=True)
class ContactRecord:
    """All that a ledger knows of one contact.

    Attributes:
        number: The ledger's number of it.
        id: The caller's id.
        line: Its line in the contact file.
        state: Where it is.
        call_id: The PABX's call id, where one was given.
        pabx: Name of the PABX that had it last.
        attempts: Intents so far.
        reason: Why it is not accepted, as a code.
        sent_at: Unix time of the last intent.
        settled_at: Unix time of the last outcome.
        evidence: The source by which it was reconciled last; None where it was not.
        end: The end of its last call, where that was accepted and has one.
        due: When a contact that waited, or does, was due or will be, a Unix time.
        wait: Why it waited last; None for one that was never put off.
        priority: Its priority.
    """

    number: int
    id: Personal | None
    line: int
    state: State
    call_id: str | None
    pabx: str | None
    attempts: int
    reason: str | None
    sent_at: float | None
    settled_at: float | None
    evidence: str | None = attrs.field(default=None, repr=False)
    end: CallEnd | None = None
    due: float | None = None
    wait: WaitKind | None = None
    priority: int = 0


@attrs.frozen
class Reconciliation:
    """The result of a reconciliation.

    Attributes:
        number: The ledger's number of the contact.
        state: Where it is now.
    """

    number: int
    state: State


@attrs.frozen(kw_only=True)
class Import:
    """An import: the adding of one list.

    Attributes:
        number: The ledger's number of it.
        file: Name of its file, without the folder; None for a list of a program.
        size: Bytes of the file.
        began_at: Unix time of its beginning.
        ended_at: Unix time of its end; None where it did not get there.
        successor: Number of the import that has all that this one had, if there is one.
        new: Contacts read so far that were not there before.
        known: Contacts read so far that were there, from the same line.
        repeated: Contacts read so far that were there, from another line.
        rejected: Rows read so far that are no contacts.
    """

    number: int
    file: str | None = None
    size: int | None = None
    began_at: float
    ended_at: float | None = None
    successor: int | None = None
    new: int = 0
    known: int = 0
    repeated: int = 0
    rejected: int = 0

    @property
    def is_whole(self) -> bool:
        """Whether all that its list had is in the ledger."""
        return self.ended_at is not None or self.successor is not None
