"""Bytes of server-sent events become events, whatever pieces they come in."""

import tracemalloc
from pathlib import Path

import pytest
from event_streams import RECORDED, fed, pieces_of, read_slowly, streams
from hypothesis import example, given
from hypothesis import strategies as st

from digitro_async.protocol import EventParser, RawEvent

WHOLE_EVENT = b'event: on_call_end\ndata: {"call_id": 1}\n\n'
cuts = st.lists(st.integers(0, 5000), max_size=12)


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_recorded_streams_in_any_two_pieces(path: Path) -> None:
    """A recorded stream gives the same events wherever it is cut in two."""
    stream = path.read_bytes()
    whole = fed([stream])

    assert whole[0] == read_slowly(stream)
    assert len(whole[0]) > 2
    for cut in range(len(stream)):
        assert fed([stream[:cut], stream[cut:]]) == whole
    assert fed([stream[at : at + 1] for at in range(len(stream))]) == whole


@given(streams, cuts)
@example(b"data: x\r\n\r\n", [8])
@example(b"\xef\xbb\xbfdata: x\n\n", [1, 2])
@example(b"a\n\rdata: x\ndata: y\n\n", [10])
@example(b"data: \xc3\xa9\n\n", [7])
def test_any_stream_in_any_pieces(stream: bytes, cuts: list[int]) -> None:
    """A stream of any bytes gives the same events in any pieces."""
    whole = fed([stream])

    assert fed(pieces_of(stream, cuts)) == whole
    assert whole[0] == read_slowly(stream)


@given(streams, cuts, st.integers(1, 60))
def test_any_stream_with_a_small_limit(
    stream: bytes, cuts: list[int], most: int
) -> None:
    """Which events are too large does not depend on the pieces."""
    whole = fed([stream], most)
    larger = fed([stream])[0]

    assert fed(pieces_of(stream, cuts), most) == whole
    for event in whole[0]:
        assert event.is_too_large or event in larger
        assert len(event.data.encode("utf-8", "replace")) <= 3 * most


def test_id_and_retry() -> None:
    """The last id and the time to ask again are kept, and what is no number is not."""
    parser = EventParser(1000)

    parser.feed(b"id: 7\nretry: 250\n\nid: a\0\nretry: -1\nretry: \xb2\nretry: 1.5\n\n")
    assert (parser.last_id, parser.retry) == ("7", 250)
    parser.feed(b"id\n\n" + b"retry: " + b"9" * 400 + b"\n\n")
    assert (parser.last_id, parser.retry) == ("", 250)


def test_an_event_that_has_not_ended_is_not_there() -> None:
    """An event counts from its blank line on, and not before."""
    parser = EventParser(1000)

    assert parser.feed(WHOLE_EVENT[:-1]) == []
    assert parser.feed(b"\n") == [RawEvent("on_call_end", '{"call_id": 1}')]


@pytest.mark.parametrize("start", [b"data: ", b": ", b"unknown: ", b""])
def test_endless_lines_take_no_memory(start: bytes) -> None:
    """Of a line without an end no more is kept than one event may have."""
    parser = EventParser(10_000)
    piece = b"x" * 65_536
    parser.feed(start)
    tracemalloc.start()
    try:
        for _ in range(200):
            assert parser.feed(piece) == []
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 300_000
    after = parser.feed(b"\n\n" + WHOLE_EVENT)
    is_comment = start == b": "
    assert after[0] == (RawEvent() if is_comment else RawEvent(is_too_large=True))
    assert after[-1] == RawEvent("on_call_end", '{"call_id": 1}')


def test_many_lines_of_one_event_take_no_memory() -> None:
    """Of an event without an end no more is kept than one event may have."""
    parser = EventParser(10_000)
    piece = b"data: xxxxxxxxxxxx\n" * 1000
    tracemalloc.start()
    try:
        for _ in range(200):
            assert parser.feed(piece) == []
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 300_000
    assert parser.feed(b"\n") == [RawEvent(is_too_large=True)]
    assert parser.feed(WHOLE_EVENT)[0].name == "on_call_end"


def test_data_are_in_no_repr() -> None:
    """The data of an event are not shown."""
    assert "canary" not in repr(RawEvent("name", "canary-4711"))
