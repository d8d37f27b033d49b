"""What a page of contacts changes in a ledger: new ones, and what is told otherwise."""

from collections.abc import Sequence
from itertools import count
from typing import Any

import attrs

from digitro_async._common.drafts import draft_of
from digitro_async.ledger._codes import STATE_CODES, STATES
from digitro_async.ledger._differences import (
    NamedContacts,
    difference_of,
    differing_fields,
    fills_numbers,
    step_of,
)
from digitro_async.ledger._records import AddResult, Change, Difference, NewContact
from digitro_async.ledger._state import OTHER_DATA, Step, next_state
from digitro_async.ledger._stored_contacts import read_fields
from digitro_async.ledger._stored_numbers import read_numbers

__all__ = ["ContactChange", "PageChanges", "changes_by_page"]

_AddedDraft = draft_of(AddResult)


@attrs.frozen
class ContactChange:
    """A change of a contact that was there before.

    Attributes:
        number: The ledger's number of it.
        step: The step that it takes.
        code: The number of the state that this leads to.
        contact: The contact, as the list has it.
        fields: Names of all that the list says otherwise, parted by blanks; None for
            nothing.
    """

    number: int
    step: Step
    code: int
    contact: NewContact = attrs.field(repr=False)
    fields: str | None

    @property
    def is_update(self) -> bool:
        """Whether what the list says is taken over."""
        return self.step is Step.UPDATE

    @property
    def reason(self) -> str | None:
        """The reason that the contact has from then on."""
        return OTHER_DATA if self.step is Step.WITHHOLD else None


@attrs.define
class PageChanges:
    """All that a page changes.

    Attributes:
        added: The result of each contact.
        new: Number, hash and contact of each that is new.
        changed: Changes of contacts that were there.
        filled: Numbers of contacts of one number alone, and what a list has of them:
            they take over all numbers.
        priorities: Numbers of contacts, and the priorities that they have from now on.
    """

    added: list[AddResult] = attrs.field(factory=list)
    new: list[tuple[int, bytes, NewContact]] = attrs.field(factory=list)
    changed: list[ContactChange] = attrs.field(factory=list)
    filled: list[tuple[int, NewContact]] = attrs.field(factory=list)
    priorities: list[tuple[int, int]] = attrs.field(factory=list)


def changes_by_page(
    contacts: Sequence[NewContact],
    hashes: Sequence[bytes],
    known: dict[bytes, tuple[Any, ...]],
    last: int,
    named: NamedContacts,
    *,
    update: bool,
) -> PageChanges:
    """Return what putting contacts in changes.

    Args:
        contacts: The contacts.
        hashes: The hash by which each is known.
        known: Hashes of those that are there to number, line, code of the state,
            destination, PABX, fields and all numbers as text, and priority. It is added
            to.
        last: Number of the last contact in the ledger.
        named: The contacts that the import has named.
        update: Whether a pending contact takes over what they say of it.
    """
    named.begin_page(last)
    numbers = count(last + 1)
    page = PageChanges()
    for contact, digest in zip(contacts, hashes, strict=True):
        found = known.get(digest)
        if found is None:
            known[digest] = number, _ = next(numbers), contact.line
            page.new.append((number, digest, contact))
            draft = _AddedDraft()
            draft.new, draft.line, draft.difference = True, contact.line, None
            draft.__class__ = AddResult
            page.added.append(draft)
            continue
        number, line = found[:2]
        difference = None
        if named.is_first(number):
            difference = _compare(contact, found, page, update=update)
            if difference is not None and difference.change is Change.UPDATED:
                line = contact.line
                known[digest] = number, line
        page.added.append(AddResult(new=False, line=line, difference=difference))
    return page


def _compare(
    contact: NewContact, found: tuple[Any, ...], page: PageChanges, *, update: bool
) -> Difference | None:
    """Return what a list says otherwise of a contact; note in the page what it changes.

    Args:
        contact: The contact, as the list has it.
        found: What is known of it.
        page: All that the page changes.
        update: Whether a pending contact takes over what the list says.
    """
    number, _, code, destination, pabx, text, known_numbers, priority = found
    if not destination:  # it was forgotten: nobody calls it, whatever a list has of it
        return None
    state = STATES[code]
    fields = read_fields(text) if text else {}
    numbers = read_numbers(known_numbers)
    names = differing_fields(contact, destination, pabx, fields, numbers)
    difference = difference_of(state, names, update=update)
    step = step_of(state, difference)
    if contact.priority != priority:
        page.priorities.append((number, contact.priority))
    if fills_numbers(state, difference, contact, numbers):
        page.filled.append((number, contact))
    if step is not None:
        becomes = STATE_CODES[next_state(state, step)]
        shown = " ".join(names) or None
        page.changed.append(ContactChange(number, step, becomes, contact, shown))
    return difference
