"""PURE: from what a ledger tells of waits to their view."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from digitro_async.ledger._history_records import ListedContact
from digitro_async.ledger._records import WaitKind
from digitro_async.ledger._schedule_records import WaitCounts
from digitro_async.ledger._state import Step
from digitro_async.reports._campaign_view import ContactsView, WaitsView
from digitro_async.reports._listed_views import listed_view
from digitro_async.reports._shown_texts import shown_reason, shown_words

__all__ = ["waits_view"]

_KIND_WORDS: Final = {
    WaitKind.RECALL: "to be recalled",
    WaitKind.CALLBACK: "for a callback",
}

_STEP_WORDS: Final = {
    Step.DEFER: "put a call off",
    Step.RECALL: "had a contact called again",
    Step.CALL_BACK: "agreed on a callback",
}


def waits_view(
    counts: WaitCounts, first: Sequence[ListedContact], steps: Mapping[Step, int]
) -> WaitsView | None:
    """Return the view of the contacts that wait; None where no rule ever acted.

    Args:
        counts: How many wait.
        first: The first of them.
        steps: Steps of the campaign to how many there were.
    """
    shown: Counter[str] = Counter()
    for reason, count in counts.reasons.items():
        shown[f"deferred: {shown_words(shown_reason(reason))}"] += count
    for kind, words in _KIND_WORDS.items():
        shown[words] += counts.kinds.get(kind, 0)
    done = {
        words: steps[step] for step, words in _STEP_WORDS.items() if steps.get(step)
    }
    total = sum(counts.kinds.values())
    if not total and not done:
        return None
    return WaitsView(
        counts={words: count for words, count in shown.items() if count},
        next_due=counts.next_due,
        steps=done,
        contacts=ContactsView(
            total=max(total, len(first)), first=tuple(map(listed_view, first))
        ),
    )
