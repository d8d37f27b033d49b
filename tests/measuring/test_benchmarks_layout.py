"""Holds the benchmarks to the sizes of the package, and to one name a module."""

import ast
from collections import Counter
from pathlib import Path

import pytest
from benchmark_modules import ROOT

BENCHMARKS = ROOT / "benchmarks"
MODULES = sorted(BENCHMARKS.rglob("*.py"))
FOLDERS = {"harness", "servers", "contenders", "questions", "reporting"}


@pytest.mark.parametrize(
    "path", MODULES, ids=lambda path: str(path.relative_to(BENCHMARKS))
)
def test_sizes(path: Path) -> None:
    """No module is over 400 lines long, and no function over 60."""
    source = path.read_text(encoding="utf-8")
    long = {
        node.name
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno + 1 > 60
    }

    assert len(source.splitlines()) <= 400
    assert long == set()


def test_names() -> None:
    """No two modules have one name, and each stands in one of the five folders."""
    names = Counter(path.name for path in MODULES if path.name != "__init__.py")

    assert [name for name, times in names.items() if times > 1] == []
    assert {path.parent.name for path in MODULES} == {*FOLDERS, "benchmarks"}
    assert {path.name for path in BENCHMARKS.glob("*.py")} == {
        "__init__.py",
        "__main__.py",
    }
