"""Numbers as the rules see them, and the areas that they belong to."""

import json
import zoneinfo
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digitro_async.errors import ConfigurationError
from digitro_async.numbers import AREA_CODES, PhoneNumber, parse_number
from digitro_async.rules import (
    ANYWHERE,
    STATES,
    called_number,
    check_area_code,
    dialling_areas,
)

SNAPSHOT = Path(__file__).parents[2] / "data" / "phonenumbers_areas.json"
THEIRS: dict[str, Any] = json.loads(SNAPSHOT.read_text(encoding="utf-8"))["areas"]
CODES = [code for code in dialling_areas() if len(code) == 2]
OTHER_ZONES = {
    **dict.fromkeys(("91", "93", "94"), "all of 9x is Manaus to them"),
}
"""Codes whose zones differ, and why."""

NOISE = 0.03
"""Share of places in another state that is a slip, or one town over the border."""


def test_there_are_67_areas_in_27_states() -> None:
    """The table has every area code of the country, and every state."""
    assert len(CODES) == 67
    assert len(STATES) == 27
    assert {place.state for place in ANYWHERE.places} == STATES


@pytest.mark.parametrize("code", CODES)
def test_states_are_those_of_phonenumbers(code: str) -> None:
    """The states of an area code are those where phonenumbers has its places."""
    places = THEIRS[code]["places"]
    total = sum(places.values())

    assert set(dialling_areas()[code].states) == {
        state for state, count in places.items() if count > NOISE * total
    }


@pytest.mark.parametrize("code", CODES)
def test_zones_are_as_late_as_those_of_phonenumbers(code: str) -> None:
    """A zone of an area code shows the time that phonenumbers' zone shows."""
    now = datetime(2026, 11, 30, tzinfo=UTC)

    def offset(zone: str) -> Any:
        return now.astimezone(zoneinfo.ZoneInfo(zone)).utcoffset()

    ours = {offset(zone) for zone in dialling_areas()[code].zones}
    theirs = {offset(zone) for zone in THEIRS[code]["zones"]}
    assert theirs & ours or code in OTHER_ZONES


@pytest.mark.parametrize(
    ("text", "area"),
    [
        ("011987654321", "11"),
        ("11987654321", "11"),
        ("+5511987654321", "11"),
        ("5511987654321", "11"),
        ("+55 (11) 98765-4321", "11"),
        ("0 15 11 98765-4321", "11"),
        ("04832817000", "48"),
        ("4832817000", "48"),
        ("0214832817000", "48"),
        ("554832817000", "48"),
        ("5532817000", "55"),  # 55 is a code of Rio Grande do Sul, too
        ("55987654321", "55"),
        ("5555987654321", "55"),
        ("9734121111", "97"),
        ("8136191234", "81"),
        ("08007771234", ""),
        ("03031234567", ""),
        ("40041234", ""),
        ("190", ""),
        ("+14155550100", ""),
        ("0014155550100", ""),
        ("2087654321", ""),  # there is no DDD 20
        ("1108765432", ""),  # no subscriber's number begins with 0
        ("987654321", ""),
        ("*98", ""),
        ("letters", ""),
        ("", ""),
    ],
)
def test_area_of_a_number(text: str, area: str) -> None:
    """The area of a number follows from its length and its first digits."""
    assert called_number(text).area.code == area


def test_a_local_number_has_the_area_that_is_given() -> None:
    """A number without area code is in the home area, where one is set."""
    number = called_number("98765-4321", home_area="48")

    assert number.area.code == "48"
    assert number == called_number("048987654321")


def test_states_are_those_of_the_numbering_plan() -> None:
    """The table of area codes that lists are checked by has the same states."""
    assert {code: dialling_areas()[code].states[0] for code in CODES} == dict(
        AREA_CODES
    )


@given(
    st.one_of(
        st.from_regex(r"(0|\+55|55|015|0021)?[1-9][0-9]{9,10}", fullmatch=True),
        st.from_regex(r"\+?[0-9]{8,15}", fullmatch=True),
    )
)
def test_lists_and_rules_read_a_number_alike(text: str) -> None:
    """A number that a list takes has the same area and digits for the rules."""
    read = parse_number(text)
    if isinstance(read, PhoneNumber):
        number = called_number(text)
        assert number.area.code == read.area_code
        assert number.digits.reveal() == read.area_code + read.subscriber


def test_prefixes_know_more_than_codes() -> None:
    """Landlines of Fernando de Noronha and Porto União are where they are."""
    assert called_number("08136191234").area.zones == ("America/Noronha",)
    assert called_number("04235261234").area.states == ("SC",)
    assert called_number("08132221234").area.zones == ("America/Recife",)


@given(
    code=st.sampled_from(CODES),
    subscriber=st.from_regex(r"9[0-9]{8}|[2-5][0-9]{7}", fullmatch=True),
)
def test_all_forms_of_a_number_are_one(code: str, subscriber: str) -> None:
    """Every form of a number has the same key, and the digits can be had again."""
    national = code + subscriber
    forms = (f"0{national}", f"+55{national}", f"55{national}", f"015{national}")
    number = called_number(national)

    assert {called_number(form) for form in forms} == {number}
    assert number.digits.reveal() == national
    assert number.area.is_known


@given(st.text(max_size=40))
def test_any_text_is_some_number(text: str) -> None:
    """No text is refused, and none is shown."""
    number = called_number(text)

    assert number.key >= 0
    assert "key" not in repr(number)


@given(st.from_regex(r"[0-9]{0,32}", fullmatch=True))
def test_other_numbers_keep_their_digits(digits: str) -> None:
    """What is no number of the country is told apart by all its digits."""
    number = called_number(digits)

    assert number.area.is_known or number.digits.reveal() == digits


@pytest.mark.parametrize("wrong", ["20", "480", "", "813619", 48, None])
def test_what_is_no_area_code(wrong: object) -> None:
    """An area code is one of the 67, or empty for none."""
    if wrong == "":
        check_area_code("home_area", wrong)
        return
    with pytest.raises(ConfigurationError, match="home_area must be an area code"):
        check_area_code("home_area", wrong)


def test_one_table_of_area_codes() -> None:
    """Numbers and rules know the same area codes, with the same state."""
    assert set(CODES) == set(AREA_CODES)
    for code, state in AREA_CODES.items():
        assert dialling_areas()[code].states[0] == state
