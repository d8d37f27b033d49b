"""How long modules and functions may be, in the package, its tests and benchmarks."""

import pytest
from package_imports import MODULES, Module
from source_files import SOURCE_FILES, SourceFile, long_functions

LONGEST_MODULE = 400
LONGEST_FUNCTION = 60


@pytest.mark.parametrize("module", MODULES.values(), ids=list(MODULES))
def test_sizes(module: Module) -> None:
    """No module is over 400 lines long, and no function over 60."""
    assert len(module.source.splitlines()) <= LONGEST_MODULE
    assert long_functions(module.tree, LONGEST_FUNCTION) == {}


@pytest.mark.parametrize("file", SOURCE_FILES.values(), ids=list(SOURCE_FILES))
def test_sizes_of_tests_and_benchmarks(file: SourceFile) -> None:
    """No file beside the package is over 400 lines long, and no function over 60."""
    assert file.lines <= LONGEST_MODULE
    assert long_functions(file.tree, LONGEST_FUNCTION) == {}
