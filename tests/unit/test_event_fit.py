"""Whatever was captured, a survey and a fit of it come to an end."""

import json

import pytest
from event_streams import pieces_of
from hypothesis import given, settings
from hypothesis import strategies as st

from digitro_async import CallPhase, Disposition, load_event_preset
from digitro_async.protocol import (
    EventSurvey,
    KnownCall,
    RawEvent,
    events_in,
    fit_events,
)
from digitro_async.protocol._event_words import disposition_of_word, phase_of_word

words = st.sampled_from(["ID", "fim", "OCUPADO", "17", "04832817000", "10:46", "", "*"])
values = st.recursive(
    words | st.integers() | st.booleans() | st.none(),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(words, inner, max_size=3)
    ),
    max_leaves=6,
)
events = st.builds(
    RawEvent,
    name=st.none() | words,
    data=st.dictionaries(words, values, max_size=3).map(json.dumps) | st.text(),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(events, max_size=8), st.none() | words)
def test_any_events_are_fitted(raws: list[RawEvent], call_id: str | None) -> None:
    """A fit of any events gives settings that can be used, or asks."""
    known = KnownCall(
        call_id=call_id, destination=call_id, disposition=Disposition.BUSY
    )
    fitted = fit_events(EventSurvey(raws), known)

    load_event_preset("pabx", **{"open": "/", **fitted.values})
    assert set(fitted.reasons) == set(fitted.values)
    assert fitted.guessed <= set(fitted.values)


@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=4))
def test_any_bytes_are_a_capture(stream: bytes, cuts: list[int]) -> None:
    """Any bytes are surveyed, in any pieces alike."""
    whole = [event.data for event in EventSurvey(events_in([stream])).events]
    cut = EventSurvey(events_in(pieces_of(stream, cuts)))

    assert [event.data for event in cut.events] == whole


@pytest.mark.parametrize(
    ("word", "phase"),
    [
        ("EVENTO_FIM", CallPhase.ENDED),
        ("LIG_ATENDE", CallPhase.ANSWERED),
        ("FIM_DE_ATENDIMENTO", CallPhase.ENDED),
        ("on_call_accept", CallPhase.ANSWERED),
        ("CHAMADA_INICIADA", CallPhase.STARTED),
        ("TOCANDO", CallPhase.RINGING),
        ("NAO_ATENDE", None),
        ("XYZ", None),
    ],
)
def test_words_for_phases(word: str, phase: CallPhase | None) -> None:
    """Words of both languages are known in parts, and a "no" before them counts."""
    assert phase_of_word(word) is phase


@pytest.mark.parametrize(
    ("word", "disposition"),
    [
        ("NÃO ATENDE", Disposition.NO_ANSWER),
        ("no-answer", Disposition.NO_ANSWER),
        ("Secretária eletrônica", Disposition.MACHINE),
        ("OCUP", Disposition.BUSY),
        ("ATENDIDA", Disposition.ANSWERED),
        ("NUMERO_INEXISTENTE", Disposition.INVALID_NUMBER),
        ("X9", None),
    ],
)
def test_words_for_dispositions(word: str, disposition: Disposition | None) -> None:
    """Words are known without regard to accents, case and what joins them."""
    assert disposition_of_word(word) is disposition
