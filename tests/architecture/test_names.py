"""Names say which thing is meant, and every module and test says something."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import PurePosixPath

from package_imports import MODULES, ROOT, Module
from quick_runs import LONG_FILES
from source_files import SOURCE_FILES, functions

# Python itself gives these names a meaning.
SPECIAL = {"__init__", "__main__", "conftest"}


def taken_twice(places: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Return the names of more than one place, and these; an underscore is no name."""
    by_name = defaultdict(list)
    for name, place in places:
        by_name[name.strip("_")].append(place)
    return {name: found for name, found in by_name.items() if len(found) > 1}


def test_no_two_modules_share_a_file_name() -> None:
    """The name of a file leads to one module of the package."""
    paths = [path.relative_to(ROOT) for path in ROOT.rglob("*.py")]
    stems = [(path.stem, path.as_posix()) for path in paths]

    assert taken_twice(one for one in stems if one[0] not in SPECIAL) == {}


def test_no_two_test_files_share_a_file_name() -> None:
    """The name of a file leads to one file of the tests and benchmarks."""
    paths = map(PurePosixPath, SOURCE_FILES)
    stems = [(path.stem, path.as_posix()) for path in paths]

    assert taken_twice(one for one in stems if one[0] not in SPECIAL) == {}


def test_what_runs_first_exists() -> None:
    """Every file that is put first because it takes long is there, and named once."""
    assert {f"tests/{name}" for name in LONG_FILES} <= SOURCE_FILES.keys()
    assert len(LONG_FILES) == len(set(LONG_FILES))


def test_no_two_classes_share_a_name() -> None:
    """The name of a class leads to one class of the package, private ones included."""
    classes = [
        (node.name, name)
        for name, module in MODULES.items()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ClassDef)
    ]

    assert taken_twice(classes) == {}


def test_what_is_taken_twice() -> None:
    """A private name is the same name, and what is there once is not reported."""
    places = [("_Record", "a"), ("Record", "b"), ("Reader", "c")]

    assert taken_twice(places) == {"Record": ["a", "b"]}


def test_every_module_says_what_it_exports() -> None:
    """Every module has a docstring, and an ``__all__`` unless it only runs."""
    silent = {
        module.name
        for module in MODULES.values()
        if ast.get_docstring(module.tree) is None
    }
    without = {
        module.name for module in MODULES.values() if "__all__" not in names_set(module)
    }

    assert silent == set()
    assert without <= {"__init__", "__main__", "_common", "pytest_plugin"}


def names_set(module: Module) -> set[str]:
    """Return the names that a module sets at its top level."""
    return {
        target.id
        for node in module.tree.body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name)
    }


TEST_FILES = {
    PurePosixPath(name).stem: file
    for name, file in SOURCE_FILES.items()
    if PurePosixPath(name).name.startswith("test_")
}


def test_every_test_says_what_is_true() -> None:
    """Every test has a docstring of one sentence that says what is true."""
    silent = {
        (stem, function.name)
        for stem, file in TEST_FILES.items()
        for function in functions(file.tree)
        if function.name.startswith("test")
        and not re.fullmatch(
            r"[^\n]+\.", (ast.get_docstring(function) or "").replace("\n", " ")
        )
    }

    assert silent == set()
