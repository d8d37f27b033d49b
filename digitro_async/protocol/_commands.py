"""The command table: one row for each documented command that can be sent.

A row describes a command on the wire: its path, its fields, whether a repeat is safe,
and how its answer is read. Sending, repeating and recording work with any row.
"""

import functools
from collections.abc import Callable, Collection, Mapping
from typing import Final

import attrs

from digitro_async.calls import Call
from digitro_async.control_commands import OtherCommand
from digitro_async.models import CommandAccepted
from digitro_async.protocol._command_answers import read_json, read_object
from digitro_async.protocol._decoding import decode_answer
from digitro_async.protocol._names import (
    COMMAND_PREFIX,
    DTMF_DETECTION_NAMES,
    DTMF_DETECTION_PATH,
    PASSWORD_CHANGE_NAMES,
    PASSWORD_CHANGE_PATH,
    PREDICTIVE_CALL_PATH,
    QUEUE_REDIRECT_NAMES,
    QUEUE_REDIRECT_PATH,
    WIRE_NAMES,
)

__all__ = [
    "COMMANDS",
    "SECRET_WIRE_NAMES",
    "Command",
    "WireField",
    "command_of",
    "path_of",
    "row_of_other",
]

_MOST_CHANNELS: Final = 256
"""Most channels whose paths are kept for one command."""


@attrs.frozen
class WireField:
    """One field of a command's body.

    Attributes:
        name: Name of the field in the call class.
        wire_name: Name of the field on the wire.
        is_required: Whether the command can't be sent without it.
        is_secret: Whether it is a key or a password.
        is_personal: Whether it is about a person.
    """

    name: str
    wire_name: str
    is_required: bool = attrs.field(default=False, kw_only=True)
    is_secret: bool = attrs.field(default=False, kw_only=True)
    is_personal: bool = attrs.field(default=False, kw_only=True)


@attrs.frozen(kw_only=True)
class Command:
    """One row of the command table.

    Attributes:
        name: Name of the command; a call class gives it as ``command``.
        path: Path of the request after the base URL, with ``{channel_id}`` in it.
        fields: Fields of the body, in the documented order.
        read: Returns the acceptance in the body of a 200; raises
            ``UnreadableBodyError`` where the body holds none.
        is_repeat_safe: Whether the command may be sent again although the PABX may have
            carried it out. The vendor documents that of no command.
        is_path_known: Whether a page of the vendor gives the path: a 404 then speaks of
            the channel, otherwise of the path.
        paths: Path of the requests over each channel, by the id of the channel.
    """

    name: str
    path: str
    fields: tuple[WireField, ...]
    read: Callable[[bytes], CommandAccepted]
    is_repeat_safe: bool = False
    is_path_known: bool = True
    paths: Mapping[int, str] = attrs.field(init=False, eq=False, repr=False)

    @paths.default
    def _no_paths(self) -> Mapping[int, str]:
        return _PathPerChannel(self.path)


class _PathPerChannel(dict[int, str]):
    """Keeps the path of the requests over each channel, and makes a missing one.

    Args:
        path: The path with ``{channel_id}`` in it.
    """

    # To format a path takes longer than all the rest of building a request. A full
    # mapping is emptied: channels are few.
    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path

    def __missing__(self, channel_id: int) -> str:
        made = self._path.format(channel_id=int(channel_id))
        if len(self) >= _MOST_CHANNELS:
            self.clear()
        self[channel_id] = made
        return made


def _fields(
    wire_names: Mapping[str, str],
    *,
    required: Collection[str],
    secret: Collection[str] = (),
    personal: Collection[str] = (),
) -> tuple[WireField, ...]:
    """Return the fields of a row, in the order of their wire names."""
    return tuple(
        WireField(
            name,
            wire_name,
            is_required=name in required,
            is_secret=name in secret,
            is_personal=name in personal,
        )
        for name, wire_name in wire_names.items()
    )


_ROWS: Final = (
    Command(
        name="predictive_call",
        # VERIFIED (P1): path, fields, their order, and the answer.
        path=PREDICTIVE_CALL_PATH,
        # No document says which fields are required. INFERRED from P2 to P4 and from
        # the meaning of the fields. A route is always sent: P1 says "normally 0".
        fields=_fields(
            WIRE_NAMES,
            required={"device", "device_password", "route", "destination"},
            secret={"device_password", "account_password"},
            personal={"destination", "user_data", "caller_id"},
        ),
        read=decode_answer,
    ),
    Command(
        name="queue_redirect",
        # VERIFIED (P2): path, and fields up to the sixth. The answer is UNKNOWN: that
        # it is an object is INFERRED from P1, P3 and P4.
        path=QUEUE_REDIRECT_PATH,
        fields=_fields(
            QUEUE_REDIRECT_NAMES,
            required={*QUEUE_REDIRECT_NAMES} - {"user_data"},
            secret={"device_password"},
            personal={"user_data"},
        ),
        read=read_object,
    ),
    Command(
        name="dtmf_detection",
        # VERIFIED (P3): path, fields, and the answer: an empty object.
        path=DTMF_DETECTION_PATH,
        fields=_fields(
            DTMF_DETECTION_NAMES,
            required=DTMF_DETECTION_NAMES,
            secret={"device_password"},
        ),
        read=read_object,
    ),
    Command(
        name="password_change",
        # VERIFIED (P4): path, fields, and the answer: an empty object.
        path=PASSWORD_CHANGE_PATH,
        fields=_fields(
            PASSWORD_CHANGE_NAMES,
            required={"device", "device_password", "new_password"},
            secret={"device_password", "account_password", "new_password"},
        ),
        read=read_object,
    ),
)

SECRET_WIRE_NAMES: Final = frozenset(
    field.wire_name for row in _ROWS for field in row.fields if field.is_secret
)
"""The names on the wire of every field that holds a key or a password."""

COMMANDS: Final = {row.name: row for row in _ROWS}
"""Every command that can be sent, by its name."""


def command_of(call: object) -> Command | None:
    """Return the row of a call's command, None for anything without a row."""
    if not isinstance(call, Call):
        return None
    row = COMMANDS.get(call.command)
    if row is None and isinstance(call, OtherCommand):
        # A call must have its class: what is known of calls is known by that alone.
        is_call = path_of(call.path).casefold() == PREDICTIVE_CALL_PATH
        return None if is_call else row_of_other(call)
    return row


def path_of(path: str) -> str:
    """Return the whole path of a command, with ``{channel_id}`` in it.

    Args:
        path: The path as ``OtherCommand`` takes it.
    """
    return path if "{channel_id}" in path else f"{COMMAND_PREFIX}{path}"


def row_of_other(call: Call) -> Command:
    """Return the row of a command that is known by its path alone.

    Raises:
        KeyError: If the call is of another class, and has no row either.
    """
    if not isinstance(call, OtherCommand):
        raise KeyError(call.command)
    return _row_of_path(call.path, is_repeat_safe=call.repeatable)


@functools.lru_cache(maxsize=_MOST_CHANNELS)
def _row_of_path(path: str, *, is_repeat_safe: bool) -> Command:
    return Command(
        name=path,
        path=path_of(path),
        fields=(),
        read=read_json,
        is_repeat_safe=is_repeat_safe,
        is_path_known=False,
    )
