"""The script of what becomes of the calls that the simulator takes."""

import random
from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs

from digitro_async._common.validators import instance_of, is_number, is_seconds
from digitro_async.call_events import CallPhase, Disposition
from digitro_async.errors import ConfigurationError

__all__ = ["CallPlan", "CallScript", "CallStep", "Seconds"]

Seconds = float | tuple[float, float] | Callable[[random.Random], float]
"""A number of seconds, the least and most of them, or a function that draws them."""

_D = Disposition
_SHARES: Final = {
    _D.ANSWERED: 40.0,
    _D.NO_ANSWER: 28.0,
    _D.BUSY: 10.0,
    _D.MACHINE: 10.0,
    _D.INVALID_NUMBER: 5.0,
    _D.CONGESTION: 3.0,
    _D.ABANDONED: 2.0,
    _D.FAX: 1.0,
    _D.BLOCKED: 1.0,
}
_NEVER_RINGS: Final = {_D.BUSY, _D.INVALID_NUMBER, _D.CONGESTION, _D.BLOCKED}
_WITHOUT_WORD: Final = {_D.ANSWERED, _D.ENDED, _D.NONE_SEEN}
_SHAPE: Final = "must be seconds, the least and most of them, or a function"


def _seconds(value: Any) -> Seconds:
    if isinstance(value, list):  # as TOML gives it
        value = tuple(value)
    return value  # type: ignore[no-any-return]  # the validator looks at it


def _check_seconds(_: object, field: Any, value: Any) -> None:
    if callable(value) or is_seconds(value):
        return
    is_pair = isinstance(value, tuple) and len(value) == 2  # noqa: PLR2004 - a pair
    if not is_pair or not all(map(is_seconds, value)) or value[0] > value[1]:
        raise ConfigurationError(f"{field.name} {_SHAPE}")


def _disposition(value: object) -> Disposition:
    if not isinstance(value, str) or value not in set(Disposition):
        raise ConfigurationError(
            f"a disposition must be one of {', '.join(Disposition)}"
        )
    return Disposition(value)


def _shares(value: object) -> Mapping[Disposition, float]:
    if not isinstance(value, Mapping):
        raise ConfigurationError("shares must give a number for each disposition")
    shares = {_disposition(name): share for name, share in value.items()}
    if not all(is_number(share) and share >= 0 for share in shares.values()):
        raise ConfigurationError("shares must be numbers from 0 on")
    if not 0 < sum(shares.values()) < float("inf"):
        raise ConfigurationError("shares must hold one above 0")
    return shares


def _numbers(value: object) -> Mapping[str, Disposition]:
    if not isinstance(value, Mapping):
        raise ConfigurationError("numbers must give a disposition for each number")
    return {str(number): _disposition(name) for number, name in value.items()}


@attrs.frozen(kw_only=True)
class CallStep:
    """One step of a call.

    Attributes:
        after: Seconds from the moment at which the PABX took the call.
        phase: How far the call is with it.
        disposition: What became of the call, where the step's event says so.
        is_told: Whether an event tells of it.
    """

    after: float
    phase: CallPhase
    disposition: Disposition | None = None
    is_told: bool = True


@attrs.frozen(kw_only=True)
class CallPlan:
    """What will become of one call.

    Attributes:
        disposition: What becomes of it.
        steps: Its steps in order; with the last it has ended.
    """

    disposition: Disposition
    steps: tuple[CallStep, ...]


@attrs.frozen(kw_only=True)
class CallScript:
    """What becomes of calls that the simulator takes: shares, times and a seed.

    The same script with the same order of arrival always draws the same. Seconds are a
    number, a pair of the least and the most, or a function that draws them from a
    ``random.Random``.

    Args:
        shares: How often each disposition comes, as weights. ``none_seen`` is a call
            whose end no event tells, ``ended`` one whose end has no word, and ``other``
            one with a word that the settings do not know.
        numbers: What becomes of calls to these numbers, whatever the shares are.
        setup: Seconds from the call's request to its start.
        dial: Seconds from its start until it rings, or does not get through.
        ring: Seconds for which it rings.
        talk: Seconds from the answer to the end.
        seed: Seed of its chances.

    Raises:
        ConfigurationError: If a value can't be used; the text names the field.
    """

    shares: Mapping[Disposition, float] = attrs.field(
        factory=lambda: dict(_SHARES), converter=_shares
    )
    numbers: Mapping[str, Disposition] = attrs.field(
        factory=dict, converter=_numbers, repr=False
    )
    setup: Seconds = attrs.field(
        default=0.05, converter=_seconds, validator=_check_seconds
    )
    dial: Seconds = attrs.field(
        default=0.05, converter=_seconds, validator=_check_seconds
    )
    ring: Seconds = attrs.field(
        default=(0.2, 1.0), converter=_seconds, validator=_check_seconds
    )
    talk: Seconds = attrs.field(
        default=(0.5, 2.0), converter=_seconds, validator=_check_seconds
    )
    seed: int = attrs.field(default=0, validator=instance_of(int))

    def draw(self, destination: str, chance: random.Random) -> CallPlan:
        """Return what becomes of the next call.

        Args:
            destination: The number called.
            chance: Where its chances come from.
        """
        drawn = chance.choices(list(self.shares), list(self.shares.values()))[0]
        # All is drawn for every call, so that a number with a disposition of its own
        # changes nothing for the calls after it.
        times = (self.setup, self.dial, self.ring, self.talk)
        setup, dial, ring, talk = (_draw(one, chance) for one in times)
        fate = self.numbers.get(destination, drawn)
        through = setup + dial
        steps = [CallStep(after=setup, phase=CallPhase.STARTED)]
        if fate in _NEVER_RINGS:
            steps.append(_end(through, fate))
            return CallPlan(disposition=fate, steps=tuple(steps))
        steps.append(CallStep(after=through, phase=CallPhase.RINGING))
        end = through + ring
        if fate is _D.ANSWERED:
            steps.append(
                CallStep(after=end, phase=CallPhase.ANSWERED, disposition=fate)
            )
            end += talk
        # An abandoned call has no step "answered": nobody was put through to it.
        steps.append(_end(end, fate))
        return CallPlan(disposition=fate, steps=tuple(steps))


def _end(after: float, fate: Disposition) -> CallStep:
    return CallStep(
        after=after,
        phase=CallPhase.ENDED,
        disposition=None if fate in _WITHOUT_WORD else fate,
        is_told=fate is not _D.NONE_SEEN,
    )


def _draw(seconds: Seconds, chance: random.Random) -> float:
    if callable(seconds):
        return seconds(chance)
    if isinstance(seconds, tuple):
        return chance.uniform(*seconds)
    return seconds
