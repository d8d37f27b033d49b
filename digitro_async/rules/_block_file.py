"""Files of numbers that must not be called, read again while a campaign runs."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import attrs

from digitro_async._common.text import words_of_os_error
from digitro_async.errors import ConfigurationError
from digitro_async.rules._block_list import (
    BlockBuilder,
    BlockedNumbers,
    BlockTerms,
    longest,
)
from digitro_async.rules._block_rows import BadBlockRow, BlockRows
from digitro_async.rules._called_number import CalledNumber

__all__ = ["BlockFile", "BlockReading"]

_PIECE: Final = 1 << 20
_MOST_SHOWN: Final = 1_000

FileStamp = tuple[int, int, int, int]


@attrs.frozen(kw_only=True)
class BlockReading:
    """What one reading of a block file brought.

    Attributes:
        file: Its path.
        entries: Entries that are in force from it now.
        bad_rows: Rows that can't be used: the first thousand.
        bad_count: How many there are.
        kept_old: Why the earlier content stays in force beside the new; empty where the
            new one took its place.
    """

    file: Path
    entries: int
    bad_rows: tuple[BadBlockRow, ...] = ()
    bad_count: int = 0
    kept_old: str = ""


class BlockFile:
    """A file of numbers that must not be called: one a line, with end date and reason.

    ``load`` reads it, and ``refresh`` reads it again where it has changed. Both take
    seconds for millions of numbers, so a program with a loop calls them in a thread.
    A new content takes the place of the old one at once, between two look-ups. One that
    is broken frees nobody: the old content stays in force, and the good rows of the new
    one are added to it.

    Args:
        path: The file.
        name: Name of the list; that of the file if left out.
        reason: Reason of entries that give none.
        home_area: Area code of numbers without one.
        may_shrink_to: A file that has fewer entries than this share of those before it
            is taken for a broken one, such as one that is just being written.
    """

    def __init__(
        self,
        path: Path,
        *,
        name: str = "",
        reason: str = "",
        home_area: str = "",
        may_shrink_to: float = 0.5,
    ) -> None:
        self.path = path
        self.name: str = name or path.stem
        self._reason = reason
        self._home_area = home_area
        self._may_shrink_to = may_shrink_to
        self._layers: tuple[BlockedNumbers, ...] = ()
        self._stamp: FileStamp | None = None
        self._problem = ""
        self._refreshing = threading.Lock()

    def find(self, number: CalledNumber, when: float) -> BlockTerms | None:
        """Return the terms of a number that must not be called at a moment.

        Args:
            number: The number.
            when: The moment, a Unix time.

        Raises:
            ConfigurationError: If the file was not loaded.
        """
        layers = self._layers
        if len(layers) == 1:  # nearly always
            return layers[0].find(number.key, when)
        if not layers:
            raise ConfigurationError(f"{self.path}: is used before it was loaded")
        found = (layer.find(number.key, when) for layer in layers)
        return longest((one for one in found if one is not None), when)

    def load(self) -> BlockReading:
        """Read the file for the first time, and report rows that can't be used.

        Raises:
            ConfigurationError: If it can't be read: nobody would be protected then.
        """
        try:
            numbers, reading, self._stamp = self._read()
        except OSError as error:
            problem = words_of_os_error(error)
            raise ConfigurationError(f"{self.path}: can't be read: {problem}") from None
        self._layers = (numbers,)
        return reading

    def refresh(self) -> BlockReading | None:
        """Read the file again if it has changed since; otherwise return None.

        A file that can't be read is reported once, and tried again at the next call.
        """
        # Several campaigns may heed the same rules: an older content would take the
        # place of a newer one.
        with self._refreshing:
            return self._refresh()

    def _refresh(self) -> BlockReading | None:
        try:
            if _stamp(self.path) == self._stamp:
                return None
            numbers, reading, stamp = self._read()
        except (OSError, ConfigurationError) as error:
            return self._keep_old(error)
        if stamp is None:
            return None  # it is being written: the next call reads it
        self._stamp, self._problem = stamp, ""
        before = sum(map(len, self._layers[-1:]))  # those of the last whole file
        kept_old = ""
        if reading.bad_count:
            kept_old = f"{reading.bad_count} of its rows can't be used"
        elif len(numbers) < before * self._may_shrink_to:
            kept_old = f"it has {len(numbers)} entries, and had {before}"
        # What was in force before a broken file stays so through several of them.
        self._layers = (numbers, *self._layers[-1:]) if kept_old else (numbers,)
        return attrs.evolve(
            reading, kept_old=kept_old, entries=sum(map(len, self._layers))
        )

    def _keep_old(self, error: OSError | ConfigurationError) -> BlockReading | None:
        is_system = isinstance(error, OSError)
        problem = words_of_os_error(error) if is_system else str(error)  # type: ignore[arg-type]  # of the system
        if problem == self._problem:
            return None
        self._problem = problem
        entries = sum(map(len, self._layers))
        return BlockReading(
            file=self.path, entries=entries, kept_old=f"it can't be read: {problem}"
        )

    def _read(self) -> tuple[BlockedNumbers, BlockReading, FileStamp | None]:
        """Return the content, what is to be told of it, and the stamp it was read at.

        The stamp is None where the file changed meanwhile.

        Raises:
            OSError: If it can't be read.
            ConfigurationError: If it is no text of one byte a character.
        """
        builder = BlockBuilder()
        rows = BlockRows(builder, BlockTerms(self._reason), self._home_area)
        bad: list[BadBlockRow] = []
        count = 0
        before = _stamp(self.path)
        for problem in rows.read(self._pieces()):
            count += 1
            if count <= _MOST_SHOWN:
                bad.append(attrs.evolve(problem, file=self.path))
        after = _stamp(self.path)
        numbers = builder.build()
        reading = BlockReading(
            file=self.path,
            entries=len(numbers),
            bad_rows=tuple(bad),
            bad_count=count,
        )
        return numbers, reading, after if before == after else None

    def _pieces(self) -> Iterator[bytes]:
        with self.path.open("rb") as file:
            while piece := file.read(_PIECE):
                if b"\0" in piece:
                    raise ConfigurationError(
                        f"{self.path}: is UTF-16 or no text; save it as UTF-8"
                    )
                yield piece


def _stamp(path: Path) -> FileStamp:
    """Return what differs where a file was changed or replaced."""
    found = os.stat(path)  # noqa: PTH116 - the same
    return found.st_mtime_ns, found.st_size, found.st_ino, found.st_dev
