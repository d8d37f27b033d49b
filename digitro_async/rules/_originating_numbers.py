"""PURE: which originating number a call shows: one for each contact, if it can be."""

import hashlib
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import attrs

from digitro_async._common.validators import opened
from digitro_async.calls import check_field_names
from digitro_async.errors import ConfigurationError
from digitro_async.rules._attempt_history import AttemptHistory
from digitro_async.rules._gate import PlannedCall
from digitro_async.rules._gate_answers import Defer, GateReason
from digitro_async.rules._rule_checks import maybe_positive
from digitro_async.rules._short_calls import ShortCallCounter

__all__ = ["OriginatingNumber", "OriginatingPool"]


def _digits(_: object, field: Any, value: Any) -> None:
    """Demand digits."""
    if not isinstance(value, str) or not (value.isascii() and value.isdigit()):
        raise ConfigurationError(f"{field.name} must be text of digits")


@attrs.frozen(kw_only=True)
class OriginatingNumber:
    """A number of yours that calls can show.

    Attributes:
        number: The number, as the PABX takes it.
        areas: Area codes of the called numbers for which it is; empty for all.
        most_per_day: Most calls that show it in a day; None for any number.
    """

    number: str = attrs.field(validator=_digits, repr=False)
    areas: frozenset[str] = frozenset()
    most_per_day: int | None = attrs.field(default=None, validator=maybe_positive)

    def is_for(self, area: str) -> bool:
        """Whether it is for called numbers of an area code."""
        return not self.areas or area in self.areas


class OriginatingPool:
    """Chooses the originating number of a call.

    A contact keeps the number that it was called by last; before its first call the
    choice follows from the contact alone, so it is the same after a restart. A number
    that has made its calls of the day is not replaced by another one: the call waits.

    Args:
        numbers: The numbers, at least one.
        rotate: Whether another number takes the place of one that has made its calls of
            the day. Calls from changing numbers are taken for spam.
        field: The field of a call that holds the number to show. A GUESS.
    """

    def __init__(
        self,
        numbers: Sequence[OriginatingNumber],
        *,
        rotate: bool = False,
        field: str = "caller_id",
    ) -> None:
        if not numbers:
            raise ConfigurationError("a pool needs one originating number or more")
        self._numbers = tuple(numbers)
        self._rotate = rotate
        check_field_names({field: ""})
        self.field = field

    def choose(
        self,
        call: PlannedCall,
        history: AttemptHistory,
        counter: ShortCallCounter,
        when: float,
    ) -> str | Defer:
        """Return the originating number of a call, or until when it has to wait.

        Args:
            call: The call.
            history: It knows which number the contact was called by.
            counter: It knows how many calls each number has made on that day.
            when: The moment, a Unix time.
        """
        wanted = self._preferred(call, history)
        for one in wanted if self._rotate else wanted[:1]:
            most = one.most_per_day
            if most is None or counter.of_day(one.number, when).calls < most:
                return one.number
        until = counter.next_day(when)
        return Defer(until, GateReason.NUMBER_CAP, "originating numbers")

    def _preferred(
        self, call: PlannedCall, history: AttemptHistory
    ) -> list[OriginatingNumber]:
        """Return the numbers that may be shown to a contact, the best one first."""
        area = call.number.area.code
        fit = [one for one in self._numbers if one.is_for(area)] or list(self._numbers)
        fit.sort(key=_rank(call.contact))
        shown = [one.originating for one in history.of_contact(call.contact)]
        last = next((one for one in reversed(shown) if one is not None), None)
        return sorted(fit, key=lambda one: one.number != last)


def _rank(contact: Hashable) -> Callable[[OriginatingNumber], bytes]:
    """Return a key by which each contact has an order of its own, always the same."""
    own = f"{type(contact).__name__}:{opened(contact)}".encode("utf-8", "surrogatepass")

    def rank(one: OriginatingNumber) -> bytes:
        return hashlib.blake2b(one.number.encode() + own, digest_size=8).digest()

    return rank
