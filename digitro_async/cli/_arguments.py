"""Kinds of values on a command line: taken as they are meant, or refused."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final

from cyclopts import CoercionError, Parameter, Token
from cyclopts.validators import Number

__all__ = ["LEDGER", "WHOLE", "AtLeastOne", "Limit", "MaxAttempts", "Switch"]

_DIGITS: Final = re.compile(r"-?\d{1,18}", re.ASCII)
_ADDRESS: Final = re.compile(r"(sqlite3?|file|postgres(ql)?|mysql):", re.IGNORECASE)


def _whole_number(_: Any, tokens: Sequence[Token]) -> int:
    if not _DIGITS.fullmatch(tokens[0].value):
        raise CoercionError(token=tokens[0], target_type=int)
    return int(tokens[0].value)


def _check_path(_: Any, path: Path | None) -> None:
    if path is not None and _ADDRESS.match(str(path)):
        raise ValueError(
            "must be the path of a file, such as campaign.db, and no address: "
            "a ledger on a server is not supported yet"
        )


WHOLE: Final = Parameter(converter=_whole_number)
"""A whole number. cyclopts alone rounds ``1.5``, and reads ``0x10`` and ``1_0``."""

LEDGER: Final = Parameter(validator=_check_path)
"""A ledger. Taken for a path, an address would be a new one, which has called nobody.
A file whose name looks like an address is named by its whole path."""

Switch = Annotated[bool, Parameter(negative="", show_default=False)]
"""An option without a value."""

AtLeastOne = Annotated[int, WHOLE, Parameter(validator=Number(gte=1))]
"""A whole number of 1 or more."""

# The second name is that of an earlier release.
Limit = Annotated[AtLeastOne, Parameter(name=["--limit", "--max-calls"])]
"""Most contacts of one run."""

MaxAttempts = AtLeastOne
"""Attempts after which a contact is out of attempts."""
