"""PURE: numbers that must not be called, millions of them in little memory."""

import datetime as dt
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from typing import Final, Protocol

import attrs

from digitro_async.privacy import Personal
from digitro_async.rules._called_number import SUBSCRIBER, CalledNumber
from digitro_async.rules._gate import PlannedCall
from digitro_async.rules._gate_answers import (
    ALLOW,
    Defer,
    GateAnswer,
    GateReason,
    Refuse,
)

__all__ = [
    "BlockBuilder",
    "BlockFunction",
    "BlockGate",
    "BlockList",
    "BlockTerms",
    "BlockedNumbers",
    "OwnBlocks",
    "end_of_block",
]

BUCKET: Final = 10**6
"""Keys of one bucket: few enough for a short search."""

SHIFT: Final = 34
"""Bits of the terms' number under the last six digits of a key, which take 20."""

_NEXT: Final = 1 << SHIFT
_TERMS: Final = _NEXT - 1
_WESTERNMOST: Final = 5 * 3600.0
_EIGHT_DIGITS: Final = 10**8
_NINTH: Final = 9 * _EIGHT_DIGITS
_FIRST_MOBILE: Final = 6 * 10**7
_END_OF_NATIONAL: Final = 100 * SUBSCRIBER


@attrs.frozen
class BlockTerms:
    """Why a number must not be called, and for how long.

    Attributes:
        reason: Why, in the words of the list.
        until: When it may be called again, a Unix time; None for never.
    """

    reason: str = ""
    until: float | None = None


class BlockList(Protocol):
    """A list of numbers that must not be called."""

    @property
    def name(self) -> str:
        """Its name, for people."""
        ...

    def find(self, number: CalledNumber, when: float) -> BlockTerms | None:
        """Return the terms of a number that must not be called at a moment.

        Args:
            number: The number.
            when: The moment, a Unix time.

        Returns:
            The terms that last longest, or None where it may be called.
        """
        ...


def end_of_block(last_day: dt.date) -> float:
    """Return when a block is over whose last day that is, anywhere in the country."""
    after = dt.datetime.combine(last_day + dt.timedelta(days=1), dt.time(), dt.UTC)
    return after.timestamp() + _WESTERNMOST


def longest(terms: Iterator[BlockTerms], when: float) -> BlockTerms | None:
    """Return the terms that last longest of those which are not over."""
    found: BlockTerms | None = None
    for one in terms:
        if one.until is None:
            return one
        if one.until > when and (found is None or one.until > (found.until or 0.0)):
            found = one
    return found


class BlockedNumbers:
    """Numbers with their terms: eight bytes for each number of the country.

    Args:
        buckets: Sorted entries by the first five digits of their key: its last six,
            and the number of the terms.
        others: Numbers of terms by the keys of all other numbers.
        terms: The terms.
    """

    def __init__(
        self,
        buckets: dict[int, "array[int]"],
        others: dict[int, list[int]],
        terms: Sequence[BlockTerms],
    ) -> None:
        self._buckets = buckets
        self._others = others
        self._terms = terms

    def __len__(self) -> int:
        """Return how many entries there are."""
        return sum(map(len, self._buckets.values())) + sum(
            map(len, self._others.values())
        )

    def find(self, key: int, when: float) -> BlockTerms | None:
        """Return the terms of a number's key at a moment, None where it has none."""
        bucket = self._buckets.get(key // BUCKET)
        if bucket is None:
            if key in self._others:
                return longest((self._terms[one] for one in self._others[key]), when)
            return None
        wanted = key % BUCKET << SHIFT
        place = bisect_left(bucket, wanted)
        if place < len(bucket) and bucket[place] < wanted + _NEXT:
            return longest(self._entries(bucket, place, wanted + _NEXT), when)
        return None

    def _entries(
        self, bucket: "array[int]", place: int, end: int
    ) -> Iterator[BlockTerms]:
        while place < len(bucket) and bucket[place] < end:
            yield self._terms[bucket[place] & _TERMS]
            place += 1


class BlockBuilder:
    """Takes numbers one by one and makes ``BlockedNumbers`` of them."""

    def __init__(self) -> None:
        self._buckets: dict[int, array[int]] = {}
        self._others: dict[int, list[int]] = {}
        self._terms: dict[BlockTerms, int] = {}

    def number_of(self, terms: BlockTerms) -> int:
        """Return the number under which terms are kept."""
        return self._terms.setdefault(terms, len(self._terms))

    def bucket(self, digits: int) -> "array[int]":
        """Return the bucket of keys with these first five digits, for who is in haste.

        An entry is the last six digits of a key, shifted, and the number of its terms.
        """
        found = self._buckets.get(digits)
        if found is None:
            found = self._buckets[digits] = array("Q")
        return found

    def add(self, key: int, terms: BlockTerms) -> None:
        """Put a number in.

        A mobile number of eight digits, from before 2016, is put in with the ninth
        digit too: whoever asked not to be called has that number now.

        Args:
            key: The key of the number.
            terms: Its terms.
        """
        number = self.number_of(terms)
        if key >= _END_OF_NATIONAL:
            self._others.setdefault(key, []).append(number)
            return
        self.bucket(key // BUCKET).append(key % BUCKET << SHIFT | number)
        if _FIRST_MOBILE <= key % SUBSCRIBER < _EIGHT_DIGITS:
            self.add(key + _NINTH, terms)

    def build(self) -> BlockedNumbers:
        """Return the numbers; the builder is empty then."""
        buckets, self._buckets = self._buckets, {}
        for digits, bucket in buckets.items():
            buckets[digits] = array("Q", sorted(bucket))
        return BlockedNumbers(buckets, self._others, tuple(self._terms))


class OwnBlocks:
    """A list that a program adds to while it runs, such as of opt-outs in a call.

    It is kept in memory: whoever adds to it writes down what must outlast the process.

    Args:
        name: Its name.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._terms: dict[int, BlockTerms] = {}

    def add(self, number: CalledNumber, terms: BlockTerms) -> None:
        """Block a number, also one whose call is planned; the last terms hold.

        Args:
            number: The number.
            terms: Why, and for how long.
        """
        self._terms[number.key] = terms

    def remove(self, number: CalledNumber) -> bool:
        """Take a number off the list; False where it was not on it."""
        return self._terms.pop(number.key, None) is not None

    def find(self, number: CalledNumber, when: float) -> BlockTerms | None:
        """Return the terms of a number that must not be called at a moment."""
        found = self._terms.get(number.key)
        return None if found is None else longest(iter((found,)), when)


@attrs.frozen
class BlockFunction:
    """A list that is a function.

    Attributes:
        name: Its name.
        function: Takes a number as area code and subscriber's number, or all digits
            of any other one. Returns why it must not be called, or None. It neither
            waits nor does I/O.
    """

    name: str
    function: Callable[[Personal], str | None] = attrs.field(repr=False)

    def find(self, number: CalledNumber, when: float) -> BlockTerms | None:  # noqa: ARG002 - it has no dates
        """Return the terms of a number that must not be called."""
        reason = self.function(number.digits)
        return None if reason is None else BlockTerms(reason)


class BlockGate:
    """Refuses numbers that are on a list; an entry with an end date defers them.

    Args:
        lists: The lists.
    """

    name = "block lists"

    def __init__(self, lists: Sequence[BlockList]) -> None:
        self._finds = tuple((one.name, one.find) for one in lists)

    def ask(self, call: PlannedCall, when: float) -> GateAnswer:
        """Return whether the number of a call is on no list.

        Args:
            call: The call.
            when: The moment, a Unix time.
        """
        latest: GateAnswer = ALLOW
        for name, find in self._finds:
            terms = find(call.number, when)
            if terms is None:
                continue
            if terms.until is None:
                return Refuse(GateReason.BLOCKED, name)
            if not isinstance(latest, Defer) or terms.until > latest.until:
                latest = Defer(terms.until, GateReason.BLOCKED, name)
        return latest
