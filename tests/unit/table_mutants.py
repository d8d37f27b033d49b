"""Changes what stands outside functions, one thing at a time, and sees who notices.

``python tests/unit/table_mutants.py`` mutates the tables that decide about calls, which
mutmut leaves alone: it changes functions only. Every entry of a table is taken out and
every value in it is exchanged for another; every number, text and flag is changed. For
each such mutant the tests of that module run in a process of their own. It prints the
mutants that no test noticed, and ends with 1 if there are any but those that
``tests/unit/mutants.md`` explains.
"""

import ast
import contextlib
import copy
import importlib.abc
import importlib.util
import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import aiohttp  # noqa: F401 - what is imported here need not be by every mutant
import cattrs  # noqa: F401 - same
import pytest

ROOT = Path(__file__).parents[2]
MODULES = {
    "digitro_async._common.reasons": (
        "tests/unit/test_reasons.py tests/unit/test_classification.py"
    ),
    "digitro_async.protocol._classification": (
        "tests/unit/test_classification.py tests/unit/test_tls_refusals.py"
    ),
    "digitro_async.dispatch._breaker": (
        "tests/unit/test_breaker.py tests/unit/test_breaker_probes.py "
        "tests/unit/test_breaker_share.py"
    ),
    "digitro_async.dispatch._retry": "tests/unit/test_retry.py",
    "digitro_async.ledger._state": "tests/unit/test_state.py",
}
EQUIVALENT = {
    "_REDIRECTS: 300 is 299",
    "_REDIRECTS: 400 is 401",
    "_MOST_DOUBLINGS: 1000 is 1001",
    "_MOST_DOUBLINGS: 1000 is 999",
}
"""Mutants that do what the original does; ``tests/unit/mutants.md`` says why."""

_DECIDING = ast.Assign | ast.AnnAssign | ast.ClassDef


def mutants_of(source: str) -> Iterator[tuple[str, str]]:
    """Yield what was changed and the changed source, for every change there is."""
    tree = ast.parse(source)
    for at, statement in enumerate(tree.body):
        name = _name_of(statement)
        if not isinstance(statement, _DECIDING) or name == "__all__":
            continue
        for change, changed in _changes(statement):
            mutant = copy.copy(tree)
            mutant.body = [*tree.body[:at], changed, *tree.body[at + 1 :]]
            yield f"{name}: {change}", ast.unparse(ast.fix_missing_locations(mutant))


def _name_of(statement: ast.stmt) -> str:
    target: Any = getattr(statement, "target", None) or getattr(
        statement, "targets", [statement]
    )
    target = target[0] if isinstance(target, list) else target
    return str(getattr(target, "id", getattr(target, "name", "")))


def _changes(statement: ast.stmt) -> Iterator[tuple[str, ast.stmt]]:
    """Yield the copies of a statement that differ from it in one place."""
    nodes = list(_values(statement))
    for i, node in enumerate(nodes):
        for what in range(_ways(node)):
            changed = copy.deepcopy(statement)
            same = list(_values(changed))[i]
            said = _change(same, what)
            if said:
                yield said, changed


def _values(node: ast.AST) -> Iterator[ast.AST]:
    """Walk over what a statement holds, functions and docstrings left out."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef):
            continue
        if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
            continue
        if isinstance(node, ast.AnnAssign) and child is node.annotation:
            continue
        if isinstance(child, ast.Constant | ast.Dict | ast.Set | ast.Tuple | ast.List):
            yield child
        yield from _values(child)


def _ways(node: ast.AST) -> int:
    if isinstance(node, ast.Dict):
        return 2 * len(node.keys)
    if isinstance(node, ast.Set | ast.Tuple | ast.List):
        return len(node.elts)
    return 2 if type(getattr(node, "value", None)) is int else 1


def _change(node: Any, what: int) -> str:
    """Change one thing of a value in place, and say what; empty where there is none."""
    if isinstance(node, ast.Dict):
        at, exchanged = divmod(what, 2)
        shown = ast.unparse(node.keys[at] or node.values[at])
        if not exchanged:
            del node.keys[at], node.values[at]
            return f"without {shown}"
        was = ast.unparse(node.values[at])
        others = [one for one in node.values if ast.unparse(one) != was]
        if node.keys[at] is None or not others:
            return ""
        node.values[at] = others[at % len(others)]
        return f"{shown} is {ast.unparse(node.values[at])}"
    if isinstance(node, ast.Set | ast.Tuple | ast.List):
        return f"without {ast.unparse(node.elts.pop(what))}"
    was = node.value
    if type(was) is bool:
        node.value = not was
    elif type(was) is int:
        node.value += 1 - 2 * what
    elif type(was) is str:
        node.value += "x"
    elif type(was) is bytes:
        node.value += b"x"
    else:
        node.value = 1
    return f"{was!r} is {node.value!r}"


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Lets one module be imported from a changed source."""

    def __init__(self, name: str, source: str) -> None:
        self._name = name
        self._source = source

    def find_spec(self, name: str, *_: object) -> Any:
        """Return where that module comes from, and nothing for any other."""
        if name != self._name:
            return None
        return importlib.util.spec_from_loader(name, self)

    def create_module(self, spec: Any) -> None:
        """Have an ordinary module made."""

    def exec_module(self, module: ModuleType) -> None:
        """Run the changed source."""
        code = compile(self._source, self._name, "exec")
        exec(code, module.__dict__)


def is_noticed(name: str, tests: str, source: str) -> bool:
    """Whether a test fails, or nothing can be imported, with a changed module."""
    child = os.fork()
    if child:
        return bool(os.waitpid(child, 0)[1])
    code = 1
    try:
        sys.meta_path.insert(0, _Finder(name, source))
        # Else pytest would load the package by itself, to rewrite its asserts.
        options = ["-x", "-q", "-p", "no:cacheprovider", "--assert=plain"]
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            code = pytest.main([*options, *tests.split()])
    finally:
        os._exit(int(code))


def main() -> int:
    """Try all mutants, and return how many no test noticed and nobody explained."""
    os.chdir(ROOT)
    left = total = 0
    for name, tests in MODULES.items():
        source = ROOT.joinpath(*name.split(".")).with_suffix(".py").read_text("utf-8")
        assert not is_noticed(name, tests, source), f"{tests} fails by itself"
        for said, mutant in mutants_of(source):
            total += 1
            if is_noticed(name, tests, mutant):
                continue
            explained = said in EQUIVALENT
            left += not explained
            print(f"{name}: {said}{' (explained)' if explained else ''}")
    print(f"{total} mutants, {left} of them neither noticed nor explained")
    return min(left, 1)


if __name__ == "__main__":
    sys.exit(main())
