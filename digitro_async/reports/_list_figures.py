"""PURE: how far a list is, in shares whose formulas are stated."""

from collections.abc import Mapping

from digitro_async.call_events import Disposition
from digitro_async.ledger._state import State
from digitro_async.reports._campaign_tally import CampaignTally
from digitro_async.reports._campaign_view import Figure
from digitro_async.reports._end_tally import EndTally

__all__ = ["list_figures"]

_UNDER_WAY = (State.PENDING, State.CLAIMED, State.INTENT)
_SCRUBBED = (State.INVALID, State.SKIPPED, State.WITHHELD)


def list_figures(
    states: Mapping[State, int], exhausted: int, tally: CampaignTally, ends: EndTally
) -> tuple[Figure, ...]:
    """Return the figures of a list.

    Args:
        states: How many contacts are in each state.
        exhausted: Pending contacts that are out of attempts.
        tally: The steps of the campaign.
        ends: The ends of its calls.
    """
    contacts = sum(states.values())
    attempted = tally.attempts_made().total()
    callable_ones = contacts - sum(states.get(one, 0) for one in _SCRUBBED)
    accepted, rejected = states.get(State.ACCEPTED, 0), states.get(State.REJECTED, 0)
    left = sum(states.get(one, 0) for one in _UNDER_WAY) - exhausted
    figures = [
        Figure(
            key="penetration",
            name="Penetration",
            formula="contacts with at least one attempt / all contacts",
            part=attempted,
            whole=contacts,
        ),
        Figure(
            key="finished",
            name="Finished",
            formula="(accepted + rejected contacts) / (all contacts - invalid - "
            "skipped - withheld)",
            part=accepted + rejected,
            whole=callable_ones,
        ),
        Figure(
            key="accepted",
            name="Accepted",
            formula="accepted contacts / contacts with at least one attempt",
            part=accepted,
            whole=attempted,
        ),
        Figure(
            key="left",
            name="Left",
            formula="(pending contacts that are not out of attempts + claimed + those "
            "on the wire) / all contacts",
            part=max(0, left),
            whole=contacts,
        ),
        Figure(
            key="unknown",
            name="Unknown",
            formula="unknown contacts / contacts with at least one attempt",
            part=states.get(State.UNKNOWN, 0),
            whole=attempted,
        ),
    ]
    return (*figures, *_of_ends(attempted, ends))


def _of_ends(attempted: int, ends: EndTally) -> tuple[Figure, ...]:
    if not ends.by_pabx:
        return ()
    answered = ends.count(Disposition.ANSWERED)
    abandoned = ends.count(Disposition.ABANDONED)
    return (
        Figure(
            key="reached",
            name="Reached",
            formula="contacts with an answered call / contacts with at least one "
            "attempt",
            part=ends.count_reached(),
            whole=attempted,
        ),
        Figure(
            key="answered",
            name="Answered",
            formula="answered calls / calls whose end was told",
            part=answered,
            whole=ends.told,
        ),
        Figure(
            key="abandoned",
            name="Abandoned",
            formula="abandoned calls / (answered + abandoned calls)",
            part=abandoned,
            whole=answered + abandoned,
        ),
    )
