"""Encodes a call to the body of its request, and alone opens the texts of calls."""

import json
from collections.abc import Callable
from itertools import compress
from typing import Any, Final

import attrs
from cattrs import Converter
from cattrs.fns import identity
from cattrs.gen import make_dict_unstructure_fn, override

from digitro_async._common.validators import opened
from digitro_async.calls import Call
from digitro_async.control_commands import OtherCommand
from digitro_async.protocol._commands import COMMANDS
from digitro_async.settings import UnsetFields

orjson: Any  # None where it is not installed
try:
    import orjson
except ImportError:
    orjson = None

__all__ = ["encode_call", "unstructure_call"]

_CONVERTER: Final = Converter()
_JSON: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
_NULL: Final = UnsetFields.NULL
_OMIT: Final = UnsetFields.OMIT

_Mapping = dict[str, str | None]


def _fields_of_other(call: OtherCommand) -> _Mapping:
    """Return the fields of a command that is known by its path alone."""
    return {name: opened(value) for name, value in call.fields.items()}


_WRITERS: Final[dict[type[Call], Callable[[Any], _Mapping]]] = {
    OtherCommand: _fields_of_other
}

_Joins = dict[type[Call], dict[tuple[bool, ...], Callable[[Any], str]]]
_JOINS: Final[_Joins] = {}
_JOINS_OF_SET: Final[_Joins] = {}
"""The same where fields that are None are left out."""
_MOST_JOINS: Final = 64
"""Most sets of fields that are None for which a join is kept."""


def unstructure_call(call: Call, unset: UnsetFields = UnsetFields.NULL) -> _Mapping:
    """Return a call's texts by wire name: SECRETS AND PERSONAL DATA ARE OPEN."""
    write = _WRITERS.get(type(call)) or _make_writer(call)
    mapping = write(call._texts)  # noqa: SLF001 - the one place that opens them
    # Left out here: cattrs would write optional fields after all the others.
    if unset is _OMIT:
        return {name: text for name, text in mapping.items() if text is not None}
    return mapping


def encode_call(call: Call, unset: UnsetFields = UnsetFields.NULL) -> bytes:
    """Return the body of the request: UTF-8 JSON in the documented field order."""
    texts = call._texts  # noqa: SLF001 - the one place that opens them
    which = texts.which_unset
    if which is not None:
        kind = type(call)
        joins = _JOINS.get(kind) if unset is _NULL else _JOINS_OF_SET.get(kind)
        write = (joins or {}).get(which) or _make_join(kind, which, unset)
        return write(texts).encode()
    mapping = unstructure_call(call, unset)
    if orjson is not None:
        body: bytes = orjson.dumps(mapping)
        return body
    return _JSON.encode(mapping).encode()


def _make_writer(call: Call) -> Callable[[Any], _Mapping]:
    """Return the function that makes a mapping of the texts of a call of this class.

    The function is compiled once for each call class. Its argument is the object that
    holds the texts of a call, opened, under the names of the fields.
    """
    row = COMMANDS[call.command]
    renamed: dict[str, Any] = {
        field.name: override(rename=field.wire_name, unstruct_hook=identity)
        for field in row.fields
    }
    made = make_dict_unstructure_fn(type(call), _CONVERTER, **renamed)
    write: Callable[[Any], _Mapping] = made
    _WRITERS[type(call)] = write
    return write


def _make_join(
    kind: Any, which: tuple[bool, ...], unset: UnsetFields
) -> Callable[[Any], str]:
    """Return the function that writes JSON of calls whose texts need no escapes.

    Nearly all are such calls. For each set of fields that are None there is one join,
    made once, of the texts and of what stands between them.

    Args:
        kind: The class of the calls.
        which: Whether each of the optional fields is None; ``()`` where none is.
        unset: How fields that are None are written.
    """
    # Half the instructions of a mapping and its encoder. A join, and no f-string: it
    # takes the letters of a text, whatever the text's class makes of itself.
    optional = [one.name for one in attrs.fields(kind) if one.default is None]
    left_out = set(compress(optional, which))
    parts, known = [], "{"
    for field in COMMANDS[kind.command].fields:
        key = f'"{field.wire_name}":'
        if field.name not in left_out:
            parts += [repr(f'{known}{key}"'), f"texts.{field.name}"]
            known = '",'
        elif unset is _NULL:
            known += f"{key}null,"
    parts.append(repr(known.removesuffix(",") + "}"))
    source = f"lambda texts: ''.join(({', '.join(parts)}))"
    made: Callable[[Any], str] = eval(source)  # noqa: S307 - made of names alone
    joins = (_JOINS if unset is _NULL else _JOINS_OF_SET).setdefault(kind, {})
    if len(joins) >= _MOST_JOINS:
        joins.clear()
    joins[which] = made
    return made
