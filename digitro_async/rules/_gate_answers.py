"""PURE: what a gate answers: the call may be made, never, or not before a moment."""

import enum
from collections.abc import Iterable
from typing import Final

import attrs

__all__ = [
    "ALLOW",
    "Allow",
    "Defer",
    "GateAnswer",
    "GateReason",
    "Refuse",
    "combine",
]


class GateReason(enum.StrEnum):
    """Why a gate does not let a call through now: a closed set, fit for labels."""

    BLOCKED = "blocked"
    """The number is on a list of people who must not be called."""
    OUTSIDE_HOURS = "outside_hours"
    """The hours of the campaign, the state or the number are over, or not begun."""
    NO_HOURS = "no_hours"
    """The hours that hold for the number never overlap within 400 days."""
    SPACING = "spacing"
    """The last attempt ended too short a time ago."""
    ATTEMPT_CAP = "attempt_cap"
    """As many attempts as may be made were made."""
    NOT_BEFORE = "not_before"
    """The contact was put off."""
    NUMBER_CAP = "originating_cap"
    """Every originating number that may be used has made its calls of the day."""
    SHORT_CALLS = "short_calls"
    """Too many calls of the day were short ones."""


@attrs.frozen
class Allow:
    """The call may be made now."""


@attrs.frozen
class Refuse:
    """The call must not be made, now or later.

    Attributes:
        reason: Why.
        rule: Name of the rule that forbids it.
    """

    reason: GateReason
    rule: str


@attrs.frozen
class Defer:
    """The call must not be made before a moment.

    Attributes:
        until: That moment, a Unix time. The gate may be asked again then.
        reason: Why.
        rule: Name of the rule that puts it off.
    """

    until: float
    reason: GateReason
    rule: str


GateAnswer = Allow | Refuse | Defer

ALLOW: Final = Allow()


def combine(answers: Iterable[GateAnswer]) -> GateAnswer:
    """Return the answer of several: the first refusal, or else the latest deferral."""
    latest: Defer | None = None
    for answer in answers:
        if isinstance(answer, Refuse):
            return answer
        if isinstance(answer, Defer) and (
            latest is None or answer.until > latest.until
        ):
            latest = answer
    return ALLOW if latest is None else latest
