"""Instructions of one call at earlier commits: which change cost or saved how much.

Each commit is unpacked into a folder of its own, and counted there by its own
benchmarks with the packages that are installed now. A count is kept, so that a commit
is counted once.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import attrs

from benchmarks.harness.processes import LONGEST_RUN, ROOT
from benchmarks.harness.work import WrongRunError
from benchmarks.reporting.results import FOLDER
from benchmarks.reporting.tables import align

__all__ = ["Commit", "Counts", "commits_of", "kept_counts", "trend", "trend_table"]

_COUNT_IT = """\
import sys
sys.path.insert(0, "tests/support")
from benchmarks.questions.instructions import per_call
print(per_call(sys.argv[1]))
"""

Counts = dict[str, dict[str, float | None]]
"""Instructions by commit and contender, None where a commit could not be counted."""


@attrs.frozen
class Commit:
    """One commit.

    Attributes:
        id: Its hash, shortened.
        subject: The first line of its message.
    """

    id: str
    subject: str


def commits_of(number: int, revision: str = "HEAD") -> list[Commit]:
    """Return the last commits that changed the package, the oldest first.

    Args:
        number: Most commits.
        revision: The newest one.

    Raises:
        WrongRunError: If this is no checkout of git.
    """
    shown = _git(
        *("log", "--first-parent", f"-{number}", "--format=%h %s", revision),
        *("--", "digitro_async"),
    )
    lines = [line.partition(" ") for line in shown.decode().splitlines()]
    return [Commit(short, subject) for short, _, subject in reversed(lines)]


def trend(
    commits: Iterable[Commit], contenders: Sequence[str], file: Path | None = None
) -> Counts:
    """Count contenders at commits; what was counted before is read from a file.

    Args:
        commits: The commits.
        contenders: Names of the contenders.
        file: Where counts are kept; None for the usual file.
    """
    file = file or kept_counts()
    known: Counts = json.loads(file.read_text("utf-8")) if file.exists() else {}
    for commit in commits:
        found = known.setdefault(_key(commit), {})
        missing = [name for name in contenders if name not in found]
        if missing:
            found.update(_count_at(commit, missing))
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(known, indent=1) + "\n", "utf-8")
    return {commit: counts for commit, counts in known.items() if counts}


def trend_table(
    commits: Sequence[Commit], contenders: Sequence[str], counts: Counts
) -> str:
    """Return the counts as a table, each with its change since the commit before."""
    rows = [("commit", *contenders, "subject")]
    before: dict[str, float] = {}
    for commit in commits:
        cells = []
        for name in contenders:
            found = counts.get(_key(commit), {}).get(name)
            if found is None:
                cells.append("-")
                continue
            change = f" {found / before[name] - 1:+.1%}" if name in before else ""
            cells.append(f"{found / 1000:.1f}k{change}")
            before[name] = found
        rows.append((commit.id, *cells, commit.subject[:60]))
    return align(rows)


def kept_counts() -> Path:
    """Return the file of the counts of earlier commits; no part of the repository."""
    return FOLDER / "trend.json"


def _key(commit: Commit) -> str:
    """Return the key of a commit's counts: another Python counts differently."""
    version = ".".join(str(part) for part in sys.version_info[:3])
    return f"{commit.id} on {version}"


def _count_at(commit: Commit, contenders: Sequence[str]) -> dict[str, float | None]:
    """Return the instructions of contenders at a commit, None where it has none."""
    found: dict[str, float | None] = {}
    with tempfile.TemporaryDirectory() as folder:
        packed = _git("archive", commit.id)
        subprocess.run(["tar", "-x", "-C", folder], input=packed, check=True)
        for name in contenders:
            found[name] = _count_in(folder, name)
            shown = "none" if (count := found[name]) is None else f"{count / 1000:.1f}k"
            print(f"{commit.id} {name}: {shown}", flush=True)
    return found


def _count_in(folder: str, contender: str) -> float | None:
    """Return the instructions of a contender in an unpacked commit."""
    compiling = [sys.executable, "-m", "compileall", "-qq", "digitro_async"]
    done = None
    for program in (compiling, [sys.executable, "-c", _COUNT_IT, contender]):
        done = subprocess.run(
            program,
            cwd=folder,
            env={**os.environ, "PYTHONPATH": folder},
            capture_output=True,
            text=True,
            timeout=4 * LONGEST_RUN,
            check=False,
        )
    try:
        return float(done.stdout.split()[-1]) if done and not done.returncode else None
    except (ValueError, IndexError):
        return None


def _git(*arguments: str) -> bytes:
    """Return what git prints.

    Raises:
        WrongRunError: If git fails, or is not installed.
    """
    try:
        done = subprocess.run(
            ["git", *arguments],
            cwd=ROOT,
            capture_output=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError) as error:
        raise WrongRunError(f"git {arguments[0]} failed: {error}") from error
    return done.stdout
