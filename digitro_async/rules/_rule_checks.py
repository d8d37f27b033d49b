"""PURE: validators of figures in rules."""

from typing import Any

from digitro_async._common.text import one_of
from digitro_async._common.validators import is_number, positive
from digitro_async.errors import ConfigurationError
from digitro_async.rules._dialling_areas import STATES

__all__ = [
    "maybe_positive",
    "maybe_share",
    "maybe_state",
    "maybe_states",
    "positive_share",
    "share",
]


def share(_: object, field: Any, value: Any) -> None:
    """Demand a share from 0 to 1."""
    if not is_number(value) or not 0 <= value <= 1:
        raise ConfigurationError(f"{field.name} must be a number from 0 to 1")


def positive_share(instance: object, field: Any, value: Any) -> None:
    """Demand a share of more than none and at most all."""
    share(instance, field, value)
    if not value:
        raise ConfigurationError(f"{field.name} must be a number above 0, at most 1")


def maybe_share(instance: object, field: Any, value: Any) -> None:
    """Demand a share of more than none and at most all, or nothing."""
    if value is not None:
        positive_share(instance, field, value)


def maybe_positive(instance: object, field: Any, value: Any) -> None:
    """Demand a whole number above zero, or nothing."""
    if value is not None:
        positive(instance, field, value)


def maybe_state(_: object, field: Any, value: Any) -> None:
    """Demand a state of Brazil, or an empty text for all."""
    if value != "" and not (isinstance(value, str) and value in STATES):
        shown = one_of(value, sorted(STATES)) if isinstance(value, str) else ""
        raise ConfigurationError(f"{field.name} is no state such as SP{shown}")


def maybe_states(_: object, field: Any, value: Any) -> None:
    """Demand states of Brazil, or None for all."""
    if value is None or (value and set(value) <= STATES):
        return
    wrong = sorted(map(str, set(value) - STATES))
    raise ConfigurationError(
        f"{field.name} must be a list of states such as SP, without {', '.join(wrong)}"
        if wrong
        else f"{field.name} must name a state; leave it out for all states"
    )
