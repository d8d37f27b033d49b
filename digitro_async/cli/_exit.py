"""Exit codes of every command, and the one place that decides between them."""

import enum
from collections.abc import Mapping

import attrs

from digitro_async.errors import Outcome

__all__ = ["Course", "Exit", "exit_code_of"]


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


@attrs.define
class Course:
    """How a command went; whatever happens on the way, its exit code is decided here.

    Attributes:
        dialled: Whether a call may have gone out.
        interrupted: Whether a signal ended it before its end.
        failure: What ended it before its end; empty where nothing did.
    """

    dialled: bool = False
    interrupted: bool = False
    failure: str = ""

    def code(self, ended: Exit) -> Exit:
        """Return the exit code.

        Args:
            ended: What it would be if nothing had happened on the way.
        """
        if self.interrupted:  # by somebody who waits for this and nothing else
            return Exit.INTERRUPTED
        if self.failure:
            return Exit.PAUSED if self.dialled else Exit.USAGE
        return ended


def exit_code_of(outcomes: Mapping[Outcome, int], rejected_rows: int) -> Exit:
    """Return the exit code of a list that was read to its end."""
    others = sum(n for outcome, n in outcomes.items() if outcome != Outcome.ACCEPTED)
    return Exit.INCOMPLETE if others or rejected_rows else Exit.DONE
