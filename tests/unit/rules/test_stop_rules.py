"""When a campaign ends before its list does."""

from typing import Any

import pytest

from digitro_async.call_events import Disposition
from digitro_async.errors import ConfigurationError
from digitro_async.rules import CampaignCounts, ShareStop, StopReason, StopRules

ANSWERED, ABANDONED = Disposition.ANSWERED, Disposition.ABANDONED
DROPPED = ShareStop(
    ends=frozenset({ABANDONED}), share=0.03, among=frozenset({ANSWERED}), least=100
)


def counts(calls: int = 200, **ends: int) -> CampaignCounts:
    """Counts of a campaign with a thousand contacts."""
    named = {Disposition(name): number for name, number in ends.items()}
    return CampaignCounts(contacts=1000, calls=calls, ends=named)


@pytest.mark.parametrize(
    ("rules", "made", "reason"),
    [
        (StopRules(), counts(answered=1000), None),
        (StopRules(at=100.0), counts(), StopReason.TIME),
        (StopRules(at=100.1), counts(), None),
        (StopRules(calls=200), counts(), StopReason.CALLS),
        (StopRules(calls=201), counts(), None),
        (StopRules(answered=50), counts(answered=50), StopReason.ANSWERED),
        (StopRules(answered=50), counts(answered=49, busy=99), None),
        (StopRules(reached_share=0.1), counts(answered=100), StopReason.REACHED),
        (StopRules(reached_share=0.1), counts(answered=99), None),
        (StopRules(shares=(DROPPED,)), counts(answered=97, abandoned=3), "stop_share"),
        (StopRules(shares=(DROPPED,)), counts(answered=98, abandoned=2), None),
        (StopRules(shares=(DROPPED,)), counts(answered=50, abandoned=9), None),
        (
            StopRules(shares=(DROPPED,)),
            counts(answered=97, abandoned=3, busy=1000),
            "stop_share",
        ),
        (
            StopRules(shares=(ShareStop(ends=frozenset({ABANDONED}), share=0.03),)),
            counts(answered=97, abandoned=3, busy=1000),
            None,
        ),
        (StopRules(reached_share=0.1), CampaignCounts(contacts=0, calls=0), None),
    ],
)
def test_what_ends_a_campaign(
    rules: StopRules, made: CampaignCounts, reason: str | None
) -> None:
    """A campaign ends once a rule is met, and the reason is told."""
    assert rules.reached(made, 100.0) == reason


@pytest.mark.parametrize(
    "fields",
    [
        {"calls": 0},
        {"answered": -1},
        {"reached_share": 0.0},
        {"reached_share": 1.1},
        {"reached_share": "all"},
    ],
)
def test_wrong_figures(fields: dict[str, Any]) -> None:
    """A figure that no campaign reaches, or every one, is refused."""
    with pytest.raises(ConfigurationError, match=next(iter(fields))):
        StopRules(**fields)


def test_a_share_of_nothing() -> None:
    """A share names the ends that it is of."""
    with pytest.raises(ConfigurationError, match="ends must name"):
        ShareStop(ends=frozenset(), share=0.1)


@pytest.mark.parametrize("share", [None, 0, 1.5, "half"])
def test_a_share_that_is_none(share: Any) -> None:
    """A stop at a share of calls needs a share above none, and at most all."""
    with pytest.raises(ConfigurationError, match=r"^share must be a number"):
        ShareStop(ends=frozenset({ANSWERED}), share=share)
