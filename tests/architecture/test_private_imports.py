"""Tests use what users use, but for the package that a test file is named after."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import PurePosixPath

from package_imports import MODULES, PACKAGE
from source_files import SOURCE_FILES, SourceFile

TABLES = "it compares what the documents say with the tables of the package"
SPOILS = "it reads or makes files that only an older version or a mistake can make"
WIRE = "it is the one place that gives tests the vendor's names"
WHOLE = "what it tests is shared by these packages"
UNNAMED = "its name says what happens to the package, and not which it is"

# The files that import private modules of other packages, which, and why.
EXCEPTIONS: dict[str, tuple[set[str], str]] = {
    "tests/architecture/test_pins.py": ({"transport"}, WHOLE),
    "tests/contracts/test_ambiguity.py": ({"campaign", "cli"}, WHOLE),
    "tests/contracts/test_imports.py": ({"ledger"}, WHOLE),
    "tests/contracts/test_slots_across_runs.py": ({"ledger"}, WHOLE),
    "tests/crash/crash_violations.py": ({"ledger"}, SPOILS),
    "tests/crash/crash_world_child.py": ({"ledger"}, SPOILS),
    "tests/crash/crash_world_old.py": ({"ledger"}, SPOILS),
    "tests/docs/test_rules_page.py": ({"cli"}, TABLES),
    "tests/docs/test_site.py": ({"cli"}, TABLES),
    "tests/docs/test_tables.py": ({"cli"}, TABLES),
    "tests/docs/test_telemetry_page.py": ({"exporters", "observe"}, TABLES),
    "tests/docs/test_workers_page.py": ({"cli"}, TABLES),
    "tests/integration/cli/test_cli_signals.py": ({"_start"}, UNNAMED),
    "tests/integration/test_blocked_loop.py": ({"dispatch", "transport"}, WHOLE),
    "tests/integration/test_campaign_slots.py": ({"dispatch", "ledger"}, WHOLE),
    "tests/integration/test_contacts_samples.py": ({"testing"}, WHOLE),
    "tests/integration/test_fake_pabx.py": ({"protocol"}, WIRE),
    "tests/integration/test_out_of_step.py": ({"cli"}, WHOLE),
    "tests/integration/test_plugin.py": ({"protocol"}, WIRE),
    "tests/integration/test_warm.py": ({"transport"}, UNNAMED),
    "tests/integration/test_written_as_is.py": ({"cli"}, WHOLE),
    "tests/leaks/test_leaks_answers.py": ({"protocol"}, UNNAMED),
    "tests/support/command_line.py": ({"cli"}, UNNAMED),
    "tests/support/helpers.py": ({"protocol"}, WIRE),
    "tests/support/screens.py": ({"cli"}, UNNAMED),
    "tests/support/simulated_calls.py": ({"protocol"}, WIRE),
    "tests/support/slots_scene.py": ({"dispatch"}, UNNAMED),
    "tests/support/worker_child.py": ({"cli"}, UNNAMED),
    "tests/support/worker_lab.py": ({"ledger"}, TABLES),
    "tests/support/zombie_child.py": ({"transport"}, UNNAMED),
    "tests/unit/test_activity_queue.py": ({"dispatch"}, UNNAMED),
    "tests/unit/test_activity_stream.py": ({"dispatch"}, UNNAMED),
    "tests/unit/test_cut_off.py": ({"dispatch"}, UNNAMED),
    "tests/unit/test_dispatcher.py": ({"protocol"}, WIRE),
    "tests/unit/test_drafts.py": ({"dispatch", "protocol"}, WHOLE),
    "tests/unit/test_pacing_counted.py": ({"ledger"}, WHOLE),
    "tests/unit/test_pacing_lost.py": ({"ledger"}, WHOLE),
    "tests/unit/test_throttle.py": ({"protocol"}, UNNAMED),
}


def words_of_parts() -> dict[str, set[str]]:
    """Return the names that lead to each part: its own, and those of its modules."""
    words: dict[str, set[str]] = defaultdict(set)
    for name in MODULES:
        part, *inner = name.split(".")
        words[part] |= {one.strip("_") for one in (part, *inner)} - {"init"}
    return words


WORDS = words_of_parts()


def is_named_after(file: str, part: str) -> bool:
    """Whether a test file's folder or name has the name of a part, or of a module."""
    path = PurePosixPath(file).with_suffix("")
    folders = "_".join(path.parts[1:-1])
    name = f"_{folders}_{path.name.removeprefix('test_')}_"
    return any(
        f"_{form}_" in name
        for word in WORDS[part]
        for form in (word, f"{word}s", word.removesuffix("s"))
    )


def private_imports(tree: ast.Module) -> Iterator[str]:
    """Yield the private modules of the package that a file imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        for name in names:
            package, _, inner = name.partition(".")
            if package != PACKAGE:
                continue
            module = inner if inner in MODULES else inner.rpartition(".")[0]
            if module in MODULES and any(one[0] == "_" for one in module.split(".")):
                yield module


def strange_parts(file: SourceFile) -> set[str]:
    """Return the parts whose private modules a file imports without their name."""
    parts = {module.partition(".")[0] for module in private_imports(file.tree)}
    # Everything may use the small helpers that everything is made of.
    return {one for one in parts - {"_common"} if not is_named_after(file.name, one)}


TESTS = [file for name, file in SOURCE_FILES.items() if name.startswith("tests/")]


def test_private_modules_stay_private() -> None:
    """A test imports private modules of the package of its name, and as excepted."""
    found = {file.name: parts for file in TESTS if (parts := strange_parts(file))}

    assert found == {name: parts for name, (parts, _) in EXCEPTIONS.items()}


def test_no_exception_is_left_over() -> None:
    """Every exception is of a file that is there, and each has a reason."""
    assert EXCEPTIONS.keys() <= {file.name for file in TESTS}
    assert all(parts and reason for parts, reason in EXCEPTIONS.values())


def test_what_is_private_is_seen() -> None:
    """Each form of an import is seen, and each name that leads to a package."""
    tree = ast.parse(
        "from digitro_async.dispatch import _pacing, Dispatcher\n"
        "from digitro_async.ledger._codes import STATES\n"
        "import digitro_async._start, digitro_async.client\n"
        "def test():\n    from digitro_async.cli import _app\n"
    )

    assert set(private_imports(tree)) == {
        *("dispatch._pacing", "ledger._codes", "_start", "cli._app"),
    }
    assert is_named_after("tests/unit/test_pacing.py", "dispatch")
    assert is_named_after("tests/unit/test_pacing_lost.py", "dispatch")
    assert is_named_after("tests/integration/cli/test_anything.py", "cli")
    assert not is_named_after("tests/unit/test_pacing.py", "ledger")
