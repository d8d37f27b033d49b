import os
import pickle
import random
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from digitro_async.contacts import (
    ContactFile,
    ContactRow,
    RejectCode,
    RejectedRow,
    open_contacts,
)
from digitro_async.contacts._text_lines import MAX_LINE
from digitro_async.errors import ConfigurationError, DigitroError
from digitro_async.privacy import Personal
from digitro_async.testing import _sample_contacts, sample_contacts, write_sample_file

DEFAULTS = {"device": "1125000", "device_password": "4567"}
NUMBER = "04832817000"
CANARY = "CANARY-7731"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a contact file goes."""
    return tmp_path / "leads.csv"


def read(path: Path, **options: Any) -> list[ContactRow | RejectedRow]:
    """Read a whole contact file."""
    with open_contacts(path, **{"defaults": DEFAULTS, **options}) as file:
        return list(file)


def rows(
    path: Path, text: str | bytes, **options: Any
) -> list[ContactRow | RejectedRow]:
    """Write a contact file and read it."""
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read(path, **options)


def numbers(found: list[ContactRow | RejectedRow]) -> list[str]:
    """The number of each contact and the code of each reject, in order."""
    return [
        row.destination.reveal() if isinstance(row, ContactRow) else row.code.value
        for row in found
    ]


def only_reject(found: list[ContactRow | RejectedRow]) -> RejectedRow:
    """The one row that was rejected."""
    (reject,) = [row for row in found if isinstance(row, RejectedRow)]
    return reject


def refusal(path: Path, text: str | bytes, **options: Any) -> str:
    """The text of the error that opening such a file raises."""
    with pytest.raises(ConfigurationError) as caught:
        rows(path, text, **options)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None

    return str(caught.value)


class TestFiles:
    """What is read from files that are well formed."""

    def test_row_becomes_a_call(self, path: Path) -> None:
        """A row keeps what it says itself, and its call has that over the defaults."""
        defaults = {**DEFAULTS, "account": "1114000", "route": "0"}
        (contact,) = rows(
            path,
            "id;Destination ;USER_DATA;pabx;route;device\n"
            f" C1 ; {NUMBER};111222333-44, Fulano; matriz;9;\n",
            defaults=defaults,
        )

        assert isinstance(contact, ContactRow)
        assert (contact.line, contact.id, contact.pabx) == (2, "C1", "matriz")
        assert contact.destination.reveal() == NUMBER
        assert contact.fields == {
            "user_data": Personal("111222333-44, Fulano"),
            "route": "9",
        }
        call = contact.build_call(defaults)
        assert call.destination.reveal() == NUMBER
        assert call.user_data == contact.fields["user_data"]
        assert (call.route, call.device, call.account) == ("9", "1125000", "1114000")
        assert call.caller_id is None

    @pytest.mark.parametrize("delimiter", [";", ",", "\t"])
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
    def test_encoding_and_delimiter_are_found(
        self, path: Path, encoding: str, delimiter: str
    ) -> None:
        """The encoding comes from the bytes and the delimiter from the header."""
        lines = [
            delimiter.join(("destination", "user_data")),
            delimiter.join((NUMBER, "José Ção")),
        ]
        path.write_bytes("\n".join(lines).encode(encoding))
        with open_contacts(path, defaults=DEFAULTS) as file:
            (contact,) = file

        assert isinstance(contact, ContactRow)
        assert contact.fields == {"user_data": Personal("José Ção")}
        assert (file.encoding, file.delimiter) == (encoding, delimiter)

    def test_encoding_is_found_beyond_the_first_piece(self, path: Path) -> None:
        """One accent at the end of a large file decides its encoding."""
        head = b"destination;user_data\n"
        body = b"".join(b"0%d;x\n" % i for i in range(10**9, 10**9 + 40_000))
        found = rows(path, head + body + NUMBER.encode() + b";Jos\xe9")

        assert isinstance(found[-1], ContactRow)
        assert found[-1].fields == {"user_data": Personal("José")}

    @pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
    def test_every_line_end_counts_as_one(self, path: Path, end: str) -> None:
        """Lines are numbered alike whatever ends them."""
        text = end.join(("destination", NUMBER, "", "  ", "x", ""))
        contact, reject = rows(path, text)

        assert (contact.line, reject.line) == (2, 5)

    def test_header_may_follow_blank_lines(self, path: Path) -> None:
        """Blank lines before the header are skipped and counted."""
        (contact,) = rows(path, f"\n \ndestination\n{NUMBER}\n")

        assert contact.line == 4

    def test_quoted_cell_keeps_its_line_breaks(self, path: Path) -> None:
        """A quoted cell may hold delimiters, quotes and line breaks as they are."""
        first, second = rows(
            path,
            f'destination;user_data\n{NUMBER};"a;\r\n""b""\r\rc"\n04832817001;x\n',
        )

        assert isinstance(first, ContactRow)
        assert first.fields == {"user_data": Personal('a;\r\n"b"\r\rc')}
        assert (first.line, second.line) == (2, 6)

    def test_quote_inside_an_unquoted_cell_is_text(self, path: Path) -> None:
        """A quote that does not begin a cell means itself."""
        (contact,) = rows(path, f'destination;user_data\n{NUMBER};TV 42" nova\n')

        assert isinstance(contact, ContactRow)
        assert contact.fields == {"user_data": Personal('TV 42" nova')}

    def test_counters_follow_the_reading(self, path: Path) -> None:
        """The counters say what was read, rejected and how much of the file is left."""
        path.write_text(f"destination\n{NUMBER}\nx\n")
        with open_contacts(path, defaults=DEFAULTS) as file:
            assert (file.read, file.rejected) == (0, 0)
            assert file.total_bytes == path.stat().st_size
            assert isinstance(next(file), ContactRow)
            assert (file.read, file.rejected) == (1, 0)
            assert isinstance(next(file), RejectedRow)
            assert (file.read, file.rejected) == (2, 1)
            assert 0 <= file.bytes_read <= file.total_bytes
            assert repr(file) == "<ContactFile 'leads.csv' read=2 rejected=1>"
        assert file.bytes_read == file.total_bytes

    def test_closed_file_can_not_be_read(self, path: Path) -> None:
        """Reading after the end of the with statement is an error of the caller."""
        path.write_text(f"destination\n{NUMBER}\n")
        with open_contacts(path, defaults=DEFAULTS) as file:
            pass

        with pytest.raises(ConfigurationError, match="closed"):
            next(file)

    def test_failing_disk_is_a_library_error(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A read error names the file and comes as an error of this library."""
        path.write_text(f"destination\n{NUMBER}\n")

        def fail(*_: object) -> Any:
            raise OSError(5, "Input/output error")

        with open_contacts(path, defaults=DEFAULTS) as file:
            monkeypatch.setattr(file, "_records", _Failing(fail))
            with pytest.raises(DigitroError, match=r"leads\.csv .*Input/output"):
                next(file)


class _Failing:
    def __init__(self, fail: Any) -> None:
        self.fail = fail

    def __next__(self) -> Any:
        return self.fail()


class TestConfiguration:
    """Files and options that are refused as a whole."""

    def test_missing_file(self, path: Path) -> None:
        """A file that is not there is named."""
        with pytest.raises(ConfigurationError, match=r"leads\.csv can't be opened: No"):
            read(path)

    @pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo])
    def test_not_a_file(self, path: Path, make: Any) -> None:
        """Folders and pipes are refused at once."""
        make(path)

        with pytest.raises(ConfigurationError, match="not a regular file"):
            read(path)

    def test_name_with_nul(self) -> None:
        """A name that can't be one is refused."""
        with pytest.raises(ConfigurationError, match="can't be opened"):
            open_contacts("a\0b")

    def test_unreadable_at_once(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A disk that fails while the header is read is reported with the file."""
        path.write_text("destination\n")

        def fail(*_: object) -> Any:
            raise OSError(5, "Input/output error")

        monkeypatch.setattr(
            "digitro_async.contacts._contact_file.choose_encoding", fail
        )
        with pytest.raises(ConfigurationError, match=r"leads\.csv can't be read: Inp"):
            read(path)

    @pytest.mark.parametrize("text", ["", "\n \r\n", b"\xef\xbb\xbf"])
    def test_empty_file(self, path: Path, text: str | bytes) -> None:
        """A file without a row is refused."""
        assert refusal(path, text) == "leads.csv, line 1: the file is empty"

    @pytest.mark.parametrize("codec", ["utf-16", "utf-16-be", "utf-32", "utf-32-be"])
    def test_wide_encodings(self, path: Path, codec: str) -> None:
        """UTF-16 and UTF-32 are told from text and named with the way out."""
        mark = "" if codec in {"utf-16", "utf-32"} else "\ufeff"
        text = refusal(path, f"{mark}destination\n{NUMBER}\n".encode(codec))

        assert text.startswith("leads.csv is UTF-16 or UTF-32; save it as CSV UTF-8")

    @pytest.mark.parametrize(
        "name", ["utf-16", "no-such", "a\0b", "raw_unicode_escape"]
    )
    def test_encodings_that_can_not_be_asked_for(self, path: Path, name: str) -> None:
        """Only encodings whose bad bytes stay inside their row can be named."""
        assert "encoding must be one of utf-8" in refusal(
            path, "destination", encoding=name
        )

    def test_mark_against_the_named_encoding(self, path: Path) -> None:
        """A byte order mark that contradicts the caller is not passed over."""
        text = refusal(path, b"\xef\xbb\xbfdestination", encoding="latin-1")

        assert text == "leads.csv is marked as UTF-8, not as iso8859-1"

    def test_named_encoding_overrides(self, path: Path) -> None:
        """The caller's encoding is used even where another would fit."""
        (contact,) = rows(
            path, f"destination;user_data\n{NUMBER};é".encode(), encoding="CP1252"
        )

        assert isinstance(contact, ContactRow)
        assert contact.fields == {"user_data": Personal("Ã©")}

    @pytest.mark.parametrize(
        ("header", "said"),
        [
            ("destination;nome", "leads.csv, line 1: column 2 'nome' is unknown"),
            ("destination;rout", "column 2 'rout' is unknown; did you mean route?"),
            ("destination;id;ID", "column 3 'id' is there twice"),
            ("destination;", "column 2 (without a name) is unknown"),
            ("destination;a\x07b", "line 1: column 2 is unknown"),
            (
                "id;route",
                "no column 'destination'; the first row must name the columns",
            ),
            ("id;destino", "(column 2; did you mean destination?)"),
            ('"destination;id', "line 1: a quote in the header row is not closed"),
            ("destination\0", "the header row can't be read"),
            (f"destination;{'x' * MAX_LINE}", "the header row can't be read"),
        ],
    )
    def test_header_that_can_not_be_used(
        self, path: Path, header: str, said: str
    ) -> None:
        """A bad header is an error that names the file, the line and the column."""
        assert said in refusal(path, f"{header}\n{NUMBER};1\n")

    @pytest.mark.parametrize(
        "first",
        [
            f"{NUMBER};111222333-44;Fulano",
            f"Fulano {CANARY}",
            f"destination;{NUMBER}",
            f"destination;x{NUMBER}",
        ],
    )
    def test_row_in_the_headers_place_is_not_shown(
        self, path: Path, first: str
    ) -> None:
        """A file without a header shows nothing of its first person."""
        text = refusal(path, f"{first}\n")

        assert all(part not in text for part in (NUMBER, "111222333", CANARY, "Fulano"))

    def test_unknown_columns_can_be_ignored(self, path: Path) -> None:
        """Unknown columns are passed over when asked, twice the same ones too."""
        (contact,) = rows(
            path,
            f"nome;destination;nome;\nFulano;{NUMBER};x;y\n",
            ignore_unknown_columns=True,
        )

        assert isinstance(contact, ContactRow)

    def test_unknown_columns_do_not_hide_a_missing_destination(
        self, path: Path
    ) -> None:
        """A file without numbers is refused whatever is ignored."""
        assert "no column 'destination'" in refusal(
            path, "number\n1\n", ignore_unknown_columns=True
        )

    @pytest.mark.parametrize("name", ["device", "device_password"])
    def test_required_field_that_stands_nowhere(self, path: Path, name: str) -> None:
        """A required field is asked for once, not for every row."""
        defaults = {key: text for key, text in DEFAULTS.items() if key != name}
        text = refusal(path, f"destination\n{NUMBER}\n", defaults=defaults)

        assert text.startswith(f"{name} is missing: leads.csv has no such column")

    def test_required_field_as_a_column(self, path: Path) -> None:
        """A required field may stand in the file, and then every row needs it."""
        contact, reject = rows(
            path,
            f"destination;device;device_password\n{NUMBER};1;2\n{NUMBER}1;1;\n",
            defaults={},
        )

        assert isinstance(contact, ContactRow)
        assert isinstance(reject, RejectedRow)
        assert (reject.code, reject.field, reject.reason) == (
            RejectCode.INVALID_FIELD,
            "device_password",
            "is empty",
        )

    @pytest.mark.parametrize(
        ("extra", "said"),
        [
            ({"devise": "1"}, "'devise' is no field of a call; did you mean device?"),
            ({"destination": NUMBER}, "destination can't have a default"),
            ({"route": ""}, "call default route is empty"),
            ({"device": ""}, "call default device is empty"),
            ({"route": 7}, "call default route must be text"),
            ({"device_password": 4567}, "call default device_password must be text"),
        ],
    )
    def test_defaults_that_can_not_be_used(
        self, path: Path, extra: dict[str, Any], said: str
    ) -> None:
        """Bad defaults are refused before the first row."""
        text = refusal(path, "destination\n", defaults={**DEFAULTS, **extra})

        assert text == said


class TestRejectedRows:
    """Rows that are reported while the rest goes on."""

    @pytest.mark.parametrize(
        ("cell", "code"),
        [
            ("", RejectCode.NO_NUMBER),
            ("  ", RejectCode.NO_NUMBER),
            ("+", RejectCode.NO_NUMBER),
            ("()", RejectCode.NO_NUMBER),
            ("4832817000x", RejectCode.BAD_CHARACTER),
            ("٠٤٨٣٢٨١٧٠٠٠", RejectCode.BAD_CHARACTER),
            ("0483281700²", RejectCode.BAD_CHARACTER),
            ("(0xx48) 3281-7000", RejectCode.BAD_CHARACTER),
            ("a@b", RejectCode.BAD_CHARACTER),
            ("27 99706961", RejectCode.PUNCTUATION),
            ("27\u00a099706961", RejectCode.PUNCTUATION),
            ("3281-7000", RejectCode.PUNCTUATION),
            ("3281\u20137000", RejectCode.PUNCTUATION),
            ("48.3281.7000", RejectCode.PUNCTUATION),
            ("(48)32817000", RejectCode.PUNCTUATION),
            ("48/32817000", RejectCode.PUNCTUATION),
            ("4,83E+10", RejectCode.E_NOTATION),
            ("4.83281700012e+10", RejectCode.E_NOTATION),
            ("5E10", RejectCode.E_NOTATION),
            ("4832817000.0", RejectCode.DECIMAL),
            ("4832817000,00", RejectCode.DECIMAL),
            ("1" * 33, RejectCode.NUMBER_TOO_LONG),
            ("0483\x07", RejectCode.CONTROL_CHARACTER),
            ("0483\t2817", RejectCode.CONTROL_CHARACTER),
            ("0483\x85", RejectCode.CONTROL_CHARACTER),
        ],
    )
    def test_bad_numbers(self, path: Path, cell: str, code: RejectCode) -> None:
        """A number that can't be sent as written is reported, and the rest goes on."""
        found = rows(path, f"destination;route\n1;0\n{cell};0\n2;0\n", encoding="utf-8")

        reject = only_reject(found)
        assert (reject.file, reject.line) == ("leads.csv", 3)
        assert (reject.field, reject.code) == ("destination", code)
        assert numbers(found) == ["1", code.value, "2"]

    def test_punctuation_names_the_option(self, path: Path) -> None:
        """The reason tells which option takes the punctuation away."""
        reject = only_reject(rows(path, "destination\n3281-7000\n"))

        assert "strip_punctuation" in reject.reason
        assert str(reject) == f"leads.csv, line 2: destination: {reject.reason}"

    @pytest.mark.parametrize(
        ("cell", "number"),
        [
            ("(48) 3281-7000", "4832817000"),
            ("48/3281.7000", "4832817000"),
            ("0 15 48 99999 9999", "01548999999999"),
            ("+55\u00a048\u202f3281\u20137000", "+554832817000"),
            ("04899999 9999", "048999999999"),
            ("3281-7000/7001", "several_numbers"),
            ("32817000 32817001", "several_numbers"),
            ("32817000 - 32817001", "several_numbers"),
            ("4832817000.0", "decimal"),
            ("-", "no_number"),
            ("48 3281x7000", "bad_character"),
            ("1-" * 33, "number_too_long"),
        ],
    )
    def test_stripped_punctuation(self, path: Path, cell: str, number: str) -> None:
        """Stripping takes punctuation away and never makes one number of two."""
        found = rows(
            path,
            f"destination;\n{cell};\n",
            strip_punctuation=True,
            ignore_unknown_columns=True,
        )

        assert numbers(found) == [number]

    @pytest.mark.parametrize(
        "number", [NUMBER, "+554832817000", "*67#4832817000", "0" * 32, "4832817000"]
    )
    def test_numbers_are_sent_as_written(self, path: Path, number: str) -> None:
        """A number that can be dialled is never rewritten, whatever the option."""
        for strip in (False, True):
            found = rows(path, f"destination\n {number}\t\n", strip_punctuation=strip)
            assert numbers(found) == [number]

    @pytest.mark.parametrize(
        ("row", "code", "field"),
        [
            ("1;a;b;c", RejectCode.TOO_MANY_COLUMNS, None),
            ("1;a", RejectCode.TOO_FEW_COLUMNS, None),
            ("1;a;\x1b", RejectCode.INVALID_FIELD, "user_data"),
            ("1;a;" + "x" * 16_385, RejectCode.INVALID_FIELD, "user_data"),
            ("1;\x1b;b", RejectCode.CONTROL_CHARACTER, "id"),
            ("1;" + "x" * 257 + ";b", RejectCode.INVALID_FIELD, "id"),
            ("1;a;b\0", RejectCode.NUL_BYTE, None),
            ("1;a;" + "x" * MAX_LINE, RejectCode.LINE_TOO_LONG, None),
            ('1;a;"b" c', RejectCode.STRAY_QUOTE, None),
            ('1;a;"b\0" c', RejectCode.NUL_BYTE, None),
            ('1;a;"b\0"', RejectCode.NUL_BYTE, None),
            ('1;a;"b', RejectCode.OPEN_QUOTE, None),
        ],
    )
    @pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
    def test_bad_rows(
        self, path: Path, row: str, code: RejectCode, field: str | None, end: str
    ) -> None:
        """A row that can't be read is reported with its line, and the rest goes on."""
        lines = ("destination;id;user_data", "7;i;d", row, "8;j;e", "9;k;f", "")
        found = rows(path, end.join(lines))

        reject = only_reject(found)
        assert (reject.line, reject.field, reject.code) == (3, field, code)
        assert numbers(found) == ["7", code.value, "8", "9"]

    def test_bad_pabx(self, path: Path) -> None:
        """A name no PABX can have is rejected with its column."""
        reject = only_reject(rows(path, f"destination;pabx\n1;{'x' * 65}\n"))

        assert (reject.code, reject.field) == (RejectCode.INVALID_FIELD, "pabx")

    @pytest.mark.parametrize(
        ("encoding", "byte"), [("utf-8-sig", b"\xff"), ("cp1252", b"\x81")]
    )
    def test_undecodable_bytes(self, path: Path, encoding: str, byte: bytes) -> None:
        """Bytes that are no text reject their own row only."""
        head, before, after = (
            text.encode(encoding if i == 0 else encoding.removesuffix("-sig"))
            for i, text in enumerate(("destination;user_data\n", "1;é\n2;", "\n3;ç\n"))
        )
        found = rows(path, head + before + byte + after)

        assert numbers(found) == ["1", "unreadable_bytes", "3"]
        assert only_reject(found).line == 3

    def test_quote_that_never_closes_rejects_one_line(self, path: Path) -> None:
        """An open quote takes no other row with it, however long the file."""
        body = "".join(f"{i};x\n" for i in range(10, 100))
        found = rows(path, f'destination;user_data\n1;"x\n{body}')

        assert only_reject(found).line == 2
        assert numbers(found)[1:] == [str(i) for i in range(10, 100)]

    def test_open_quotes_in_every_row(self, path: Path) -> None:
        """Every row with an open quote is reported by itself."""
        body = "".join(f'{i};"x\n' for i in range(10, 100))
        found = rows(path, f"destination;user_data\n{body}")

        assert [(row.line, type(row)) for row in found] == [
            (line, RejectedRow) for line in range(2, 92)
        ]

    def test_open_quote_before_a_line_too_long(self, path: Path) -> None:
        """A line too long ends the search for the closing quote and is reported."""
        found = rows(path, f'destination;user_data\n1;"x\n2;{"y" * MAX_LINE}\n3;"z"\n')

        assert numbers(found) == ["open_quote", "line_too_long", "3"]
        assert [row.line for row in found] == [2, 3, 4]

    def test_forgotten_quote_that_closes_by_chance(self, path: Path) -> None:
        """A quote that closes only after whole rows calls none of them silently."""
        found = rows(
            path,
            'destination;user_data\n1;"TV\n04832817000;TV 42"\n04832817001;x\n',
        )

        reject = only_reject(found)
        assert (reject.line, reject.code) == (2, RejectCode.OPEN_QUOTE)
        assert "(lines 2 to 3)" in reject.reason
        assert numbers(found) == ["open_quote", "04832817001"]

    def test_rejected_row_of_many_lines_names_them(self, path: Path) -> None:
        """The reason says how far a rejected row reaches."""
        reject = only_reject(rows(path, 'destination;user_data\nx;"a\nb\nc"\n'))

        assert reject.reason.endswith("(lines 2 to 4)")

    @pytest.mark.parametrize("extra", [0, 1, 2, 3, MAX_LINE, MAX_LINE + 1])
    @pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
    def test_line_numbers_after_long_lines(
        self, path: Path, extra: int, end: str
    ) -> None:
        """Lines of the limit and above keep every later line's number."""
        long = "1" * (MAX_LINE - 1 + extra)
        found = rows(path, end.join(("destination", long, "2", "x", "3")))

        code = "number_too_long" if extra < 2 else "line_too_long"
        assert numbers(found) == [code, "2", "bad_character", "3"]
        assert [row.line for row in found] == [2, 3, 4, 5]


class TestDuplicates:
    """Rows that are the same contact again."""

    def test_same_number(self, path: Path) -> None:
        """Without ids, the second row with a number is a duplicate."""
        found = rows(path, f"destination\n{NUMBER}\n1\n {NUMBER} \n")

        reject = only_reject(found)
        assert (reject.line, reject.code) == (4, RejectCode.DUPLICATE)
        assert reject.field == "destination"

    def test_same_number_once_stripped(self, path: Path) -> None:
        """Numbers are compared as they would be sent."""
        found = rows(path, "destination\n32817000\n3281-7000\n", strip_punctuation=True)

        assert numbers(found) == ["32817000", "duplicate"]

    def test_same_id(self, path: Path) -> None:
        """With ids, the id alone tells contacts apart."""
        found = rows(path, "id;destination\na;1\nb;1\na;2\n")

        assert numbers(found) == ["1", "1", "duplicate"]
        assert only_reject(found).field == "id"

    def test_rows_without_an_id(self, path: Path) -> None:
        """Rows without an id are told apart by their numbers."""
        found = rows(path, "id;destination\n;1\na;1\n;1\n;a\n")

        assert numbers(found) == ["1", "1", "duplicate", "bad_character"]

    def test_rejected_row_does_not_count(self, path: Path) -> None:
        """A row that repeats a rejected one with the mistake put right is taken."""
        found = rows(path, "id;destination\na;x\na;1\n")

        assert numbers(found) == ["bad_character", "1"]

    def test_duplicates_can_be_allowed(self, path: Path) -> None:
        """Duplicates are contacts when the caller says so."""
        found = rows(path, "destination\n1\n1\n", allow_duplicates=True)

        assert numbers(found) == ["1", "1"]


class TestPrivacy:
    """What is never shown."""

    @pytest.mark.parametrize(
        "row",
        [
            f"{CANARY};{CANARY};{CANARY};{CANARY}",
            f"9873216540 {CANARY};i;{CANARY};p",
            f"98732-16540;{CANARY};{CANARY};p",
            f"9873216540;{CANARY}\x1b;{CANARY};p",
            f"9873216540;{CANARY};\x1b{CANARY};p",
            f"9873216540;{CANARY};d;{CANARY * 9}",
            f"9873216540;{CANARY}",
            f"9873216540;{CANARY};;;;{CANARY}",
            f'9873216540;{CANARY};"{CANARY}" {CANARY};p',
            f'9873216540;{CANARY};"{CANARY};p',
            f"9873216540;{CANARY};{CANARY}\0;p",
            f"1;twice;{CANARY};p",
        ],
    )
    def test_reject_holds_nothing_of_the_row(self, path: Path, row: str) -> None:
        """Nothing a row holds is in its reject, however it is looked at."""
        head = "destination;id;user_data;pabx\n1;twice;x;p\n"
        reject = only_reject(rows(path, f"{head}{row}\n"))
        shown = repr(reject) + str(reject) + pickle.dumps(reject).decode("latin-1")

        assert CANARY not in shown
        assert "98732" not in shown
        assert "twice" not in shown

    def test_contact_shows_no_person(self, path: Path) -> None:
        """A contact's repr shows neither number, id, data nor password."""
        (contact,) = rows(
            path, f"destination;id;user_data\n9873216540;{CANARY};{CANARY}\n"
        )

        assert "98732" not in repr(contact)
        assert CANARY not in repr(contact)
        assert DEFAULTS["device_password"] not in repr(contact).replace("1125000", "")

    def test_bad_default_is_not_shown(self, path: Path) -> None:
        """An error about a default does not show its text."""
        text = refusal(
            path, "destination\n", defaults={**DEFAULTS, "account_password": "s3\x07"}
        )

        assert text == "call default account_password holds a control character"

    def test_file_names_are_made_printable(self, tmp_path: Path) -> None:
        """A file's name can't break a line of a report or its encoding."""
        path = tmp_path / "a\nb\udcff.csv"
        reject = only_reject(rows(path, "destination\nx\n"))

        assert reject.file == r"a\nb\udcff.csv"


class TestSamples:
    """Made-up contacts."""

    @pytest.mark.parametrize("delimiter", [";", ",", "\t"])
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
    def test_ten_thousand_rows(self, path: Path, encoding: str, delimiter: str) -> None:
        """Of a large file exactly the bad rows are rejected, each for what it is."""
        bad = write_sample_file(
            path, 10_000, encoding=encoding, delimiter=delimiter, bad_rows=150
        )
        with open_contacts(path, defaults=DEFAULTS) as file:
            found = list(file)
        good = [row for row in found if isinstance(row, ContactRow)]

        assert [
            (row.line, row.code) for row in found if isinstance(row, RejectedRow)
        ] == bad
        assert len(good) == 9_850
        assert (file.encoding, file.read, file.rejected) == (encoding, 10_000, 150)
        assert {code for _, code in bad} == set(RejectCode) - {
            RejectCode.SEVERAL_NUMBERS,
            *([RejectCode.UNREADABLE_BYTES] if encoding == "utf-8" else []),
        }
        everyone = {row["id"]: row for row in sample_contacts(10_000)}
        for contact in good:
            assert contact.id is not None
            row = everyone[contact.id]
            assert contact.destination.reveal() == row["destination"]
            assert contact.fields == {"user_data": Personal(row["user_data"])}

    def test_same_seed_same_file(self, tmp_path: Path) -> None:
        """A seed always gives the same file, and another seed another one."""
        made = []
        for name, seed in (("a", 1), ("b", 1), ("c", 2)):
            write_sample_file(tmp_path / name, 50, seed=seed, bad_rows=5)
            made.append((tmp_path / name).read_bytes())

        assert made[0] == made[1] != made[2]

    def test_numbers_do_not_repeat(self) -> None:
        """No two sample contacts share a number, an id or the wrong shape."""
        everyone = list(sample_contacts(20_000, seed=3))

        assert len({row["destination"] for row in everyone}) == 20_000
        assert len({row["id"] for row in everyone}) == 20_000
        assert all(
            row["destination"][0] == "0"
            and int(row["destination"][1:3]) in _sample_contacts.AREA_CODES
            and len(row["destination"]) == (12 if row["destination"][3] == "9" else 11)
            for row in everyone
        )
        assert len(_sample_contacts.AREA_CODES) == 67

    def test_tax_numbers_are_not_valid(self) -> None:
        """No sample carries a tax number that somebody could have."""
        for row in sample_contacts(500):
            digits = [int(digit) for digit in row["user_data"][:9]]
            right = sum((10 - i) * digit for i, digit in enumerate(digits)) * 10 % 11
            assert int(row["user_data"][10]) != right % 10

    def test_no_rows(self, path: Path) -> None:
        """A file of no contacts has a header and nothing to read."""
        assert write_sample_file(path, 0) == []
        assert read(path) == []

    @pytest.mark.parametrize(
        "options",
        [{"bad_rows": 3}, {"bad_rows": -1}, {"encoding": "x"}, {"delimiter": "|"}],
    )
    def test_samples_that_can_not_be_made(
        self, path: Path, options: dict[str, Any]
    ) -> None:
        """Options that make no sense leave no file behind."""
        with pytest.raises(ConfigurationError):
            write_sample_file(path, 3, **options)
        assert not path.exists()

    def test_sample_file_does_not_overwrite(self, path: Path) -> None:
        """A contact file somebody may need is not overwritten."""
        path.write_text("mine")

        with pytest.raises(ConfigurationError, match=r"leads\.csv can't be created"):
            write_sample_file(path, 1)
        assert path.read_text() == "mine"


def reading_peak(path: Path, count: int, **options: Any) -> int:
    """The most memory that reading takes, in bytes."""
    with open_contacts(path, defaults=DEFAULTS, **options) as file:
        tracemalloc.start()
        try:
            assert sum(1 for _ in file) == count
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "count", [20_000, pytest.param(1_000_000, marks=pytest.mark.long)]
)
def test_memory_stays_bounded(path: Path, count: int) -> None:
    """However many rows there are, only digests of the contacts stay in memory."""
    write_sample_file(path, count)

    assert reading_peak(path, count, allow_duplicates=True) < 500_000
    assert reading_peak(path, count) < 500_000 + count * 150


def test_endless_line_is_not_held(path: Path) -> None:
    """A line of many megabytes is passed over a piece at a time."""
    with path.open("wb") as file:
        file.write(b"destination\n")
        for _ in range(300):
            file.write(b"1" * 100_000)
        file.write(b"\n2\n")
    tracemalloc.start()
    try:
        found = read(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert numbers(found) == ["line_too_long", "2"]
    assert peak < 3_000_000


def test_closing_early_leaves_nothing_open(path: Path) -> None:
    """A header error closes the file, which the warnings of this suite would tell."""
    generator = random.Random(1)
    for _ in range(20):
        refusal(path, bytes(generator.randrange(33, 100) for _ in range(50)))


def test_open_file_is_an_iterator(path: Path) -> None:
    """An open file is its own iterator, so it is read once."""
    path.write_text("destination\n1\n2\n")
    with open_contacts(path, defaults=DEFAULTS) as file:
        assert isinstance(file, ContactFile)
        assert iter(file) is file
        assert len(list(file)) == 2
        assert list(file) == []
