"""PURE: the port of past attempts, and a history in memory."""

from collections import defaultdict
from collections.abc import Hashable, Sequence
from typing import Final, Protocol

import attrs

from digitro_async.call_events import Disposition
from digitro_async.errors import Outcome

__all__ = ["AttemptHistory", "MemoryAttemptHistory", "PastAttempt"]

_NOBODY_CALLED: Final = frozenset(
    {Outcome.NOT_SENT, Outcome.INVALID, Outcome.REJECTED, Outcome.REFUSED}
)


@attrs.frozen(kw_only=True)
class PastAttempt:
    """One attempt to reach a contact, of this campaign or another one.

    Attributes:
        contact: What the contact is known by.
        number: The key of the number that was dialled.
        began_at: When it began, a Unix time.
        campaign: Name of the campaign.
        ended_at: When its call ended, None while that is not known.
        outcome: What the PABX said to the request; None while it is on the wire.
        disposition: What became of the call, None while that is not known.
        originating: The originating number that was shown.
    """

    contact: Hashable = attrs.field(repr=False)
    number: int = attrs.field(repr=False)
    began_at: float
    campaign: str = ""
    ended_at: float | None = None
    outcome: Outcome | None = None
    disposition: Disposition | None = None
    originating: str | None = attrs.field(default=None, repr=False)

    @property
    def may_have_rung(self) -> bool:
        """Whether a phone may have rung: one that is unknown or on the wire counts."""
        return self.outcome not in _NOBODY_CALLED


class AttemptHistory(Protocol):
    """What is known of past attempts, and of contacts that were put off.

    A ledger is behind it. It answers from memory, without waiting.
    """

    def of_number(self, key: int) -> Sequence[PastAttempt]:
        """Return the attempts of a number that may have rung, in order of beginning."""
        ...

    def of_contact(self, contact: Hashable) -> Sequence[PastAttempt]:
        """Return the attempts of a contact that may have rung, in the same order."""
        ...

    def not_before(self, contact: Hashable) -> float | None:
        """Return the moment before which a contact was put off, None without one."""
        ...


class MemoryAttemptHistory:
    """A history in memory: for tests, rehearsals, and ledgers that load theirs."""

    def __init__(self) -> None:
        self._numbers: dict[int, list[PastAttempt]] = defaultdict(list)
        self._contacts: dict[Hashable, list[PastAttempt]] = defaultdict(list)
        self._not_before: dict[Hashable, float] = {}

    def add(self, attempt: PastAttempt) -> None:
        """Put an attempt in."""
        for kept in (self._numbers[attempt.number], self._contacts[attempt.contact]):
            kept.append(attempt)
            if len(kept) > 1 and attempt.began_at < kept[-2].began_at:
                kept.sort(key=_beginning)

    def replace(self, old: PastAttempt, new: PastAttempt) -> None:
        """Put what is known now of an attempt in the place of what was known.

        Raises:
            ValueError: If the attempt is not in.
        """
        for kept in (self._numbers[old.number], self._contacts[old.contact]):
            del kept[kept.index(old)]
        self.add(new)

    def put_off(self, contact: Hashable, until: float | None) -> None:
        """Put a contact off until a moment; None for no longer."""
        if until is None:
            self._not_before.pop(contact, None)
        else:
            self._not_before[contact] = until

    def of_number(self, key: int) -> Sequence[PastAttempt]:
        """Return the attempts of a number that may have rung, in order of beginning."""
        found = self._numbers.get(key)
        return [one for one in found if one.may_have_rung] if found else ()

    def of_contact(self, contact: Hashable) -> Sequence[PastAttempt]:
        """Return the attempts of a contact that may have rung, in the same order."""
        found = self._contacts.get(contact)
        return [one for one in found if one.may_have_rung] if found else ()

    def not_before(self, contact: Hashable) -> float | None:
        """Return the moment before which a contact was put off, None without one."""
        return self._not_before.get(contact)


def _beginning(attempt: PastAttempt) -> float:
    return attempt.began_at
