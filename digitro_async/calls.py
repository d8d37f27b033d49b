"""Calls: one class for each command, whose texts are kept where nothing shows them."""

import linecache
from collections.abc import Callable
from operator import attrgetter
from typing import Any, ClassVar, Final, TypeVar

import attrs

from digitro_async._common.validators import (
    MAX_TEXT,
    maybe_personal,
    maybe_secret,
    opened,
    personal,
    problem_of_text,
    secret,
)
from digitro_async.errors import InvalidCallError
from digitro_async.privacy import Masked, Personal, Secret

__all__ = ["MAY_HOLD_LINES", "Call", "PredictiveCall", "call_class"]

MAY_HOLD_LINES: Final = {"may_hold_lines": True}
"""Metadata of a field that may hold line breaks and tabs."""

_CallType = TypeVar("_CallType", bound="type[Call]")


class Call:
    """A command to a PABX, as a program gives it. Base of every class of calls.

    Attributes:
        command: Name of its row in the command table.
    """

    command: ClassVar[str]

    # An object with the fields of the call, as plain texts.
    _texts: Any


def call_class(kind: _CallType) -> _CallType:
    """Let calls of an attrs class keep their texts in one masked object.

    A field is text; its converter wraps it where it is secret or personal. A field
    without a default is required, as is one whose default is not None.

    Args:
        kind: A class under ``Call``, made by ``attrs.frozen(kw_only=True,
            slots=False)``.
    """
    # A million calls go through their constructor, and few of their fields are read.
    # The constructor that attrs writes wraps every field: it takes 6.2 us for the 13
    # fields of a predictive call, this one 2.8; a field that is read costs 0.6 us
    # instead of 0.05 (python -m benchmarks.micro). Nor would attrs' own hide what it
    # is given: tools that print the locals of a traceback would show open texts. Here
    # every local that holds one is gone before an error is raised. Like attrs, it
    # writes the source of the constructor, so that each field is named in one place.
    made: Any = kind
    fields = attrs.fields(made)
    names = [field.name for field in fields]
    texts = type(f"{kind.__name__}Texts", (Masked,), {"__slots__": tuple(names)})
    known = {
        "Texts": texts,
        "opened": opened,
        "problem_of": lambda texts: _problem_of(texts, fields),
        "InvalidCallError": InvalidCallError,
        "MAX_TEXT": MAX_TEXT,
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
    """Return the source of the constructor of a class of calls."""
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
    lines = [
        f"def __init__(self, *, {', '.join(given)}):",
        "    texts = Texts()",
        "    self.__dict__['_texts'] = texts",
        *(
            f"    if not isinstance({name}, str): {name} = opened({name})"
            for name in wrapped
        ),
        *(f"    texts.{name} = {name}" for name in [*wrapped, *plain]),
        # One look at all texts together finds nothing wrong with nearly every call.
        "    try:",
        f"        together = ''.join(({', '.join(parts)},))",
        "    except TypeError:",
        "        together = '\\n'",
        "    problem = (",
        "        None if together.isprintable() and len(together) <= MAX_TEXT",
        f"        and '' not in ({', '.join(required)},)",
        "        else problem_of(texts)",
        "    )",
        "    if problem is not None:",
        f"        del self, texts, together, {', '.join([*wrapped, *plain])}",
        "        raise InvalidCallError(problem, reason='invalid_field')",
    ]
    return "\n".join([*lines, ""])


def _is_required(field: "attrs.Attribute[Any]") -> bool:
    return field.default is not None


def _view(field: "attrs.Attribute[Any]") -> property:
    """Return the property that reads a field out of a call's texts."""
    read: Callable[[object], Any] = attrgetter(f"_texts.{field.name}")
    wrap: Any = field.converter
    if wrap is None:
        return property(read)
    return property(lambda call: wrap(read(call)))


def _problem_of(
    texts: object, fields: "tuple[attrs.Attribute[Any], ...]"
) -> str | None:
    """Return the problem of the first field that has one; it shows no value."""
    for field in fields:
        problem = problem_of_text(
            getattr(texts, field.name),
            required=_is_required(field),
            lines=bool(field.metadata.get("may_hold_lines")),
        )
        if problem:
            return f"{field.name} {problem}"
    return None


@call_class
@attrs.frozen(kw_only=True, slots=False)
class PredictiveCall(Call):
    """A predictive call as the PABX is asked to make it.

    The 13 documented fields (docs-pabx.digitro.com/api-10271002) under English names,
    in the order of the documented example. All are text on the wire. The vendor has
    published no list of values for most of them, so they are sent as given: nothing is
    checked against a guess, and only ``route`` has a default ("normally the value 0").

    Args:
        device: The device the call is generated from.
        device_password: Its password.
        route: The route to use.
        account: The user's account; normally unset.
        account_password: The password that goes with the account; normally unset.
        destination: The number to dial, exactly as the PABX shall get it.
        predictive_mode: Opaque; "0" in the example.
        user_data: Free text that travels with the call. Personal data.
        caller_id: The originator's identity.
        call_progress_detection: Opaque; "1" in the example.
        reanswer_time: Opaque; "10" in the example, the unit is not published.
        destination_detection: Opaque; "1" in the example.
        telemarketing_block: Opaque; "NAO" in the example.

    Raises:
        InvalidCallError: If a required field is empty, or a field is not text, too
            long, or holds control characters; the text names the field only.
    """

    command: ClassVar[str] = "predictive_call"

    device: str
    device_password: Secret = attrs.field(converter=secret)
    route: str = "0"
    account: str | None = None
    account_password: Secret | None = attrs.field(default=None, converter=maybe_secret)
    destination: Personal = attrs.field(converter=personal)
    predictive_mode: str | None = None
    user_data: Personal | None = attrs.field(
        default=None, converter=maybe_personal, metadata=MAY_HOLD_LINES
    )
    caller_id: Personal | None = attrs.field(default=None, converter=maybe_personal)
    call_progress_detection: str | None = None
    reanswer_time: str | None = None
    destination_detection: str | None = None
    telemarketing_block: str | None = None
