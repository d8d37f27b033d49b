import asyncio
import random
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from contact_files import DEFAULTS, numbers, path, read, refusal

from digitro_async.campaign import count_rows
from digitro_async.contacts import (
    ContactFile,
    ContactRow,
    RejectCode,
    RejectedRow,
    open_contacts,
)
from digitro_async.errors import ConfigurationError
from digitro_async.numbers import NumberReason
from digitro_async.privacy import Personal
from digitro_async.testing import _sample_contacts, sample_contacts, write_sample_file

__all__ = ["path"]  # a fixture


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
        ] == [one for one in bad if one[1] is not RejectCode.DUPLICATE]
        doubles = [line for line, code in bad if code is RejectCode.DUPLICATE]
        assert len(good) == 9_850 + len(doubles)
        assert (file.encoding, file.read) == (encoding, 10_000)
        assert file.rejected == 150 - len(doubles)
        assert [row.line for row in good if row.id == good[0].id] == [2, *doubles]
        of_options = {RejectCode(code) for code in NumberReason}
        assert {code for _, code in bad} == set(RejectCode) - {
            *(of_options - {RejectCode.BAD_CHARACTER}),
            *(RejectCode.CELL_TYPE, RejectCode.MERGED_CELL),
            *(RejectCode.OPEN_END, RejectCode.CHANGED),
            *([RejectCode.UNREADABLE_BYTES] if encoding == "utf-8" else []),
        }
        everyone = {row["id"]: row for row in sample_contacts(10_000)}
        for contact in good:
            assert contact.id is not None
            if contact.line in doubles:
                continue
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


def counting_peak(path: Path, count: int) -> int:
    """The most memory that counting contacts takes, in bytes."""
    with open_contacts(path, defaults=DEFAULTS) as file:
        tracemalloc.start()
        try:
            assert asyncio.run(count_rows(file)).new == count
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "count", [20_000, pytest.param(1_000_000, marks=pytest.mark.long)]
)
def test_memory_stays_bounded(path: Path, count: int) -> None:
    """Reading keeps no row, and counting them keeps a hash of each contact."""
    write_sample_file(path, count)

    assert reading_peak(path, count) < 500_000
    assert counting_peak(path, count) < 6_000_000 + count * 150


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
