"""Reads the package's modules, and which of them each imports, from their source."""

import ast
from collections.abc import Iterator
from pathlib import Path

import attrs

import digitro_async

__all__ = ["MODULES", "PACKAGE", "ROOT", "Module", "imported", "own_imports"]

PACKAGE = "digitro_async"
ROOT = Path(digitro_async.__file__).parent


@attrs.frozen
class Module:
    """One module of the package, as its source says."""

    name: str
    tree: ast.Module
    lines: int

    @property
    def part(self) -> str:
        """The part of the package that it belongs to."""
        return self.name.partition(".")[0]


def load(path: Path) -> Module:
    """Read one module of the package."""
    source = path.read_text(encoding="utf-8")
    parts = path.relative_to(ROOT).with_suffix("").parts
    if parts[-1] == "__init__" and len(parts) > 1:
        parts = parts[:-1]
    return Module(".".join(parts), ast.parse(source), len(source.splitlines()))


MODULES = {
    module.name: module
    for module in (load(path) for path in sorted(ROOT.rglob("*.py")))
}


def imported(module: Module) -> Iterator[str]:
    """Yield all that a module imports, anywhere in it, by full dotted name."""
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
