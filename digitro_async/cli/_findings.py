"""The results of checks, a line each."""

import enum

import attrs

from digitro_async.cli._output import print_line

__all__ = ["Finding", "Findings", "Level"]


class Level(enum.StrEnum):
    """How good the result of a check is."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "FAILED"


@attrs.frozen
class Finding:
    """The result of one check.

    Attributes:
        level: How good it is.
        check: What was checked, in a word.
        text: The result and, unless it is good, the way out.
    """

    level: Level
    check: str
    text: str

    def __str__(self) -> str:
        return f"{self.level:<8} {self.check:<7} {self.text}"


@attrs.define
class Findings:
    """Prints results as they come, and counts them.

    Attributes:
        failed: Checks that failed.
        warnings: Checks that somebody should look at.
    """

    failed: int = 0
    warnings: int = 0

    def add(self, finding: Finding) -> None:
        """Print and count one."""
        self.failed += finding.level is Level.FAILED
        self.warnings += finding.level is Level.WARNING
        print_line(str(finding))
