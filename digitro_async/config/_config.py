"""Reads ``digitro.toml``: PABX, defaults of every call, retry and pause settings.

Values are checked by the settings that they become, whose errors name the field; here
the file and the line are added. No error shows a value: it may be a key or a password,
even where another value belongs.
"""

# Why not typed-settings: its errors know neither the line of a field nor that a value
# must not be shown, and it would be one more dependency of every program.

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from digitro_async._common.ca_files import problem_of_ca_file
from digitro_async._common.validators import masked_fields, quiet_init
from digitro_async.calls import OWN_FIELDS, PredictiveCall, problem_of_fields
from digitro_async.command_settings import EVERY_COMMAND, CommandSettings
from digitro_async.config._building import KEYS, build
from digitro_async.config._event_tables import build_events
from digitro_async.config._location import ConfigLocation, Place, read_text
from digitro_async.config._retention_settings import RetentionSettings
from digitro_async.config._rules_settings import RulesSettings, build_rules_settings
from digitro_async.config._secrets import WRONG_TEXT, resolve_secrets, with_sources
from digitro_async.contact_settings import ContactSettings
from digitro_async.control_commands import COMMAND_NAMES
from digitro_async.errors import ConfigurationError
from digitro_async.models import PABX
from digitro_async.privacy import Personal, Secret
from digitro_async.settings import (
    CallEndSettings,
    PauseSettings,
    PoolSettings,
    RateLimit,
    RetrySettings,
    TimeoutSettings,
    TLSSettings,
)
from digitro_async.webhook_settings import WebhookSettings

__all__ = ["Config", "load_config"]


def _wrapped(call: Mapping[str, Any]) -> dict[str, Any]:
    return masked_fields(PredictiveCall, call)


@quiet_init
@attrs.frozen(kw_only=True)
class Config:
    """The settings of one configuration file.

    Attributes:
        pabx: The PABX to dial through, for ``DigitroClient``.
        call: Field of a call to text, for contacts that leave the field open; secrets
            and personal data are wrapped.
        retry: The rule when a call that was not placed is sent again.
        pause: The rule when a PABX is paused.
        contacts: The ways in which contact files are read.
        webhook: The receiver of results, None without one.
        rules: The rules by which contacts are called; None for none.
        ledger: How long ledgers keep what they know of persons.
    """

    pabx: tuple[PABX, ...]
    call: Mapping[str, str | Secret | Personal] = attrs.field(
        converter=_wrapped, repr=False
    )
    retry: RetrySettings
    pause: PauseSettings
    contacts: ContactSettings = attrs.field(factory=ContactSettings)
    webhook: WebhookSettings | None = None
    rules: RulesSettings | None = None
    ledger: RetentionSettings = attrs.field(factory=RetentionSettings)


_TABLES: Mapping[str, type[Any]] = {
    "rate": RateLimit,
    "call_ends": CallEndSettings,
    "pool": PoolSettings,
    "timeouts": TimeoutSettings,
    "tls": TLSSettings,
}
_PASSWORDS = ("device_password", "account_password")
_WEBHOOK = ("url", "secret")
_TOP = (
    *("pabx", "call", "retry", "pause", "events", "contacts", "rules", "webhook"),
    "ledger",
)
# tomllib's texts are shown unless they may quote what stands in the file.
_HARMLESS = re.compile(r"(?:[\w ,/-]|'.')+", re.ASCII)


def load_config(path: str | os.PathLike[str], *, can_resume: bool = True) -> Config:
    """Read a configuration file.

    Example::

        config = load_config("digitro.toml")
        async with DigitroClient(
            config.pabx, retry=config.retry, pause=config.pause
        ) as client:
            campaign = Campaign(ledger, client, call=config.call)

    Args:
        path: A TOML file; docs/settings.md shows one. Other files that it names are
            looked for beside it.
        can_resume: Whether anybody can call ``resume`` while calls are made. Without,
            ``pause.wait_for_resume`` is refused.

    Raises:
        ConfigurationError: If the file can't be read or used; the text names the file
            and, as far as they are known, the line and the field.
    """
    file = Path(path)
    try:
        where = ConfigLocation(file, read_text(file))
    except ConfigurationError as error:
        problem = str(error)
        if not file.exists():
            problem += "; digitro init writes one to fill in"
    else:
        return _build_config(where, _parse(where), can_resume=can_resume)
    raise ConfigurationError(f"{file}: {problem}")


def _parse(where: ConfigLocation) -> dict[str, Any]:
    line: int | None = None
    try:
        return tomllib.loads(where.text)
    except tomllib.TOMLDecodeError as error:
        reason, _, at = str(error).rpartition(" (at ")
        found = re.match(r"line (\d+)", at)
        line = int(found[1]) if found else where.text.count("\n") + 1
        problem = "it is not TOML"
        if _HARMLESS.fullmatch(reason):
            problem += f": {reason[:1].lower()}{reason[1:]}"
    except (ValueError, RecursionError) as error:  # too long a number, too deep a list
        problem = f"it is not TOML ({type(error).__name__})"
    raise where.error_at(line, problem)


def _build_config(
    where: ConfigLocation, data: dict[str, Any], *, can_resume: bool
) -> Config:
    for name in data:
        if name not in _TOP:
            raise where.unknown((), name, _TOP)
    tables = data.get("pabx", [])
    if not isinstance(tables, list):
        raise where.error(("pabx",), "must be a table in double brackets: [[pabx]]")
    if not tables:
        raise where.error_at(None, "there is no [[pabx]] table")
    shared = data.get("events")
    pabx = [
        _build_pabx(where, index, table, shared) for index, table in enumerate(tables)
    ]
    for index, one in enumerate(pabx):
        if one.name in {other.name for other in pabx[:index]}:
            raise where.error(("pabx", index, "name"), "another PABX has this name")
    pause = build(where, ("pause",), PauseSettings, data.get("pause", {}))
    if pause.wait_for_resume and not can_resume:
        problem = "must be false: nobody can resume from a command line"
        raise where.error(("pause", "wait_for_resume"), problem)
    return Config(
        pabx=tuple(pabx),
        call=_build_call(where, data.get("call", {})),
        retry=build(where, ("retry",), RetrySettings, data.get("retry", {})),
        pause=pause,
        contacts=build(where, ("contacts",), ContactSettings, data.get("contacts", {})),
        webhook=_build_webhook(where, data.get("webhook")),
        rules=build_rules_settings(where, data["rules"], where.path.parent)
        if "rules" in data
        else None,
        ledger=build(where, ("ledger",), RetentionSettings, data.get("ledger", {})),
    )


def _build_webhook(where: ConfigLocation, table: object) -> WebhookSettings | None:
    if table is None:
        return None
    given = resolve_secrets(where, ("webhook",), table, _WEBHOOK)
    return build(where, ("webhook",), WebhookSettings, given)


def _build_pabx(
    where: ConfigLocation, index: int, table: object, shared: object
) -> PABX:
    place: Place = ("pabx", index)
    given = resolve_secrets(where, place, table, KEYS)
    if "api_key" not in given:
        problem = "api_key is missing; give it, api_key_env or api_key_file"
        raise where.error(place, problem)
    given.setdefault("channel_id", None)  # it may become known only later
    for name, kind in _TABLES.items():
        if name in given:
            given[name] = build(where, (*place, name), kind, given[name])
    if "events" in given:
        given["events"] = build_events(where, (*place, "events"), given["events"])
    elif shared is not None:
        given["events"] = build_events(where, ("events",), shared)
    if "commands" in given:
        given["commands"] = _build_commands(where, place, given["commands"])
    given.setdefault("name", "pabx" if index == 0 else f"pabx{index + 1}")
    built = build(where, place, PABX, given)
    if built.tls.ca_file is None:
        return built
    ca_file = where.path.parent / built.tls.ca_file
    if problem := problem_of_ca_file(ca_file):
        raise where.error((*place, "tls", "ca_file"), f"can't be used: {problem}")
    return attrs.evolve(built, tls=attrs.evolve(built.tls, ca_file=ca_file))


def _build_commands(
    where: ConfigLocation, place: Place, table: object
) -> tuple[CommandSettings, ...]:
    """Make the settings of a PABX's commands: a table for each, under its name."""
    place = (*place, "commands")
    if not isinstance(table, dict):
        raise where.error(
            place, "must be tables, such as [pabx.commands.dtmf_detection]"
        )
    built = []
    for name, values in table.items():
        # Another name may be a value that slipped to the left, so it is not shown.
        shown = (*place, name) if name in {*COMMAND_NAMES, EVERY_COMMAND} else place
        try:
            CommandSettings(name)
        except ConfigurationError as error:
            problem = str(error)
        else:
            problem = ""
        if problem:
            raise where.error(place, f"the name of a table: {problem}")
        given = values
        if isinstance(values, dict):
            if "command" in values:  # the name of its table says that
                raise where.unknown(shown, "command", _OF_A_COMMAND)
            given = {"command": name, **values}
        built.append(build(where, shown, CommandSettings, given))
    return tuple(built)


_OF_A_COMMAND = tuple(
    field.name for field in attrs.fields(CommandSettings) if field.name != "command"
)


def _build_call(where: ConfigLocation, table: object) -> dict[str, str]:
    given = resolve_secrets(where, ("call",), table, _PASSWORDS)
    for name, value in given.items():
        if name not in OWN_FIELDS:
            valid = with_sources(OWN_FIELDS, _PASSWORDS)
            raise where.unknown(("call",), name, valid)
        if not isinstance(value, str):
            raise where.error(("call", name), WRONG_TEXT)
    if found := problem_of_fields(given):
        field, _, problem = found.partition(" ")
        raise where.error(("call", field), problem)
    return given
