"""Reads the source of the tests and of the benchmarks, each file once."""

import ast
from collections.abc import Iterator
from pathlib import Path

import attrs
from places import ROOT

__all__ = ["SOURCE_FILES", "Function", "SourceFile", "functions", "long_functions"]

Function = ast.FunctionDef | ast.AsyncFunctionDef


@attrs.frozen(eq=False)
class SourceFile:
    """One file, read once somebody asks what is in it.

    Attributes:
        path: Where it is.
        name: Its path in the checkout.
    """

    path: Path

    @property
    def name(self) -> str:
        """Its path in the checkout."""
        return self.path.relative_to(ROOT).as_posix()

    @property
    def lines(self) -> int:
        """How many lines it has."""
        return len(self.path.read_text(encoding="utf-8").splitlines())

    @property
    def tree(self) -> ast.Module:
        """Its syntax tree, made anew each time: all of them would fill the memory."""
        return ast.parse(self.path.read_text(encoding="utf-8"))


SOURCE_FILES = {
    file.name: file
    for folder in ("tests", "benchmarks")
    for file in map(SourceFile, sorted((ROOT / folder).rglob("*.py")))
}
"""Every file of the tests and the benchmarks, by its path in the checkout."""


def functions(tree: ast.Module) -> Iterator[Function]:
    """Yield all functions of a module."""
    for node in ast.walk(tree):
        if isinstance(node, Function):
            yield node


def long_functions(tree: ast.Module, limit: int) -> dict[str, int]:
    """Return the functions of more lines than that, and how many each has."""
    lengths = {
        one.name: (one.end_lineno or 0) - one.lineno + 1 for one in functions(tree)
    }
    return {name: lines for name, lines in lengths.items() if lines > limit}
