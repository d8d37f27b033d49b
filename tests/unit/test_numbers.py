"""How numbers are read and written: spellings, forms, and what phonenumbers says."""

import contextlib
import csv
import itertools
import random
import re
from pathlib import Path

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from phonenumbers.data import region_BR

from digitro_async.contacts import ContactRow, open_contacts
from digitro_async.errors import ConfigurationError
from digitro_async.numbers import (
    AREA_CODES,
    CARRIERS,
    NumberForm,
    NumberKind,
    NumberProblem,
    NumberReason,
    PhoneNumber,
    number_form,
    parse_number,
)

SPELLINGS = Path(__file__).parents[1] / "data" / "number_spellings.csv"
DEFAULTS = {"device": "1125000", "device_password": "4567"}
METADATA = region_BR.PHONE_METADATA_BR
FORMS = [
    *("as-written", "0ddd", "ddd", "55ddd", "e164", "carrier:15", "carrier:99"),
    *("local:48,0ddd", "local:11,carrier:21", "local:55,e164", "local:48,ddd"),
]
NATIONAL_SHORT = ("300", "400", "4020", "4370", "4864")


def spellings() -> list[list[str]]:
    """Return the table: spelling, area code, result, rule."""
    text = SPELLINGS.read_text(encoding="utf-8")
    return list(csv.reader(text.splitlines(), delimiter=";"))[1:]


def valid_kind(national: str) -> NumberKind | None:
    """Return the kind that phonenumbers gives a national number, if a person has it."""
    found = phonenumbers.parse(f"+55{national}")
    if len(national) < 10 or not phonenumbers.is_valid_number(found):
        return None
    return {
        phonenumbers.PhoneNumberType.MOBILE: NumberKind.MOBILE,
        phonenumbers.PhoneNumberType.FIXED_LINE: NumberKind.LANDLINE,
    }.get(phonenumbers.number_type(found))


@pytest.mark.parametrize(
    ("spelling", "area_code", "result"),
    [one[:3] for one in spellings()],
    ids=[f"{one[0]} {one[1]}" for one in spellings()],
)
def test_spellings(tmp_path: Path, spelling: str, area_code: str, result: str) -> None:
    """Each spelling of the table gives the number, or the reason, that it says."""
    path = tmp_path / "a.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["id", "destination"], ["A1", spelling]])
    with open_contacts(
        path, defaults=DEFAULTS, number_form="ddd", area_code=area_code or None
    ) as contacts:
        (row,) = contacts

    found = row.destination.reveal() if isinstance(row, ContactRow) else row.code.value
    assert found == result


def test_the_table_is_whole() -> None:
    """There are more than a hundred spellings, and every reason is among them."""
    table = spellings()
    of_forms = {NumberReason.OTHER_AREA}

    assert len({(one[0], one[1]) for one in table}) == len(table) > 100
    assert {one[2] for one in table} >= set(NumberReason) - of_forms


def test_area_codes() -> None:
    """The area codes are those of phonenumbers' metadata."""
    fixed = METADATA.fixed_line
    assert fixed is not None
    pattern = re.compile(fixed.national_number_pattern or "")
    for code in (f"{number:02d}" for number in range(100)):
        assert (code in AREA_CODES) == bool(pattern.fullmatch(f"{code}32817000"))
    assert len(AREA_CODES) == 67
    assert len(set(AREA_CODES.values())) == 27


def test_carriers() -> None:
    """The carriers are those of phonenumbers' metadata."""
    for code in (f"{number:02d}" for number in range(100)):
        carrier = None
        with contextlib.suppress(phonenumbers.NumberParseException):
            found = phonenumbers.parse(f"0{code}4832817000", "BR", keep_raw_input=True)
            carrier = found.preferred_domestic_carrier_code

        assert (code in CARRIERS) == (carrier == code)


@pytest.mark.parametrize(
    "step",
    [
        pytest.param(61, id="one in 61"),
        pytest.param(
            7, id="one in 7", marks=[pytest.mark.long, pytest.mark.timeout(900)]
        ),
    ],
)
def test_beginnings_as_phonenumbers_says(step: int) -> None:
    """For first six digits from everywhere, and both lengths, both readers agree."""
    chance = random.Random(1)
    for area, first in itertools.product(range(100), range(0, 10_000, step)):
        begin = f"{area:02d}{first:04d}"
        for more in (4, 5):
            national = begin + "".join(chance.choices("0123456789", k=more))
            found = parse_number(national)
            if national[2:].startswith(NATIONAL_SHORT) and more == 4:
                continue  # a rule of our own: test_numbers_without_an_area
            kind = found.kind if isinstance(found, PhoneNumber) else None
            if national[:2] == "00" or national.startswith(("0", "55", "90")):
                continue  # prefixes: test_prefixes_as_phonenumbers_says
            assert kind == valid_kind(national), national[:6]


@pytest.mark.parametrize("prefix", ["0", "+55", "55", "+550", "015", "041", "+55015"])
def test_prefixes_as_phonenumbers_says(prefix: str) -> None:
    """Behind every prefix both readers find the same number."""
    chance = random.Random(2)
    for code in AREA_CODES:
        digits = chance.choice(("9", "9", "2", "3", "5"))
        digits += "".join(chance.choices("123456789", k=8 if digits == "9" else 7))
        found = parse_number(f"{prefix}{code}{digits}")
        theirs = phonenumbers.parse(f"{prefix}{code}{digits}", "BR")

        assert isinstance(found, PhoneNumber)
        assert phonenumbers.is_valid_number(theirs)
        assert found.national == str(theirs.national_number) == f"{code}{digits}"
        assert found.state == AREA_CODES[code]


@pytest.mark.parametrize("begin", NATIONAL_SHORT)
def test_numbers_without_an_area(begin: str) -> None:
    """A number that is the same all over Brazil is none of a person in an area."""
    subscriber = begin.ljust(8, "5")
    for text in (subscriber, f"48{subscriber}", f"048{subscriber}"):
        found = parse_number(text, area_code="48")

        assert isinstance(found, NumberProblem)
        assert found.code is NumberReason.SHARED_COST


@settings(max_examples=300, deadline=None)
@given(
    text=st.from_regex(r"\+?(00|0|55|9090|90)?[0-9]{0,14}", fullmatch=True),
    area_code=st.none() | st.sampled_from(sorted(AREA_CODES)),
    form=st.sampled_from(FORMS).map(number_form),
)
def test_accepted_numbers_read_again(
    text: str, area_code: str | None, form: NumberForm
) -> None:
    """Every number that is accepted is read again as itself, in every form."""
    found = parse_number(text, area_code=area_code)
    if isinstance(found, NumberProblem):
        assert text == "" or not any(run in found.reason for run in [text] if run)
        return
    written = form.write(found, text)
    if isinstance(written, NumberProblem):
        assert written.code is NumberReason.SHARED_COST
        return
    again = parse_number(written, area_code=form.area_code or area_code)

    assert again == found
    assert form.write(found, written) == written


@pytest.mark.parametrize(
    ("form", "written"),
    [
        ("as-written", "0154832817000"),
        ("0ddd", "04832817000"),
        ("ddd", "4832817000"),
        ("55ddd", "554832817000"),
        ("e164", "+554832817000"),
        ("carrier:31", "0314832817000"),
        ("local:48", "32817000"),
        ("local:48,e164", "32817000"),
        ("local:11,0ddd", "04832817000"),
        ("local:11,carrier:21", "0214832817000"),
    ],
)
def test_forms(form: str, written: str) -> None:
    """Each form writes a number as its name says."""
    found = parse_number("0154832817000")

    assert isinstance(found, PhoneNumber)
    assert found.carrier == "15"
    assert number_form(form).write(found, "0154832817000") == written
    assert number_form(form).text == form


def test_numbers_of_other_areas() -> None:
    """A local form refuses numbers of other areas, unless it says how to write them."""
    found = parse_number("4832817000")

    assert isinstance(found, PhoneNumber)
    problem = number_form("local:11").write(found, "4832817000")
    assert isinstance(problem, NumberProblem)
    assert problem.code is NumberReason.OTHER_AREA


@pytest.mark.parametrize(
    "text",
    [
        *("", "ddd0", "carrier", "carrier:", "carrier:17", "carrier:1", "local"),
        *("local:", "local:20", "local:48,", "local:48,local:11", "0ddd:48", "E164"),
        *("local:48,as-written", "local:48,nothing"),
    ],
)
def test_forms_that_there_are_not(text: str) -> None:
    """A form that is none is refused, and those that are are named."""
    with pytest.raises(ConfigurationError) as caught:
        number_form(text)

    assert str(caught.value).startswith("number_form must be as-written, 0ddd, ddd,")


def test_numbers_show_nothing() -> None:
    """Neither a number nor a problem repeats digits in its text."""
    number = parse_number("48991234567")
    problem = parse_number("+12125552368")

    assert repr(number) == "PhoneNumber('***')"
    assert isinstance(problem, NumberProblem)
    assert problem.reason == "is of another country than Brazil (country code 1)"
