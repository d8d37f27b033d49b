"""Commands beside the predictive call: three documented ones, and any by its path.

All are calls in the sense of this library: a client sends them, with the outcomes, caps
and pauses of every call. The facts are of docs-pabx.digitro.com: P2 is api-10270983, P3
is api-10271009, P4 is api-10271012.
"""

import re
from collections.abc import Collection, Mapping
from typing import Any, ClassVar, Final

import attrs

from digitro_async._common.validators import (
    maybe_personal,
    maybe_secret,
    opened,
    problem_of_text,
    quiet_init,
    secret,
)
from digitro_async.calls import MAY_HOLD_LINES, Call, PredictiveCall, call_class
from digitro_async.errors import InvalidCallError
from digitro_async.privacy import Personal, Secret

__all__ = [
    "COMMAND_NAMES",
    "DTMFDetection",
    "OtherCommand",
    "PasswordChange",
    "QueueRedirect",
    "problem_of_path",
]


@call_class
@attrs.frozen(kw_only=True, slots=False)
class QueueRedirect(Call):
    """Redirects a call that waits in an ACD queue to another device.

    The fields are documented (P2) up to the last one: the public copy of that page ends
    there, before its example and its answer. Whether there are further fields, and
    whether ``user_data`` is required, is not known.

    Args:
        device: The device that asks for the redirect.
        device_password: The password of the device.
        destination_device: The device that the call goes to.
        call_id: The call id of the call, as the PABX gave it.
        priority: The priority of the call in a queue: documented are "0", the highest,
            to "19". Sent as given.
        user_data: Free text that travels with the call. Personal data.

    Raises:
        InvalidCallError: If a required field is empty, or a field is not text, too
            long, or holds control characters; the text names the field only.
    """

    command: ClassVar[str] = "queue_redirect"

    device: str
    device_password: Secret = attrs.field(converter=secret)
    destination_device: str
    call_id: str
    priority: str
    user_data: Personal | None = attrs.field(
        default=None, converter=maybe_personal, metadata=MAY_HOLD_LINES
    )


@call_class
@attrs.frozen(kw_only=True, slots=False)
class DTMFDetection(Call):
    """Lets the PABX detect the DTMF digits of an established call (P3).

    The digits themselves come over the event channel.

    Args:
        device: The device that asks for the detection.
        device_password: The password of the device.
        call_id: The call id of the call, as the PABX gave it.

    Raises:
        InvalidCallError: If a field is empty, not text, too long, or holds control
            characters; the text names the field only.
    """

    command: ClassVar[str] = "dtmf_detection"

    device: str
    device_password: Secret = attrs.field(converter=secret)
    call_id: str


@call_class
@attrs.frozen(kw_only=True, slots=False)
class PasswordChange(Call):
    """Changes the password of a device, or of an account (P4).

    Where its outcome is unknown, either password may be the valid one.

    Args:
        device: The device that asks for the change.
        device_password: The password of the device, so far.
        account: The user's account.
        account_password: The password with which the change is checked.
        new_password: The new password, of the device or of the account.

    Raises:
        InvalidCallError: If a required field is empty, or a field is not text, too
            long, or holds control characters; the text names the field only.
    """

    command: ClassVar[str] = "password_change"

    device: str
    device_password: Secret = attrs.field(converter=secret)
    account: str | None = None
    account_password: Secret | None = attrs.field(default=None, converter=maybe_secret)
    new_password: Secret = attrs.field(converter=secret)


COMMAND_NAMES: Final = tuple(
    kind.command
    for kind in (PredictiveCall, QueueRedirect, DTMFDetection, PasswordChange)
)
"""The names of the documented commands."""


_CHANNEL: Final = "{channel_id}"
_SEGMENTS: Final = re.compile(r"[A-Za-z0-9_~-][A-Za-z0-9._~-]*(/[A-Za-z0-9._~-]+)*")
_LONGEST_PATH: Final = 200
_FIELD_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")
_MOST_FIELDS: Final = 200


def problem_of_path(path: object) -> str | None:
    """Return why a path can't name a command, or None.

    Args:
        path: What follows ``/requests/{channel_id}/``; or, where it holds
            ``{channel_id}`` itself, the whole path after the base URL.
    """
    if not isinstance(path, str) or not path:
        return "must be text"
    if len(path) > _LONGEST_PATH:
        return f"is longer than {_LONGEST_PATH} characters"
    plain = path
    if _CHANNEL in path:
        plain = path.removeprefix("/").replace(_CHANNEL, "0", 1)
        if not path.startswith("/"):
            return f"must begin with / where it holds {_CHANNEL}"
    if not _SEGMENTS.fullmatch(plain) or {".", ".."} & {*plain.split("/")}:
        return (
            "must be names of letters, digits and - . _ ~ with / between them, without"
            f" / at the ends; or a whole path that begins with / and holds {_CHANNEL}"
        )
    return None


def _check_path(_: object, __: object, value: Any) -> None:
    if problem := problem_of_path(value):
        raise InvalidCallError(f"path {problem}", reason="invalid_field")


def _names(value: str | Collection[str]) -> frozenset[str]:
    """Return the names that a text, or several of them, give."""
    try:
        names: frozenset[Any] = frozenset([value] if isinstance(value, str) else value)
    except TypeError:  # no collection, or of what has no hash
        names = frozenset([""])
    if all(isinstance(name, str) and name for name in names):
        return names
    raise InvalidCallError("plain must be names of fields", reason="invalid_field")


def _wrapped(fields: object) -> dict[str, Any]:
    """Return fields with each text wrapped, and what can't be fields as it is."""
    if not isinstance(fields, Mapping):
        raise InvalidCallError(
            "fields must be names and texts: {name: text}", reason="invalid_field"
        )
    return {name: maybe_secret(value) for name, value in fields.items()}


@quiet_init
@attrs.frozen(slots=False)
class OtherCommand(Call):
    """A command that this library knows by nothing but the path that you give.

    The vendor names twenty-four more functions than it has public pages of:
    docs/commands.md lists them. Open the vendor's page of one, and give what stands
    there. Nothing is checked against a guess.

    Args:
        path: What follows ``/requests/{channel_id}/`` in the path of the command. Where
            it holds ``{channel_id}`` itself, it is the whole path after the base URL.
        fields: The fields of the body by their names on the wire. The values are text,
            or None for what ``PABX.unset_fields`` says; text is wrapped in a
            ``Secret``, as nobody knows which of it is private.
        repeatable: Whether the command does no harm where it is carried out twice. It
            is then sent again where its outcome is unknown, as often as
            ``RetrySettings`` let calls be.
        plain: Names of fields that may be shown.

    Raises:
        InvalidCallError: If the path or a field can't be used; no value is shown.
    """

    command: ClassVar[str] = "other_command"
    which_unset: ClassVar[None] = None  # its texts are never joined without escapes

    path: str = attrs.field(validator=_check_path)
    fields: Mapping[str, Secret | Personal | str | None] = attrs.field(
        converter=_wrapped, hash=False
    )
    repeatable: bool = attrs.field(default=False, kw_only=True)
    plain: Collection[str] = attrs.field(default=(), converter=_names, kw_only=True)

    @repeatable.validator
    def _check_repeatable(self, _: object, value: object) -> None:
        if not isinstance(value, bool):
            raise InvalidCallError(
                "repeatable must be true or false", reason="invalid_field"
            )

    def __attrs_post_init__(self) -> None:
        problem = _problem_of_fields(self.fields)
        if problem is None and not {*self.plain} <= {*self.fields}:
            problem = "plain names a field that is not there"
        if problem is not None:
            raise InvalidCallError(problem, reason="invalid_field")
        shown = {
            name: opened(value) if name in self.plain else value
            for name, value in self.fields.items()
        }
        object.__setattr__(self, "fields", shown)

    @property
    def _texts(self) -> Any:
        return self


def _problem_of_fields(fields: Mapping[Any, Any]) -> str | None:
    """Return the problem of the first field that has one, or None; it holds no value.

    Args:
        fields: The fields, each text wrapped.
    """
    if len(fields) > _MOST_FIELDS:
        return f"fields are more than {_MOST_FIELDS}"
    for number, (name, value) in enumerate(fields.items(), 1):
        if not isinstance(name, str) or not _FIELD_NAME.fullmatch(name):
            return f"field {number} has a name that no field can have"
        if value is not None and not isinstance(value, Secret | Personal):
            return f"{name} must be text"
        if problem := problem_of_text(opened(value), required=False, lines=True):
            return f"{name} {problem}"
    return None
