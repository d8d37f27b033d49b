"""Calls that are made by copying the texts that they have in common."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digitro_async import PredictiveCall
from digitro_async._common.call_class import CallMaker
from digitro_async.calls import OPTIONAL_FIELDS
from digitro_async.protocol import encode_call

BASE = {"device": "1125000", "device_password": "4567", "caller_id": "1112000"}

TEXTS = st.dictionaries(
    st.sampled_from(["device", "route", *OPTIONAL_FIELDS]),
    st.text(max_size=5),
    max_size=4,
)


def maker() -> CallMaker:
    """Return a maker of calls that have the texts of ``BASE`` in common."""
    return CallMaker(PredictiveCall(**BASE, destination="0"))


@given(st.from_regex(r"[0-9]{1,32}", fullmatch=True), TEXTS)
def test_made_as_constructed(number: str, own: dict[str, str]) -> None:
    """A call that is made is on the wire what its constructor makes of the texts."""
    made = maker().make(number, own)
    if made is not None:
        constructed = PredictiveCall(**{**BASE, **own, "destination": number})
        assert type(made) is PredictiveCall
        assert encode_call(made) == encode_call(constructed)


@pytest.mark.parametrize(
    ("number", "own"),
    [
        ("", {}),
        ("4" * 33, {}),
        ("sip:a", {}),
        ("48", {"canary": "1"}),
        ("48", {"destination": "49"}),
        ("48", {"route": ""}),
        ("48", {"route": "\x07"}),
        ("48", {"user_data": "x" * 20_000}),
        ("48", {"route": 7}),
    ],
)
def test_left_to_the_constructor(number: str, own: dict[str, str]) -> None:
    """What is not plain is left to the constructor, which says what is wrong."""
    assert maker().make(number, own) is None


def test_plain_ones_are_made() -> None:
    """A number of digits and plain texts of its own make a call."""
    made = maker().make("4832810001", {"user_data": 'a "b"', "route": "7"})

    assert (made.route, made.destination.reveal()) == ("7", "4832810001")
    assert b'a \\"b\\"' in encode_call(made)
