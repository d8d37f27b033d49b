"""PURE: the facts that a kind of fault has beside its text."""

import enum
from collections.abc import Iterable
from typing import Final, Self

import attrs

from digitro_async.errors import Outcome

__all__ = ["FaultTraits", "KindWithTraits", "Stage"]


class Stage(enum.Enum):
    """When a fault is decided."""

    CONNECT = enum.auto()
    """A connection was accepted; ordinals count connections."""
    ARRIVAL = enum.auto()
    """The first bytes of a request arrived, and none was read."""
    CALL = enum.auto()
    """A request was read that would be accepted."""
    CHANNEL = enum.auto()
    """An event channel was asked for; ordinals count these requests."""
    EVENT = enum.auto()
    """An event about a call is due; ordinals count these events."""


def _names(names: Iterable[str]) -> frozenset[str]:
    return frozenset(names)


def _set_of(outcomes: Iterable[Outcome]) -> frozenset[Outcome]:
    return frozenset(outcomes)


_UNKNOWN: Final = (Outcome.UNKNOWN,)


@attrs.frozen(kw_only=True)
class FaultTraits:
    """Facts about one kind of fault.

    Attributes:
        stage: When it is decided.
        places: Whether the phone rings, unless a rule says otherwise.
        outcomes: The outcomes that its call may have, for a client that keeps the
            rules; more than one where it depends on the rule or on the moment. None at
            all for faults of the event channel, which are no calls'.
        status: HTTP status of the answer; None where no status can be read.
        is_whole: Whether the client still gets a whole and true 200.
        repeats_call_id: Whether the call gets the call id of the call before.
        details: Fields of ``Fault`` that only this kind and a few others take.
        required: Those of them that a rule must give.
    """

    stage: Stage = Stage.CALL
    places: bool = False
    outcomes: frozenset[Outcome] = attrs.field(default=_UNKNOWN, converter=_set_of)
    status: int | None = 200
    is_whole: bool = False
    repeats_call_id: bool = False
    details: frozenset[str] = attrs.field(default=frozenset(), converter=_names)
    required: frozenset[str] = attrs.field(default=frozenset(), converter=_names)

    @property
    def reads(self) -> bool:
        """Whether the call's request is read before the fault is decided."""
        return self.stage is Stage.CALL

    @property
    def knows_destination(self) -> bool:
        """Whether the number of the call is known when the fault is decided."""
        return self.stage in {Stage.CALL, Stage.EVENT}

    @property
    def is_of_channel(self) -> bool:
        """Whether it is a fault of the event channel."""
        return self.stage in {Stage.CHANNEL, Stage.EVENT}


_PLAIN: Final = FaultTraits()


class KindWithTraits(enum.StrEnum):
    """Base of the catalogues of faults: its members are their text, and have traits.

    Attributes:
        traits: Facts about the kind.
    """

    traits: FaultTraits

    def __new__(cls, text: str, traits: FaultTraits = _PLAIN) -> Self:
        """Make a member that is its text and has its traits."""
        kind = str.__new__(cls, text)
        kind._value_ = text
        kind.traits = traits
        return kind
