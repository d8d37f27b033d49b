"""The count of instructions over commits."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from benchmark_modules import module

pytestmark = [
    pytest.mark.usefixtures("checkout"),
    pytest.mark.skipif(sys.platform == "win32", reason="needs resource usage"),
]


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a repository of three commits, two of which change the package."""
    git = ("git", "-c", "user.name=a", "-c", "user.email=a@b.invalid")
    (tmp_path / "digitro_async").mkdir()
    subprocess.run([*git, "init", "-q"], cwd=tmp_path, check=True)
    for name, subject in (
        ("digitro_async/a.py", "Add a"),
        ("other.py", "Add something else"),
        ("digitro_async/b.py", "Add b"),
    ):
        (tmp_path / name).write_text("1\n")
        subprocess.run([*git, "add", "."], cwd=tmp_path, check=True)
        subprocess.run([*git, "commit", "-qm", subject], cwd=tmp_path, check=True)
    monkeypatch.setattr(module("questions.trend"), "ROOT", tmp_path)
    return tmp_path


@pytest.mark.usefixtures("repository")
def test_commits_that_changed_the_package() -> None:
    """The last commits that changed the package are found, the oldest first."""
    commits_of = module("questions.trend").commits_of

    assert [one.subject for one in commits_of(5)] == ["Add a", "Add b"]
    assert [one.subject for one in commits_of(1)] == ["Add b"]


def test_no_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no repository it is said so, and there is no figure."""
    trend = module("questions.trend")
    monkeypatch.setattr(trend, "ROOT", tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))

    with pytest.raises(module("harness.work").WrongRunError, match="git log failed"):
        trend.commits_of(1)


def test_a_commit_is_counted_once(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counts are kept in a file, and only what is missing there is counted."""
    trend, counted = module("questions.trend"), list[tuple[str, str]]()

    def count(folder: str, name: str) -> float | None:
        counted.append((name, " ".join(sorted(path.name for path in of(folder)))))
        return None if name == "old" else 1000.0

    def of(folder: str) -> list[Path]:
        return list(Path(folder, "digitro_async").iterdir())

    monkeypatch.setattr(trend, "_count_in", count)
    file, commits = repository / "results" / "trend.json", trend.commits_of(2)

    first = trend.trend(commits, ["digitro", "old"], file)
    again = trend.trend(commits, ["digitro", "old"], file)

    assert counted == [
        ("digitro", "a.py"),
        ("old", "a.py"),
        ("digitro", "a.py b.py"),
        ("old", "a.py b.py"),
    ]
    assert first == again == json.loads(file.read_text())


def test_trend_table() -> None:
    """Each count is shown with its change since the last commit that has one."""
    trend = module("questions.trend")
    commits = [trend.Commit(str(n), f"Change {n}") for n in range(3)]
    version = ".".join(str(part) for part in sys.version_info[:3])
    counts: Any = {
        f"0 on {version}": {"digitro": 200_000.0},
        f"1 on {version}": {"digitro": None},
        f"2 on {version}": {"digitro": 150_000.0},
    }

    lines = trend.trend_table(commits, ["digitro"], counts).splitlines()

    assert [line.split() for line in lines[2:]] == [
        ["0", "200.0k", "Change", "0"],
        ["1", "-", "Change", "1"],
        ["2", "150.0k", "-25.0%", "Change", "2"],
    ]
