"""What events mean, by the settings of their channel."""

import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digitro_async import (
    CallEvent,
    CallPhase,
    ChannelClosed,
    ChannelEvent,
    ChannelOpened,
    Disposition,
    EventChannelSettings,
    Gap,
    OtherEvent,
    load_event_preset,
)
from digitro_async.call_events import Heartbeat
from digitro_async.protocol import EventReading, RawEvent

OPENING = "EVENTO_DE_ABERTURA_DE_CANAL"
CALL_ID = "08/07/24 10:46:19 010A 0974/00"

SETTINGS = EventChannelSettings(
    open="/canal",
    opened_names="EVENTO_DE_ABERTURA_DE_CANAL",
    closed_names="closing",
    heartbeat_names="ping",
    id_fields=("channelID", "canal.id"),
    name_fields=("tipo", "cabeca.nome", "*"),
    call_id_fields=("ID_CHAMADA", "chamada.id", "*.id"),
    call_phases={"Ringing": "ringing", "ended": "ended", "seized": "started"},
    phase_fields="estado",
    disposition_fields=("causa", "*.causa"),
    dispositions={"OCUPADO": "busy", "machine_found": "machine"},
    destination_fields="destino",
    time_fields="hora",
)
READING = EventReading(SETTINGS, "matriz")


def read(data: object, name: str | None = None, **options: Any) -> ChannelEvent:
    """Read one event, whose data are JSON unless they are text."""
    text = data if isinstance(data, str) else json.dumps(data)
    return READING.read(RawEvent(name, text), 5.0, **options)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("EVENTO_DE_ABERTURA_DE_CANAL", {"channelID": 17}),
        ("evento_de_abertura_de_canal", {"channelID": " 17 "}),
        (None, {"tipo": "Evento_De_Abertura_De_Canal", "canal": {"id": "17"}}),
        (
            "message",
            {"cabeca": {"nome": "EVENTO_DE_ABERTURA_DE_CANAL"}, "channelID": 17},
        ),
        ("EVENTO_DE_ABERTURA_DE_CANAL", "17"),
        ("EVENTO_DE_ABERTURA_DE_CANAL", '"17"\n'),
        (None, "<EVENTO_DE_ABERTURA_DE_CANAL><channelID>17</channelID></a>"),
        ("EVENTO_DE_ABERTURA_DE_CANAL", "<x><canal id='17'/></x>"),
    ],
)
def test_opening_in_many_forms(name: str | None, data: object) -> None:
    """The opening event is known by its name, and its id as a number or as text."""
    reading = EventReading(
        load_event_preset(
            "pabx",
            open="/canal",
            name_fields=["tipo", "cabeca.nome", "*"],
            id_fields=["channelID", "canal.id", "*.channelID", "x.canal.id"],
        ),
        "matriz",
    )
    text = data if isinstance(data, str) else json.dumps(data)

    event = reading.read(RawEvent(name, text), 5.0)

    assert event == ChannelOpened(pabx="matriz", seen_at=5.0, channel_id=17)


@pytest.mark.parametrize(
    "data", [{}, {"channelID": "x"}, {"channelID": True}, {"channelID": -1}, "1" * 30]
)
def test_opening_without_an_id(data: object) -> None:
    """An opening event without an id opens nothing, unless the client chose one."""
    event = read(data, SETTINGS.opened_names[0])
    chosen = read(data, SETTINGS.opened_names[0], chosen_id=9)

    assert isinstance(event, OtherEvent)
    assert READING.is_opening(event.name)
    assert not READING.is_opening(None)
    assert isinstance(chosen, ChannelOpened)
    assert chosen.channel_id == 9


@pytest.mark.parametrize(
    ("name", "data"),
    [(None, ""), (None, " \n"), (None, "{}"), ("message", "{ }"), ("PING", {"a": 1})],
)
def test_heartbeats(name: str | None, data: object) -> None:
    """Nothing, an empty object and a name that is set as one are heartbeats."""
    assert read(data, name) == Heartbeat(pabx="matriz", seen_at=5.0)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("on_state_change", {"state": "available"}),
        ("on_state_change", ""),
        (None, "[1, 2]"),
        (None, "{broken"),
        (None, "words"),
        (None, {"one": 1, "two": 2}),
        (None, "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"),
    ],
)
def test_everything_else_is_handed_on_raw(name: str | None, data: object) -> None:
    """An event that the settings don't know is handed on with all that came."""
    event = read(data, name)

    assert isinstance(event, OtherEvent)
    assert event.data.reveal() == (data if isinstance(data, str) else json.dumps(data))
    assert event.name == name or str(data).startswith("<!")


def test_end_and_size() -> None:
    """The end of a channel and an event that was passed over are told."""
    closed = read({"channelID": "3"}, "Closing")
    gap = READING.read(RawEvent(is_too_large=True), 5.0)

    assert closed == ChannelClosed(
        pabx="matriz", seen_at=5.0, channel_id=3, reason="closed_by_pabx"
    )
    assert gap == Gap(
        pabx="matriz", seen_at=5.0, since=5.0, reason="event_too_large", lost=1
    )


@pytest.mark.parametrize(
    ("name", "data", "phase", "disposition", "word"),
    [
        ("RINGING", {}, CallPhase.RINGING, None, None),
        ("seized", {"causa": "OTHER"}, CallPhase.STARTED, None, "OTHER"),
        ("ended", {"causa": "ocupado "}, CallPhase.ENDED, Disposition.BUSY, "ocupado "),
        ("ended", {"causa": "16"}, CallPhase.ENDED, Disposition.OTHER, "16"),
        ("ended", {"causa": 16}, CallPhase.ENDED, Disposition.OTHER, "16"),
        ("ended", {}, CallPhase.ENDED, None, None),
        ("machine_found", {}, CallPhase.OTHER, Disposition.MACHINE, "machine_found"),
        ("state", {"estado": "Ended"}, CallPhase.ENDED, None, None),
        ("state", {"estado": "parked"}, CallPhase.OTHER, None, None),
    ],
)
def test_events_about_calls(
    name: str,
    data: dict[str, Any],
    phase: CallPhase,
    disposition: Disposition | None,
    word: str | None,
) -> None:
    """Names and words say how far a call is and what became of it."""
    event = read(
        {"ID_CHAMADA": CALL_ID, "destino": "0481", "hora": "10:46", **data}, name
    )

    assert isinstance(event, CallEvent)
    assert (event.name, event.phase) == (name, phase)
    assert (event.disposition, event.word) == (disposition, word)
    assert (event.call_id, event.at) == (CALL_ID, "10:46")
    assert event.destination is not None
    assert event.destination.reveal() == "0481"
    assert "0481" not in repr(event)


@pytest.mark.parametrize(
    "text",
    [
        '<?xml version="1.0"?><ended><id>7</id><causa>ocupado</causa></ended>',
        "<?xml version='1.0' encoding='ISO-8859-1'?><ended id='7' causa='OCUPADO'/>",
        '<ended id="7" causa="OCUPADO"/>',
        '<n:ended xmlns:n="urn:x"><n:id> 7 </n:id><causa>ocupado</causa></n:ended>',
        "<ended><id>7</id><causa><![CDATA[ocupado]]></causa>",
        "<ended><id a='1'>7</id><causa>ocupado</causa></ended>trailing",
    ],
)
def test_xml_in_many_forms(text: str) -> None:
    """Elements and attributes of XML are found like members of JSON."""
    event = read(text)

    assert isinstance(event, CallEvent)
    assert event.call_id is not None
    assert event.call_id.strip() == "7"
    assert (event.phase, event.disposition) == (CallPhase.ENDED, Disposition.BUSY)


def test_deep_and_large_xml_is_bounded() -> None:
    """XML of any depth and number of elements is read as far as bounds go."""
    tracemalloc.start()
    try:
        for text in (
            "<a>" * 100_000,
            "<a>" + "<b/>" * 200_000,
            "<a b='" + "x" * 500_000,
        ):
            assert isinstance(read(text), OtherEvent)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 20_000_000


def test_deep_json_is_raw() -> None:
    """JSON deeper than Python reads is handed on raw."""
    assert isinstance(read('{"a":' * 100_000), OtherEvent)
    assert isinstance(read("[" * 100_000), OtherEvent)


@given(st.text() | st.text(alphabet='{}[]<>/"=:, a1*.'), st.none() | st.text())
def test_any_event_is_read(data: str, name: str | None) -> None:
    """Whatever an event holds, it has a meaning, and its texts are in no repr."""
    event = READING.read(RawEvent(name, data), 5.0)

    assert isinstance(event, ChannelEvent)
    assert event.pabx == "matriz"


@given(st.text(min_size=1, max_size=60).filter(str.strip), st.booleans())
def test_case_of_names_is_of_no_matter(name: str, upper: bool) -> None:
    """Names that differ in their case alone mean the same."""
    settings = EventChannelSettings(open="/x", opened_names=name, id_fields="id")
    other = name.upper() if upper else name.lower()
    event = EventReading(settings, "m").read(RawEvent(other, '{"id": 1}'), 0.0)

    if other.casefold().strip() == name.casefold().strip() and other != "message":
        assert isinstance(event, ChannelOpened) or name.casefold().strip() == "message"


@pytest.mark.parametrize("preset", ["interact-cti", "neo"])
def test_sister_presets_read_a_call(preset: str) -> None:
    """The presets of the sister products understand their documented events."""
    settings = load_event_preset(preset)
    reading = EventReading(settings, "matriz")

    opened = reading.read(RawEvent("on_open_channel", '{"channel_id": "12"}'), 0.0)
    ended = reading.read(RawEvent("on_call_end", '{"call_id": "7"}'), 0.0)

    assert isinstance(opened, ChannelOpened)
    assert opened.channel_id == 12
    assert isinstance(ended, CallEvent)
    assert (ended.call_id, ended.phase) == ("7", CallPhase.ENDED)
