"""Gives commands the texts of their help back, where Python left docstrings out."""

import ast
import sys
from types import ModuleType

__all__ = ["restore_docstrings"]

_OURS = __name__.rpartition(".")[0]


def restore_docstrings() -> None:
    """Read the docstrings of the modules loaded so far from their sources.

    The help of every option is made of docstrings, which ``python -OO`` leaves out.
    """
    for name, module in list(sys.modules.items()):
        if name.startswith(f"{_OURS}.") and module is not None:
            _restore(module)


def _restore(module: ModuleType) -> None:
    read = getattr(module.__loader__, "get_source", None)
    source = None if read is None else read(module.__name__)
    for node in ast.parse(source or "").body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            made = getattr(module, node.name, None)
            if made is not None and made.__doc__ is None:
                made.__doc__ = ast.get_docstring(node)
