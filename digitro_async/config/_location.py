"""Places in a configuration file, for errors that show no value of it."""

import os
import re
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

import attrs

from digitro_async._common.text import one_of, words_of_os_error
from digitro_async.errors import ConfigurationError

__all__ = ["ConfigLocation", "Place", "read_text"]

Place = tuple[str | int, ...]
"""Names from the outermost table to the field, an index after an array of tables."""

MOST_BYTES = 1 << 20
"""Largest file that is read: a configuration, or the file of one secret."""

_LONGEST_NAME = 200
_MARKS = re.compile(r'"""|\'\'\'')
_HEADER = re.compile(r"\s*(\[\[?)\s*([^\]]+?)\s*\]")
_KEY = re.compile(r"""\s*(["'\w.\- ]+?)\s*=""")

# An unknown name may be a value that slipped to the left of its ``=``.
_LOOKS_LIKE_A_NAME = re.compile(r"[A-Za-z_][\w-]{0,30}", re.ASCII)
_MANY_DIGITS = re.compile(r"\d{3}")


def read_text(path: Path) -> str:
    """Read a small UTF-8 file.

    Raises:
        ConfigurationError: If it can't be read; the text does not name it.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(MOST_BYTES + 1)
        if hasattr(os, "geteuid") and stat.S_ISREG(mode) and mode & stat.S_IWOTH:
            problem = "everybody may write to it: look at it, then chmod o-w"
        elif len(content) <= MOST_BYTES:
            return content.decode("utf-8-sig")
        else:
            problem = "it is larger than a mebibyte"
    except UnicodeDecodeError:
        problem = "it is not UTF-8 text"
    except OSError as error:
        problem = words_of_os_error(error)
    except ValueError:
        problem = "that is no file name"
    raise ConfigurationError(f"can't be read: {problem}")


@attrs.frozen
class ConfigLocation:
    """A configuration file that knows on which line a field stands.

    Attributes:
        path: Its path.
        text: Its text.
    """

    path: Path
    text: str = attrs.field(repr=False)

    def error(self, place: Place, problem: str) -> ConfigurationError:
        """Return an error that names the file, the line and the field."""
        shown = ""
        for name in place:
            if isinstance(name, int):
                shown += f"[{name}]"
            else:
                shown += f".{name}" if shown else name
        return self.error_at(self._line_of(place), f"{shown}: {problem}")

    def error_at(self, line: int | None, problem: str) -> ConfigurationError:
        """Return an error that names the file and the line, if it is known."""
        at = f"{self.path}:{line}" if line else f"{self.path}"
        return ConfigurationError(f"{at}: {problem}")

    def unknown(
        self, place: Place, name: str, known: Iterable[str]
    ) -> ConfigurationError:
        """Return the error about an option with an unknown name."""
        problem = f"there is no such option{one_of(name, known)}"
        if _LOOKS_LIKE_A_NAME.fullmatch(name) and not _MANY_DIGITS.search(name):
            return self.error((*place, name), problem)
        table = "".join(f"{part}: " for part in place if isinstance(part, str))
        return self.error_at(self._line_of((*place, name)), f"{table}{problem}")

    def _line_of(self, place: Place) -> int | None:
        """Return the first line that comes nearest to the place."""
        best, found = 0, None
        for number, other in _places(self.text):
            common = 0
            for one, two in zip(place, other, strict=False):
                if one != two:
                    break
                common += 1
            if common > best:
                best, found = common, number
        return found


def _places(text: str) -> Iterator[tuple[int, Place]]:
    """Yield the lines with a table's or a field's name. It need not be valid TOML."""
    table: Place = ()
    indexes: dict[tuple[str, ...], int] = {}
    in_text = False
    for number, line in enumerate(text.split("\n"), 1):
        was_in_text = in_text
        in_text ^= len(_MARKS.findall(line)) % 2 == 1
        if was_in_text:
            continue
        if header := _HEADER.match(line[:_LONGEST_NAME]):
            names = _names(header[2])
            if header[1] == "[[":
                indexes[names] = indexes.get(names, -1) + 1
            table = _indexed(names, indexes)
            yield number, table
        elif key := _KEY.match(line[:_LONGEST_NAME]):
            yield number, (*table, *_names(key[1]))


def _indexed(names: tuple[str, ...], indexes: dict[tuple[str, ...], int]) -> Place:
    """Return a place with the index of each array of tables that it is in."""
    place: Place = ()
    for count, name in enumerate(names, 1):
        place += (name,)
        index = indexes.get(names[:count])
        if index is not None:
            place += (index,)
    return place


def _names(dotted: str) -> tuple[str, ...]:
    return tuple(name.strip(" \t\"'") for name in dotted.split("."))
