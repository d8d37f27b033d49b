"""PURE: validators of figures in rules."""

from typing import Any

from digitro_async._common.validators import is_number, positive
from digitro_async.errors import ConfigurationError

__all__ = ["maybe_positive", "maybe_share", "share"]


def share(_: object, field: Any, value: Any) -> None:
    """Demand a share from 0 to 1."""
    if not is_number(value) or not 0 <= value <= 1:
        raise ConfigurationError(f"{field.name} must be a number from 0 to 1")


def maybe_share(instance: object, field: Any, value: Any) -> None:
    """Demand a share of more than none and at most all, or nothing."""
    if value is None:
        return
    share(instance, field, value)
    if not value:
        raise ConfigurationError(f"{field.name} must be a number above 0, at most 1")


def maybe_positive(instance: object, field: Any, value: Any) -> None:
    """Demand a whole number above zero, or nothing."""
    if value is not None:
        positive(instance, field, value)
