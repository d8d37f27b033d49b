"""What a cell is in place of one number to dial; every form of it that was found."""

import pytest

from digitro_async.contacts import RejectCode
from digitro_async.contacts._contact_row import Problem
from digitro_async.contacts._numbers import read_number

PLACEHOLDERS = [
    "0**48",
    "Oxx48 3281-7005",
    "0x x48 3281-7005",
    "0xx48 3281-7005",
    "0xx48",
    "0XX 48 3281-7005",
    "(0xx48) 3281-7005",
    "(0xx) 48 3281-7005",
    "0**48 3281-7005",
    "0**4832817005",
    "(0**48)3281-7005",
    "xx48 3281-7005",
    "(xx48)3281-7005",
    "0 XX 48",
    "0-xx-48 3281-7005",
    "+55 (0xx48) 3281-7005",
    "55 0xx48 32817005",
    "0\xd7\xd748 32817005",
    "0__48 32817005",
    "0 (operadora) 48 3281-7005",
    "0 + operadora + 48 3281-7005",
    "0x48 32817005",
    "0\u0445\u0445\u044548 3281-7005",
    "0yy48 3281-7005",
    "0 xx (48) 3281-7005",
    "+44 (0) 20 7946 0958",
    "+55 (0)48 3281-7005",
    "48 9****-7001",
    "(48) 9XXXX-XXXX",
    "(48) 9XXXX-7001",
    "48 9\u2022\u2022\u2022\u2022-7001",
]
"""Numbers whose digits are left open."""

SEVERAL = [
    "4832817119.4832817120",
    "48932817001,48932817002",
    "48 3281-7111 48 3281-7112",
    "(48) 3281-7113 / (48) 3281-7114",
    "(48) 3281-7115, (48) 3281-7116",
    "(48) 3281-7117 - (48) 3281-7118",
    "3281-7119/7120",
    "(48)3281-7121(48)3281-7122",
    "(48) 3281-7125\n(48) 3281-7126",
    "48.3281.7127.48.3281.7128",
    "48 3281-7123 / 22",
    "48 3281-7123 2201",
    "48 3281 7119 7120",
    "3281-7119 7120",
    "3281-7119, 7120",
    "3281-7119; 3281-7120",
    "+55 48 93281-7083; +55 48 93281-7084",
    "+55 48 93281-7083 +55 48 93281-7084",
    "+5548932817083+5548932817084",
    "+5548932817083,+5548932817084",
    "48932817083 e 48932817084",
    "48932817083 ou 48932817084",
    "48932817083 48932817084",
    "48932817083\t48932817084",
    "48932817083 - 48932817084",
    "Fone 48932817083 cel 48932817084",
    "48932817083 (WhatsApp) / 48932817084 (fixo)",
    "48 3281-7111/48 3281-7112",
    "48 3281-7111\\3281-7112",
    "48 3281-7111 | 3281-7112",
    "32817000 32817001",
    "32817000 - 32817001",
]
"""Two numbers in one cell."""

EXTENSIONS = [
    "48 3281-7123 r.22",
    "48 3281-7124 - 22",
    "+55 48 93281-7082 ext 22",
    "+55 48 93281-7082 ramal 22",
    "+55 48 93281-7082 r22",
    "+55 48 93281-7082x22",
    "48932817082x22",
    "48 3281-7123 ext. 22",
    "48 3281-7123 #22",
    "48 3281-7123 (22)",
    "48 3281-7123 (ramal 22)",
    "48 3281-7123 ramal: 22",
    "48 3281-7123 R. 22",
    "48 3281-7123 Extens\xe3o 22",
    "48 3281-7123, ramal 22",
    "48 3281-7123 22",
    "48 3281 7123 22",
    "4832817083-84",
    "48932817083;22",
]
"""A number and an extension."""

DATES = [
    "01-fev-1990",
    "1 de novembro de 2026",
    "01/02/1990",
    "1990-02-01",
    "1.2.90",
    "01.02.1990",
    "01-02-1990",
    "01/02/90",
    "01/02/1990 10:00",
    "1990-02-01 10:00",
    "2026-11-01T10:00:00",
    "02/28/2026",
    "01 02 1990",
    "11/2026",
    "01/02",
    "2026/11/01",
    "28.02.2026 09:15",
    "1/2/90",
    "12-10-2011",
    *("(01/02/1990)", "- 01/02/1990", "2026/01", "2026-02", "01-2026", "10/20"),
    *("2025/2026", "2025/26"),
]
"""Dates, with times and without."""

DOCUMENTS = [
    "123.456.789-00",
    "123456789-00",
    "123 456 789 00",
    "12.345.678/0001-90",
    "12345678/0001-90",
    "12.345.678/0001",
    "88015-100",
    "88.015-100",
    "12.345.678-9",
    "1.234.567-X",
    "123.45678.90-1",
    "978-85-333-0227-3",
    "4111 1111 1111 1111",
    "123.456.789.00",
    "12.345.678.0001-90",
    "0001234-56.2026.8.24.0023",
    "12345-6",
    *("123-45-6789", "12345/2026"),
]
"""Numbers of documents, of accounts and of books."""

AMOUNTS = [
    "10.000.000",
    "R$ 1.234,56",
    "1.234,56",
    "1,234.56",
    "1234,56",
    "150,00",
    "150.00",
    "48,932,817,001",
    "1.234",
    "1.234.567",
    "-27.5954",
    *("-12", "(1.234,56)"),
]
"""Amounts of money, and other numbers with decimals."""

OTHERS = [
    ("10:00", "is a time"),
    ("50%", "is a percentage"),
    ("12,5 %", "is a percentage"),
    ("192.168.0.1", "is an IP address"),
    ("10.0.0.254", "is an IP address"),
    ("-27.5954 -48.5480", "is a pair of coordinates"),
    ("-27.5954, -48.5480", "is a pair of coordinates"),
    ("10h30", "is a time"),
    ("9:05:00", "is a time"),
]
"""Other forms, and what they are called."""

NUMBERS = [
    ("48 3281-7000\n", "4832817000"),
    ("\r\n48932817001\t", "48932817001"),
    ("48", "48"),
    ("32.81.70.01", "32817001"),
    ("32-81-70-01", "32817001"),
    ("11-12-34-56", "11123456"),
    ("48.3281.7127", "4832817127"),
    ("(48) 93281-7001", "48932817001"),
    ("48 3281 7002", "4832817002"),
    ("048 93281.7003", "048932817003"),
    ("+55 48 93281-7004", "+5548932817004"),
    ("+55\xa048\u202f3281\u20137000", "+554832817000"),
    ("48/32817000", "4832817000"),
    ("48/3281.7000", "4832817000"),
    ("0 15 48 99999 9999", "01548999999999"),
    ("0 15 48 3281-7001", "0154832817001"),
    ("0015 55 48 93281-7001", "00155548932817001"),
    ("04899999 9999", "048999999999"),
    ("0800 123 4567", "08001234567"),
    ("0800-123-4567", "08001234567"),
    ("4004-1234", "40041234"),
    ("4004 1234", "40041234"),
    ("+1 (415) 555-2671", "+14155552671"),
    ("+1 415-555-2671", "+14155552671"),
    ("+33 1 23 45 67 89", "+33123456789"),
    ("+44 20 7946 0958", "+442079460958"),
    ("+351 912 345 678", "+351912345678"),
    ("+49 151 23456789", "+4915123456789"),
    ("+7 912 345-67-89", "+79123456789"),
    ("+7 (912) 345-67-89", "+79123456789"),
    ("+34 912 34 56 78", "+34912345678"),
    ("+54 9 11 1234-5678", "+5491112345678"),
    ("+598 2 123 4567", "+59821234567"),
    ("+595 21 123 456", "+59521123456"),
    ("+86 138 1234 5678", "+8613812345678"),
    ("+55 48 9328 - 1700", "+554893281700"),
    ("+55 48 93281 - 7001", "+5548932817001"),
    ("48 3281 - 7001", "4832817001"),
    ("48 - 3281-7001", "4832817001"),
    ("(48) - 93281 - 7001", "48932817001"),
    ("48-93281-7053", "48932817053"),
    ("48.932.817.001", "48932817001"),
    ("4.832.817.000", "4832817000"),
    ("55 48 93281 7001", "5548932817001"),
    ("55 (48) 93281-7001", "5548932817001"),
    ("0 48 93281-7001", "048932817001"),
    ("048 3281 7001", "04832817001"),
    ("48 9 3281-7001", "48932817001"),
    ("48 9 3281 7001", "48932817001"),
    ("(48)9.3281-7001", "48932817001"),
    ("(48)93281.7001", "48932817001"),
    ("(048)3281-7000", "04832817000"),
    ("(0 48) 3281-7000", "04832817000"),
    ("(+55) 48 93281-7001", "+5548932817001"),
    ("(55) 48 93281-7001", "5548932817001"),
    ("( 48 ) 93281 7001", "48932817001"),
    ("932.817.001", "932817001"),
    ("2025-2026", "20252026"),
    ("9 3281-7001", "932817001"),
    ("93281-7001", "932817001"),
    ("3281 7001", "32817001"),
    ("489 3281 7001", "48932817001"),
    ("4893281 7001", "48932817001"),
    ("48932817001 ", "48932817001"),
    ("*67# 48 3281-7000", "*67#4832817000"),
    ("55 4893281-7001", "5548932817001"),
    ("55 4893281 7001", "5548932817001"),
    ("+5548 93281-7001", "+5548932817001"),
    ("+55 (48)93281-7001", "+5548932817001"),
    ("0489 3281 7001", "048932817001"),
    ("190", "190"),
    ("1125000", "1125000"),
    ("'+55 48 93281-7081", "+5548932817081"),
    ("\u201948932817001", "48932817001"),
    ('="48932817001"', "48932817001"),
    ('="+5548932817001"', "+5548932817001"),
    ("'48932817001'", "48932817001"),
    ("\u202a+55 48 93281\u20117131\u202c", "+5548932817131"),
    ("48\u200b932817134", "48932817134"),
    ("4893281\xad7138", "48932817138"),
    ("48932817137\ufe0f", "48932817137"),
]
"""Numbers as people write them, and as they are dialled."""


def rejected(cell: str, *, strip: bool = True) -> Problem:
    """Return the problem of a cell."""
    problem = read_number(cell, strip_punctuation=strip)
    assert isinstance(problem, Problem)
    assert problem.field == "destination"
    return problem


@pytest.mark.parametrize("strip", [False, True])
@pytest.mark.parametrize("cell", PLACEHOLDERS)
def test_placeholders(cell: str, strip: bool) -> None:
    """Digits that are left open are never left out of a number."""
    problem = rejected(cell, strip=strip)

    assert problem.code is RejectCode.PLACEHOLDER
    assert problem.reason.startswith(
        ("holds a carrier placeholder", "holds (0) after", "has masked digits")
    )


@pytest.mark.parametrize("strip", [False, True])
@pytest.mark.parametrize("cell", SEVERAL)
def test_several_numbers(cell: str, strip: bool) -> None:
    """Two numbers never become a third."""
    problem = rejected(cell, strip=strip)

    assert problem.code is RejectCode.SEVERAL_NUMBERS
    assert problem.reason == "two numbers in one cell: give each a row of its own"


@pytest.mark.parametrize("strip", [False, True])
@pytest.mark.parametrize("cell", EXTENSIONS)
def test_extensions(cell: str, strip: bool) -> None:
    """An extension is never a part of the number before it."""
    problem = rejected(cell, strip=strip)

    assert problem.code is RejectCode.SEVERAL_NUMBERS
    assert problem.reason.startswith("two numbers in one cell, the second an extension")


@pytest.mark.parametrize("strip", [False, True])
@pytest.mark.parametrize(
    ("cell", "kind"),
    [
        *((cell, "is a date") for cell in DATES),
        *((cell, "is a document") for cell in DOCUMENTS),
        *((cell, "is an amount") for cell in AMOUNTS),
        *OTHERS,
    ],
)
def test_other_forms(cell: str, kind: str, strip: bool) -> None:
    """What is plainly something else is no number, with the option or without."""
    problem = rejected(cell, strip=strip)

    assert problem.code is RejectCode.NOT_A_PHONE
    assert problem.reason.startswith(kind)
    assert problem.reason.endswith("and no number to dial")


@pytest.mark.parametrize(("cell", "number"), NUMBERS)
def test_numbers(cell: str, number: str) -> None:
    """Numbers that people write with punctuation are dialled without it."""
    assert read_number(cell, strip_punctuation=True) == number


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("\uff148932817001", "has digits of another script, whose 0 is U+FF10"),
        ("\u0664\u0668932817001", "has digits of another script, whose 0 is U+0660"),
        ("4\ufe0f\u20e38", "the character U+20E3 is there"),
        ("\U0001f4de48932817001", "the character U+1F4DE is there"),
        ("tel:+5548932817001", "(no letters)"),
        ("48932817001 Ana", "(no letters)"),
        ("jos\u00e9", "(no letters)"),
        ("#N/D", "(no letters)"),
    ],
)
def test_foreign_characters(cell: str, reason: str) -> None:
    """A sign is named by its code point; no letter and no digit of a cell is shown."""
    problem = rejected(cell)

    assert problem.code is RejectCode.BAD_CHARACTER
    assert reason in problem.reason


@pytest.mark.parametrize(
    "char",
    [
        *("\u00ad", "\u034f", "\u061c", "\u180e", "\u200b", "\u200c", "\u200d"),
        *("\u200e", "\u200f", "\u202a", "\u202c", "\u202e", "\u2060", "\u2063"),
        *("\u2066", "\u2069", "\u2800", "\u3164", "\ufe0e", "\ufe0f", "\ufeff"),
        *("\ufff9", "\U000e0100", "\U000e0041"),
    ],
    ids=ascii,
)
@pytest.mark.parametrize("place", [0, 4, 11])
def test_invisible_characters(char: str, place: int) -> None:
    """What nobody sees is dropped with the option, and named without it."""
    number = "48932817001"
    cell = number[:place] + char + number[place:]
    problem = rejected(cell, strip=False)

    assert read_number(cell, strip_punctuation=True) == number
    assert problem.code is RejectCode.INVISIBLE_CHARACTER
    assert f"(U+{ord(char):04X}); with --strip-punctuation" in problem.reason


@pytest.mark.parametrize(
    "cell",
    [
        *("'48932817001", "\u201848932817001", "\u201948932817001", "`48932817001"),
        *("\u00b448932817001", "\uff0748932817001", "''48932817001", " '48932817001"),
        *("'48932817001'", '="48932817001"', "' 48932817001"),
    ],
)
def test_text_marks(cell: str) -> None:
    """A spreadsheet's sign that a cell is text is no part of a number."""
    assert read_number(cell, strip_punctuation=False) == "48932817001"


@pytest.mark.parametrize("cell", ["4,89E+10", "4.89E10", "4,8932817E+10", "4.89 E+10"])
def test_rounded_numbers(cell: str) -> None:
    """A number in E notation has lost its last digits."""
    assert rejected(cell).code is RejectCode.E_NOTATION


@pytest.mark.parametrize(
    "cell", ["48932817001.0", "48932817001,00", "48932817001.000000"]
)
def test_decimals(cell: str) -> None:
    """A number with decimals is not made ten times as large."""
    assert rejected(cell).code is RejectCode.DECIMAL
