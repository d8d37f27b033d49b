"""``digitro command``: one command that is no call."""

import getpass
import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import attrs
from cyclopts import Parameter

from digitro_async._common.text import one_of
from digitro_async.calls import Call
from digitro_async.cli._arguments import Switch
from digitro_async.cli._exit import Exit
from digitro_async.cli._one_call import load_call_config, send_one
from digitro_async.cli._output import hand_out, print_error
from digitro_async.config import Config, read_text
from digitro_async.control_commands import (
    DTMFDetection,
    OtherCommand,
    PasswordChange,
    QueueRedirect,
)
from digitro_async.errors import ConfigurationError, InvalidCallError
from digitro_async.models import CommandAccepted, CommandAnswer
from digitro_async.privacy import MASK, Secret
from digitro_async.protocol import SECRET_WIRE_NAMES

__all__ = ["command"]

_KINDS: Final[Mapping[str, type[Call]]] = {
    kind.command: kind for kind in (QueueRedirect, DTMFDetection, PasswordChange)
}
_OF_THE_CONFIGURATION: Final = ("device", "device_password")
_LOOK_FIRST: Final = "it may have been carried out: look before you send it again"

_Pairs = Annotated[list[str] | None, Parameter(negative="", show_default=False)]


def command(
    name: str | None = None,
    *fields: str,
    path: str | None = None,
    env: _Pairs = None,
    file: _Pairs = None,
    ask: _Pairs = None,
    config: Path = Path("digitro.toml"),
    pabx: str | None = None,
    repeatable: Switch = False,
    show: Switch = False,
) -> Exit:
    """Send a command other than a call, and print the answer.

    Args:
        name: The command: queue_redirect, dtmf_detection or password_change. Left out
            where --path is given.
        fields: FIELD=VALUE for each field. The device and its password are taken from
            the configuration where they are left out.
        path: Path of any other command, as the vendor's page shows it behind the id of
            the channel; its fields then have their names on the wire.
        env: FIELD=VARIABLE: the value is in that environment variable.
        file: FIELD=FILE: the value is in that file.
        ask: FIELD: ask for the value, or read a line of the standard input.
        config: Configuration file.
        pabx: Name of the PABX to use.
        repeatable: With --path: it may be sent again where its outcome is unknown.
        show: Print the values of the answer, which are masked otherwise.
    """
    words = list(fields)
    if path is not None and name is not None:
        words.insert(0, name)
    if path is None and name not in _KINDS:
        problem = "is missing" if name is None else "is no command"
        valid = one_of(name or "", _KINDS)
        raise ConfigurationError(f"NAME {problem}{valid}; --path sends any other")
    if path is None and repeatable:
        raise ConfigurationError("--repeatable goes with --path alone")
    given = _values(words, env or [], file or [], ask or [])
    loaded = load_call_config(config, pabx)
    made = _made(name or "", path, given, loaded, repeatable=repeatable)
    return send_one(
        loaded,
        lambda client: client.send(made, pabx=pabx),
        lambda answer: _say_answer(answer, show=show),
        _LOOK_FIRST,
    )


def _made(
    name: str,
    path: str | None,
    given: dict[str, Secret],
    config: Config,
    *,
    repeatable: bool,
) -> Call:
    """Return the command.

    Raises:
        ConfigurationError: If it can't be sent; no value is shown.
    """
    try:
        if path is not None:
            return OtherCommand(path, given, repeatable=repeatable)
        kind: Any = _KINDS[name]
        known = attrs.fields_dict(kind)
        values: dict[str, Any] = {
            field: config.call[field]
            for field in _OF_THE_CONFIGURATION
            if field in config.call and field in known
        }
        for field, value in given.items():
            if field not in known:
                raise ConfigurationError(
                    f"{name} has no such field{one_of(field, known)}"
                )
            is_plain = known[field].converter is None
            values[field] = value.reveal() if is_plain else value
        for field, told in known.items():
            if told.default is attrs.NOTHING and field not in values:
                raise ConfigurationError(f"{field} is missing for {name}")
        made: Call = kind(**values)
    except InvalidCallError as error:
        problem = str(error.args[0])
    else:
        return made
    raise ConfigurationError(problem)


def _values(
    words: list[str], env: list[str], file: list[str], ask: list[str]
) -> dict[str, Secret]:
    """Return each field with its value, wherever that comes from."""
    found: dict[str, Secret] = {}

    def add(field: str, value: str) -> None:
        if field in found:
            raise ConfigurationError("a field is given twice")
        found[field] = Secret(value)

    for word in words:
        field, value = _pair(word, "FIELDS", "FIELD=VALUE")
        if field.endswith("password") or field in SECRET_WIRE_NAMES:
            # Every user of this machine can read the words of a process.
            raise ConfigurationError(
                f"{field} is a secret: give it with --ask {field},"
                f" --env {field}=VARIABLE or --file {field}=FILE"
            )
        add(field, value)
    sources: tuple[tuple[str, list[str], Callable[[str], str]], ...] = (
        ("--env", env, lambda name: os.environ.get(name, "")),
        ("--file", file, lambda name: read_text(Path(name)).strip()),
    )
    for option, pairs, read in sources:
        for pair in pairs:
            field, source = _pair(pair, option, f"FIELD={option[2:].upper()}")
            try:
                value = read(source)
            except ConfigurationError as error:
                raise ConfigurationError(f"{option}: the file {error}") from None
            if not value:
                raise ConfigurationError(f"{option}: the value is not set or empty")
            add(field, value)
    for field in ask:
        add(field, _asked(field))
    return found


def _pair(word: str, option: str, form: str) -> tuple[str, str]:
    field, sign, value = word.partition("=")
    if not sign or not field.isidentifier():
        raise ConfigurationError(f"{option} must be {form}")
    return field, value


def _asked(field: str) -> str:
    """Ask for a value that is not shown as it is typed."""
    if not field.isidentifier():
        raise ConfigurationError("--ask must be the name of a field")
    if sys.stdin is not None and sys.stdin.isatty():
        value = getpass.getpass(f"{field}: ")
    else:
        value = "" if sys.stdin is None else sys.stdin.readline().rstrip("\r\n")
    if not value:
        raise ConfigurationError(f"--ask: no {field} was given")
    return value


def _say_answer(answer: CommandAccepted, *, show: bool) -> Exit:
    value: Any = answer.raw
    if isinstance(answer, CommandAnswer):
        value = answer.value
        if value is None and answer.text:  # no JSON
            value = answer.text.reveal()
    text = json.dumps(value if show else _masked(value), ensure_ascii=False)
    if hand_out([f"{text}\n".encode(errors="replace")]) is not None:
        print_error("accepted")
    return Exit.DONE


def _masked(value: Any) -> Any:
    """Return the JSON of an answer with every value masked, and its names."""
    if isinstance(value, dict):
        return {
            name if name.isidentifier() else MASK: _masked(one)
            for name, one in value.items()
        }
    if isinstance(value, list):
        return [_masked(one) for one in value]
    return MASK
