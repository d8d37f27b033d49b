"""Words the errors of PostgreSQL: its own texts may hold values or the address."""

from typing import Final

import psycopg

from digitro_async.errors import LedgerError

__all__ = ["is_bad_value", "is_conflict", "no_server", "problem_of", "write_failed"]

_PROBLEMS: Final = {
    "08": "the connection was lost",
    "22": "a value does not fit",
    "23": "a value does not fit",
    "25006": "it is read-only",
    "28": "the server refuses the user or the password",
    "3D": "there is no such database",
    "3F": "there is no such schema",
    "40": "others changed the same rows",
    "42501": "the user is not allowed to",
    "42": "its tables are not those of a ledger",
    "53100": "there is no space left",
    "53300": "the server has no connection left",
    "53": "the server has no means left",
    "57014": "it took too long",
    "57": "the server is stopping or starting",
    "58": "the disk failed",
    "XX": "it is damaged",
}
"""Beginnings of error codes to the problem; the longest that fits tells."""

_SAID: Final = {
    "password authentication failed": _PROBLEMS["28"],
    "no password supplied": "the server wants a password",
    "no pg_hba.conf entry": _PROBLEMS["28"],
    "does not exist": "there is no such database or user",
    "connection refused": "nothing listens there",
    "could not translate host name": "there is no such host",
    "name or service not known": "there is no such host",
    "no such file or directory": "nothing listens there",
    "timeout": "it does not answer in time",
    "too many": _PROBLEMS["53300"],
    "remaining connection slots": _PROBLEMS["53300"],
    "starting up": _PROBLEMS["57"],
    "shutting down": _PROBLEMS["57"],
    "recovery mode": _PROBLEMS["57"],
    "certificate": "its certificate can't be trusted",
    "ssl": "it can't be reached with TLS as asked for",
}
"""Words in libpq's own texts to the problem: a connection that fails has no code."""


def problem_of(error: BaseException) -> str:
    """Return the problem in words that hold no value."""
    if isinstance(error, TimeoutError):
        return "it does not answer in time"
    code = getattr(error, "sqlstate", None)
    if code:
        for length in (5, 2):
            if code[:length] in _PROBLEMS:
                return f"{_PROBLEMS[code[:length]]} (PostgreSQL's error {code})"
        return f"PostgreSQL's error {code}"
    if isinstance(error, psycopg.OperationalError):
        said = str(error).lower()
        for words, problem in _SAID.items():
            if words in said:
                return problem
        return "the connection was lost"
    return type(error).__name__


def is_bad_value(error: BaseException) -> bool:
    """Whether a row's own values can have caused an error."""
    code = getattr(error, "sqlstate", None) or ""
    if isinstance(error, psycopg.Error):
        return code[:2] in ("22", "23") or isinstance(error, psycopg.DataError)
    return isinstance(error, (TypeError, ValueError, OverflowError))


def is_conflict(error: BaseException) -> bool:
    """Whether the same may go well when it is tried once more."""
    return (getattr(error, "sqlstate", None) or "")[:2] == "40"


def write_failed(name: str, problem: str) -> LedgerError:
    """Return the error that a write ends in."""
    return LedgerError(f"{name} can't be written: {problem}", reason="write_failed")


def no_server(name: str, problem: str) -> LedgerError:
    """Return the error that opening ends in."""
    return LedgerError(
        f"{name} can't be opened: {problem}; look at the address, and whether the "
        "server runs",
        reason="unusable",
    )
