"""PURE: what workers and their database say to each other, as JSON."""

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from digitro_async.dispatch import CapKey, CapReport, PauseOrder, PauseReport

__all__ = ["CampaignOrders", "Orders", "cap_of", "orders_of", "pause_of", "taken_of"]

_FOREVER = 1e9
"""Seconds of a time that nobody knows; JSON has no infinity."""


@attrs.frozen
class CampaignOrders:
    """What the operator orders for a campaign.

    Attributes:
        weight: Its weight: campaigns share a cap in this proportion.
        paused: Why none of its calls is to begin, as a code; empty where they are.
    """

    weight: float
    paused: str

    @property
    def is_paused(self) -> bool:
        """Whether none of its calls is to begin."""
        return bool(self.paused)


@attrs.frozen(kw_only=True)
class Orders:
    """What holds for a worker, by the answer to its sign of life.

    Attributes:
        state: "ok", or "gone" where its lease was over, or "late".
        slots: Its slots of each cap.
        targets: The slots that it is to have, once others have given them back.
        shares: These by campaign.
        pauses: The pauses that hold for all, by the names of the PABX.
        campaigns: The campaigns that it asked for, by name.
        is_owner: Whether the lease of its claims was renewed; None where it has none.
    """

    state: str
    slots: Mapping[CapKey, int] = attrs.field(factory=dict)
    targets: Mapping[CapKey, int] = attrs.field(factory=dict)
    shares: Mapping[CapKey, Mapping[str, int]] = attrs.field(factory=dict)
    pauses: Mapping[str, PauseOrder] = attrs.field(factory=dict)
    campaigns: Mapping[str, CampaignOrders] = attrs.field(factory=dict)
    is_owner: bool | None = None


def cap_of(report: CapReport, campaigns: Sequence[str]) -> dict[str, Any]:
    """Return what is told of one cap.

    Args:
        report: What the worker has and does of it.
        campaigns: Names of the campaigns that it dials.
    """
    return {
        "address": report.key.address,
        "per": report.key.per,
        "most": report.most,
        "holds": report.holds,
        "used": report.used,
        "waiting": sum(report.waiting.values()),
        "after": report.after,
        "needs": dict(report.waiting) or dict.fromkeys(campaigns or [""], 0),
    }


def pause_of(name: str, address: str, report: PauseReport) -> dict[str, Any]:
    """Return what is told of the pause of one PABX."""
    told = {"name": name, "address": address, **attrs.asdict(report)}
    for field in ("ago", "ended_ago", "rest_ago", "next_try", "rest"):
        if told[field] is not None:
            told[field] = min(max(told[field], 0.0), _FOREVER)
    return told


def taken_of(taken: Mapping[CapKey, list[float]]) -> dict[str, Any]:
    """Return until when the slots are taken of a worker that leaves."""
    caps = [
        {"address": key.address, "per": key.per, "seconds": seconds}
        for key, seconds in taken.items()
    ]
    return {"taken": caps}


def orders_of(reply: Mapping[str, Any]) -> Orders:
    """Return what holds for a worker, by the answer of the database."""
    if reply["state"] != "ok":
        return Orders(state=reply["state"])
    caps = {CapKey(one["address"], float(one["per"])): one for one in reply["caps"]}
    return Orders(
        state="ok",
        slots={key: one["slots"] for key, one in caps.items()},
        targets={key: one["target"] for key, one in caps.items()},
        shares={key: one["shares"] for key, one in caps.items()},
        pauses={one.pop("name"): PauseOrder(**one) for one in reply["pauses"]},
        campaigns={
            one["name"]: CampaignOrders(one["weight"], one["paused"] or "")
            for one in reply["campaigns"]
        },
        is_owner=reply["owned"],
    )
