"""Fault plans, made in code or read from a TOML file."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import attrs

from digitro_async.errors import ConfigurationError
from digitro_async.testing.simulator._faults import Fault, FaultDecisions

__all__ = ["FaultPlan"]

_FIELDS = {field.name for field in attrs.fields(Fault)}


def _faults(value: Any) -> tuple[Fault, ...]:
    faults = tuple(value)
    if not all(isinstance(fault, Fault) for fault in faults):
        raise ConfigurationError("faults must hold Fault values")
    return faults


def _seed(_: object, __: object, value: Any) -> None:
    if type(value) is not int:
        raise ConfigurationError("seed must be a whole number")


@attrs.frozen
class FaultPlan:
    """The rules by which a simulator misbehaves.

    The first rule that holds wins. The same plan with the same order of arrival
    always decides the same.

    Args:
        faults: The rules, in order.
        seed: Seed of the rules' chances.

    Raises:
        ConfigurationError: If a value can't be used.
    """

    faults: tuple[Fault, ...] = attrs.field(default=(), converter=_faults)
    seed: int = attrs.field(default=0, validator=_seed, kw_only=True)

    @classmethod
    def from_mapping(cls, data: Mapping[str, Any]) -> Self:
        """Make a plan of plain values, as TOML or JSON give them.

        Args:
            data: ``seed``, and under ``fault`` a list of mappings with the fields
                of ``Fault``.

        Raises:
            ConfigurationError: If a value can't be used; the text names the number
                of the rule, from 1, and the field.
        """
        if unknown := sorted(set(data) - {"seed", "fault"}):
            raise ConfigurationError(
                f"unknown setting {unknown[0]!r} (valid: seed, fault)"
            )
        rules = data.get("fault", [])
        if not isinstance(rules, list):
            raise ConfigurationError("fault must be a list of tables: [[fault]]")
        faults = [_read_rule(number, rule) for number, rule in enumerate(rules, 1)]
        return cls(faults, seed=data.get("seed", 0))

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a plan from a TOML file.

        Such as::

            seed = 7

            [[fault]]
            kind = "lose_answer"
            probability = 0.05

            [[fault]]
            kind = "throttle_429"
            at = [3, 4]
            retry_after = 2

        Args:
            path: The file.

        Raises:
            ConfigurationError: If it can't be read; the text names the file, the
                rule and the field.
        """
        try:
            data = tomllib.loads(Path(path).read_text(encoding="utf-8"))
            return cls.from_mapping(data)
        except OSError as error:
            raise ConfigurationError(f"{path}: {error.strerror}") from error
        except ConfigurationError as error:
            raise ConfigurationError(f"{path}: {error}") from error
        except ValueError as error:
            raise ConfigurationError(f"{path}: not TOML: {error}") from error

    def decisions(self) -> FaultDecisions:
        """Return the decisions from the first call on, for one simulator."""
        return FaultDecisions(self.faults, self.seed)


def _read_rule(number: int, rule: Any) -> Fault:
    if not isinstance(rule, Mapping):
        raise ConfigurationError(f"fault {number}: must be a table")
    if unknown := sorted(set(rule) - _FIELDS):
        raise ConfigurationError(
            f"fault {number}: unknown field {unknown[0]!r} "
            f"(valid: {', '.join(sorted(_FIELDS))})"
        )
    if "kind" not in rule:
        raise ConfigurationError(f"fault {number}: kind is missing")
    try:
        return Fault(**rule)
    except ConfigurationError as error:
        raise ConfigurationError(f"fault {number}: {error}") from error
