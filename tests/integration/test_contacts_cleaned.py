"""Numbers and cells that are not used as they are written, and what is said of them."""

from pathlib import Path

from contact_files import DEFAULTS, numbers, path

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
