"""``digitro contacts``: looks at lists, and calls nobody."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from digitro_async.cli._arguments import Switch
from digitro_async.cli._check_contacts import check_contacts
from digitro_async.cli._exit import Exit
from digitro_async.cli._explain_number import explain_number
from digitro_async.cli._gated_numbers import gated_by
from digitro_async.cli._loaded_rules import moment_of, rules_of
from digitro_async.cli._reading_options import READ_AS_FOUND, ReadingOptions
from digitro_async.errors import ConfigurationError

__all__ = ["contacts"]


def contacts(
    action: Literal["check", "explain"],
    subject: Annotated[str | None, Parameter(name="FILE_OR_NUMBER")] = None,
    /,
    *,
    config: Path = Path("digitro.toml"),
    form: Annotated[
        Literal["table", "csv", "json"], Parameter(name=["--format"])
    ] = "table",
    show_numbers: Switch = False,
    rules: Path | None = None,
    at: str | None = None,
    read: ReadingOptions = READ_AS_FOUND,
) -> Exit:
    """Look at a list: which numbers would be dialled, which not, and why.

    ``digitro contacts check FILE`` reads the whole file as ``digitro dial`` does.
    ``digitro contacts explain NUMBER`` prints what each gate of the rules says to one
    number. No ledger is looked at, and nobody is called.

    Args:
        action: ``check`` or ``explain``.
        subject: The list, or the number; without a number it is asked for, so that it
            is in no list of processes.
        config: Configuration file. Where the one of this name is not there, fields that
            each call needs are not looked for.
        form: A table of counts and reasons, or a row for each number as CSV or JSON.
        show_numbers: Show numbers and ids in full; else they are masked.
        rules: Rules file, whose gates are asked about each number.
        at: The moment that they are asked about, such as 2026-12-01T09:00-03:00; now
            without one.
        read: The ways in which the file is read.
    """
    if action == "explain":
        return explain_number(subject, rules, at, as_json=form == "json")
    if subject is None:
        raise ConfigurationError("check needs a FILE: a list of contacts")
    gate = None if rules is None else gated_by(rules_of(rules), moment_of(at))
    return check_contacts(
        Path(subject), config, read, gate=gate, form=form, show_numbers=show_numbers
    )
