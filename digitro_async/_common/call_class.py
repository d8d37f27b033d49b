"""Call classes: attrs classes whose texts are kept where no tool shows them."""

import linecache
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from operator import attrgetter
from typing import Any, ClassVar, Final, Self, TypeVar

import attrs

from digitro_async._common.number_form import (
    MAX_NUMBER,
    has_number_form,
    problem_of_number,
)
from digitro_async._common.validators import MAX_TEXT, opened, problem_of_text
from digitro_async.errors import InvalidCallError
from digitro_async.privacy import Masked

__all__ = [
    "IS_NUMBER",
    "MAY_HOLD_LINES",
    "WHICH_UNSET",
    "Call",
    "call_class",
    "first_problem",
]

MAY_HOLD_LINES: Final = {"may_hold_lines": True}
"""Metadata of a field that may hold line breaks and tabs."""

IS_NUMBER: Final = {"is_number": True}
"""Metadata of a field that holds a number to dial."""

WHICH_UNSET: Final = "which_unset"
"""Name, in the texts of a call, of a value that tells for each optional field whether
it is None; ``()`` where none is. The value is None where a text may need escapes."""

_CallType = TypeVar("_CallType", bound="type[Call]")


class Call:
    """A command to a PABX, as a program gives it. Base of every call class.

    Attributes:
        command: Name of its row in the command table.
    """

    command: ClassVar[str] = ""

    # An object with the fields of the call, as plain texts.
    _texts: Any

    __slots__ = ("_texts",)

    # A call never changes.
    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _: object) -> Self:
        return self


def call_class(kind: _CallType) -> _CallType:
    """Make an attrs class a call class, which keeps its texts in one masked object.

    A field is text; its converter wraps it where it is secret or personal. A field
    without a default is required, as is one whose default is not None.

    Args:
        kind: A class under ``Call``, made by ``attrs.frozen(kw_only=True,
            slots=False)``.
    """
    # A million calls go through their constructor, and few of their fields are read.
    # The constructor that attrs writes wraps every field: it takes three times the
    # instructions of this one, of which a class with 13 keywords alone takes 8,900
    # (python -m benchmarks.questions.micro tells the time). Nor does attrs' own
    # constructor hide its arguments: tools that print the locals of a traceback would
    # show open texts. Here every local that holds one is gone before an error is
    # raised. Like attrs, this function writes the source of the constructor, so that
    # each field is named in one place.
    made: Any = kind
    fields = attrs.fields(made)
    names = [field.name for field in fields]
    slots = (*names, WHICH_UNSET)
    texts = type(f"{kind.__name__}Texts", (Masked,), {"__slots__": slots})
    known = {
        "Texts": texts,
        "keep": made._texts.__set__,  # noqa: SLF001 - past the freezing
        "joined": partial(
            _join_opened, names, [one.name for one in fields if one.converter]
        ),
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
    texts.copied = known["copied"]  # type: ignore[attr-defined]  # of a class just made
    for field in fields:
        setattr(kind, field.name, _view(field))
    return kind


def _source_of(fields: "tuple[attrs.Attribute[Any], ...]") -> str:
    """Return the source of the constructor of a call class."""
    names = [field.name for field in fields]
    required = [field.name for field in fields if _is_required(field)]
    optional = [name for name in names if name not in required]
    parts = [
        name if name in required else f"'' if {name} is None else {name}"
        for name in names
    ]
    given = [
        field.name
        if field.default is attrs.NOTHING
        else f"{field.name}=default_of_{field.name}"
        for field in fields
    ]
    # Nearly every number is of digits alone; see ``has_number_form`` for the others.
    numbers = [
        f"        and ((number := texts.{name}).isdigit() and number.isascii()"
        f" and len(number) <= MAX_NUMBER or has_number_form(number))"
        for name in (field.name for field in fields if _is_number(field))
    ]
    lines = [
        f"def __init__(self, *, {', '.join(given)}):",
        "    texts = Texts()",
        "    keep(self, texts)",
        *(f"    texts.{name} = {name}" for name in names),
        # One check of all texts together is enough for nearly every call.
        "    try:",
        f"        if {' or '.join(f'{name} is None' for name in optional) or False}:",
        f"            unset = ({' '.join(f'{name} is None,' for name in optional)})",
        f"            together = ''.join(({', '.join(parts)},))",
        "        else:",
        "            unset = ()",
        f"            together = ''.join(({', '.join(names)},))",
        "    except TypeError:",  # a wrapped text is among them, or no text
        "        together = joined(texts)",
        "    number = None",
        "    if (",
        "        together.isprintable() and len(together) <= MAX_TEXT",
        *(f"        and {name}" for name in required),
        *numbers,
        "    ):",
        "        if '\"' in together or '\\\\' in together: unset = None",
        f"        texts.{WHICH_UNSET} = unset",
        "        return",
        "    problem = problem_of(texts)",
        "    if problem is not None:",
        f"        del self, texts, together, number, {', '.join(names)}",
        "        raise InvalidCallError(problem, reason='invalid_field')",
        f"    texts.{WHICH_UNSET} = None",
        "def copied(self):",
        "    texts = Texts()",
        *(f"    texts.{name} = self.{name}" for name in (*names, WHICH_UNSET)),
        "    return texts",
    ]
    return "\n".join([*lines, ""])


class CallMaker:
    """Makes calls of one class that have most texts in common.

    Args:
        base: A call with the texts that they have in common, as plain texts.
    """

    # A campaign makes a call for each contact: all texts were checked before, but for
    # the two or three that are the contact's own. That takes a third of the
    # instructions of the constructor (python -m benchmarks.questions.instructions).
    def __init__(self, base: Call) -> None:
        self._kind = type(base)
        self._keep: Callable[[object, Any], None]
        self._keep = vars(Call)["_texts"].__set__  # past the freezing
        self._base = base._texts  # noqa: SLF001 - they are copied, masked as they are
        fields = attrs.fields(self._kind)  # type: ignore[arg-type]  # of attrs
        self._names = frozenset(field.name for field in fields)
        self._optional = [one.name for one in fields if not _is_required(one)]

    def make(self, number: str, given: Mapping[str, str]) -> Any:
        """Return a call; None where the constructor has to look at it.

        Args:
            number: The number to dial.
            given: Texts of its own, which stand over those of the base.
        """
        try:
            together = "".join(given.values())
        except (TypeError, AttributeError):
            return None
        if not (
            together.isprintable()
            and number.isdigit()
            and number.isascii()
            and len(number) <= MAX_NUMBER
            and len(together) <= MAX_TEXT
            and "" not in given.values()
            and self._names.issuperset(given)
        ):
            return None
        texts = self._base.copied()
        texts.destination = number
        for name, text in given.items():
            setattr(texts, name, text)
        unset = getattr(texts, WHICH_UNSET)
        if '"' in together or "\\" in together:
            setattr(texts, WHICH_UNSET, None)
        elif unset:
            unset = tuple([getattr(texts, name) is None for name in self._optional])
            setattr(texts, WHICH_UNSET, unset if True in unset else ())
        call = object.__new__(self._kind)
        self._keep(call, texts)
        return call


def _join_opened(names: Iterable[str], wrapped: Iterable[str], texts: Any) -> str:
    """Open the wrapped texts of a call; return all in one, a line feed if one is none.

    Args:
        names: The fields.
        wrapped: Those of them that may be given wrapped.
        texts: The texts of the call.
    """
    for name in wrapped:
        setattr(texts, name, opened(getattr(texts, name)))
    parts = [getattr(texts, name) for name in names]
    try:
        return "".join("" if part is None else part for part in parts)
    except TypeError:
        return "\n"


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
