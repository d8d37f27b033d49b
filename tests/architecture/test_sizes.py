"""How long modules and functions may be, in the package, its tests and benchmarks."""

from package_imports import MODULES
from source_files import SOURCE_FILES, long_functions

LONGEST_MODULE = 400
LONGEST_FUNCTION = 60


def test_sizes() -> None:
    """No module is over 400 lines long, and no function over 60."""
    lines = {name: len(module.source.splitlines()) for name, module in MODULES.items()}
    functions = {
        name: found
        for name, module in MODULES.items()
        if (found := long_functions(module.tree, LONGEST_FUNCTION))
    }

    assert {name: long for name, long in lines.items() if long > LONGEST_MODULE} == {}
    assert functions == {}


def test_sizes_of_tests_and_benchmarks() -> None:
    """No file beside the package is over 400 lines long, and no function over 60."""
    lines = {name: file.lines for name, file in SOURCE_FILES.items()}
    functions = {
        name: found
        for name, file in SOURCE_FILES.items()
        if (found := long_functions(file.tree, LONGEST_FUNCTION))
    }

    assert {name: long for name, long in lines.items() if long > LONGEST_MODULE} == {}
    assert functions == {}
