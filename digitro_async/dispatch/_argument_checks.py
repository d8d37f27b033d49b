"""PURE: checks the arguments of a dispatcher before anything is counted."""

from collections.abc import Iterable

from digitro_async._common.masking import mask_numbers
from digitro_async._common.validators import (
    LONGEST_SECONDS,
    is_number,
    is_one_line,
    is_seconds,
)
from digitro_async.errors import ConfigurationError, InvalidCallError
from digitro_async.settings import PauseSettings, RetrySettings

__all__ = [
    "check_port",
    "check_recorder",
    "check_settings",
    "check_size",
    "check_turn",
    "checked_reason",
    "checked_seconds",
    "invalid_call",
]


def check_settings(retry: object, pause: object) -> None:
    """Demand settings.

    Raises:
        ConfigurationError: If one is something else.
    """
    if not isinstance(retry, RetrySettings):
        raise ConfigurationError("retry must be RetrySettings")
    if not isinstance(pause, PauseSettings):
        raise ConfigurationError("pause must be PauseSettings")


def check_port(name: str, given: object, *methods: str) -> None:
    """Demand an object that has the methods of a port.

    Args:
        name: Name of the argument.
        given: The object.
        methods: The names of the methods.

    Raises:
        ConfigurationError: If it lacks one, or is a class; the text says which.
    """
    if isinstance(given, type):
        raise ConfigurationError(f"{name} is a class: give an object of it")
    for method in methods:
        if not callable(getattr(given, method, None)):
            raise ConfigurationError(
                f"{name} can't be used: it has no method {method}()"
            )


def check_recorder(recorder: object) -> None:
    """Demand a recorder, or None.

    Raises:
        ConfigurationError: If it is something else.
    """
    if recorder is not None:
        methods = ("record_intent", "record_outcome", "record_doubts")
        check_port("recorder", recorder, *methods)


def check_turn(pabx: object, max_wait: object, deadline: object) -> None:
    """Demand options with which a call can wait for its turn.

    Raises:
        ConfigurationError: If one can't be used; the text names it.
    """
    if pabx is not None and not isinstance(pabx, str):
        raise ConfigurationError("pabx must be the name of a PABX, or None")
    for name, limit in (("max_wait", max_wait), ("deadline", deadline)):
        if limit is not None and not is_seconds(limit):
            raise ConfigurationError(
                f"{name} must be a number of seconds, 0 or more, or None"
            )


def check_size(name: str, size: object) -> None:
    """Demand a whole number above zero.

    Args:
        name: Name of the argument.
        size: The number.

    Raises:
        ConfigurationError: If it is none.
    """
    if not isinstance(size, int) or isinstance(size, bool) or size < 1:
        raise ConfigurationError(f"{name} must be a whole number of 1 or more")


def checked_reason(reason: str) -> str:
    """Return the reason for a pause, as logs, pages and errors may show it.

    Raises:
        ConfigurationError: If it is no short text.
    """
    if not is_one_line(reason):
        raise ConfigurationError("reason must be printable text of 1 to 64 characters")
    return mask_numbers(reason)


def checked_seconds(seconds: Iterable[float]) -> list[float]:
    """Return times from now, in seconds.

    Raises:
        ConfigurationError: If one is no such time.
    """
    checked = list(seconds)
    if not all(is_number(one) and abs(one) <= LONGEST_SECONDS for one in checked):
        raise ConfigurationError("seconds must be numbers of seconds")
    return checked


def invalid_call(*, known_pabx: bool) -> InvalidCallError:
    """Return the error of a call that can't be sent by the PABX it names, or at all."""
    if not known_pabx:
        return InvalidCallError("there is no PABX of that name", reason="unknown_pabx")
    return InvalidCallError(
        "the given value is no call: give a PredictiveCall, another command of this"
        " library, or a DispatchItem with one",
        reason="not_a_call",
    )
