"""Each row of the command table, and the class of calls that goes with it."""

import json
from typing import Any

import attrs
import pytest

from digitro_async import calls, control_commands
from digitro_async.calls import AnyDestination, Call
from digitro_async.control_commands import COMMAND_NAMES, OtherCommand
from digitro_async.models import CommandAccepted
from digitro_async.privacy import Personal, Secret
from digitro_async.protocol import (
    COMMANDS,
    Command,
    UnreadableBodyError,
    build_request,
    command_of,
)

CLASSES: dict[str, Any] = {
    kind.command: kind
    for kind in (*vars(calls).values(), *vars(control_commands).values())
    if isinstance(kind, type) and issubclass(kind, Call)
    if kind not in {Call, OtherCommand}
}

every_row = pytest.mark.parametrize("row", COMMANDS.values(), ids=list(COMMANDS))


def test_every_class_has_a_row() -> None:
    """Classes and rows name each other, one to one."""
    assert set(CLASSES) == set(COMMANDS) == {*COMMAND_NAMES}
    assert [name for name, row in COMMANDS.items() if row.name != name] == []


@every_row
def test_fields(row: Command) -> None:
    """A row and its class have the same fields in one order, and no wire name twice."""
    fields = attrs.fields(CLASSES[row.name])

    assert [field.name for field in row.fields] == [field.name for field in fields]
    assert len({field.wire_name for field in row.fields}) == len(row.fields)
    assert all(field.wire_name.isupper() for field in row.fields)


@every_row
def test_kinds_of_fields(row: Command) -> None:
    """A field that a row calls required, secret or personal is so in its class."""
    for told, field in zip(row.fields, attrs.fields(CLASSES[row.name]), strict=True):
        wrapped: Any = "x" if field.converter is None else field.converter("x")

        assert told.is_required is (field.default is not None), field.name
        assert told.is_secret is isinstance(wrapped, Secret), field.name
        assert told.is_personal is isinstance(wrapped, Personal), field.name


@every_row
def test_request(row: Command) -> None:
    """A call with its required fields alone makes a request over its channel."""
    given = {
        field.name: AnyDestination(f"text of {field.name}")
        for field in row.fields
        if field.is_required
    }
    call = CLASSES[row.name](**given)
    request = build_request(call, 77_031)

    assert command_of(call) is row
    assert request.path == row.path.replace("{channel_id}", "77031")
    assert request.path.startswith("/requests/77031/")
    sent = json.loads(request.body)
    assert list(sent) == [field.wire_name for field in row.fields]
    assert {text for text in sent.values() if text is not None} == {*given.values()}


@every_row
def test_no_repeat_is_safe(row: Command) -> None:
    """No document says of any command that a repeat is safe."""
    assert row.is_repeat_safe is False


@every_row
@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{", b"\xff", b"[" * 40])
def test_no_row_reads_nonsense(row: Command, body: bytes) -> None:
    """An answer that is no object of JSON is refused with a code by every row."""
    with pytest.raises(UnreadableBodyError) as caught:
        row.read(body)

    assert str(caught.value.args[0]).replace("_", "").isalpha()


def test_what_is_no_call() -> None:
    """Only a call whose class names a row has one."""

    class Unnamed(Call):
        pass

    class Nameless(Call):
        command = "nobody knows it"

    for other in (None, "predictive_call", object(), Call, Unnamed(), Nameless()):
        assert command_of(other) is None


def test_an_acceptance_without_a_call_id() -> None:
    """A ``CommandAccepted`` has no call id, and its repr shows no answer."""
    accepted = CommandAccepted({"NOME": "canary"})

    assert accepted.call_id is None
    assert repr(accepted) == "CommandAccepted()"
