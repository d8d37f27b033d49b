"""PURE: the port of the gates, and all gates of a campaign as one."""

from collections.abc import Hashable, Sequence
from typing import Final, Protocol

import attrs

from digitro_async.rules._called_number import CalledNumber
from digitro_async.rules._calling_hours import CallingHours
from digitro_async.rules._gate_answers import (
    ALLOW,
    Defer,
    GateAnswer,
    Refuse,
    combine,
)

__all__ = ["Gate", "GateExplanation", "Gates", "PlannedCall"]

_MOST_ROUNDS: Final = 1_000
"""Deferrals that may follow on each other: hours, a cap and spacing take a few."""


@attrs.frozen(kw_only=True)
class PlannedCall:
    """A call that the gates are asked about.

    Attributes:
        contact: What the contact is known by, such as its number in the ledger.
        number: The number that would be dialled.
        campaign: Name of the campaign.
        originating: The originating number that would be shown, None for the PABX's.
        hours: Hours of this number alone, such as those of an office.
    """

    contact: Hashable = attrs.field(repr=False)
    number: CalledNumber
    campaign: str = ""
    originating: str | None = attrs.field(default=None, repr=False)
    hours: tuple[CallingHours, ...] = ()


class Gate(Protocol):
    """Says whether a call may be made. It is asked at admission, and before the intent.

    A gate neither waits nor does I/O, and the usual answer takes it a microsecond.
    """

    @property
    def name(self) -> str:
        """Its name, for people."""
        ...

    def ask(self, call: PlannedCall, when: float) -> GateAnswer:
        """Return whether a call may be made at a moment.

        Args:
            call: The call.
            when: The moment, a Unix time.
        """
        ...


@attrs.frozen
class GateExplanation:
    """The answer of one gate, for ``digitro contacts explain``.

    Attributes:
        gate: Name of the gate.
        answer: Its answer.
    """

    gate: str
    answer: GateAnswer


class Gates:
    """All gates of a campaign as one: the first refusal wins, or the latest deferral.

    Attributes:
        gates: The gates, in the order in which they are asked.
    """

    name = "all gates"

    def __init__(self, gates: Sequence[Gate]) -> None:
        self.gates: tuple[Gate, ...] = tuple(gates)
        self._asks = tuple(gate.ask for gate in gates)

    def ask(self, call: PlannedCall, when: float) -> GateAnswer:
        """Return whether a call may be made at a moment.

        The moment of a deferral may not be allowed either: see ``next_moment``.

        Args:
            call: The call.
            when: The moment, a Unix time.
        """
        for ask in self._asks:
            if ask(call, when) is not ALLOW:
                return combine(one(call, when) for one in self._asks)
        return ALLOW

    def next_moment(self, call: PlannedCall, when: float) -> GateAnswer:
        """Return whether a call may be made, and otherwise the next moment it may be.

        Args:
            call: The call.
            when: The earliest moment, a Unix time.

        Returns:
            A deferral until the first moment that every gate allows, as things stand
            now; its reason is that of the gate which holds it longest.
        """
        answer = last = self.ask(call, when)
        if answer is ALLOW:  # nearly always
            return answer
        for _ in range(_MOST_ROUNDS):
            if isinstance(answer, Refuse):
                return answer
            if not isinstance(answer, Defer):
                break
            last = answer
            answer = self.ask(call, answer.until)
        return last

    def explain(self, call: PlannedCall, when: float) -> list[GateExplanation]:
        """Return the answer of every gate, in their order.

        Args:
            call: The call.
            when: The moment, a Unix time.
        """
        return [GateExplanation(gate.name, gate.ask(call, when)) for gate in self.gates]
