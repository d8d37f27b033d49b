"""CommandSettings: what an answer to a command means, where no page says it.

VERIFIED is that a 200 says "Comando recebido com sucesso" (P1, P3 and P4 of
docs-pabx.digitro.com; protocol/_names.py says which these are), that the predictive
call's holds a call id (P1), and that those of DTMF detection and of the change of
passwords are empty objects (P3, P4). The answer of the redirect in a queue is UNKNOWN:
the public copy of its page (P2) ends before. That a 200 may hide a failure is INFERRED:
sister products of the vendor answer 200 with ``{"response": {"status": ...}}``. Whether
commands beside calls count against a cap is UNKNOWN.
"""

import enum
import math
from collections.abc import Mapping
from typing import Any, Final

import attrs

from digitro_async._common.text import did_you_mean
from digitro_async._common.validators import quiet_init, yes_or_no
from digitro_async.calls import PredictiveCall
from digitro_async.control_commands import COMMAND_NAMES, problem_of_path
from digitro_async.errors import ConfigurationError

__all__ = ["EVERY_COMMAND", "AnswerBody", "CommandSettings"]

EVERY_COMMAND: Final = "*"
"""The name that stands for every command without settings of its own."""

_SUCCESSES: Final = range(200, 300)


class AnswerBody(enum.StrEnum):
    """The bodies that the answer to a command may have."""

    OBJECT = "object"
    """An object of JSON: documented for P1, P3 and P4."""
    JSON = "json"
    """Any JSON."""
    ANY = "any"
    """Anything, and nothing."""


def _statuses(value: object) -> frozenset[int]:
    given = [value] if isinstance(value, int) else value
    if isinstance(given, list | tuple | set | frozenset):
        found = {one for one in given if type(one) is int and one in _SUCCESSES}
        if found and len(found) == len({*map(str, given)}):
            return frozenset(found)
    raise ConfigurationError("success_statuses must be statuses from 200 to 299")


def _words(value: object) -> frozenset[str]:
    """Return the words for values of an answer, as they are compared."""
    given = value if isinstance(value, list | tuple | set | frozenset) else [value]
    words = [_word_of(one) for one in given]
    if all(words):
        return frozenset(word for word in words if word)
    raise ConfigurationError("values must be texts, numbers, true or false")


def _word_of(value: object) -> str | None:
    """Return a value of an answer as it is compared, None for what is no value."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        return str(value)
    return value.strip().casefold() or None if isinstance(value, str) else None


def _body(value: object) -> AnswerBody | None:
    if value is None or value in list(AnswerBody):
        return None if value is None else AnswerBody(str(value))
    raise ConfigurationError(f"body must be one of {', '.join(AnswerBody)}")


def _command_name(_: object, __: object, value: Any) -> None:
    if isinstance(value, str) and value in {*COMMAND_NAMES, EVERY_COMMAND}:
        return
    problem = problem_of_path(value)
    hint = "" if problem else did_you_mean(str(value), COMMAND_NAMES)
    if problem or hint:
        raise ConfigurationError(
            f"command is neither {EVERY_COMMAND}, a command nor the path of one{hint}"
            f" (commands: {', '.join(COMMAND_NAMES)})"
        )


def _field_path(_: object, field: Any, value: Any) -> None:
    is_path = isinstance(value, str) and all(value.split("."))
    if value is not None and not is_path:
        raise ConfigurationError(f"{field.name} must be names joined by dots")


@quiet_init
@attrs.frozen
class CommandSettings:
    """What the answers to one command mean, and whether it counts as a call.

    Args:
        command: Name of a documented command, the path of another one as it is given to
            ``client.command``, or ``*`` for every command without settings of its own.
        success_statuses: Statuses that say that the command was received. 200 is
            VERIFIED; other 2xx are unknown outcomes unless they stand here.
        success_field: Where an answer with such a status says how the command went, as
            names joined by dots, such as ``response.status``. None: the status alone
            counts. INFERRED from sister products.
        success_values: Values there that mean success. Case does not count.
        rejected_values: Values there that mean that the command was not carried out:
            the outcome is ``rejected``. Any other value, and none, leaves the outcome
            ``unknown``, as does one of these beside a call id.
        body: The bodies that count as an answer; None for what is documented: an
            object, or any JSON for a command known by its path alone.
        counts_as_call: Whether the command counts against ``PABX.rate``. UNKNOWN, so
            it does by default. A predictive call always does.

    Raises:
        ConfigurationError: If a value can't be used; the text names the field.
    """

    command: str = attrs.field(validator=_command_name)
    success_statuses: frozenset[int] = attrs.field(
        default=frozenset({200}), converter=_statuses, kw_only=True
    )
    success_field: str | None = attrs.field(
        default=None, validator=_field_path, kw_only=True
    )
    success_values: frozenset[str] = attrs.field(
        default=frozenset(), converter=_words, kw_only=True
    )
    rejected_values: frozenset[str] = attrs.field(
        default=frozenset(), converter=_words, kw_only=True
    )
    body: AnswerBody | None = attrs.field(default=None, converter=_body, kw_only=True)
    counts_as_call: bool = attrs.field(default=True, validator=yes_or_no, kw_only=True)

    def __attrs_post_init__(self) -> None:
        if self.success_field is None and (self.success_values or self.rejected_values):
            raise ConfigurationError("success_field is missing beside its values")
        if self.success_field is not None and not self.success_values:
            raise ConfigurationError("success_values is missing beside success_field")
        if self.success_values & self.rejected_values:
            raise ConfigurationError("rejected_values has a value of success_values")
        if self.success_field is not None and self.body is AnswerBody.ANY:
            raise ConfigurationError("body must not be any beside success_field")
        if self.command != PredictiveCall.command:
            return
        if not self.counts_as_call:
            raise ConfigurationError("counts_as_call must be true for a call")
        if self.body is not None:
            raise ConfigurationError("body can't be set: a call's answer has a call id")

    def says_success(self, answer: object) -> bool | None:
        """Return whether an answer means success, None where it says neither.

        Args:
            answer: The JSON of an answer with one of ``success_statuses``.
        """
        if self.success_field is None:
            return True
        word = _word_of(_field_at(answer, self.success_field))
        if word in self.success_values:
            return True
        return False if word in self.rejected_values else None


def _field_at(answer: object, path: str) -> object:
    """Return the value at a place of an answer, None where there is none.

    Args:
        answer: An answer's JSON.
        path: Names of members joined by dots, from the outermost.
    """
    found: Any = answer
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found
