"""Kinds of values on a command line: taken as they are meant, or refused."""

import re
from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal

from cyclopts import CoercionError, Parameter, Token
from cyclopts.validators import Number

__all__ = ["WHOLE", "AtLeastOne", "Form", "Limit", "MaxAttempts", "Switch"]

_DIGITS: Final = re.compile(r"-?\d{1,18}", re.ASCII)


def _whole_number(_: Any, tokens: Sequence[Token]) -> int:
    if not _DIGITS.fullmatch(tokens[0].value):
        raise CoercionError(token=tokens[0], target_type=int)
    return int(tokens[0].value)


WHOLE: Final = Parameter(converter=_whole_number)
"""A whole number. cyclopts alone rounds ``1.5``, and reads ``0x10`` and ``1_0``."""

Switch = Annotated[bool, Parameter(negative="", show_default=False)]
"""An option without a value."""

AtLeastOne = Annotated[int, WHOLE, Parameter(validator=Number(gte=1))]
"""A whole number of 1 or more."""

Form = Literal["table", "csv", "json"]
"""How answers are printed: counts of them, or each as a row."""

# The second name is that of an earlier release.
Limit = Annotated[AtLeastOne, Parameter(name=["--limit", "--max-calls"])]
"""Most contacts of one run."""

MaxAttempts = AtLeastOne
"""Attempts after which a contact is out of attempts."""
