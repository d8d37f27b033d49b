"""Reads the package's modules, and which of them each imports, from their source."""

import ast
import functools
import importlib.util
from collections.abc import Iterator
from pathlib import Path

import attrs

import digitro_async

__all__ = [
    "MODULES",
    "PACKAGE",
    "ROOT",
    "Module",
    "importable",
    "imported",
    "own_imports",
]

PACKAGE = "digitro_async"
ROOT = Path(digitro_async.__file__).parent
OPTIONAL_LIBRARIES = {"cyclopts", "rich", "uvloop"}


@attrs.frozen(eq=False)
class Module:
    """One module of the package, read once somebody asks what is in it."""

    name: str
    path: Path

    @property
    def part(self) -> str:
        """The part of the package that it belongs to."""
        return self.name.partition(".")[0]

    @property
    def source(self) -> str:
        """Its text."""
        return self.path.read_text(encoding="utf-8")

    @property
    def tree(self) -> ast.Module:
        """Its syntax tree."""
        return _tree_of(self)


@functools.cache
def _tree_of(module: Module) -> ast.Module:
    return ast.parse(module.source)


def _name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    if parts[-1] == "__init__" and len(parts) > 1:
        parts = parts[:-1]
    return ".".join(parts)


MODULES = {
    module.name: module
    for module in (Module(_name_of(path), path) for path in sorted(ROOT.rglob("*.py")))
}


@functools.cache
def imported(module: Module) -> frozenset[str]:
    """Return all that a module imports, anywhere in it, by full dotted name."""
    return frozenset(_imported(module))


def _imported(module: Module) -> Iterator[str]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            assert node.module is not None
            for alias in node.names:
                inner = f"{node.module}.{alias.name}".removeprefix(f"{PACKAGE}.")
                if node.module.startswith(PACKAGE) and inner in MODULES:
                    yield f"{PACKAGE}.{inner}"
                else:
                    yield node.module


def own_imports(module: Module) -> set[str]:
    """Return the modules of the package that a module imports."""
    found = set()
    for name in imported(module):
        if name == PACKAGE:
            found.add("__init__")
        elif name.startswith(f"{PACKAGE}."):
            found.add(name.removeprefix(f"{PACKAGE}."))
    return found


def importable() -> list[str]:
    """Return the modules whose libraries are installed, by the names of imports.

    The module that runs at once when it is imported is left out.
    """
    absent = {
        one for one in OPTIONAL_LIBRARIES if importlib.util.find_spec(one) is None
    }
    return [
        PACKAGE if name == "__init__" else f"{PACKAGE}.{name}"
        for name, module in MODULES.items()
        if module.part != "__main__" and not _needed(module, absent)
    ]


def _needed(module: Module, absent: set[str]) -> set[str]:
    """Return which absent libraries a module can't be imported without."""
    if not absent:
        return set()
    needed = {name.partition(".")[0] for name in imported(module)}
    every_library = OPTIONAL_LIBRARIES if module.part == "cli" else needed
    return every_library & absent - {"uvloop"}
