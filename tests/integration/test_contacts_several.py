"""Several numbers of a contact: order, kinds, hours, and each number's own reject."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from contact_files import DEFAULTS, numbers, path, read, refusal, rows
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from digitro_async import Campaign, DigitroClient, open_ledger
from digitro_async.campaign import count_rows
from digitro_async.contacts import ContactRow, RejectedRow, open_contacts
from digitro_async.contacts._contact_number import read_hours
from digitro_async.errors import ConfigurationError
from digitro_async.ledger import AddResult, Import, NewContact
from digitro_async.testing import FakePABX

__all__ = ["path"]  # a fixture

ONE, TWO, THREE = "04832817001", "04832817002", "048991234567"


def of(row: ContactRow | RejectedRow) -> list[tuple[str, str]]:
    """Return field and number of each number of a contact."""
    assert isinstance(row, ContactRow)
    return [(one.field, one.destination.reveal()) for one in row.numbers]


def test_order_is_that_of_the_fields(path: Path) -> None:
    """Numbers come in the order of their fields, however the columns stand."""
    [row] = rows(
        path, f"destination3;id;destination2;destination\n{THREE};A1;{TWO};{ONE}\n"
    )

    assert of(row) == [
        ("destination", ONE),
        ("destination2", TWO),
        ("destination3", THREE),
    ]


def test_kinds_and_hours(path: Path) -> None:
    """A kind is that of its column, or the name of the number's own column."""
    header = "Celular;hours;destination2;kind2;hours2;destination3"
    [row] = rows(
        path,
        f'{header}\n{ONE};"9h-12h, 14:00-18:30";{TWO};casa;22:00-02:00;{THREE}\n',
        columns={"destination": "Celular"},
    )

    assert isinstance(row, ContactRow)
    assert [one.kind for one in row.numbers] == ["Celular", "casa", None]
    assert [one.hours for one in row.numbers] == [
        ((540, 720), (840, 1110)),
        ((1320, 120),),
        (),
    ]


def test_bad_numbers_beside_a_good_one(path: Path) -> None:
    """The row is a contact by its good numbers, and the others have their reasons."""
    path.write_text(f"destination;destination2;destination3\n1 ramal;;{THREE}\n")
    with open_contacts(path, defaults=DEFAULTS) as file:
        [row] = file

    assert of(row) == [("destination3", THREE)]
    assert isinstance(row, ContactRow)
    [rejected] = row.rejected_numbers
    assert (rejected.line, rejected.field) == (2, "destination")
    assert rejected.is_number
    assert (file.read, file.rejected, file.rejected_numbers) == (1, 0, 1)


def test_rows_without_a_good_number(path: Path) -> None:
    """A row of which no number is good is rejected once, for the first of them."""
    found = rows(path, "id;destination;destination2\nA1;x;y\nA2;;\n;;\n")

    assert numbers(found) == ["bad_character", "no_number"]
    assert [row.line for row in found] == [2, 3]


def test_the_same_number_twice(path: Path) -> None:
    """A number that a contact has twice comes once."""
    [row] = rows(path, f"destination;destination2\n{ONE};{ONE}\n")

    assert of(row) == [("destination", ONE)]


def test_hours_that_are_none(path: Path) -> None:
    """A number whose hours can't be read is not dialled at any time."""
    text = f"destination;hours;destination2;hours2\n{ONE};sempre;{TWO};\n"
    [row] = rows(path, text)

    assert of(row) == [("destination2", TWO)]
    assert isinstance(row, ContactRow)
    assert [one.field for one in row.rejected_numbers] == ["hours"]


@pytest.mark.parametrize("name", ["kind", "hours", "kind2", "hours3"])
def test_kind_without_its_number(path: Path, name: str) -> None:
    """A kind or hours of a number that has no column are refused."""
    with_number = "destination" if name[-1].isdigit() else "destination2"
    text = refusal(
        path, f"destination;{name}\n1;2\n".replace("destination", with_number, 1)
    )

    assert f"a column is {name} of a number" in text or "no column" in text


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("09:00-18:00", ((540, 1080),)),
        ("9h às 18h", ((540, 1080),)),
        ("8-12 / 14-18", ((480, 720), (840, 1080))),
        ("8h-12h e 14h-18h", ((480, 720), (840, 1080))),
        ("20:00 - 24:00", ((1200, 1440),)),
        ("0-24", ((0, 1440),)),
        ("", None),
        ("24:00-02:00", None),
        ("9:00-9:00", None),
        ("9:60-10:00", None),
        ("25-26", None),
        ("manhã", None),
        ("9-12,", None),
    ],
)
def test_hours(text: str, hours: object) -> None:
    """Hours are read in the ways that people write them, or not at all."""
    assert read_hours(text) == hours


@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    cells=st.lists(
        st.lists(
            st.sampled_from(
                ["", " ", ONE, TWO, "0800 123 4567", "x", "(48) 3281-7001"]
            ),
            min_size=3,
            max_size=3,
        ),
        max_size=10,
    ),
    form=st.sampled_from([None, "0ddd", "local:48,ddd"]),
)
def test_every_number_is_accounted_for(
    tmp_path: Path, cells: list[list[str]], form: str | None
) -> None:
    """Each filled cell is a number of its contact, its reject, or there already."""
    path = tmp_path / "several.csv"
    lines = ["id;destination;destination2;destination3"]
    lines += [f"A;{';'.join(row)}" for row in cells]
    path.write_text("\n".join([*lines, ""]))
    found = read(path, number_form=form)

    assert [row.line for row in found] == list(range(2, 2 + len(cells)))
    for row, written in zip(found, cells, strict=True):
        filled = [cell for cell in written if cell.strip()]
        if isinstance(row, ContactRow):
            reported = len(row.numbers) + len(row.rejected_numbers)
            assert len(set(filled)) - 2 <= reported <= len(filled)
        else:
            assert row.code.value != "no_number" or not filled


async def test_a_campaign_keeps_the_first_and_counts_the_others(
    path: Path, fake_pabx: FakePABX
) -> None:
    """Further numbers are counted, and rejected ones are told with the rows."""
    write(path, f"id;destination;destination2\nA1;{ONE};{TWO}\nA2;{TWO};x\n")
    rejected: list[RejectedRow] = []
    client = DigitroClient(fake_pabx.settings())
    with open_contacts(path, defaults=DEFAULTS) as file:
        async with open_ledger(path.with_name("a.db")) as ledger, client:
            campaign = Campaign(ledger, client, call=DEFAULTS)
            added = await campaign.add(file, rejected=rejected.append)

    assert (added.new, added.rejected, added.further_numbers) == (2, 0, 1)
    assert [(one.line, one.field, one.is_number) for one in rejected] == [
        (3, "destination2", True)
    ]


def write(path: Path, text: str) -> None:
    """Write a contact file."""
    path.write_text(text, encoding="utf-8")


def test_area_codes_in_a_column(path: Path) -> None:
    """A column of area codes counts for numbers that are written without one."""
    text = "DDD;Telefone\n(11);3281-7001\n048;3281-7002\n;3281-7003\n20;3281-7004\n"
    found = rows(
        path,
        text + "11;(21) 3281-7005\n",
        columns={"destination": "Telefone", "area_code": "DDD"},
        number_form="ddd",
        area_code="51",
    )

    assert numbers(found) == [
        *("1132817001", "4832817002", "5132817003", "invalid_area_code"),
        "2132817005",
    ]


def test_columns_that_are_suggested(path: Path) -> None:
    """Columns that look like numbers, and are not taken, are said with the option."""
    path.write_text(f"destination;Celular;Fone 2;Nome\n{ONE};{TWO};;Ana\n")
    with open_contacts(path, defaults=DEFAULTS, ignore_unknown_columns=True) as file:
        doubts = file.reading.doubts

    assert [text.partition(": ")[2].partition(" takes")[0] for text in doubts] == [
        "--map destination2=Celular",
        "--map 'destination3=Fone 2'",
    ]


@pytest.mark.parametrize(
    ("name", "field"),
    [
        *(("Nome", "user_data"), ("Razão Social", "user_data"), ("CPF", "id")),
        *(("DDD", "area_code"), ("Cód. Cliente", "id"), ("Telefone 2", "destination")),
    ],
)
def test_names_that_programs_use(path: Path, name: str, field: str) -> None:
    """A column of a usual name is refused with the option that would take it."""
    text = refusal(path, f"destination;{name}\n{ONE};x\n")

    option = shlex.quote(f"{field}={name}")
    assert f"it may be {field}: --map {option}" in text


class Sink:
    """A list that takes what an import puts into a ledger, and keeps it."""

    def __init__(self) -> None:
        self.contacts: list[NewContact] = []

    async def imports(self) -> list[Import]:
        """Return that no list was put in before."""
        return []

    async def begin_import(self, **_: object) -> int:
        """Take any list for the first one."""
        return 1

    async def add(
        self, contacts: Sequence[NewContact], **_: object
    ) -> Sequence[AddResult]:
        """Keep the contacts."""
        self.contacts += contacts
        return [AddResult(new=True, line=one.line) for one in contacts]

    async def end_import(self, *_: object, **__: object) -> int:
        """Keep nothing of the import."""
        return 0


async def imported(path: Path, text: str, **options: Any) -> list[NewContact]:
    """Return what a ledger gets of a file."""
    write(path, text)
    sink = Sink()
    with open_contacts(path, defaults=DEFAULTS, **options) as file:
        await count_rows(file, ledger=sink)
    return sink.contacts


async def test_a_ledger_gets_every_number(path: Path) -> None:
    """All numbers of a contact come into the ledger, in order, with kind and hours."""
    header = "id;destination;kind;hours;destination2"
    [two, one, other] = await imported(
        path,
        f"{header}\nA1;{ONE};casa;9h-12h;{TWO}\nA2;;;;{THREE}\nA3;{ONE};;8h-9h;\n",
    )

    assert [
        (number.destination.reveal(), number.kind, number.hours)
        for number in two.numbers
    ] == [(ONE, "casa", ((540, 720),)), (TWO, None, ())]
    assert two.destination.reveal() == ONE
    assert (one.destination.reveal(), one.numbers) == (THREE, ())
    assert [number.hours for number in other.numbers] == [((480, 540),)]


async def test_a_plain_contact_has_no_numbers(path: Path) -> None:
    """A contact with one number and nothing more is kept as it always was."""
    [plain] = await imported(
        path, f"id;Fone\nA1;{ONE}\n", columns={"destination": "Fone"}
    )

    assert (plain.numbers, plain.priority) == ((), 0)


async def test_priorities(path: Path) -> None:
    """A priority is a whole number; none is 0, and anything else rejects the row."""
    text = "id;destination;Prioridade\n"
    text += "".join(
        f"A{at};{ONE};{cell}\n" for at, cell in enumerate(["5", " -3 ", "", "1.5", "x"])
    )
    found = await imported(path, text, columns={"priority": "Prioridade"})
    rejected = [
        row
        for row in read(path, columns={"priority": "Prioridade"})
        if isinstance(row, RejectedRow)
    ]

    assert [one.priority for one in found] == [5, -3, 0]
    assert [(one.line, one.field, one.code.value) for one in rejected] == [
        (5, "priority", "invalid_field"),
        (6, "priority", "invalid_field"),
    ]


def test_a_priority_is_suggested(path: Path) -> None:
    """A column that is called like a priority is named with the option for it."""
    write(path, f"destination;Nível de Prioridade\n{ONE};5\n")
    option = "--map 'priority=Nível de Prioridade'"
    with pytest.raises(ConfigurationError, match=option):
        open_contacts(path, defaults=DEFAULTS)
    with open_contacts(path, defaults=DEFAULTS, ignore_unknown_columns=True) as file:
        [doubt] = file.reading.doubts

    assert f"{option} takes it" in doubt
