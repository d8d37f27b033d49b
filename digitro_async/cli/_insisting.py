"""What a ledger is opened and dialled in spite of: options of several commands."""

from pathlib import Path
from typing import Annotated

import attrs
from cyclopts import Parameter

from digitro_async.ledger import Ledger, open_ledger

__all__ = [
    "NOT_INSISTING",
    "NOT_INSISTING_TO_DIAL",
    "InsistOptions",
    "InsistToDialOptions",
    "Insisting",
    "InsistingToDial",
]

_Switch = Annotated[bool, Parameter(negative="")]


@attrs.frozen(kw_only=True)
class Insisting:
    """What a ledger is opened in spite of: options of the commands that change one.

    Attributes:
        any_file_system: Let the ledger stand on a file system that is not known to be
            local; whether its locks and syncs hold is yours to know.
        accept_loss: Go on with a ledger that lost some of its record: who is not final
            in what is left may have been called, and may be called again.
    """

    any_file_system: _Switch = False
    accept_loss: _Switch = False

    def open(self, path: Path) -> Ledger:
        """Return the ledger at a path, not yet open."""
        return open_ledger(
            path, any_file_system=self.any_file_system, accept_loss=self.accept_loss
        )


@attrs.frozen(kw_only=True)
class InsistingToDial(Insisting):
    """What a ledger is dialled in spite of.

    Attributes:
        partial: Dial what is in the ledger, though the import of a file stopped.
        edited: The file was edited since its import into the ledger stopped.
    """

    partial: _Switch = False
    edited: _Switch = False


InsistOptions = Annotated[Insisting, Parameter(name="*")]
InsistToDialOptions = Annotated[InsistingToDial, Parameter(name="*")]
NOT_INSISTING = Insisting()
NOT_INSISTING_TO_DIAL = InsistingToDial()
