"""``digitro contacts``: looks at lists, and calls nobody."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from digitro_async.cli._arguments import Switch
from digitro_async.cli._check_contacts import check_contacts
from digitro_async.cli._exit import Exit
from digitro_async.cli._reading_options import READ_AS_FOUND, ReadingOptions

__all__ = ["contacts"]


def contacts(
    action: Literal["check"],
    file: Path,
    /,
    *,
    config: Path = Path("digitro.toml"),
    form: Annotated[
        Literal["table", "csv", "json"], Parameter(name=["--format"])
    ] = "table",
    show_numbers: Switch = False,
    read: ReadingOptions = READ_AS_FOUND,
) -> Exit:
    """Look at a list: which numbers would be dialled, which not, and why.

    ``digitro contacts check FILE`` reads the whole file as ``digitro dial`` does. No
    ledger is looked at, and nobody is called.

    Args:
        action: ``check``.
        file: The list.
        config: Configuration file. Where the one of this name is not there, fields that
            each call needs are not looked for.
        form: A table of counts and reasons, or a row for each number as CSV or JSON.
        show_numbers: Show numbers and ids in full; else they are masked.
        read: The ways in which the file is read.
    """
    _ = action  # there is one so far
    return check_contacts(file, config, read, form=form, show_numbers=show_numbers)
