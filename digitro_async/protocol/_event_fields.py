"""Finds fields in the data of an event: in JSON, and in simple XML.

XML is read by expat, without document types and entities of its own, and no deeper than
JSON. What is not well-formed is read as far as it is.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any, Final
from xml.parsers import expat

orjson: Any  # None where it is not installed
try:
    import orjson
except ImportError:
    orjson = None

__all__ = [
    "FieldPath",
    "all_fields",
    "field_path",
    "first_text",
    "members_of",
    "text_of",
]

MAX_EVENT_DEPTH: Final = 32
"""Deepest nesting of an event that is read."""

ANY_NAME: Final = "*"
"""What stands for any one name in the name of a field."""

_OWN_TEXT: Final = ""
"""The name under which an element of XML with attributes has its own text."""

_MOST_ELEMENTS: Final = 10_000

FieldPath = tuple[str, ...]
"""The names that lead down to one field of an event."""


def field_path(name: str) -> FieldPath:
    """Return the path of a field whose names are joined by dots."""
    return tuple(name.split("."))


def members_of(data: str) -> dict[str, Any] | None:
    """Return the members of an event that is a JSON object or XML, None for others."""
    start = data.lstrip("\ufeff \t\r\n")
    if start.startswith("{"):
        try:
            # orjson refuses what is too deep, and json fails at it.
            found = json.loads(start) if orjson is None else orjson.loads(start)
        except (ValueError, RecursionError):
            return None
        return found if isinstance(found, dict) else None
    if start.startswith("<"):
        return _members_of_xml(start)
    return None


def text_of(value: object) -> str | None:
    """Return a text, number or truth value as text, None for anything else."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        try:
            return str(value)
        except ValueError:  # a number of thousands of digits
            return None
    if isinstance(value, dict):
        own = value.get(_OWN_TEXT)
        return own if isinstance(own, str) else None
    return None


def first_text(members: dict[str, Any], paths: Iterable[FieldPath]) -> str | None:
    """Return the text of the first field that is there and not empty, or None."""
    for path in paths:
        if len(path) == 1:  # nearly always
            text = text_of(members.get(path[0]))
            if text:
                return text
            if path[0] != ANY_NAME:
                continue
        for value in _values(members, path, 0):
            text = text_of(value)
            if text:
                return text
    return None


def _values(value: Any, path: FieldPath, depth: int) -> Iterator[Any]:
    """Yield every value that a path leads to."""
    if depth == len(path):
        yield value
        return
    if isinstance(value, list):
        for one in value:
            if isinstance(one, dict):
                yield from _values(one, path, depth)
        return
    if not isinstance(value, dict):
        return
    name = path[depth]
    if name == ANY_NAME:
        for one in value.values():
            yield from _values(one, path, depth + 1)
    elif name in value:
        yield from _values(value[name], path, depth + 1)


def all_fields(members: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the name and the text of every field that can be named, however deep."""
    pending: list[tuple[str, Any, int]] = [("", members, 0)]
    while pending:
        name, value, depth = pending.pop()
        text = text_of(value)
        if text is not None and name:
            yield name, text
        if depth == MAX_EVENT_DEPTH:
            continue
        if isinstance(value, list):
            pending += [(name, one, depth + 1) for one in reversed(value[:1])]
        if isinstance(value, dict):
            inner = [
                (f"{name}.{key}" if name else key, one, depth + 1)
                for key, one in value.items()
                if key.strip() and "." not in key
            ]
            pending += reversed(inner)


class _EndOfReadingError(Exception):
    """The rest of a text is not read."""


class _Elements:
    """Collects elements of XML into nested members."""

    def __init__(self) -> None:
        self.root: dict[str, Any] = {}
        self._open: list[tuple[str, dict[str, Any], list[str]]] = []
        self._count = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if len(self._open) >= MAX_EVENT_DEPTH or self._count > _MOST_ELEMENTS:
            raise _EndOfReadingError
        members = {_plain(key): text for key, text in attributes.items()}
        self._open.append((_plain(name), members, []))

    def text(self, data: str) -> None:
        if self._open:
            self._open[-1][2].append(data)

    def end(self, _: object = None) -> None:
        name, members, texts = self._open.pop()
        text = "".join(texts).strip()
        found: Any = members or text
        if members and text:
            members.setdefault(_OWN_TEXT, text)
        outer = self._open[-1][1] if self._open else self.root
        outer.setdefault(name, found)

    def end_all(self) -> None:
        while self._open:
            self.end()

    def refuse(self, *_: object) -> None:
        raise _EndOfReadingError


def _plain(name: str) -> str:
    """Return a name without the prefix of its namespace."""
    return name.rpartition(":")[2]


def _members_of_xml(text: str) -> dict[str, Any] | None:
    elements = _Elements()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = elements.start
    parser.EndElementHandler = elements.end
    parser.CharacterDataHandler = elements.text
    parser.StartDoctypeDeclHandler = elements.refuse
    parser.EntityDeclHandler = elements.refuse
    try:
        parser.Parse(text, True)  # noqa: FBT003 - it takes no keyword
    except (expat.ExpatError, _EndOfReadingError, ValueError):
        elements.end_all()
    return elements.root or None
