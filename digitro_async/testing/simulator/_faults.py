"""The rules of a fault plan, and the choice of the rule for a call."""

import random
from collections.abc import Iterable
from typing import Any, Final

import attrs

from digitro_async._common.validators import at_least, positive
from digitro_async.errors import ConfigurationError
from digitro_async.testing.simulator._event_fault_kinds import EventFaultKind
from digitro_async.testing.simulator._fault_kinds import FaultKind
from digitro_async.testing.simulator._fault_traits import KindWithTraits, Stage

__all__ = ["Fault", "FaultDecisions"]

_DETAILS = ("status", "location", "retry_after", "pause", "size")


_KINDS: Final[dict[str, KindWithTraits]] = {
    kind: kind for kinds in (FaultKind, EventFaultKind) for kind in kinds
}


def _kind(value: Any) -> KindWithTraits:
    if not isinstance(value, str) or value not in _KINDS:
        raise ConfigurationError("kind is not one of " + ", ".join(_KINDS))
    return _KINDS[value]


def _ordinals(value: Any) -> frozenset[int] | None:
    if value is None:
        return None
    numbers = [value] if isinstance(value, int) else value
    if not isinstance(numbers, Iterable) or not (numbers := list(numbers)):
        raise ConfigurationError("at must hold whole numbers above 0")
    for number in numbers:
        if not isinstance(number, int) or isinstance(number, bool) or number < 1:
            raise ConfigurationError("at must hold whole numbers above 0")
    return frozenset(numbers)


def _probability(_: object, __: object, value: Any) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 <= value <= 1:
        raise ConfigurationError("probability must be a number from 0 to 1")


def _status(_: object, __: object, value: Any) -> None:
    if type(value) is not int or not 200 <= value <= 999:  # noqa: PLR2004 - as HTTP
        raise ConfigurationError("status must be a whole number from 200 to 999")


def _header(_: object, field: Any, value: Any) -> None:
    text = str(value) if isinstance(value, int | float) else value
    if not isinstance(text, str) or not (text.isascii() and text.isprintable()):
        raise ConfigurationError(f"{field.name} must be printable ASCII")


def _text(_: object, field: Any, value: Any) -> None:
    if not isinstance(value, str):
        raise ConfigurationError(f"{field.name} must be text")


def _flag(_: object, field: Any, value: Any) -> None:
    if not isinstance(value, bool):
        raise ConfigurationError(f"{field.name} must be true or false")


def _extra(validator: Any, **options: Any) -> Any:
    checked = attrs.validators.optional(validator)
    return attrs.field(default=None, validator=checked, kw_only=True, **options)


@attrs.frozen
class Fault:
    """One rule: a kind of fault, and the conditions under which it is injected.

    Every condition that is given must hold; a rule without conditions always holds. A
    fault that is decided after reading is injected only into calls that would have
    been accepted.

    Args:
        kind: The kind of fault, as a ``FaultKind``, an ``EventFaultKind`` or its text.
        at: Ordinals, from 1, of the requests (or connections) that get the fault: every
            request whose first bytes arrive counts, in order of arrival. Faults of the
            event channel count requests for a channel, or events about calls.
        destination: Only calls to this number, or events about them; not for kinds that
            don't know it.
        probability: Chance from 0 to 1, drawn with the plan's seed.
        times: How often it is injected at most; None for no limit.
        placed: Whether the phone rings, where that shall differ from the kind's own.
        status: HTTP status; required for STATUS.
        retry_after: Retry-After in seconds, or any text.
        location: Location header.
        pause: Seconds.
        size: Bytes or levels.

    Raises:
        ConfigurationError: If a value can't be used; the text names the field.
    """

    kind: KindWithTraits = attrs.field(converter=_kind)
    at: frozenset[int] | None = attrs.field(
        default=None, converter=_ordinals, kw_only=True
    )
    destination: str | None = _extra(_text, repr=False)
    probability: float = attrs.field(default=1.0, validator=_probability, kw_only=True)
    times: int | None = _extra(positive)
    placed: bool | None = _extra(_flag)
    status: int | None = _extra(_status)
    retry_after: float | str | None = _extra(_header)
    location: str | None = _extra(_header)
    pause: float | None = _extra(at_least(0))
    size: int | None = _extra(positive)

    def __attrs_post_init__(self) -> None:
        traits = self.kind.traits
        if not traits.knows_destination and self.destination is not None:
            raise ConfigurationError(f"destination is not known to {self.kind}")
        if traits.is_of_channel and self.placed is not None:
            raise ConfigurationError(f"placed means nothing to {self.kind}")
        if not traits.reads and self.placed:
            raise ConfigurationError(f"placed can't be true of {self.kind}")
        for name in _DETAILS:
            is_given = getattr(self, name) is not None
            if name in traits.required and not is_given:
                raise ConfigurationError(f"{name} is required for {self.kind}")
            if is_given and name not in traits.details:
                raise ConfigurationError(f"{name} means nothing to {self.kind}")

    @property
    def places(self) -> bool:
        """Whether the phone rings."""
        return self.kind.traits.places if self.placed is None else self.placed

    @property
    def answers(self) -> int | None:
        """The HTTP status of the answer; None where no status can be read."""
        return self.status or self.kind.traits.status

    @property
    def stage(self) -> Stage:
        """When the fault is decided."""
        return self.kind.traits.stage


class _Rule:
    """A rule with its generator of chances and the number of times left."""

    def __init__(self, fault: Fault, chance: random.Random) -> None:
        self.fault = fault
        self._chance = chance
        self._left = fault.times

    def applies(self, ordinal: int, destination: str | None) -> bool:
        """Whether the rule holds for a connection or call; count it if so."""
        fault = self.fault
        if self._left == 0 or (fault.at is not None and ordinal not in fault.at):
            return False
        if fault.destination is not None and fault.destination != destination:
            return False
        if fault.probability < 1 and self._chance.random() >= fault.probability:
            return False
        if self._left is not None:
            self._left -= 1
        return True


class FaultDecisions:
    """Goes through a plan's rules; the first that holds wins.

    Each rule has its own generator, so that its chances don't depend on which other
    rules stand in the plan.
    """

    def __init__(self, faults: Iterable[Fault], seed: int) -> None:
        self._rules: dict[Stage, list[_Rule]] = {stage: [] for stage in Stage}
        for number, fault in enumerate(faults):
            rule = _Rule(fault, random.Random(f"{seed}/{number}"))
            self._rules[fault.stage].append(rule)

    def choose(
        self, stage: Stage, ordinal: int, destination: str | None = None
    ) -> Fault | None:
        """Return the rule for this connection or call, or None.

        Args:
            stage: When the fault is decided.
            ordinal: Number of the connection or request, from 1.
            destination: Number to dial, where the request was read.
        """
        for rule in self._rules[stage]:
            if rule.applies(ordinal, destination):
                return rule.fault
        return None
