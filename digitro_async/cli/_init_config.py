"""``digitro init``: a configuration file with everything that may stand in it."""

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import attrs

from digitro_async._common.private_files import create_own
from digitro_async._common.text import words_of_os_error
from digitro_async.cli._exit import Exit
from digitro_async.cli._output import print_line
from digitro_async.errors import ConfigurationError
from digitro_async.settings import (
    PauseSettings,
    PoolSettings,
    RetrySettings,
    TimeoutSettings,
)

__all__ = ["init"]

_Parts = tuple[tuple[str, str, type[Any]], ...]

_HEAD: Final = """\
# Configuration of digitro. A line with a "#" before its name is a setting with the
# value that it has anyway, or with an example: take the "# " away to set it.
# docs/settings.md explains them all, and "digitro check" tries this file.

[[pabx]]
# Your name for the PABX, as it stands in results and messages.
name = "pabx"
# FILL IN: scheme and host of the PABX, with a port if it is not the usual one.
base_url = "https://pabx.example"
# FILL IN: id of the event channel that commands belong to.
channel_id = 1
# The key is not in this file: it is the value of an environment variable. You may name
# a file that holds it instead (api_key_file), or write the key itself (api_key).
api_key_env = "DIGITRO_API_KEY"
# FILL IN: the most calls that the PABX may get in any window of "per" seconds.
rate = { calls = 10, per = 1.0 }
# Where it is known that the PABX counts a call soon after it was sent (seconds, the
# network included), slow answers hold the rate back no more:
#     rate = { calls = 10, per = 1.0, counted_within = 0.1 }
# The most calls on the wire at once: calls a second, times the seconds of an answer.
# max_in_flight = 100
# How fields of a call that are not given are written: "null" or "omit".
# unset_fields = "null"
# What the answers to single commands mean, where that is not published.
# commands = { queue_redirect = { success_field = "status", success_values = ["ok"] } }
# For a PABX whose certificate a private authority signed: the PEM file of that
# authority (or "fingerprint", the SHA-256 of the PABX's own certificate).
# tls = { ca_file = "authority.pem" }
# How the event channel is opened and read, in place of channel_id: docs/first-day.md.
# events = { preset = "pabx", open = "/FILL-IN", id_fields = ["FILL-IN"] }
# The most calls in progress at once; only events tell when a call ends.
# max_in_progress = 100
# How the ends of calls are told from events.
# call_ends = { grace = 1.0 }
"""

_CALL: Final = """
[call]
# FILL IN: the extension that asks for calls.
device = "1000"
# Its password, from a variable too; or device_password_file, or device_password.
device_password_env = "DIGITRO_DEVICE_PASSWORD"
# The other fields of every call. A contact file may have a column for each.
# route = "0"
# account = "1000"
# account_password_env = "DIGITRO_ACCOUNT_PASSWORD"
# predictive_mode = "0"
# user_data = "text that travels with the call"
# caller_id = "4830000000"
# call_progress_detection = "1"
# reanswer_time = "10"
# destination_detection = "1"
# telemarketing_block = "NAO"

# How contact files are read; options of the command line count before it.
[contacts]
# The form that numbers are written in; without it they are sent as they are written.
# number_form = "0ddd"
# The area code (DDD) of numbers that have none, beside a number_form.
# area_code = "48"
# Whether punctuation is taken out of numbers.
# strip_punctuation = false
# Columns with other names than their fields.
# map = { destination = "Telefone", user_data = "Nome" }
"""

_WEBHOOK: Final = """
# Where results are sent as they come; without this table they are sent nowhere.
# [webhook]
# url = "https://crm.example/digitro"  # or url_env, url_file
# secret_env = "DIGITRO_WEBHOOK_SECRET"  # digitro webhook --new-secret prints one
"""

_BEFORE_CALL: Final[_Parts] = (
    ("pabx.pool", "How connections to this PABX are kept.", PoolSettings),
    ("pabx.timeouts", "Seconds that one attempt may take.", TimeoutSettings),
)
_AFTER_CALL: Final[_Parts] = (
    ("retry", "When a call that was not placed is sent again.", RetrySettings),
    ("pause", "When a PABX gets no calls because of its answers.", PauseSettings),
)
_EXAMPLES: Final = {
    "max_connections": "100  # not given: max_in_flight alone bounds them",
    "rest": "0.1  # not given: 0.1 with a cap, 0 without one",
}
_NOT_FOR_COMMANDS: Final = {"wait_for_resume"}
"""Settings that only a program can use."""


def init(*, config: Path = Path("digitro.toml")) -> Exit:
    """Write a commented configuration file to fill in.

    Args:
        config: The new file; one that is there is never overwritten.
    """
    _write_new(config, "".join(_lines()))
    option = "" if config == Path("digitro.toml") else f" --config {_quoted(config)}"
    print_line(f"{config} is written, for your eyes only. Now:")
    print_line('  1. fill in the lines under "FILL IN"')
    print_line("  2. export the secrets: DIGITRO_API_KEY and DIGITRO_DEVICE_PASSWORD")
    print_line(f"  3. digitro check{option}")
    print_line(f"  4. digitro dial contacts.csv{option} --dry-run")
    return Exit.DONE


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))


def _write_new(path: Path, text: str) -> None:
    """Write a file that only its owner may use, where there is none.

    Raises:
        ConfigurationError: If there is one, or it can't be made.
    """
    try:
        with open(path, "x", encoding="utf-8", opener=create_own) as file:
            file.write(text)
    except FileExistsError:
        problem = "is there already and is not overwritten: name another file"
    except OSError as error:
        problem = f"can't be written: {words_of_os_error(error)}"
    except ValueError:
        problem = "can't be written: that is no file name"
    else:
        return
    raise ConfigurationError(f"{path} {problem}")


def _lines() -> Iterator[str]:
    yield _HEAD
    yield from _settings(_BEFORE_CALL)
    yield _CALL
    yield from _settings(_AFTER_CALL)
    yield _WEBHOOK


def _settings(parts: _Parts) -> Iterator[str]:
    """Yield every setting of some tables, with its default, as a comment."""
    for name, purpose, kind in parts:
        yield f"\n[{name}]\n# {purpose}\n"
        for field in attrs.fields(kind):
            if field.name not in _NOT_FOR_COMMANDS:
                value = _EXAMPLES.get(field.name) or _as_toml(field.default)
                yield f"# {field.name} = {value}\n"


def _as_toml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
