import pickle
from pathlib import Path

import pytest
from contact_files import (
    CANARY,
    DEFAULTS,
    NUMBER,
    numbers,
    only_reject,
    path,
    refusal,
    rows,
)

from digitro_async.contacts import (
    RejectCode,
    RejectedRow,
)
from digitro_async.contacts._text_lines import MAX_LINE

__all__ = ["path"]  # a fixture


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
            ("(0xx48) 3281-7000", RejectCode.PLACEHOLDER),
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

        assert "--strip-punctuation" in reject.reason
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
            (";a", RejectCode.NO_NUMBER, "destination"),
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

    @pytest.mark.parametrize(
        ("row", "code"),
        [
            ("C1", "too_few_columns"),
            (f"C1;{NUMBER}", "too_few_columns"),
            (f"C1;{NUMBER};", "invalid_field"),
            (f"C1;{NUMBER};7", NUMBER),
            (f"C1;{NUMBER};7;;;\u00a0; ", NUMBER),
            (f"C1;{NUMBER};7;x;y", "too_many_columns"),
            (f'C1;{NUMBER};7;x;"";" "', NUMBER),
            ("Total;9999;7", "not_a_phone"),
            ("Total geral: ;12;7", "not_a_phone"),
            (f"Totalina;{NUMBER};7", NUMBER),
            ("C1;1200;7", "1200"),
        ],
    )
    def test_rows_of_other_widths(self, path: Path, row: str, code: str) -> None:
        """Empty cells may be left out, or be too many; cells that count may not."""
        defaults = {"device_password": "4567"}
        text = f"id;destination;device;user_data\n{row}\n"

        assert numbers(rows(path, text, defaults=defaults)) == [code]

    @pytest.mark.parametrize(
        "row",
        [";;", ";", '"";"";""', " ;\t;\u00a0", "\u200b;;\ufeff", ";;;;;;", '" ";"\n";'],
    )
    def test_rows_without_a_filled_cell(self, path: Path, row: str) -> None:
        """They are blank lines, wherever they stand and however they are written."""
        text = f"id;destination;user_data\n{row}\nC1;{NUMBER};\n{row}\n"

        assert numbers(rows(path, text)) == [NUMBER]

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

    @pytest.mark.parametrize(
        "swallowed", [f";{NUMBER}", f"C2;{NUMBER};x;;", f"C2;{NUMBER}"]
    )
    def test_forgotten_quote_before_short_rows(
        self, path: Path, swallowed: str
    ) -> None:
        """A quote that closes only after a short or long row is a forgotten one."""
        text = f'id;destination;user_data\nC1;1;"TV\n{swallowed}\n"\nC3;3;x\n'

        assert numbers(rows(path, text)) == ["open_quote", "3"]

    def test_number_below_a_note_is_a_part_of_it(self, path: Path) -> None:
        """A line with one cell is no row where rows have more."""
        text = f'destination;user_data\n1;"Ana\n{NUMBER}"\n'

        assert numbers(rows(path, text)) == ["1"]

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
        found = rows(path, end.join(("destination", long, "2", "x", "3", "")))

        code = "number_too_long" if extra < 2 else "line_too_long"
        assert numbers(found) == [code, "2", "bad_character", "3"]
        assert [row.line for row in found] == [2, 3, 4, 5]


class TestPrivacy:
    """Values that are never shown."""

    @pytest.mark.parametrize(
        "row",
        [
            f"{CANARY};{CANARY};{CANARY};{CANARY}",
            f"9873216540 {CANARY};i;{CANARY};p",
            f"98732-16540;{CANARY};{CANARY};p",
            f"9873216540;{CANARY}\x1b;{CANARY};p",
            f"9873216540;{CANARY};\x1b{CANARY};p",
            f"9873216540;{CANARY};d;{CANARY * 9}",
            f"98732165401;98732165402;{CANARY};;x",
            f"9873216540;{CANARY};;;;{CANARY}",
            f'9873216540;{CANARY};"{CANARY}" {CANARY};p',
            f'9873216540;{CANARY};"{CANARY};p',
            f"9873216540;{CANARY};{CANARY}\0;p",
        ],
    )
    def test_reject_holds_nothing_of_the_row(self, path: Path, row: str) -> None:
        """Nothing a row holds is in its reject, however it is looked at."""
        head = "destination;id;user_data;pabx\n1;once;x;p\n"
        reject = only_reject(rows(path, f"{head}{row}\n"))
        shown = repr(reject) + str(reject) + pickle.dumps(reject).decode("latin-1")

        assert CANARY not in shown
        assert "98732" not in shown

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
