"""The ledger that a command line names: a file's path, or the address of a database."""

import os
import re
import shlex
from pathlib import Path
from typing import Annotated, Any

import attrs
from cyclopts import Parameter

from digitro_async.errors import ConfigurationError
from digitro_async.ledger import LedgerAddress, ledger_address

__all__ = [
    "NO_LEDGER_NAMED",
    "NO_LEDGER_TO_DIAL",
    "LedgerOptions",
    "LedgerToDialOptions",
    "NamedLedger",
    "NamedLedgerToDial",
    "ledger_words",
]

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


def _check_address(_: Any, text: str | None) -> None:
    if text is not None:
        ledger_address(text or Path())


@attrs.frozen(kw_only=True)
class NamedLedger:
    """The ledger that a command works on.

    Attributes:
        ledger: File of the ledger, or the address of its database:
            ``postgresql://user@host/database``.
        ledger_env: Environment variable with the value of ``--ledger``. Every user of a
            machine can read the command line of a process, and so a password in it.
        campaign: Name of the campaign in a database, which may hold several.
    """

    ledger: Annotated[str | None, Parameter(validator=_check_address)] = attrs.field(
        default=None, repr=False
    )
    ledger_env: str | None = attrs.field(default=None, repr=False)
    campaign: str | None = None

    def address(self) -> LedgerAddress:
        """Return where the ledger is.

        Raises:
            ConfigurationError: If it is not named, or more than once.
        """
        found = self.address_if_named()
        if found is None:
            raise ConfigurationError(
                "--ledger is missing or has no value: name the ledger's file or "
                "address, or the variable that holds it with --ledger-env"
            )
        return found

    def address_if_named(self) -> LedgerAddress | None:
        """Return where the ledger is, None where none is named.

        Raises:
            ConfigurationError: If it is named more than once, or can't be used.
        """
        if self.ledger is not None and self.ledger_env is not None:
            raise ConfigurationError("--ledger and --ledger-env don't go together")
        found = None
        if self.ledger_env is not None:
            found = _address_in_variable(self.ledger_env)
        elif self.ledger is not None:
            found = ledger_address(self.ledger)
        if self.campaign is None:
            return found
        if found is None:
            raise ConfigurationError("--campaign is about a --ledger: name it too")
        try:
            return ledger_address(found, campaign=self.campaign)
        except ConfigurationError as error:
            problem = str(error.args[0])
        raise ConfigurationError(f"--campaign: {problem}")


@attrs.frozen(kw_only=True)
class NamedLedgerToDial(NamedLedger):
    """The ledger that a list is dialled through.

    Attributes:
        ledger: File that remembers every call; made if it is not there, else
            continued. By default it stands beside the contacts. Or the address of a
            database that several machines share:
            ``postgresql://user@host/database``.
        ledger_env: Environment variable with the value of ``--ledger``. Every user of a
            machine can read the command line of a process, and so a password in it.
        campaign: Name of the campaign in a database, which may hold several; made if
            it is not there.
    """


LedgerOptions = Annotated[NamedLedger, Parameter(name="*")]
LedgerToDialOptions = Annotated[NamedLedgerToDial, Parameter(name="*")]
NO_LEDGER_NAMED = NamedLedger()
NO_LEDGER_TO_DIAL = NamedLedgerToDial()


def ledger_words(address: LedgerAddress) -> str:
    """Return the words that name a ledger on a command line; passwords are masked."""
    if address.variable is not None:
        words = f"--ledger-env {address.variable}"
    elif address.path is not None:
        words = f"--ledger {shlex.quote(str(address.path))}"
    else:
        words = f"--ledger {shlex.quote(attrs.evolve(address, campaign=None).shown)}"
    if address.campaign is None:
        return words
    return f"{words} --campaign {shlex.quote(address.campaign)}"


def _address_in_variable(name: str) -> LedgerAddress:
    # Neither the value nor the name is repeated: a password may stand in its place.
    if not _VARIABLE.fullmatch(name):
        raise ConfigurationError(
            "--ledger-env must be the name of an environment variable: letters, "
            "digits and _"
        )
    text = os.environ.get(name, "")
    if not text:
        raise ConfigurationError(
            "--ledger-env: the environment variable it names is not set or empty: "
            "export it"
        )
    try:
        return attrs.evolve(ledger_address(text), variable=name)
    except ConfigurationError as error:
        problem = str(error.args[0])
    raise ConfigurationError(f"--ledger-env: {problem}")
