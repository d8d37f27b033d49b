"""PURE: the parts of a page that shows several campaigns: all of them, and each."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

import attrs

from digitro_async.ledger._state import State
from digitro_async.reports._campaign_view import CampaignView
from digitro_async.reports._html_parts import (
    Cell,
    joined,
    plain_table,
    text_piece,
    tiles,
)
from digitro_async.reports._page_sections import (
    PageSection,
    page_sections,
    summary_piece,
)
from digitro_async.reports._words import share_text

__all__ = ["ListedCampaign", "campaign_part", "campaigns_part"]

_LEFT: Final = (State.PENDING, State.CLAIMED, State.INTENT)
_SHOWN: Final = (State.ACCEPTED, State.REJECTED, State.UNKNOWN)
_IDS: Final = re.compile(r'\b(id|aria-labelledby)="([^"]*)"')


@attrs.frozen(kw_only=True)
class ListedCampaign:
    """A campaign among others.

    Attributes:
        name: Its name.
        paused: Why it is paused, in words; empty where it is dialled.
        counts: How many of its contacts are in each state.
    """

    name: str
    paused: str = ""
    counts: Mapping[State, int] = attrs.field(factory=dict)

    @property
    def left(self) -> int:
        """How many contacts are to be called, or are being called."""
        return sum(self.counts.get(one, 0) for one in _LEFT)


def campaigns_part(campaigns: Sequence[ListedCampaign]) -> PageSection:
    """Return the part that shows all campaigns together, and a row for each."""
    counts: Counter[State] = Counter()
    for one in campaigns:
        counts.update(one.counts)
    whole = ListedCampaign(name="all", counts=counts)
    unknown = counts[State.UNKNOWN]
    facts = [
        ("campaigns", f"{len(campaigns):,}", ""),
        ("contacts", f"{counts.total():,}", ""),
        ("accepted", f"{counts[State.ACCEPTED]:,}", "good"),
        ("left", f"{whole.left:,}", ""),
        ("to reconcile", f"{unknown:,}", "bad" if unknown else ""),
    ]
    head = [
        Cell(text="campaign"),
        *(
            Cell(text=text, is_number=True)
            for text in ("contacts", *map(str, _SHOWN), "other", "left", "share left")
        ),
    ]
    table = plain_table(
        "campaigns",
        "Contacts by campaign",
        head,
        [_row(one) for one in (*campaigns, whole)],
    )
    return PageSection("summary", "", joined([tiles(facts), table]).html)


def campaign_part(view: CampaignView, place: int) -> PageSection:
    """Return all that a page shows of one campaign, as one section.

    Args:
        view: The campaign.
        place: A number that no other campaign of the page has.
    """
    parts = [
        summary_piece(view).html,
        *(
            f'<h3 id="{one.key}">{text_piece(one.title)}</h3>\n{one.html}'
            for one in page_sections(view)
        ),
    ]
    # Every campaign has parts of the same names; no text has a quotation mark in it.
    prefix = f"campaign-{place}"
    html = _IDS.sub(
        lambda found: f'{found[1]}="{_with_prefix(found[2], prefix)}"',
        "\n".join(parts),
    )
    return PageSection(prefix, view.name, html)


def _row(one: ListedCampaign) -> list[Cell]:
    contacts = sum(one.counts.values())
    shown = [one.counts.get(state, 0) for state in _SHOWN]
    other = contacts - sum(shown) - one.left
    share = share_text(one.left / contacts if contacts else None)
    return [
        Cell(text=one.name, note=f"paused: {one.paused}" if one.paused else ""),
        *(
            Cell(text=text, is_number=True)
            for text in (
                *(f"{count:,}" for count in (contacts, *shown, other, one.left)),
                share,
            )
        ),
    ]


def _with_prefix(names: str, prefix: str) -> str:
    return " ".join(f"{prefix}-{name}" for name in names.split())
