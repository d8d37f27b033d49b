"""``digitro contacts``: looks at lists, and calls nobody."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from digitro_async.cli._arguments import Form, Switch
from digitro_async.cli._check_contacts import check_contacts
from digitro_async.cli._exit import Exit, exit_after_check
from digitro_async.cli._explain_number import explain_number
from digitro_async.cli._gated_numbers import gated_by
from digitro_async.cli._loaded_rules import moment_of, rules_of
from digitro_async.cli._named_ledger import NO_LEDGER_NAMED, LedgerOptions
from digitro_async.cli._reading_options import READ_AS_FOUND, ReadingOptions
from digitro_async.config import load_config
from digitro_async.errors import ConfigurationError
from digitro_async.ledger import LedgerAddress
from digitro_async.rules import CallingRules

__all__ = ["contacts"]


def contacts(
    action: Literal["check", "explain"],
    subject: Annotated[str | None, Parameter(name="FILE_OR_NUMBER")] = None,
    /,
    *,
    config: Path = Path("digitro.toml"),
    form: Annotated[Form, Parameter(name=["--format"])] = "table",
    show_numbers: Switch = False,
    rules: Path | None = None,
    at: str | None = None,
    read: ReadingOptions = READ_AS_FOUND,
    ledger: LedgerOptions = NO_LEDGER_NAMED,
    accept_loss: Switch = False,
) -> Exit:
    """Check a list: which numbers would be dialled, and why not.

    ``digitro contacts check FILE`` reads the whole file as ``digitro dial`` does.
    With ``--ledger`` in place of FILE the rules are asked about a ledger's contacts.
    ``digitro contacts explain NUMBER`` prints what each gate of the rules says to one
    number; with ``--ledger`` past attempts and blocks of that ledger count. Nobody is
    called, and no ledger is changed.

    Args:
        action: ``check`` or ``explain``.
        subject: The list, or the number; without a number it is asked for, so that it
            does not show in the list of processes.
        config: Configuration file. If it does not exist, the fields that every call
            needs are not checked.
        form: A table of counts and reasons, or a row for each number as CSV or JSON.
        show_numbers: Show numbers and ids in full; else they are masked.
        rules: Rules file, whose gates are asked about each number; by default that of
            the configuration file.
        at: The moment to ask about, such as 2026-12-01T09:00-03:00; now by default.
        read: The ways in which the file is read.
        ledger: The ledger.
        accept_loss: Read what is left of a ledger that lost part of its record.
    """
    address = ledger.address_if_named()
    rules = _rules_file(rules, config)
    if action == "explain":
        return explain_number(
            *(subject, rules, at),
            address=address,
            accept_loss=accept_loss,
            as_json=form == "json",
        )
    if address is not None:
        if subject is not None or rules is None:
            raise ConfigurationError(
                "check takes a FILE, or --ledger with --rules (both: dial --dry-run)"
            )
        asked = (rules_of(rules), moment_of(at), form)
        return _check_ledger(address, *asked, accept_loss=accept_loss)
    if subject is None:
        raise ConfigurationError("check needs a FILE: a list of contacts")
    gate = None if rules is None else gated_by(rules_of(rules), moment_of(at))
    return check_contacts(
        Path(subject), config, read, gate=gate, form=form, show_numbers=show_numbers
    )


def _check_ledger(
    address: LedgerAddress,
    rules: CallingRules,
    when: float,
    form: Form,
    *,
    accept_loss: bool,
) -> Exit:
    from digitro_async.cli._rehearse_dial import (  # noqa: PLC0415 - loads a loop
        rehearse_rules,
    )

    counts = rehearse_rules(address, rules, when, form, accept_loss=accept_loss)
    if counts is None:
        return Exit.INTERRUPTED
    return exit_after_check(counts.answers["later"] + counts.answers["never"])


def _rules_file(rules: Path | None, config: Path) -> Path | None:
    """Return the rules file that is named, or that of the configuration file.

    Raises:
        ConfigurationError: If the configuration can't be used.
    """
    if rules is not None or not config.exists():
        return rules
    kept = load_config(config, can_resume=False).rules
    return None if kept is None else kept.file
