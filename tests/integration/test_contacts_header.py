"""Where the header of a contact file is, and which columns are taken as what."""

from pathlib import Path
from typing import Any

import pytest
from contact_files import DEFAULTS, NUMBER, numbers, path, refusal, rows, shown

from digitro_async.contacts import FileReading, open_contacts

__all__ = ["path"]  # a fixture

ROW = f"C1;{NUMBER};Ana\n"


def reading(path: Path, text: str, **options: Any) -> FileReading:
    """Return how a file is read."""
    path.write_bytes(text.encode())
    with open_contacts(path, defaults=DEFAULTS, **options) as file:
        list(file)
        return file.reading


class TestSeparatorLine:
    """A first line that names the delimiter."""

    @pytest.mark.parametrize("mark", ["", "\ufeff"])
    @pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
    @pytest.mark.parametrize(
        "line", ["sep=;", "SEP=;", '"sep=;"', "sep=;;;", "sep = ;"]
    )
    def test_semicolon(self, path: Path, line: str, end: str, mark: str) -> None:
        """However it is written, it is neither the header nor a row."""
        text = mark + end.join((line, "id;destination", f"C1;{NUMBER}", ""))
        (row,) = rows(path, text)

        assert (shown(row), row.line) == (("C1", NUMBER, ""), 3)

    @pytest.mark.parametrize(
        ("line", "sign"), [("sep=,", ","), ("sep=\t", "\t"), ("sep=|", "|")]
    )
    def test_other_delimiters(self, path: Path, line: str, sign: str) -> None:
        """It decides, whatever other delimiter would fit the header."""
        text = (
            f"{line}\nid{sign}destination{sign}user_data\nC1{sign}{NUMBER}{sign};;;\n"
        )
        (row,) = rows(path, text)

        assert shown(row) == ("C1", NUMBER, ";;;")

    def test_tab_by_its_escape(self, path: Path) -> None:
        """A tab may be written as backslash t."""
        assert numbers(rows(path, f"sep=\\t\ndestination\n{NUMBER}\n")) == [NUMBER]

    @pytest.mark.parametrize("line", ["sep=:", "sep=x", "sep="])
    def test_delimiters_that_are_none(self, path: Path, line: str) -> None:
        """Another sign is refused with those that are understood."""
        text = refusal(path, f"{line}\nid;destination\n{ROW}")

        assert text == "leads.csv, line 1: sep= must name ; or , or | or a tab"


class TestTitles:
    """Rows above the header."""

    @pytest.mark.parametrize(
        "above",
        [
            "Relatório de clientes\n",
            "Relatório;;\nFilial Centro;;\n",
            "\n;;\nRelatório;28/11/2026;R$ 1.234,56\n \n",
            '"Relatório\nde clientes";;\n',
            'Clientes da "Filial;;\n',
            "CNPJ;12.345.678/0001-90;\n",
            "Total;6;\n",
            *["título\n" * 9],
        ],
    )
    def test_header_is_found_below_titles(self, path: Path, above: str) -> None:
        """Titles are passed over, and the line of the header is said."""
        header = above.count("\n") + 1
        (row,) = rows(path, f"{above}id;destination;user_data\n{ROW}")
        said = str(reading(path, f"{above}id;destination;user_data\n{ROW}"))

        assert (shown(row), row.line) == (("C1", NUMBER, "Ana"), header + 1)
        assert f"header taken from line {header};" in said

    @pytest.mark.parametrize(
        "above", ["id;telefone\n", f"C0;{NUMBER};x\n", "C0;(48) 3281-7000\n"]
    )
    def test_header_or_contact_is_not_passed_over(self, path: Path, above: str) -> None:
        """A row above that may be a contact is not lost: the caller must say so."""
        content = f"{above}id;destination;user_data\n{ROW}"
        text = refusal(path, content)

        assert text.startswith("leads.csv, line 1: no column 'destination', and yet")
        assert "--header-line 2 takes the header from line 2" in text
        assert numbers(rows(path, content, header_line=2)) == [NUMBER]

    def test_header_too_far_down(self, path: Path) -> None:
        """A header below ten rows is found where its line is given."""
        content = "título\n" * 10 + f"id;destination;user_data\n{ROW}"
        text = refusal(path, content)

        assert "no column 'destination'" in text
        assert "--header-line N" in text
        assert numbers(rows(path, content, header_line=11)) == [NUMBER]

    @pytest.mark.parametrize(
        ("line", "said"),
        [
            (1, "line 1: no column 'destination'"),
            (2, "line 2 is blank or not there; the line with text before it is 1"),
            (9, "line 9 is blank or not there; the line with text before it is 4"),
        ],
    )
    def test_header_lines_that_are_none(self, path: Path, line: int, said: str) -> None:
        """A line that is no header is named."""
        content = f"título\n\nid;destination;user_data\n{ROW}"

        assert said in refusal(path, content, header_line=line)

    def test_name_of_several_lines(self, path: Path) -> None:
        """The name of a column may hold line breaks and blanks of any kind."""
        text = f'id;"Telefone\ncom DDD";user_data\n{ROW}'
        found = rows(path, text, columns={"destination": "telefone  com DDD"})

        assert [(shown(row), row.line) for row in found] == [(("C1", NUMBER, "Ana"), 3)]


class TestColumns:
    """The names of columns."""

    @pytest.mark.parametrize(
        "header",
        [
            "id;destination;user_data",
            "ID;DESTINATION;User_Data",
            " Id ; Destination;USER_DATA ",
            "\u200bid;destination\u00a0;\ufeffuser_data",
            "id;destination;user_data;;;",
        ],
    )
    def test_names_count_in_any_case(self, path: Path, header: str) -> None:
        """Blanks, case, what nobody sees and delimiters at the end don't matter."""
        assert [shown(row) for row in rows(path, f"{header}\n{ROW}")] == [
            ("C1", NUMBER, "Ana")
        ]

    def test_cell_below_no_name(self, path: Path) -> None:
        """A cell beyond the last name is no empty one, and rejects its row."""
        found = rows(path, f"id;destination;;\nC1;{NUMBER};;x\nC2;{NUMBER};;\n")

        assert numbers(found) == ["too_many_columns", NUMBER]

    @pytest.mark.parametrize("word", ["Account", "DEVICE", "Route"])
    def test_general_words_are_refused(self, path: Path, word: str) -> None:
        """A general word is a field in small letters alone, or where it is mapped."""
        content = f"id;destination;{word}\nC1;{NUMBER};x\n"
        field = word.casefold()
        text = refusal(path, content)
        passed = reading(path, content, ignore_unknown_columns=True)
        mapped = reading(path, content, columns={field: word})
        exact = reading(path, content.replace(word, field))

        assert f"column 3 {word!r} is a general word" in text
        assert f"--map {field}={word} takes it for {field}" in text
        assert passed.passed_over == (word,)
        assert (word, field) in mapped.columns
        assert (field, field) in exact.columns

    @pytest.mark.parametrize(
        ("name", "hint"),
        [
            ("User Data", "user_data"),
            ("user-data", "user_data"),
            ("usér_data", "user_data"),
            ("Caller ID", "caller_id"),
            ("rout", "route"),
        ],
    )
    def test_names_that_are_nearly_right(
        self, path: Path, name: str, hint: str
    ) -> None:
        """A name that is nearly one of a field is refused with the right one."""
        text = refusal(path, f"destination;{name}\n")

        assert f"column 2 {name!r} is unknown; did you mean {hint}?" in text
        assert "--map FIELD=COLUMN" in text
        assert "telemarketing_block" in text

    def test_mapped_columns(self, path: Path) -> None:
        """A column is taken for the field that the caller says, and that is said."""
        content = f"Nome;Fone;destination\nAna;{NUMBER};Centro\n"
        given = {"destination": "fone", "user_data": "Nome"}
        options = {"columns": given, "ignore_unknown_columns": True}
        found = rows(path, content, **options)

        assert [shown(row) for row in found] == [(None, NUMBER, "Ana")]
        assert str(reading(path, content, **options)) == (
            "read as utf-8, split at semicolons, header taken from line 1; columns: "
            "Nome as user_data, Fone as destination; passed over: destination"
        )

    @pytest.mark.parametrize(
        ("columns", "said"),
        [
            ({"fone": "Fone"}, "--map: 'fone' is no field"),
            ({"destinatio": "Fone"}, "did you mean destination?"),
            ({"id": " "}, "--map: the column for id has no name"),
            ({"id": "Fon"}, "the column is not in the header; did you mean Fone?"),
            ({"destination": "Celular"}, "no column 'celular'"),
            ({"id": "Fone", "pabx": "Fone"}, "names the column 'Fone' for two fields"),
            ({"id": "nome"}, "the column is there twice"),
            (
                {"destination": "Fone", "id": "Nome", "pabx": "NOME"},
                "'destination' has the name of a field that --map gives another column",
            ),
        ],
    )
    def test_maps_that_can_not_be_used(
        self, path: Path, columns: dict[str, str], said: str
    ) -> None:
        """A map that fits no column or no field is refused with what there is."""
        content = "Nome;Fone;NOME;destination\n"

        assert said in refusal(path, content, columns=columns)

    def test_number_by_another_name_is_hinted_at(self, path: Path) -> None:
        """Where a column is called as phone numbers are, the error names it."""
        text = refusal(path, f"nome;Celular\nAna;{NUMBER}\n")

        assert "(column 2 'Celular' may be it: --map destination=Celular)" in text
        assert "--map destination=COLUMN" in text

    def test_names_that_may_be_a_person_are_not_shown(self, path: Path) -> None:
        """Of what looks like no name only the place is said."""
        said = reading(
            path, f"destination;x{NUMBER}\n{NUMBER};1\n", ignore_unknown_columns=True
        )

        assert said.passed_over == ("column 2",)


def test_header_with_titles_above_is_hinted_at(path: Path) -> None:
    """Of rows without a destination, that with a usual name of one is told of."""
    text = refusal(path, f"Clientes;;\nid;Nome;Telefone 1\n1;Ana;{NUMBER}\n")

    assert "line 2: no column 'destination'" in text
    assert "'Telefone 1' may be it: --map 'destination=Telefone 1'" in text
