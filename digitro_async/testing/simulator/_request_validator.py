"""PURE: the checks that a request is what the vendor documents.

Facts are the paths, the method, the header, the text fields and the statuses 400, 401
and 403 (docs-pabx.digitro.com/api-10271002 and the pages that protocol/_names.py
names). Which mistake gets which status, and every other status, is the simulator's
GUESS; so is every error body.
"""

import json
import re
from collections.abc import Collection, Mapping
from typing import Any

import attrs

from digitro_async.models import PredictiveCall
from digitro_async.protocol import COMMANDS, Command, path_of
from digitro_async.protocol._names import (
    PREDICTIVE_CALL_PATH,
    QUEUE_REDIRECT_NAMES,
    WIRE_NAMES,
)

__all__ = ["ReceivedRequest", "RequestValidator", "Validation"]

_CHANNEL = "(0|[1-9][0-9]{0,17})"


def _pattern_of(path: str) -> re.Pattern[str]:
    """Return the pattern of the paths of a command, by that with ``{channel_id}``."""
    return re.compile(re.escape(path).replace(re.escape("{channel_id}"), _CHANNEL))


def _patterns(paths: Collection[str]) -> dict[str, re.Pattern[str]]:
    return {path: _pattern_of(path_of(path)) for path in paths}


_PATH = _pattern_of(PREDICTIVE_CALL_PATH)
_CALL = PredictiveCall.command
_DOCUMENTED = tuple(
    (_pattern_of(row.path), row.name) for row in COMMANDS.values() if row.name != _CALL
)
_KNOWN = {
    name: frozenset(field.wire_name for field in row.fields)
    for name, row in COMMANDS.items()
}
_DEVICE = WIRE_NAMES["device"]
_DEVICE_PASSWORD = WIRE_NAMES["device_password"]


def _required(row: Command) -> tuple[str, ...]:
    # That a route is needed, no page says; a call of this library always has one.
    return tuple(
        field.wire_name
        for field in row.fields
        if field.is_required and (row.name, field.name) != (_CALL, "route")
    )


_REQUIRED = {name: _required(row) for name, row in COMMANDS.items()}
_PRIORITY = QUEUE_REDIRECT_NAMES["priority"]
_PRIORITIES = frozenset(map(str, range(20)))
"""VERIFIED (docs-pabx.digitro.com/api-10270983): 0 to 19, 0 the highest."""


@attrs.frozen(kw_only=True)
class ReceivedRequest:
    """A request that was read whole.

    Attributes:
        method: Its method.
        path: Its target, as it stood on the wire.
        keys: The values of all its ``x-api-key`` headers.
        content_type: Its content type; empty if it has none.
        body: Its body, not decoded.
        keep_alive: Whether the client wants the connection kept.
        headers: Its headers.
    """

    method: str
    path: str
    keys: list[str] = attrs.field(repr=False)
    content_type: str
    body: bytes = attrs.field(repr=False)
    keep_alive: bool
    headers: Mapping[str, str] = attrs.field(factory=dict, repr=False)


@attrs.frozen
class Validation:
    """The result of the checks, before any fault.

    Attributes:
        status: 200, or the status of the refusal.
        problem: Why the request is refused; never holds a value that was sent.
        channel: Channel of the path; None where the path has none.
        fields: The body under its wire names; empty where it could not be read.
        retry_after: Whole seconds to wait, where that is why it is refused.
        command: Name of the command, or its path where no page shows it.
    """

    status: int
    problem: str = ""
    channel: int | None = None
    fields: Mapping[str, str | None] = attrs.field(factory=dict, repr=False)
    retry_after: int | None = None
    command: str = _CALL


class _DuplicateError(ValueError):
    """An object names a key twice."""


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise _DuplicateError
    return fields


def _is_json(content_type: str) -> bool:
    kind, _, parameters = content_type.partition(";")
    charset = parameters.replace(" ", "").replace('"', "").lower()
    plain = kind.strip().lower() == "application/json"
    return plain and charset in {"", "charset=utf-8"}


def _read(body: bytes) -> tuple[Any, str]:
    try:
        return json.loads(body.decode(), object_pairs_hook=_no_duplicates), ""
    except UnicodeDecodeError:
        return None, "the body is not UTF-8"
    except _DuplicateError:
        return None, "a field is given twice"
    except (ValueError, RecursionError):
        return None, "the body is not JSON"


def _problem_of(command: str, fields: Any) -> str:
    if not isinstance(fields, dict):
        return "the body is not an object"
    known = _KNOWN.get(command)  # nobody knows the fields of other commands
    if known is not None and not fields.keys() <= known:
        return "a field is not known"
    for name, value in fields.items():
        if value is not None and not isinstance(value, str):
            return f"{name if known else 'a field'} is not text"
    for name in _REQUIRED.get(command, ()):
        if not fields.get(name):
            return f"{name} is missing"
    if known and _PRIORITY in known and fields[_PRIORITY] not in _PRIORITIES:
        return f"{_PRIORITY} is not from 0 to 19"
    return ""


@attrs.frozen(kw_only=True)
class RequestValidator:
    """Checks received requests against the keys, channel and passwords that are valid.

    Args:
        open_channels: Ids of the channels that are open, kept up to date by who opens
            them.
        api_key: The only key that is valid.
        forbidden_keys: Keys that are known and may not make calls.
        device_passwords: Password of each device, or None to take any.
        dead_id_status: Status of the refusal where the channel is not open.
        other_paths: Paths of commands that no page shows and that it takes.
    """

    open_channels: Collection[int]
    api_key: str = attrs.field(repr=False)
    forbidden_keys: Collection[str] = attrs.field(repr=False)
    device_passwords: Mapping[str, str] | None = attrs.field(repr=False)
    other_paths: Mapping[str, re.Pattern[str]] = attrs.field(converter=_patterns)
    dead_id_status: int = 404

    def validate(self, request: ReceivedRequest) -> Validation:
        """Check a request; the first mistake found decides."""
        command, match = _CALL, _PATH.fullmatch(request.path)
        if match is None:
            command, match = self._other_command(request.path)
        if match is None:
            return Validation(404, "no such path", command="")
        validation = self._check(request, command, int(match[1]))
        return (
            validation
            if command == _CALL
            else attrs.evolve(validation, command=command)
        )

    def _other_command(self, path: str) -> tuple[str, re.Match[str] | None]:
        """Return the command of a path that is not the predictive call's."""
        others = ((pattern, name) for name, pattern in self.other_paths.items())
        for pattern, name in (*_DOCUMENTED, *others):
            if match := pattern.fullmatch(path):
                return name, match
        return "", None

    def _check(
        self, request: ReceivedRequest, command: str, channel: int
    ) -> Validation:
        if request.method != "POST":
            return Validation(405, "only POST is known here", channel)
        if (refused := self.refuse_key(request, channel)) is not None:
            return refused
        if channel not in self.open_channels:
            return Validation(self.dead_id_status, "no such channel", channel)
        if request.content_type != "application/json" and not _is_json(
            request.content_type
        ):
            return Validation(400, "the content type is not application/json", channel)
        return self._check_body(request.body, command, channel)

    def refuse_key(
        self, request: ReceivedRequest, channel: int | None = None
    ) -> Validation | None:
        """Return the refusal of a request's key, None where the key is valid."""
        if len(request.keys) == 1 and request.keys[0] == self.api_key:
            return None
        if len(request.keys) == 1 and request.keys[0] in self.forbidden_keys:
            return Validation(403, "the api key may not do this", channel)
        return Validation(401, "the api key is missing or wrong", channel)

    def _check_body(self, body: bytes, command: str, channel: int) -> Validation:
        fields, problem = _read(body)
        problem = problem or _problem_of(command, fields)
        if problem:
            return Validation(400, problem, channel)
        if self.device_passwords is not None and command in COMMANDS:
            password = self.device_passwords.get(fields[_DEVICE])
            if password is None or password != fields[_DEVICE_PASSWORD]:
                return Validation(403, "the device or its password is wrong", channel)
        return Validation(200, "", channel, fields)
