"""Which encoding a contact file is read with, and what is said of doubtful ones."""

import codecs
from pathlib import Path

import pytest
from contact_files import DEFAULTS, NUMBER, numbers, path, refusal, shown

from digitro_async.contacts import ContactFile, ContactRow, RejectedRow, open_contacts

__all__ = ["path"]  # a fixture

HEADER = b"id;destination;user_data\n"
NAME = "João Conceição"


def lines(*names: bytes) -> bytes:
    """Return a contact file with these names."""
    body = (b"C%d;0483281%04d;%s\n" % (i, i, name) for i, name in enumerate(names))
    return HEADER + b"".join(body)


def read_bytes(
    path: Path, content: bytes
) -> tuple[ContactFile, list[ContactRow | RejectedRow]]:
    """Write a contact file and read it."""
    path.write_bytes(content)
    with open_contacts(path, defaults=DEFAULTS) as file:
        return file, list(file)


def names_of(found: list[ContactRow | RejectedRow]) -> list[str]:
    """Return the data of each contact, and the code of each reject."""
    return [
        shown(row)[2] if isinstance(row, ContactRow) else row.code.value
        for row in found
    ]


@pytest.mark.parametrize("wrong", [1, 5, 20])
def test_wrong_bytes_among_utf_8(path: Path, wrong: int) -> None:
    """Rows in another encoding are rejected and said, and the others are right."""
    other = [NAME.encode("cp1252")] * wrong
    file, found = read_bytes(path, lines(*[NAME.encode()] * 2, *other, NAME.encode()))

    assert file.encoding == "utf-8"
    assert names_of(found) == [NAME, NAME, *["unreadable_bytes"] * wrong, NAME]
    assert "--encoding cp1252" in file.reading.doubts[0]


def test_wrong_byte_in_a_file_with_a_mark(path: Path) -> None:
    """A byte order mark says UTF-8, and a wrong byte is said."""
    content = codecs.BOM_UTF8 + lines(b"Z\xe9", b"Ana", b"Z\xe9")
    file, found = read_bytes(path, content)

    assert file.encoding == "utf-8-sig"
    assert names_of(found) == ["unreadable_bytes", "Ana", "unreadable_bytes"]
    assert file.reading.doubts == (
        "not all of it is UTF-8: rows with wrong bytes are rejected (wrong bytes: 2)",
    )


def test_one_whole_character_and_one_wrong_byte(path: Path) -> None:
    """One character of UTF-8 is evidence enough against one wrong byte."""
    file, found = read_bytes(path, lines("Zé".encode(), b"Z\xe9"))

    assert (file.encoding, names_of(found)) == ("utf-8", ["Zé", "unreadable_bytes"])


def test_character_that_the_end_of_the_file_cuts(path: Path) -> None:
    """A file that is cut within a character is UTF-8 like the rest of it."""
    content = lines(NAME.encode()) + b"C9;04832810009;Jo" + "ã".encode()[:1]
    file, found = read_bytes(path, content)

    assert file.encoding == "utf-8"
    assert names_of(found)[0] == NAME
    assert len(numbers(found)) == 2
    assert numbers(found)[1] != "04832810009"


@pytest.mark.parametrize(
    "name",
    [
        "João",
        "JOÃO",
        "São Luís",
        "Ibagé",
        "AÇÃO",
        "É",
        "d\u2019água",
        "nº 5 \u2013 “oi”",
    ],
)
def test_cp1252_files_are_read_as_such(path: Path, name: str) -> None:
    """Names in cp1252 are right, and there is nothing to doubt."""
    file, found = read_bytes(path, lines(name.encode("cp1252")))

    assert (file.encoding, names_of(found)) == ("cp1252", [name])
    assert file.reading.doubts == ()


def test_characters_by_chance(path: Path) -> None:
    """A pair of bytes that is a character by chance is said, and makes no UTF-8."""
    content = lines(*["Ção".encode("cp1252")] * 6, "“CAFÉ”".encode("cp1252"))
    file, found = read_bytes(path, content)

    assert (file.encoding, names_of(found)[-1]) == ("cp1252", "“CAFÉ”")
    assert "--encoding utf-8" in file.reading.doubts[0]


@pytest.mark.parametrize("codec", ["cp850", "cp860", "mac-roman"])
def test_other_code_pages_are_doubted(path: Path, codec: str) -> None:
    """Letters of MS-DOS and of Macs are read as cp1252, but never in silence."""
    file, found = read_bytes(path, lines(*[NAME.encode(codec)] * 3))

    assert file.encoding == "cp1252"
    assert len(found) == 3
    [doubt] = file.reading.doubts
    assert "--encoding cp850 (MS-DOS) or --encoding mac-roman" in doubt


def test_letters_that_were_encoded_twice(path: Path) -> None:
    """Text that another program has spoilt is sent as it is, and said."""
    twice = NAME.encode().decode("cp1252").encode()
    file, found = read_bytes(path, lines(twice))

    assert (file.encoding, names_of(found)) == ("utf-8", [twice.decode()])
    assert file.reading.doubts[0].startswith("letters look encoded twice (places: 3)")


def test_title_in_another_encoding(path: Path) -> None:
    """A title above the header may hold wrong bytes."""
    content = "Relatório\n".encode("cp1252") + lines(NAME.encode(), b"Ana")
    file, found = read_bytes(path, content)

    assert (file.encoding, file.reading.header_line) == ("utf-8", 2)
    assert names_of(found) == [NAME, "Ana"]


def test_wrong_bytes_in_a_name_of_a_column(path: Path) -> None:
    """A name that can't be read is an unknown one, and the other columns are taken."""
    header = "id;destination;user_data;Observação\n".encode("cp1252")
    content = header + f"C1;{NUMBER};{NAME};\n".encode()
    said = refusal(path, content)
    with open_contacts(path, defaults=DEFAULTS, ignore_unknown_columns=True) as file:
        found = list(file)

    assert "line 1: column 4 is unknown" in said
    assert names_of(found) == [NAME]
    assert file.reading.passed_over == ("column 4",)


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
def test_unicode_text_of_spreadsheets(path: Path, codec: str) -> None:
    """UTF-16 is read by its byte order mark, or as it is called."""
    text = f"id\tdestination\tuser_data\r\nC1\t{NUMBER}\t{NAME}\r\n"
    marked, found = read_bytes(path, f"\ufeff{text}".encode(codec))
    path.write_bytes(text.encode(codec))
    with open_contacts(path, defaults=DEFAULTS, encoding=codec) as file:
        named = list(file)

    assert (marked.encoding, file.encoding) == ("utf-16", codec)
    assert [shown(row) for row in found] == [shown(row) for row in named]
    assert shown(found[0]) == ("C1", NUMBER, NAME)


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_a_mark(path: Path, codec: str) -> None:
    """Where nothing says which byte comes first, the error says what to type."""
    said = refusal(path, f"id;destination\nC1;{NUMBER}\n".encode(codec))

    assert f"--encoding {codec} may read it" in said


@pytest.mark.parametrize(
    ("content", "encoding", "problem"),
    [
        (b"\xff\xfei\0d\0", "utf-16-be", "is marked as UTF-16, not as utf-16-be"),
        (b"\xff\xfei\0d\0", "cp1252", "is marked as UTF-16, not as cp1252"),
        (b"i\0d\0", "utf-16", "has no byte order mark"),
        (codecs.BOM_UTF8 + b"id", "utf-16-le", "is marked as UTF-8, not as utf-16-le"),
    ],
)
def test_marks_against_names_of_utf_16(
    path: Path, content: bytes, encoding: str, problem: str
) -> None:
    """A name that the byte order mark contradicts is refused."""
    assert problem in refusal(path, content, encoding=encoding)


def test_half_characters_of_utf_16(path: Path) -> None:
    """Half a pair of surrogates spoils its row, and half a character the last one."""
    lines = f"id;destination\nC1;{NUMBER}\nC2;".encode("utf-16-le")
    broken = b"\x00\xd8" + f"{NUMBER}\nC3;{NUMBER}\nC4;1".encode("utf-16-le") + b"2"
    _, found = read_bytes(path, codecs.BOM_UTF16_LE + lines + broken)

    assert numbers(found)[:3] == [NUMBER, "unreadable_bytes", NUMBER]
    assert numbers(found)[3] in {"unreadable_bytes", "open_end"}


@pytest.mark.parametrize(
    ("begin", "kind"),
    [
        (b"\x1f\x8b\x08\0", "compressed (gzip)"),
        (b"%PDF-1.7\n", "a PDF"),
        (b"\xef\xbb\xbf\r\n<HTML xmlns:o='x'><table>", "HTML or XML"),
        (b'<?xml version="1.0"?>', "HTML or XML"),
        (b'[{"id": 1}]', "JSON"),
    ],
)
def test_other_formats(path: Path, begin: bytes, kind: str) -> None:
    """A file that is no CSV is called what it is, with the way out."""
    said = refusal(path, begin + b"\nid;destination\n1;2\n")

    assert said == f"leads.csv is {kind}; save it as CSV UTF-8 and try again"


def test_mark_in_mid_file(path: Path) -> None:
    """Two files with marks that were put together: the second header is no contact."""
    one = codecs.BOM_UTF8 + lines(NAME.encode())
    file, found = read_bytes(path, one + one)

    assert file.encoding == "utf-8-sig"
    assert names_of(found) == [NAME, "bad_character", NAME]


@pytest.mark.parametrize("codec", ["utf-8", "utf-16", "cp1252"])
def test_files_in_one_file(path: Path, codec: str) -> None:
    """A mark in the middle, where a file was appended to another, is in no id."""
    mark = "\ufeff"
    if codec == "cp1252":  # an appended file is UTF-8 for all that
        mark = codecs.BOM_UTF8.decode(codec)
    accents = "\xe3" * 50  # so many of cp1252 that it is no spoilt UTF-8
    text = f"id;destination\n{accents};04832817001\n{mark}2;04832817002\n"
    _, found = read_bytes(
        path, f'{text}{mark}\n{mark}"3;a";04832817003\n'.encode(codec)
    )

    assert [row.id for row in found if isinstance(row, ContactRow)] == [
        *(accents, "2", "3;a"),
    ]
    assert len(found) == 3
