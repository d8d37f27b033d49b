"""Made-up contacts of Brazilian shape, and sample files with mistakes in them.

Names are plainly invented and tax numbers fail their check. Mobile numbers begin with
90, which no operator gives out; landlines have no such range, so a landline here may
be somebody's. **Call these through a simulator only.**
"""

import csv
import io
import os
import random
from collections.abc import Callable, Iterator
from itertools import cycle
from typing import BinaryIO

from digitro_async._common.private_files import create_own
from digitro_async.contacts._contact_row import RejectCode, file_name
from digitro_async.contacts._text_lines import MAX_LINE
from digitro_async.errors import ConfigurationError

__all__ = ["AREA_CODES", "sample_contacts", "write_sample_file"]

AREA_CODES = (
    *range(11, 20),  # São Paulo
    *(21, 22, 24, 27, 28),  # Rio de Janeiro, Espírito Santo
    *(31, 32, 33, 34, 35, 37, 38),  # Minas Gerais
    *range(41, 50),  # Paraná, Santa Catarina
    *(51, 53, 54, 55),  # Rio Grande do Sul
    *range(61, 70),  # Centre-West, Tocantins, Acre, Rondônia
    *(71, 73, 74, 75, 77, 79),  # Bahia, Sergipe
    *range(81, 90),  # North-East
    *range(91, 100),  # North, Maranhão
)
"""The 67 area codes (DDD) in use."""

_FIRST_NAMES = ("Fulano", "Beltrana", "Sicrano", "Fulaninha", "Beltrão", "Açucena")
_LAST_NAMES = (
    "de Testes",
    "Exemplo",
    "Fictício",
    "da Simulação",
    "Amostra",
    "Invenção",
    "dos Ensaios",
    "Três Pontinhos",
)
_SUBSCRIBERS = 10_000_000
_STRIDE = 7_654_321  # shares no factor with it, so numbers don't repeat
_COLUMNS = ("id", "destination", "user_data")
_ENCODINGS = ("utf-8", "utf-8-sig", "cp1252")
_DELIMITERS = (";", ",", "\t")
_LINE_END = "\r\n"

Row = dict[str, str]
_Writer = Callable[[list[str]], str]
_Spoiler = Callable[[_Writer, str, list[str]], str]


def sample_contacts(count: int, *, seed: int = 0) -> Iterator[Row]:
    """Yield made-up contacts, the same ones for the same seed.

    Args:
        count: Number of contacts; up to 670 million have different numbers.
        seed: Another seed gives other contacts.

    Yields:
        Texts for ``id``, ``destination`` (0, area code and number) and ``user_data``
        (a tax number that can't be one, a semicolon and a name).
    """
    chance = random.Random(seed)
    start = chance.randrange(_SUBSCRIBERS)
    for i in range(count):
        area = AREA_CODES[i % len(AREA_CODES)]
        subscriber = (start + i // len(AREA_CODES) * _STRIDE) % _SUBSCRIBERS
        prefix = chance.choice(("2", "3", "4", "5", "90", "90", "90", "90"))
        name = f"{chance.choice(_FIRST_NAMES)} {chance.choice(_LAST_NAMES)}"
        yield {
            "id": f"C{i + 1:07d}",
            "destination": f"0{area}{prefix}{subscriber:07d}",
            "user_data": f"{_no_tax_number(chance)};{name}",
        }


def write_sample_file(
    path: str | os.PathLike[str],
    count: int,
    *,
    seed: int = 0,
    encoding: str = "utf-8",
    delimiter: str = ";",
    bad_rows: int = 0,
) -> list[tuple[int, RejectCode]]:
    """Write a new contact file, some of its rows bad if so wished.

    Args:
        path: Where to write, with mode 0600; an existing file is not overwritten.
        count: Rows below the header, the bad ones included.
        seed: Another seed gives other contacts and puts the bad rows elsewhere.
        encoding: ``utf-8``, ``utf-8-sig`` or ``cp1252``.
        delimiter: Semicolon, comma or tab.
        bad_rows: Number of bad rows among them, by turns in every way that reading
            with no options finds, and as duplicates, which a ledger finds. Bad bytes
            are left out where one of them would change what encoding the whole file is
            taken for: in ``utf-8``.

    Returns:
        The line of every bad row, in order, and its code.

    Raises:
        ConfigurationError: If the file exists, or not even the first row would be
            good (later ones repeat it).
    """
    _check(count, encoding, delimiter, bad_rows)
    spoiled = _spoiled_rows(count, seed, encoding, bad_rows)
    write = _row_writer(delimiter)
    body = encoding.removesuffix("-sig")  # the mark stands only once
    bad: list[tuple[int, RejectCode]] = []
    with _create(path) as file:
        file.write(write(list(_COLUMNS)).encode(encoding))
        for i, row in enumerate(sample_contacts(count, seed=seed)):
            text = write(list(row.values()))
            if kind := spoiled.get(i):
                bad.append((i + 2, kind))
                text = _SPOILERS[kind](write, delimiter, list(row.values()))
            file.write(text.encode(body, "surrogateescape"))
    return bad


def _check(count: int, encoding: str, delimiter: str, bad_rows: int) -> None:
    if encoding not in _ENCODINGS:
        raise ConfigurationError(f"encoding must be one of {', '.join(_ENCODINGS)}")
    if delimiter not in _DELIMITERS:
        raise ConfigurationError("delimiter must be a semicolon, a comma or a tab")
    if not 0 <= bad_rows < max(count, 1):
        raise ConfigurationError("bad_rows must be fewer than count")


def _spoiled_rows(
    count: int, seed: int, encoding: str, bad_rows: int
) -> dict[int, RejectCode]:
    chance = random.Random(f"bad rows {seed}")
    rows = sorted(chance.sample(range(1, max(count, 1)), bad_rows))
    kinds = [
        kind
        for kind in _SPOILERS
        if kind is not RejectCode.UNREADABLE_BYTES or encoding != "utf-8"
    ]
    return dict(zip(rows, cycle(kinds), strict=False))


def _create(path: str | os.PathLike[str]) -> BinaryIO:
    try:
        return open(path, "xb", opener=create_own)
    except OSError as error:
        problem = error.strerror
    raise ConfigurationError(f"{file_name(path)} can't be created: {problem}")


def _row_writer(delimiter: str) -> _Writer:
    def write(cells: list[str]) -> str:
        text = io.StringIO()
        csv.writer(text, delimiter=delimiter, lineterminator=_LINE_END).writerow(cells)
        return text.getvalue()

    return write


def _no_tax_number(chance: random.Random) -> str:
    """Make up a CPF whose first check digit is one off."""
    base = [chance.randrange(10) for _ in range(9)]
    total = sum(digit * (10 - i) for i, digit in enumerate(base))
    right = (11 - total % 11) % 11 % 10
    digits = "".join(map(str, base))
    return f"{digits}-{(right + 1) % 10}{chance.randrange(10)}"


def _with_number(change: Callable[[str], str]) -> _Spoiler:
    return lambda write, _, cells: write([cells[0], change(cells[1]), cells[2]])


def _with_data(change: Callable[[str], str]) -> _Spoiler:
    return lambda write, _, cells: write([*cells[:2], change(cells[2])])


_SPOILERS: dict[RejectCode, _Spoiler] = {
    RejectCode.NO_NUMBER: _with_number(lambda _: ""),
    RejectCode.BAD_CHARACTER: _with_number(lambda number: f"{number} Fulano"),
    RejectCode.PUNCTUATION: _with_number(
        lambda number: f"({number[:3]}) {number[3:-4]}-{number[-4:]}"
    ),
    RejectCode.SEVERAL_NUMBERS: _with_number(lambda number: f"{number} ramal 12"),
    RejectCode.NOT_A_PHONE: _with_number(lambda _: "01/02/1990"),
    RejectCode.PLACEHOLDER: _with_number(lambda number: f"0xx{number[1:]}"),
    RejectCode.INVISIBLE_CHARACTER: _with_number(lambda number: f"{number}\xad"),
    RejectCode.E_NOTATION: _with_number(lambda _: "4,83E+10"),
    RejectCode.DECIMAL: _with_number(lambda number: f"{number[1:]}.0"),
    RejectCode.NUMBER_TOO_LONG: _with_number(lambda number: number * 3),
    RejectCode.CONTROL_CHARACTER: _with_number(lambda number: f"{number}\a"),
    RejectCode.TOO_FEW_COLUMNS: lambda write, _, cells: write(cells[:1]),
    RejectCode.TOO_MANY_COLUMNS: lambda write, _, cells: write([*cells, "x"]),
    RejectCode.UNREADABLE_BYTES: _with_data(lambda data: f"{data} \udc81"),
    RejectCode.NUL_BYTE: _with_data(lambda data: f"{data}\0"),
    RejectCode.LINE_TOO_LONG: _with_data(lambda data: data + " " * MAX_LINE),
    RejectCode.OPEN_QUOTE: lambda _, delimiter, cells: (
        delimiter.join([*cells[:2], '"Fulano']) + _LINE_END
    ),
    RejectCode.STRAY_QUOTE: lambda _, delimiter, cells: (
        delimiter.join([*cells[:2], '"Fulano" Exemplo']) + _LINE_END
    ),
    RejectCode.INVALID_FIELD: _with_data(lambda data: f"{data}\x1b"),
    RejectCode.DUPLICATE: lambda write, _, cells: write(["C0000001", *cells[1:]]),
}
"""How each kind of bad row is made; ``OPEN_END`` can only be the last of a file."""
