"""Call classes: attrs classes whose texts are kept where no tool shows them."""

import linecache
from collections.abc import Callable, Iterable, Mapping
from operator import attrgetter
from typing import Any, ClassVar, Final, TypeVar

import attrs

from digitro_async._common.number_form import (
    MAX_NUMBER,
    has_number_form,
    problem_of_number,
)
from digitro_async._common.validators import MAX_TEXT, opened, problem_of_text
from digitro_async.errors import InvalidCallError
from digitro_async.privacy import Masked

__all__ = ["IS_NUMBER", "MAY_HOLD_LINES", "Call", "call_class", "first_problem"]

MAY_HOLD_LINES: Final = {"may_hold_lines": True}
"""Metadata of a field that may hold line breaks and tabs."""

IS_NUMBER: Final = {"is_number": True}
"""Metadata of a field that holds a number to dial."""

_CallType = TypeVar("_CallType", bound="type[Call]")


class Call:
    """A command to a PABX, as a program gives it. Base of every call class.

    Attributes:
        command: Name of its row in the command table.
    """

    command: ClassVar[str] = ""

    # An object with the fields of the call, as plain texts.
    _texts: Any


def call_class(kind: _CallType) -> _CallType:
    """Make an attrs class a call class, which keeps its texts in one masked object.

    A field is text; its converter wraps it where it is secret or personal. A field
    without a default is required, as is one whose default is not None.

    Args:
        kind: A class under ``Call``, made by ``attrs.frozen(kw_only=True,
            slots=False)``.
    """
    # A million calls go through their constructor, and few of their fields are read.
    # The constructor that attrs writes wraps every field: it takes 6.2 us for the 13
    # fields of a predictive call, this one 2.8; a field that is read costs 0.6 us
    # instead of 0.05 (python -m benchmarks.questions.micro). Nor does attrs' own
    # constructor hide its arguments: tools that print the locals of a traceback would
    # show open texts. Here every local that holds one is gone before an error is
    # raised. Like attrs, this function writes the source of the constructor, so that
    # each field is named in one place.
    made: Any = kind
    fields = attrs.fields(made)
    names = [field.name for field in fields]
    texts = type(f"{kind.__name__}Texts", (Masked,), {"__slots__": tuple(names)})
    known = {
        "Texts": texts,
        "opened": opened,
        "problem_of": lambda texts: first_problem(
            fields, {name: getattr(texts, name) for name in names}
        ),
        "InvalidCallError": InvalidCallError,
        "MAX_TEXT": MAX_TEXT,
        "MAX_NUMBER": MAX_NUMBER,
        "has_number_form": has_number_form,
        **{f"default_of_{field.name}": field.default for field in fields},
    }
    source, file = _source_of(fields), f"<constructor of {kind.__qualname__}>"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    exec(compile(source, file, "exec"), known)  # noqa: S102 - a text made of names alone
    init: Any = known["__init__"]
    init.__annotations__ = made.__init__.__annotations__
    init.__qualname__, init.__module__ = made.__init__.__qualname__, kind.__module__
    made.__init__ = init
    for field in fields:
        setattr(kind, field.name, _view(field))
    return kind


def _source_of(fields: "tuple[attrs.Attribute[Any], ...]") -> str:
    """Return the source of the constructor of a call class."""
    wrapped = [field.name for field in fields if field.converter is not None]
    plain = [field.name for field in fields if field.converter is None]
    required = [field.name for field in fields if _is_required(field)]
    parts = [
        name if name in required else f"'' if {name} is None else {name}"
        for name in (field.name for field in fields)
    ]
    given = [
        field.name
        if field.default is attrs.NOTHING
        else f"{field.name}=default_of_{field.name}"
        for field in fields
    ]
    # Nearly every number is of digits alone; see ``has_number_form`` for the others.
    numbers = [
        f"        and ({name}.isdigit() and {name}.isascii()"
        f" and len({name}) <= MAX_NUMBER or has_number_form({name}))"
        for name in (field.name for field in fields if _is_number(field))
    ]
    lines = [
        f"def __init__(self, *, {', '.join(given)}):",
        "    texts = Texts()",
        "    self.__dict__['_texts'] = texts",
        *(
            f"    if not isinstance({name}, str): {name} = opened({name})"
            for name in wrapped
        ),
        *(f"    texts.{name} = {name}" for name in [*wrapped, *plain]),
        # One check of all texts together is enough for nearly every call.
        "    try:",
        f"        together = ''.join(({', '.join(parts)},))",
        "    except TypeError:",
        "        together = '\\n'",
        "    problem = (",
        "        None if together.isprintable() and len(together) <= MAX_TEXT",
        f"        and '' not in ({', '.join(required)},)",
        *numbers,
        "        else problem_of(texts)",
        "    )",
        "    if problem is not None:",
        f"        del self, texts, together, {', '.join([*wrapped, *plain])}",
        "        raise InvalidCallError(problem, reason='invalid_field')",
    ]
    return "\n".join([*lines, ""])


def _is_required(field: "attrs.Attribute[Any]") -> bool:
    return field.default is not None


def _is_number(field: "attrs.Attribute[Any]") -> bool:
    return bool(field.metadata.get("is_number"))


def _view(field: "attrs.Attribute[Any]") -> property:
    """Return the property that reads a field out of a call's texts."""
    read: Callable[[object], Any] = attrgetter(f"_texts.{field.name}")
    wrap: Any = field.converter
    if wrap is None:
        return property(read)
    return property(lambda call: wrap(read(call)))


def first_problem(
    fields: "Iterable[attrs.Attribute[Any]]", texts: Mapping[str, object]
) -> str | None:
    """Return the problem of the first field that has one, or None; it holds no value.

    Args:
        fields: Fields of a call class.
        texts: Plain texts or None of some of the fields, by name.
    """
    for field in fields:
        if field.name in texts:
            text = texts[field.name]
            problem = problem_of_text(
                text,
                required=_is_required(field),
                lines=bool(field.metadata.get("may_hold_lines")),
            )
            if not problem and _is_number(field) and isinstance(text, str):
                problem = problem_of_number(text)
            if problem:
                return f"{field.name} {problem}"
    return None
