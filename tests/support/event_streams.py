"""Streams of server-sent events for tests, and a slow reader to compare with."""

import itertools
import re
from pathlib import Path

from hypothesis import strategies as st

from digitro_async.protocol import EventParser, RawEvent

__all__ = ["RECORDED", "fed", "pieces_of", "read_slowly", "streams"]

RECORDED = sorted((Path(__file__).parents[1] / "data" / "event_streams").glob("*.sse"))
"""Streams that were recorded, or written down as documents show them."""

streams = st.lists(
    st.sampled_from(
        [
            *(b"\n", b"\r", b"\r\n", b"\n\n", b"\r\n\r\n", b"\r\r"),
            *(b"data", b"event", b"id", b"retry", b"dat", b":", b": ", b" "),
            *(b"data: x", b"data:", b"event: on_open_channel", b"data: {}"),
            *(b"retry: 500", b"id: 7", b"id: \0", b"\xef\xbb\xbf", b"\xff", b"\xc3"),
            *("é".encode(), b"\x0b", b"\x85", b"\0", b"0123456789" * 3),
        ]
    ),
    max_size=40,
).map(b"".join)
"""Streams of bytes that mean something, in any order."""


def pieces_of(stream: bytes, cuts: list[int]) -> list[bytes]:
    """Return a stream cut at some places."""
    places = sorted({0, len(stream), *(cut % (len(stream) + 1) for cut in cuts)})
    return [stream[a:b] for a, b in itertools.pairwise(places)]


def fed(pieces: list[bytes], most: int = 1000) -> tuple[list[RawEvent], object]:
    """Return the events of a stream in pieces, and what else a parser keeps of it."""
    parser = EventParser(most)
    events = [event for piece in pieces for event in parser.feed(piece)]
    return events, (parser.last_id, parser.retry)


def read_slowly(stream: bytes) -> list[RawEvent]:
    """Return the events of a whole stream, read by the standard's own words."""
    text = stream.decode("utf-8", "replace").removeprefix("\ufeff")
    lines = re.split("\r\n|\n|\r", text)[:-1]
    events: list[RawEvent] = []
    name, data = "", list[str]()
    is_begun = False
    for line in lines:
        if not line:
            if is_begun:
                events.append(RawEvent(name or None, "\n".join(data)))
            name, data, is_begun = "", [], False
        elif line.startswith(":"):
            events.append(RawEvent())
        else:
            field, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if field == "event":
                name, is_begun = value, True
            elif field == "data":
                data.append(value)
                is_begun = True
    return events
