"""HeededHistory: the past attempts of the contacts that a run has in its hands."""

import contextlib
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Sequence

import attrs

from digitro_async.call_events import CallEnd
from digitro_async.errors import Outcome
from digitro_async.ledger import LedgerAttempt
from digitro_async.rules import PastAttempt

__all__ = ["HeededHistory", "past_attempt"]


def past_attempt(attempt: LedgerAttempt, campaign: str, now: float) -> PastAttempt:
    """Return an attempt of a ledger as rules see it.

    Args:
        attempt: The attempt.
        campaign: Name of the campaign whose contacts are known by their number alone.
        now: The time: one that is about to begin counts as if it began.
    """
    is_own = attempt.campaign == campaign
    return PastAttempt(
        contact=attempt.contact if is_own else (attempt.campaign, attempt.contact),
        # Of one whose number nobody knows the contact alone counts.
        number=-attempt.contact if attempt.key is None else int(attempt.key.reveal()),
        began_at=now if attempt.began_at is None else attempt.began_at,
        campaign=attempt.campaign,
        ended_at=attempt.ended_at,
        outcome=attempt.outcome,
        disposition=attempt.disposition,
        originating=attempt.originating,
    )


class HeededHistory:
    """The past attempts of contacts in hand, and of their numbers; in memory.

    It is loaded for each page of contacts, kept up by what the run does itself, and
    forgotten when their calls are over: the ledger has it all.

    Args:
        campaign: Name of the campaign.
    """

    def __init__(self, campaign: str) -> None:
        self._campaign = campaign
        self._numbers: dict[int, list[PastAttempt]] = {}
        self._contacts: dict[Hashable, list[PastAttempt]] = {}
        self._keys: dict[int, tuple[int, ...]] = {}  # of contacts in hand
        self._uses: Counter[int] = Counter()  # of those keys

    def load(
        self,
        keys: dict[int, tuple[int, ...]],
        attempts: Iterable[LedgerAttempt],
        now: float,
    ) -> None:
        """Take what a ledger tells of contacts in the place of what was known.

        Args:
            keys: The contacts, and the keys of their numbers.
            attempts: All attempts of these contacts and numbers.
            now: The time.
        """
        for contact, of_contact in keys.items():
            if contact not in self._keys:
                self._keys[contact] = of_contact
                self._uses.update(of_contact)
            self._contacts[contact] = []
        wanted = {key for of_contact in keys.values() for key in of_contact}
        self._numbers.update((key, []) for key in wanted)
        for one in attempts:
            past = past_attempt(one, self._campaign, now)
            if past.contact in keys:
                self._contacts[past.contact].append(past)
            if past.number in wanted:
                self._numbers[past.number].append(past)
        for kept in map(self._numbers.__getitem__, wanted):
            kept.sort(key=_beginning)
        for kept in map(self._contacts.__getitem__, keys):
            kept.sort(key=_beginning)

    def forget(self, contact: int) -> None:
        """Forget a contact that is in hand no more."""
        self._contacts.pop(contact, None)
        for key in self._keys.pop(contact, ()):
            self._uses[key] -= 1
            if not self._uses[key]:
                del self._uses[key]
                self._numbers.pop(key, None)

    def begin(self, attempt: PastAttempt) -> None:
        """Note that an attempt begins, or will: it takes the place of a planned one."""
        self.drop(attempt.contact, attempt.number)
        for kept in self._kept(attempt.contact, attempt.number):
            kept.append(attempt)

    def drop(self, contact: Hashable, number: int) -> PastAttempt | None:
        """Forget the attempt of a contact that is open, and return it."""
        found: PastAttempt | None = None
        for kept in self._kept(contact, number):
            for one in kept:
                if one.contact == contact and one.outcome is None:
                    found = one
                    kept.remove(one)
                    break
        return found

    def settle(self, contact: int, number: int, outcome: Outcome) -> None:
        """Note the outcome of the attempt of a contact that is open."""
        self._change(contact, number, outcome=outcome)

    def end(self, contact: int, number: int | None, end: CallEnd) -> None:
        """Note the end of the last call of a contact, where that is still known.

        Args:
            contact: The contact. It may be in hand for another call by now, and
                another contact in hand may have its number.
            number: The key of the number that was called; None where nobody knows.
            end: The end.
        """
        if number is None:
            called = _last_called(contact, self._contacts.get(contact, ()))
            number = None if called is None else called.number
        if number is None:
            return
        for kept in self._kept(contact, number):
            last = _last_called(contact, kept)
            if last is not None:
                kept[kept.index(last)] = attrs.evolve(
                    last, ended_at=end.ended_at, disposition=end.disposition
                )

    @contextlib.contextmanager
    def without(self, contact: int, number: int) -> Iterator[None]:
        """Leave the attempt of a contact that is open out of account, in the block."""
        planned = self.drop(contact, number)
        try:
            yield
        finally:
            if planned is not None:
                self.begin(planned)

    def of_number(self, key: int) -> Sequence[PastAttempt]:
        """Return the attempts of a number that may have rung, in order of beginning."""
        found = self._numbers.get(key)
        return [one for one in found if one.may_have_rung] if found else ()

    def of_contact(self, contact: Hashable) -> Sequence[PastAttempt]:
        """Return the attempts of a contact that may have rung, in the same order."""
        found = self._contacts.get(contact)
        return [one for one in found if one.may_have_rung] if found else ()

    def not_before(self, contact: Hashable) -> float | None:  # noqa: ARG002 - the ledger claims none too early
        """Return None: who is in hand is put off no more."""
        return None

    def _change(self, contact: int, number: int, *, outcome: Outcome) -> None:
        for kept in self._kept(contact, number):
            for place, one in enumerate(kept):
                if one.contact == contact and one.outcome is None:
                    kept[place] = attrs.evolve(one, outcome=outcome)

    def _kept(self, contact: Hashable, number: int) -> list[list[PastAttempt]]:
        """Return the lists in which attempts of a contact by a number are."""
        both = (self._contacts.get(contact), self._numbers.get(number))
        return [one for one in both if one is not None]


def _last_called(contact: int, attempts: Sequence[PastAttempt]) -> PastAttempt | None:
    """Return the last attempt of a contact that is not about to begin."""
    called = (one for one in reversed(attempts) if one.contact == contact)
    return next((one for one in called if one.outcome is not None), None)


def _beginning(attempt: PastAttempt) -> float:
    return attempt.began_at
