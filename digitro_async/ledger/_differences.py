"""PURE: what follows where a list says something else of a contact than the ledger."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from digitro_async.ledger._records import (
    Change,
    Difference,
    NewContact,
    NumberOfContact,
)
from digitro_async.ledger._state import State, Step
from digitro_async.ledger._stored_numbers import is_plain

__all__ = [
    "NamedContacts",
    "difference_of",
    "differing_fields",
    "fills_numbers",
    "step_of",
]

_PENDING = frozenset({State.PENDING, State.WITHHELD})
_STEPS = {Change.UPDATED: Step.UPDATE, Change.WITHHELD: Step.WITHHOLD}


def differing_fields(
    contact: NewContact,
    destination: str,
    pabx: str | None,
    fields: Mapping[str, str],
    numbers: Sequence[NumberOfContact] = (),
) -> tuple[str, ...]:
    """Return the names of all that a list says otherwise of a contact.

    Args:
        contact: The contact, as the list has it.
        destination: Its number in the ledger.
        pabx: Its PABX there.
        fields: Its own fields there.
        numbers: All its numbers there. Where it has one alone, an earlier version may
            have put it in, which kept no others: nothing differs then.
    """
    names = []
    if contact.destination.reveal() != destination:
        names.append("destination")
    if not is_plain(numbers) and contact.numbers != tuple(numbers):
        names.append("numbers")
    if contact.pabx != pabx:
        names.append("pabx")
    if contact.fields != fields:
        both = sorted({*contact.fields, *fields})
        names += [one for one in both if contact.fields.get(one) != fields.get(one)]
    return tuple(names)


def difference_of(
    state: State, fields: tuple[str, ...], *, update: bool
) -> Difference | None:
    """Return what becomes of a contact; None where nothing is to be said.

    Args:
        state: Where it is.
        fields: Names of all that a list says otherwise.
        update: Whether what the list says is taken over.
    """
    if state in _PENDING:
        change = Change.UPDATED if update else Change.WITHHELD
        return Difference(change, fields, state) if fields else None
    if "destination" not in fields and "numbers" not in fields:
        return None  # the call is over, and its fields are of no more use
    return Difference(Change.KEPT, fields, state)


def step_of(state: State, difference: Difference | None) -> Step | None:
    """Return the step that a contact takes; None for none."""
    if difference is None:
        return Step.CONFIRM if state is State.WITHHELD else None
    step = _STEPS.get(difference.change)
    return None if step is Step.WITHHOLD and state is State.WITHHELD else step


def fills_numbers(
    state: State,
    difference: Difference | None,
    contact: NewContact,
    numbers: Sequence[NumberOfContact],
) -> bool:
    """Whether a contact of one number takes over the others that a list has of it.

    Args:
        state: Where it is.
        difference: What the list says otherwise.
        contact: The contact, as the list has it.
        numbers: All its numbers in the ledger.
    """
    if difference is not None or state not in _PENDING:
        return False
    return is_plain(numbers) and not is_plain(contact.numbers)


class NamedContacts:
    """Knows which contacts one import has named so far.

    A second row of one contact in a list is a repetition, whatever it says. A million
    contacts take 125 KB, and those that the import put in itself take nothing.
    """

    def __init__(self) -> None:
        self._last: int | None = None
        self._bits = bytearray()
        self._page: set[int] = set()

    def begin_page(self, last: int) -> None:
        """Begin a page, or once more one that was rolled back.

        Args:
            last: Number of the last contact in the ledger.
        """
        if self._last is None:
            self._last = last
            self._bits = bytearray(last // 8 + 1)
        self._page = set()

    def is_first(self, number: int) -> bool:
        """Note that a row names a contact; return whether it is the first that does."""
        if self._last is None or number > self._last or number in self._page:
            return False
        if self._bits[number >> 3] & (1 << (number & 7)):
            return False
        self._page.add(number)
        return True

    def count_others(self, numbers_to: Callable[[int | None], Iterable[int]]) -> int:
        """Count the contacts that no row named.

        Args:
            numbers_to: Returns the numbers of contacts up to one of them, None for all.
        """
        numbers, bits = numbers_to(self._last), self._bits
        if self._last is None:
            return sum(1 for _ in numbers)
        return sum(not bits[one >> 3] & (1 << (one & 7)) for one in numbers)

    def end_page(self) -> None:
        """Keep what the page named: it is written."""
        for number in self._page:
            self._bits[number >> 3] |= 1 << (number & 7)
        self._page = set()
