"""Numbers and cells that are not used as they are written, and what is said of them."""

from pathlib import Path

import pytest
from contact_files import DEFAULTS, numbers, path, shown

from digitro_async._common.csv_cells import csv_line
from digitro_async.contacts import CleanedNumber, CleaningCounts, open_contacts
from digitro_async.privacy import Personal

__all__ = ["path"]  # a fixture


class TestSamples:
    """The first numbers that were cleaned, before and after."""

    def test_cleaned_numbers_are_kept_as_samples(self, path: Path) -> None:
        """Samples are the first five numbers that are dialled in another form."""
        cells = ["04832817000", "(48) 3281-7001", "x", "'48932817002", "48 3281 7003"]
        cells += [f"48-3281-70{i}" for i in range(10, 15)]
        path.write_text("destination\n" + "\n".join(cells) + "\n")
        with open_contacts(path, defaults=DEFAULTS, strip_punctuation=True) as file:
            found = list(file)

        assert numbers(found)[:3] == ["04832817000", "4832817001", "bad_character"]
        assert len(file.samples) == 5
        assert file.samples[:2] == (
            CleanedNumber(
                line=3, before=Personal("(48) 3281-7001"), after=Personal("4832817001")
            ),
            CleanedNumber(
                line=5, before=Personal("'48932817002"), after=Personal("48932817002")
            ),
        )
        assert "3281" not in repr(file.samples)
        assert file.cleaned == CleaningCounts(punctuation=7, text_marks=1)

    def test_file_that_needs_no_cleaning(self, path: Path) -> None:
        """Numbers that are dialled as written leave no sample, blanks around or not."""
        path.write_text("destination\n04832817000\n 04832817001 \n")
        with open_contacts(path, defaults=DEFAULTS, strip_punctuation=True) as file:
            assert numbers(list(file)) == ["04832817000", "04832817001"]

        assert file.samples == ()
        assert not file.cleaned


class TestTextMarks:
    """Signs by which a spreadsheet says that a cell is text."""

    @pytest.mark.parametrize(
        ("cell", "text"),
        [
            ("'0012", "0012"),
            ("'123.456.789-00", "123.456.789-00"),
            ("'=1+1", "=1+1"),
            ("'+5548", "+5548"),
            ("'-1", "-1"),
            ("'@home", "@home"),
            ("''=1", "'=1"),
            ('="0012"', "0012"),
            ("'90s", "'90s"),
            ("'tis", "'tis"),
            ("d'Avila", "d'Avila"),
            ('="a"&"b"', '="a"&"b"'),
        ],
    )
    def test_marks_of_any_column(self, path: Path, cell: str, text: str) -> None:
        """A mark is dropped before a formula's sign or digits; all else is as it is."""
        quoted = cell.replace('"', '""')
        path.write_text(f'id;destination;user_data\n"{quoted}";0483281;"{quoted}"\n')
        with open_contacts(path, defaults=DEFAULTS) as file:
            (row,) = file

        assert shown(row) == (text, "0483281", text)
        assert file.cleaned == CleaningCounts(text_marks=0 if cell == text else 2)
        assert str(file.cleaned) == (
            "taken away: nothing"
            if cell == text
            else "taken away: the apostrophe before a text: 2"
        )

    @pytest.mark.parametrize(
        "text", ["+5548932817001", "=1", "'+1", "-1;=2", "@x", "7"]
    )
    def test_own_files_are_read_back(self, path: Path, text: str) -> None:
        """An id as this library writes it is the id that it was."""
        header = csv_line(["id", "destination"])
        path.write_bytes(header + csv_line([text.partition(";")[0], "0483281"]))
        with open_contacts(path, defaults=DEFAULTS) as file:
            (row,) = file

        assert shown(row)[0] == text.partition(";")[0]

    def test_rejected_rows_are_not_counted(self, path: Path) -> None:
        """Counts and samples are of contacts alone."""
        path.write_text("id;destination\n'1;'x\n'2;48 3281-7123 r.22\n")
        with open_contacts(path, defaults=DEFAULTS, strip_punctuation=True) as file:
            assert numbers(list(file)) == ["bad_character", "several_numbers"]

        assert (file.samples, bool(file.cleaned)) == ((), False)
