"""Exit codes of every command, and the one place that decides between them."""

import enum

import attrs

from digitro_async.errors import DigitroError, PABXPausedError, RefusedError

__all__ = [
    "Course",
    "Exit",
    "exit_after_call",
    "exit_after_check",
    "exit_after_dial",
    "exit_after_dry_run",
    "exit_after_output",
    "exit_after_results",
    "exit_after_status",
]


class Exit(enum.IntEnum):
    """Exit code of the process."""

    DONE = 0
    """Everything final and nothing unknown."""
    INCOMPLETE = 1
    """Finished, with rejected, invalid, unknown or undialled contacts."""
    USAGE = 2
    """Wrong usage or configuration; nothing was dialled."""
    PAUSED = 3
    """Stopped until somebody acts: every PABX is paused, or a file failed in
    mid-run; the reason is printed, and the rest was not dialled. Or the output of a
    command that came to its end could not be written."""
    DATABASE_LOST = 75
    """The database of a worker did not answer any more; whoever started it may start
    it again at once. Its calls on the wire are unknown, others have its contacts."""
    INTERRUPTED = 130
    """Interrupted: calls on the wire finished, the rest was not dialled."""


@attrs.define
class Course:
    """Events on the way of a command that outweigh its ordinary exit code.

    Attributes:
        dialled: Whether a call may have gone out.
        interrupted: Whether a signal ended it before its end.
        failure: The problem that ended it before its end; empty where there was none.
    """

    dialled: bool = False
    interrupted: bool = False
    failure: str = ""

    def code(self, ended: Exit) -> Exit:
        """Return the exit code.

        Args:
            ended: The exit code of a course without such an event.
        """
        if self.interrupted:  # by somebody who waits for this and nothing else
            return Exit.INTERRUPTED
        if self.failure:
            return Exit.PAUSED if self.dialled else Exit.USAGE
        return ended


def exit_after_dial(
    accepted: int, contacts: int, *, rejected_rows: int, is_whole: bool
) -> Exit:
    """Return the exit code of a run that came to its end.

    Args:
        accepted: Contacts of the ledger that are accepted.
        contacts: All contacts of the ledger.
        rejected_rows: Rows of the file that were no contacts.
        is_whole: Whether every list is in the ledger to its end.
    """
    is_done = accepted == contacts and not rejected_rows and is_whole
    return Exit.DONE if is_done else Exit.INCOMPLETE


def exit_after_check(failed: int) -> Exit:
    """Return the exit code of checks of which so many failed."""
    return Exit.INCOMPLETE if failed else Exit.DONE


def exit_after_dry_run(rejected_rows: int) -> Exit:
    """Return the exit code of a dry run that read the whole file."""
    return Exit.INCOMPLETE if rejected_rows else Exit.DONE


def exit_after_status(accepted: int, contacts: int, *, is_whole: bool) -> Exit:
    """Return the exit code that tells how a ledger stands."""
    is_done = accepted == contacts and is_whole
    return Exit.DONE if is_done else Exit.INCOMPLETE


def exit_after_results(*, is_written: bool, is_whole: bool, is_failed: bool) -> Exit:
    """Return the exit code of results.

    Args:
        is_written: Whether all that there were are written.
        is_whole: Whether those are all that there will be.
        is_failed: Whether they could not be written, though somebody reads them.
    """
    if is_failed:
        return Exit.PAUSED
    return Exit.DONE if is_written and is_whole else Exit.INCOMPLETE


def exit_after_output(ended: int, *, is_whole: bool) -> int:
    """Return the exit code of a command by what became of its output.

    Args:
        ended: Its exit code if all of it was written.
        is_whole: Whether no stream failed while somebody read it.
    """
    if is_whole or ended not in (Exit.DONE, Exit.INCOMPLETE):
        return ended
    return Exit.PAUSED


def exit_after_call(error: DigitroError, *, interrupted: bool) -> Exit:
    """Return the exit code of one call that was not accepted."""
    if interrupted:
        return Exit.INTERRUPTED
    paused = isinstance(error, RefusedError | PABXPausedError)
    return Exit.PAUSED if paused else Exit.INCOMPLETE
