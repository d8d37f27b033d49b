"""The form of a number, which is the same at every door through which one comes in."""

import attrs
import pytest

from digitro_async import (
    AnyDestination,
    ContactRow,
    DigitroError,
    InvalidCallError,
    Personal,
    PredictiveCall,
)
from digitro_async.protocol import encode_call

GOOD = ["0", "04832817000", "+554832817000", "*69", "#31#4832817000", "1*2#3", "9" * 32]
BAD = [
    (" ", "has no digit"),
    ("\u00a0", "has no digit"),
    ("-", "has no digit"),
    ("+", "has no digit"),
    ("\u0664\u0668\u0663", "has no digit"),
    ("nobody", "has no digit"),
    (" 04832817000", "may hold only digits and + * #"),
    ("04832817000 ", "may hold only digits and + * #"),
    ("(48) 3281-7000", "may hold only digits and + * #"),
    ("48 3281", "may hold only digits and + * #"),
    ("32817000x22", "may hold only digits and + * #"),
    ("0483\u200b281", "may hold only digits and + * #"),
    ("\u0664\u0668\u06631", "may hold only digits and + * #"),
    ("sip:1@pabx", "may hold only digits and + * #"),
    ("9" * 33, "is longer than 32 characters"),
]

NEEDED = {"device": "1125000", "device_password": "4567"}


def made_as(door: str, destination: str) -> Personal:
    """Bring a number in, and return it."""
    if door == "call":
        return PredictiveCall(**NEEDED, destination=destination).destination
    if door == "masked call":
        return PredictiveCall(**NEEDED, destination=Personal(destination)).destination
    if door == "row":
        return ContactRow(line=1, destination=destination).destination
    good = PredictiveCall(**NEEDED, destination="1")
    return attrs.evolve(good, destination=destination).destination


doors = pytest.mark.parametrize("door", ["call", "masked call", "row", "evolve"])


@doors
@pytest.mark.parametrize("number", GOOD)
def test_numbers_come_in_as_they_are(door: str, number: str) -> None:
    """Digits and + * # are a number, and not changed."""
    assert made_as(door, number).reveal() == number


@doors
@pytest.mark.parametrize(("text", "problem"), BAD)
def test_other_texts_do_not(door: str, text: str, problem: str) -> None:
    """Anything else is refused, and not shown."""
    with pytest.raises(InvalidCallError) as caught:
        made_as(door, text)

    error: DigitroError = caught.value
    assert str(error).startswith(f"destination {problem}")
    assert error.reason == "invalid_field"
    assert not text.strip(" -+\u00a0") or text not in str(error)


@doors
@pytest.mark.parametrize("text", [text for text, _ in BAD])
def test_any_text_comes_in_if_it_is_asked_for(door: str, text: str) -> None:
    """A form that only one PABX knows is sent as it is, from wherever it comes."""
    destination = made_as(door, AnyDestination(text))

    assert destination == Personal(text)
    again = PredictiveCall(**NEEDED, destination=destination)
    assert text.encode() in encode_call(again)
    assert ContactRow.from_call(again, line=1).build_call({}) == again


def test_any_destination_does_not_show_itself() -> None:
    """The text of a destination is in no repr."""
    assert repr(AnyDestination("04832817000")) == "AnyDestination('***')"
