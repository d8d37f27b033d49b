"""Holds the benchmarks to their five folders."""

from benchmark_modules import ROOT

BENCHMARKS = ROOT / "benchmarks"
FOLDERS = {"harness", "servers", "contenders", "questions", "reporting"}


def test_folders() -> None:
    """Each module but the command itself stands in one of the five folders."""
    modules = list(BENCHMARKS.rglob("*.py"))

    assert {path.parent.name for path in modules} == {*FOLDERS, "benchmarks"}
    assert {path.name for path in BENCHMARKS.glob("*.py")} == {
        "__init__.py",
        "__main__.py",
    }
