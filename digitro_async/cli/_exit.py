"""Exit codes of every command."""

import enum
from collections.abc import Mapping

from digitro_async.errors import Outcome

__all__ = ["Exit", "exit_code_of"]


class Exit(enum.IntEnum):
    """What the process leaves with."""

    DONE = 0
    """Everything final and nothing unknown."""
    INCOMPLETE = 1
    """Finished, with rejected, invalid, unknown or undialled contacts."""
    USAGE = 2
    """Wrong usage or configuration; nothing was dialled."""
    PAUSED = 3
    """Stopped until somebody has looked: every PABX is paused, or a file failed in
    mid-run. The reason is printed, and the rest was not dialled."""
    INTERRUPTED = 130
    """Interrupted: what was on the wire finished, the rest was not dialled."""


def exit_code_of(outcomes: Mapping[Outcome, int], rejected_rows: int) -> Exit:
    """Return the exit code of a list that was read to its end."""
    others = sum(n for outcome, n in outcomes.items() if outcome != Outcome.ACCEPTED)
    return Exit.INCOMPLETE if others or rejected_rows else Exit.DONE
