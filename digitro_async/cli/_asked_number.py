"""Asks for a number that shall be in no list of processes."""

import getpass
import sys

from digitro_async.errors import ConfigurationError

__all__ = ["asked_number"]


def asked_number(command: str) -> str:
    """Ask for a number, which is not shown as it is typed.

    Args:
        command: Name of the command, for the error.

    Raises:
        ConfigurationError: If none is given.
    """
    if sys.stdin is not None and sys.stdin.isatty():
        text = getpass.getpass("number: ")
    else:
        text = "" if sys.stdin is None else sys.stdin.readline()
    if not text.strip():
        raise ConfigurationError(f"{command}: no number was given")
    return text.strip()
