import os
from pathlib import Path
from typing import Any

import pytest
from contact_files import CANARY, DEFAULTS, NUMBER, path, read, refusal, rows

from digitro_async.contacts import (
    ContactRow,
    RejectCode,
    RejectedRow,
    open_contacts,
)
from digitro_async.contacts._text_lines import MAX_LINE
from digitro_async.errors import ConfigurationError, DigitroError
from digitro_async.privacy import Personal

__all__ = ["path"]  # a fixture


class TestFiles:
    """The rows that are read from files that are well formed."""

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
        path.write_bytes("\n".join([*lines, ""]).encode(encoding))
        with open_contacts(path, defaults=DEFAULTS) as file:
            (contact,) = file

        assert isinstance(contact, ContactRow)
        assert contact.fields == {"user_data": Personal("José Ção")}
        assert (file.encoding, file.delimiter) == (encoding, delimiter)

    def test_encoding_is_found_beyond_the_first_piece(self, path: Path) -> None:
        """One accent at the end of a large file decides its encoding."""
        head = b"destination;user_data\n"
        body = b"".join(b"0%d;x\n" % i for i in range(10**9, 10**9 + 40_000))
        found = rows(path, head + body + NUMBER.encode() + b";Jos\xe9\n")

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

        monkeypatch.setattr("digitro_async.contacts._csv_source.choose_encoding", fail)
        with pytest.raises(ConfigurationError, match=r"leads\.csv can't be read: Inp"):
            read(path)

    @pytest.mark.parametrize("text", ["", "\n \r\n", b"\xef\xbb\xbf"])
    def test_empty_file(self, path: Path, text: str | bytes) -> None:
        """A file without a row is refused."""
        assert refusal(path, text) == "leads.csv, line 1: the file is empty"

    @pytest.mark.parametrize("codec", ["utf-32", "utf-32-be"])
    def test_wide_encodings(self, path: Path, codec: str) -> None:
        """UTF-32 is told from text and named with the way out."""
        mark = "" if codec == "utf-32" else "\ufeff"
        text = refusal(path, f"{mark}destination\n{NUMBER}\n".encode(codec))

        assert text == "leads.csv is UTF-32; save it as CSV UTF-8 and try again"

    @pytest.mark.parametrize("name", ["utf-7", "no-such", "a\0b", "raw_unicode_escape"])
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
            path, f"destination;user_data\n{NUMBER};é\n".encode(), encoding="CP1252"
        )

        assert isinstance(contact, ContactRow)
        assert contact.fields == {"user_data": Personal("Ã©")}

    @pytest.mark.parametrize(
        ("header", "said"),
        [
            ("destination;nome", "leads.csv, line 1: column 2 'nome' is unknown"),
            ("destination;rout", "column 2 'rout' is unknown; did you mean route?"),
            ("destination;id;ID", "column 3 'ID' is there twice"),
            ("destination;;id", "column 2 (without a name) is unknown"),
            ("destination;a\x07b", "line 1: column 2 is unknown"),
            (
                "id;route",
                "no column 'destination'; the first row must name the columns",
            ),
            ("id;destinat", "(column 2; did you mean destination?)"),
            (
                "id;Telefone",
                "(column 2 'Telefone' may be it: --map destination=Telefone)",
            ),
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

        assert text.partition(" (valid: ")[0] == said
