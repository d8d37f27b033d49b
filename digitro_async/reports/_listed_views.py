"""PURE: contacts as a list shows them."""

from digitro_async.ledger._history_records import ListedContact
from digitro_async.reports._campaign_view import ListedView
from digitro_async.reports._shown_texts import (
    masked_number,
    shown_pabx,
    shown_reason,
    shown_words,
)

__all__ = ["listed_view"]


def listed_view(one: ListedContact) -> ListedView:
    """Return a contact as a list shows it: masked."""
    return ListedView(
        number=one.number,
        line=one.line,
        state=one.state,
        masked=masked_number(one.destination),
        pabx=shown_pabx(one.pabx or ""),
        attempts=one.attempts,
        words=shown_words(shown_reason(one.reason)) if one.reason else "",
        at=one.at,
        due=one.due,
    )
