"""Explains why a command line can't be used, without the values that stand in it.

cyclopts' own texts repeat them, and one may be a phone number or a key that ends up
in a log.
"""

import re

from cyclopts import (
    App,
    CoercionError,
    CycloptsError,
    MissingArgumentError,
    RepeatArgumentError,
    UnknownCommandError,
    UnknownOptionError,
    UnusedCliTokensError,
    ValidationError,
)

from digitro_async._common.text import did_you_mean, one_of

__all__ = ["usage_problem"]

_LOOKS_LIKE_AN_OPTION = re.compile(r"--?[a-z][a-z-]{0,30}")
_KINDS = {int: "a whole number", float: "a number"}


def usage_problem(error: CycloptsError, app: App) -> str:
    """Return one line about a command line that can't be used."""
    words = " ".join(["digitro", *(error.command_chain or ())])
    return f"{_problem_of(error, app)} ({words} --help shows how)"


def _problem_of(error: CycloptsError, app: App) -> str:
    if isinstance(error, UnknownCommandError):
        commands = [name for name in app if not name.startswith("-")]
        given = (error.unused_tokens or [""])[0]
        return f"there is no such command{one_of(given, commands)}"
    if isinstance(error, UnknownOptionError):
        return _unknown_option(error)
    if isinstance(error, UnusedCliTokensError):
        return "there are more words than it takes"
    name = _name_of(error)
    if isinstance(error, MissingArgumentError):
        return f"{name} is missing or has no value"
    if isinstance(error, RepeatArgumentError):
        return f"{error.token.keyword or name} is given twice"
    if isinstance(error, ValidationError):
        return f"{name}: {error.exception_message.rstrip('.').lower()}"
    if isinstance(error, CoercionError):
        return f"{name} {_coercion_problem(error)}"
    return f"{name} can't be used like this"


def _name_of(error: CycloptsError) -> str:
    """Return the name of an argument as ``--help`` shows where it stands."""
    argument = error.argument
    if argument is None:
        return "an option"
    if argument.index is None:
        return argument.name
    return argument.name.lstrip("-").replace("-", "_").upper()


def _coercion_problem(error: CoercionError) -> str:
    if error.target_type in _KINDS:
        return f"must be {_KINDS[error.target_type]}"
    if error.argument is not None:
        if choices := error.argument.get_choices(force=True):
            return f"must be one of {', '.join(choices)}"
        if error.argument.is_flag():
            return "takes no value"
    return "can't be used like this"


def _unknown_option(error: UnknownOptionError) -> str:
    name = (error.token.keyword or error.token.value).partition("=")[0]
    shown = [one for one in error.argument_collection if one.show]
    valid = [
        next(name for name in one.names if name.startswith("--"))
        for one in shown
        if not one.is_positional_only()
    ]
    if not _LOOKS_LIKE_AN_OPTION.fullmatch(name):
        return f"there is no such option (valid: {', '.join(valid)})"
    names = [name for one in shown for name in one.names]
    hint = did_you_mean(name, names) or f" (valid: {', '.join(valid)})"
    return f"there is no option {name}{hint}"
