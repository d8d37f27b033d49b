"""PURE: when a campaign ends before its list does."""

import enum
from collections.abc import Mapping
from typing import Any, Final

import attrs

from digitro_async._common.validators import positive
from digitro_async.call_events import Disposition
from digitro_async.errors import ConfigurationError
from digitro_async.rules._rule_checks import (
    maybe_positive,
    maybe_share,
    positive_share,
)

__all__ = ["CampaignCounts", "ShareStop", "StopReason", "StopRules"]

_LEAST: Final = 100


class StopReason(enum.StrEnum):
    """Why a campaign ends: a closed set, fit for labels."""

    TIME = "stop_time"
    CALLS = "stop_calls"
    ANSWERED = "stop_answered"
    REACHED = "stop_reached_share"
    SHARE = "stop_share"


@attrs.frozen(kw_only=True)
class CampaignCounts:
    """What a campaign has done so far.

    Attributes:
        contacts: Contacts of the campaign.
        calls: Calls that the PABX took or may have taken.
        ends: Calls by what became of them, where that is known.
    """

    contacts: int
    calls: int
    ends: Mapping[Disposition, int] = attrs.field(factory=dict, hash=False)


def _one(_: object, field: Any, value: Any) -> None:
    """Demand one disposition or more."""
    if not value:
        raise ConfigurationError(f"{field.name} must name a disposition")


@attrs.frozen(kw_only=True)
class ShareStop:
    """Ends a campaign at a share of calls with some ends, such as abandoned ones.

    Attributes:
        ends: The dispositions whose share it is.
        share: The share, from 0 to 1.
        among: The dispositions that all are counted among; None for all known ends.
        least: Least calls among which a share counts.
    """

    ends: frozenset[Disposition] = attrs.field(validator=_one)
    share: float = attrs.field(validator=positive_share)
    among: frozenset[Disposition] | None = None
    least: int = attrs.field(default=_LEAST, validator=positive)

    def is_reached(self, ends: Mapping[Disposition, int]) -> bool:
        """Whether the share is reached by calls with known ends."""
        among = ends.keys() if self.among is None else self.among | self.ends
        total = sum(ends.get(one, 0) for one in among)
        found = sum(ends.get(one, 0) for one in self.ends)
        return total >= self.least and found >= self.share * total


@attrs.frozen(kw_only=True)
class StopRules:
    """Rules of which the first that is met ends the campaign.

    Calls on the wire end as they would; contacts that are left stay pending.

    Attributes:
        at: When, a Unix time.
        calls: After this number of calls.
        answered: After this number of answered calls.
        reached_share: At this share of the contacts answered, from 0 to 1.
        shares: At a share of calls with some ends.
    """

    at: float | None = None
    calls: int | None = attrs.field(default=None, validator=maybe_positive)
    answered: int | None = attrs.field(default=None, validator=maybe_positive)
    reached_share: float | None = attrs.field(default=None, validator=maybe_share)
    shares: tuple[ShareStop, ...] = ()

    def reached(self, counts: CampaignCounts, when: float) -> StopReason | None:
        """Return why the campaign ends now, or None.

        Args:
            counts: What it has done.
            when: The moment, a Unix time.
        """
        answered = counts.ends.get(Disposition.ANSWERED, 0)
        share = self.reached_share
        if self.at is not None and when >= self.at:
            return StopReason.TIME
        if self.calls is not None and counts.calls >= self.calls:
            return StopReason.CALLS
        if self.answered is not None and answered >= self.answered:
            return StopReason.ANSWERED
        if share is not None and 0 < share * counts.contacts <= answered:
            return StopReason.REACHED
        if any(one.is_reached(counts.ends) for one in self.shares):
            return StopReason.SHARE
        return None
