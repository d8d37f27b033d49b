"""PURE: all that a page shows of a campaign, section by section."""

from collections.abc import Callable
from typing import Final

import attrs

from digitro_async.ledger._state import State
from digitro_async.reports._campaign_view import CampaignView
from digitro_async.reports._html_parts import HTMLPiece, joined, text_piece, tiles
from digitro_async.reports._list_sections import (
    contacts_section,
    latency_section,
    limits_section,
    list_section,
    pabx_section,
    reasons_section,
    waits_section,
)
from digitro_async.reports._time_sections import (
    ends_section,
    outcomes_section,
    rate_section,
)
from digitro_async.reports._words import local_time, share_text

__all__ = ["PageSection", "page_sections", "summary_piece"]


@attrs.frozen
class PageSection:
    """A section of a page, which is whole in itself.

    Attributes:
        key: Its id in the page.
        title: Its heading.
        html: What stands under the heading, as HTML.
    """

    key: str
    title: str
    html: str


_SECTIONS: Final[tuple[tuple[str, str, Callable[[CampaignView], HTMLPiece]], ...]] = (
    ("list", "The list", list_section),
    ("attempts", "Attempts", outcomes_section),
    ("rate", "Rate, and what held it back", rate_section),
    ("calls", "Ends of calls", ends_section),
    ("answers", "Time to the answer", latency_section),
    ("by-pabx", "By PABX", pabx_section),
    ("by-reason", "By reason", reasons_section),
    ("waiting", "Deferred contacts and recalls", waits_section),
    ("contacts", "Contacts to check", contacts_section),
    ("limits", "What this can't tell", limits_section),
)


def page_sections(view: CampaignView) -> tuple[PageSection, ...]:
    """Return the sections of a page, in order; none that would be empty."""
    made = ((key, title, make(view)) for key, title, make in _SECTIONS)
    return tuple(
        PageSection(f"section-{key}", title, piece.html)
        for key, title, piece in made
        if piece.html
    )


def summary_piece(view: CampaignView) -> HTMLPiece:
    """Return the figures that are seen first."""
    unknown = view.states.get(State.UNKNOWN, 0)
    shares = {one.key: share_text(one.share) for one in view.figures}
    facts = [
        ("contacts", f"{view.contacts:,}", ""),
        ("attempts", f"{view.attempted:,}", ""),
        ("accepted", f"{view.states.get(State.ACCEPTED, 0):,}", "good"),
        ("penetration", shares.get("penetration", "-"), ""),
        ("left", shares.get("left", "-"), ""),
        ("to reconcile", f"{unknown:,}", "bad" if unknown else ""),
    ]
    if "reached" in shares:
        facts.append(("reached", shares["reached"], "good"))
    said = []
    if view.problem:
        said.append(HTMLPiece(f'<p class="problem">{text_piece(view.problem)}</p>'))
    span = view.timeline.intervals
    when = "no attempt yet"
    if span:
        begin = local_time(span[0].begins_at, view.offset)
        end = local_time(span[-1].begins_at + view.timeline.width, view.offset)
        when = f"attempts from {begin} to {end}"
    made = local_time(view.made_at, view.offset)
    said.append(
        HTMLPiece(
            f'<p class="soft">{text_piece(f"{when}; read at {made} ({view.zone})")}</p>'
        )
    )
    return joined([*said, tiles(facts)])
