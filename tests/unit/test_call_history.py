"""What the events of one call say together."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digitro_async import CallPhase, Disposition, EndEvidence
from digitro_async.dispatch._call_history import CallHistory, Sighting

STARTED, RINGING = CallPhase.STARTED, CallPhase.RINGING
ANSWERED, ENDED, OTHER = CallPhase.ANSWERED, CallPhase.ENDED, CallPhase.OTHER
BUSY, MACHINE = Disposition.BUSY, Disposition.MACHINE


def seen(
    phase: CallPhase,
    disposition: Disposition | None = None,
    word: str | None = None,
    at: float = 1.0,
) -> Sighting:
    """Return what is kept of an event."""
    return Sighting(phase, disposition, word, at, f"text of {at}", "NAME", at)


def history_of(*events: Sighting) -> CallHistory:
    """Return a history with these events."""
    history = CallHistory()
    for one in events:
        history.add(one)
    return history


@pytest.mark.parametrize(
    ("events", "disposition", "word"),
    [
        ([], Disposition.NONE_SEEN, None),
        ([seen(STARTED), seen(RINGING)], Disposition.NONE_SEEN, None),
        ([seen(RINGING), seen(ENDED)], Disposition.ENDED, None),
        ([seen(ANSWERED), seen(ENDED)], Disposition.ANSWERED, None),
        ([seen(ANSWERED)], Disposition.ANSWERED, None),
        ([seen(OTHER, BUSY, "B"), seen(ENDED)], BUSY, "B"),
        ([seen(ENDED, BUSY, "B")], BUSY, "B"),
        ([seen(ANSWERED), seen(ENDED, BUSY, "B")], Disposition.ANSWERED, "B"),
        ([seen(ANSWERED), seen(OTHER, MACHINE, "M"), seen(ENDED)], MACHINE, "M"),
        ([seen(ENDED, Disposition.OTHER, "ODD")], Disposition.OTHER, "ODD"),
        (
            [seen(ANSWERED), seen(ENDED, Disposition.OTHER, "ODD")],
            Disposition.ANSWERED,
            "ODD",
        ),
        (
            [seen(ANSWERED), seen(ENDED, Disposition.ABANDONED, "A")],
            Disposition.ABANDONED,
            "A",
        ),
    ],
)
def test_combined(
    events: list[Sighting], disposition: Disposition, word: str | None
) -> None:
    """Several events give the disposition that says most, and the PABX's word."""
    history = history_of(*events)

    assert (history.disposition, history.word) == (disposition, word)


EVENTS = st.lists(
    st.builds(
        seen,
        st.sampled_from(CallPhase),
        st.none() | st.sampled_from(Disposition),
        st.none() | st.sampled_from(["A", "B"]),
        st.floats(0, 9),
    ),
    max_size=8,
)


@given(EVENTS, st.randoms(use_true_random=False))
def test_any_order(events: list[Sighting], chance: random.Random) -> None:
    """Events say the same in every order, and however often each comes."""
    again = [*events, *chance.choices(events, k=3)] if events else []
    chance.shuffle(again)
    args = "one", "id", "key", EndEvidence.CALL_ID

    assert history_of(*again).end(*args) == history_of(*events).end(*args)


def test_times() -> None:
    """Each phase has the time of its first event, ours and the PABX's own."""
    end = history_of(
        seen(RINGING, at=2.0), seen(RINGING, at=3.0), seen(ENDED, at=9.0)
    ).end("one", "id", 7, EndEvidence.CALL_ID)

    assert (end.started_at, end.rang_at, end.answered_at, end.ended_at) == (
        *(None, 2.0, None, 9.0),
    )
    assert end.pabx_times == {RINGING: "text of 2.0", ENDED: "text of 9.0"}
    assert (end.pabx, end.call_id, end.key) == ("one", "id", 7)
