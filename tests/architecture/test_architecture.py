import ast
import importlib
import importlib.util
import os
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from package_imports import MODULES, PACKAGE, ROOT, Module, imported, own_imports
from places import TESTS

import digitro_async
from digitro_async import errors, testing
from digitro_async.protocol._names import CALL_ID, WIRE_NAMES

BASE = {"errors", "privacy", "settings", "models", "calls", "_common"}
CORE = {*BASE, "process", "protocol", "transport", "dispatch", "client"}
LOADED = {*CORE, "ledger", "campaign", "_start", "_public_names"}

# Each part of the package and the other parts that it may import.
MAY_IMPORT: dict[str, set[str]] = {
    "_start": set(),
    "__init__": {"_start", "_public_names"},
    "privacy": set(),
    "process": set(),
    "errors": {"privacy"},
    "_common": {"errors", "privacy"},
    "settings": {"_common", "errors"},
    "calls": {"_common", "errors", "privacy"},
    "models": BASE - {"models"},
    "protocol": BASE,
    "transport": {*BASE, "protocol"},
    "dispatch": {*BASE, "protocol", "transport"},
    "client": {*BASE, "protocol", "transport", "dispatch"},
    "_public_names": LOADED - {"_start", "_public_names"},
    "contacts": BASE,
    "events": {*BASE, "protocol", "transport"},
    "observe": CORE,
    "ledger": {*BASE, "protocol"},
    "rules": {*BASE, "ledger"},
    "reports": {*BASE, "contacts", "ledger"},
    "campaign": {*CORE, "contacts", "ledger", "rules", "observe"},
    "workers": {*CORE, "contacts", "ledger", "campaign"},
    "config": {*BASE, "rules"},
    "testing": {*BASE, "protocol", "contacts"},
    "pytest_plugin": set(),
    "cli": {
        *CORE,
        *("_start", "__init__", "campaign", "config", "contacts", "events", "ledger"),
        *("observe", "reports", "rules", "testing", "workers"),
    },
    "__main__": {"cli"},
}
# The fixtures that are shipped open a client for whoever asks for one, and only then.
LATE_IMPORTS = {("pytest_plugin", "__init__"), ("pytest_plugin", "testing")}

PURE = [
    "errors",
    "privacy",
    "models",
    "settings",
    "calls",
    "_common.base_url",
    "_common.drafts",
    "_common.text",
    "_common.validators",
    "protocol",
    "dispatch._breaker",
    "dispatch._channel",
    "dispatch._pacing",
    "dispatch._repeated_ids",
    "dispatch._retry",
    "dispatch._statistics",
    "dispatch._throttle",
    "ledger._held_slots",
    "ledger._import_marks",
    "ledger._places",
    "ledger._records",
    "ledger._state",
    "ledger.sqlite._codes",
]
IMPURE = {
    "aiohttp",
    "anyio",
    "asyncio",
    "io",
    "logging",
    "os",
    "random",
    "secrets",
    "selectors",
    "socket",
    "sqlite3",
    "ssl",
    "subprocess",
    "threading",
    "time",
}
OPTIONAL_LIBRARIES = {"cyclopts", "rich", "uvloop"}

LONGEST_MODULE = 400
LONGEST_FUNCTION = 60
IMPORT_BUDGET = 0.5
"""Seconds; about a tenth of it is used."""


every_module = pytest.mark.parametrize("module", MODULES.values(), ids=list(MODULES))


def full_name(name: str) -> str:
    """The name that a module is imported by."""
    return PACKAGE if name == "__init__" else f"{PACKAGE}.{name}"


def is_pure(name: str) -> bool:
    """Whether a module is one of the pure ones."""
    return any(name == pure or name.startswith(f"{pure}.") for pure in PURE)


def docstrings(tree: ast.Module) -> set[int]:
    """The identities of all nodes that are docstrings, of attributes too."""
    return {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }


def texts(module: Module) -> Iterator[str]:
    """Yield all texts of a module that are not docstrings."""
    skipped = docstrings(module.tree)
    for node in ast.walk(module.tree):
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in skipped
        ):
            yield node.value


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield all functions of a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


@every_module
def test_direction_of_imports(module: Module) -> None:
    """A module imports only from parts of the package that its own may import."""
    allowed = {*MAY_IMPORT[module.part], module.part}
    found = {
        name
        for name in own_imports(module)
        if name.partition(".")[0] not in allowed
        and (module.name, name) not in LATE_IMPORTS
    }

    assert found == set()


def test_only_the_command_line_imports_testing() -> None:
    """The simulator is imported by itself and by the command line."""
    importers = {
        module.part
        for module in MODULES.values()
        if any(
            name.partition(".")[0] == "testing"
            and (module.name, name) not in LATE_IMPORTS
            for name in own_imports(module)
        )
    }

    assert importers <= {"testing", "cli"}


@every_module
def test_purity(module: Module) -> None:
    """A pure module imports nothing that waits, tells time, draws lots or does I/O."""
    found = {name.partition(".")[0] for name in imported(module)} & IMPURE

    assert not is_pure(module.name) or found == set()


@every_module
def test_pure_modules_import_pure_modules(module: Module) -> None:
    """A pure module imports no module of the package that is not pure."""
    found = {name for name in own_imports(module) if not is_pure(name)}

    assert not is_pure(module.name) or found <= {"__init__"}


def test_purity_covers_what_exists() -> None:
    """Every module that is said to be pure exists."""
    assert set(PURE) <= set(MODULES)


@every_module
def test_home_of_aiohttp(module: Module) -> None:
    """Only the transport and the simulator import the HTTP library."""
    uses = any(name.partition(".")[0] == "aiohttp" for name in imported(module))

    assert not uses or module.part in {"transport", "testing"}


@every_module
def test_home_of_the_wire_names(module: Module) -> None:
    """The vendor's field names are written in one file and nowhere else."""
    wire = {*WIRE_NAMES.values(), CALL_ID}
    found = {
        text
        for text in texts(module)
        if text in wire or CALL_ID in text or "chamada-preditiva" in text
    }

    assert module.name == "protocol._names" or found == set()


def test_no_import_cycles() -> None:
    """No module imports itself through others, for type checking or late either."""
    graph = {
        name: {
            other for other in own_imports(module) if (name, other) not in LATE_IMPORTS
        }
        for name, module in MODULES.items()
    }
    finished: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, " -> ".join((*path, name))
        if name not in finished:
            for other in sorted(graph[name] - {name}):
                visit(other, (*path, name))
            finished.add(name)

    for name in graph:
        visit(name, ())


# Imports each module in a process of its own, forked where of ours only that is loaded
# which any importer of it loads first: the facade and its part. With "bare:" an empty
# package stands for the facade, so that nobody can lean on what that has imported.
LONE_IMPORTS = """
import email.utils, importlib, os, sys, types
import aiohttp.web, anyio, attrs, cattrs.preconf.orjson, orjson, pytest_asyncio
import cyclopts.validators, rich.console, rich.live, rich.table

def fork(act, *given):
    pid = os.fork()
    if pid:
        return pid
    try:
        failed = act(*given)
    except BaseException as error:
        os.write(2, f"{given}: {error!r}\\n".encode())
        failed = True
    os._exit(bool(failed))

def failed(pid):
    return os.waitpid(pid, 0)[1] != 0

def load(name):
    importlib.import_module(name)

def load_each(root, first, *names):
    bare, _, first = first.rpartition(":")
    if bare:
        package = types.ModuleType("digitro_async")
        package.__path__ = [root]
        sys.modules["digitro_async"] = package
    load(first)
    return any([failed(fork(load, name)) for name in names])

root, *groups = sys.argv[1:]
pids = [fork(load_each, root, *group.split()) for group in groups]
sys.exit(any([failed(pid) for pid in pids]))
"""


def importable() -> list[str]:
    """The modules whose libraries are installed, but for the one that runs at once."""
    names = []
    for module in MODULES.values():
        needed = {name.partition(".")[0] for name in imported(module)}
        missing = {
            name
            for name in OPTIONAL_LIBRARIES
            if (name in needed or module.part == "cli")
            and importlib.util.find_spec(name) is None
        }
        if module.part != "__main__" and not missing - {"uvloop"}:
            names.append(full_name(module.name))
    return names


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs processes that can fork")
def test_every_module_imports_alone() -> None:
    """Each module imports by itself in a fresh process, without a warning."""
    names = importable()
    groups = defaultdict(list)
    for name in names:
        part = f"{name}.".split(".")[1]
        if part:
            groups[f"bare:{PACKAGE}.{part}"].append(name)
        if part not in CORE:
            groups[PACKAGE].append(name)
    given = [" ".join([first, *names]) for first, names in groups.items()]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", LONE_IMPORTS, str(ROOT), *given],
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )

    assert done.stderr == ""
    assert done.returncode == 0


def test_import_time() -> None:
    """Importing the package adds little to importing the libraries under it."""
    program = (
        "import time, aiohttp, attrs, cattrs; t = time.perf_counter(); "
        "import digitro_async; print(time.perf_counter() - t)"
    )
    times = []
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", program],
            capture_output=True,
            text=True,
            check=True,
            timeout=50,
        )
        times.append(float(done.stdout))

    assert min(times) < IMPORT_BUDGET


def test_the_package_imports_little() -> None:
    """Importing the package loads no simulator, contact files or command line."""
    program = (
        "import sys, digitro_async; digitro_async.DigitroClient; "
        "print(*sorted(m for m in sys.modules if m.startswith('digitro_async.')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        timeout=50,
    )
    loaded = {name.split(".")[1] for name in done.stdout.split()}

    assert loaded == LOADED
    assert "digitro_async.testing" not in done.stdout


def exporting_modules() -> list[str]:
    """The modules that can be imported and export names."""
    return [
        name
        for name in importable()
        if "__all__" in vars(importlib.import_module(name))
    ]


def order(name: str) -> tuple[int, str]:
    """The place of a name: constants, then classes, then functions."""
    return (0 if name.isupper() else 1 if name[0].isupper() else 2, name)


@pytest.mark.parametrize("name", exporting_modules())
def test_exported_names(name: str) -> None:
    """Whatever a module exports exists, is named once and stands in order."""
    module: ModuleType = importlib.import_module(name)
    exported: list[str] = module.__all__

    assert [one for one in exported if not hasattr(module, one)] == []
    assert exported == sorted(set(exported), key=order)


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
    """The names that a module sets at its top level."""
    return {
        target.id
        for node in module.tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def test_public_names() -> None:
    """The package exports the documented names and no others."""
    values = {
        "CallAccepted",
        "Campaign",
        "CallResult",
        "DispatchItem",
        "DispatchResults",
        "Dispatcher",
        "DigitroClient",
        "PABX",
        "PABXStatistics",
        "PauseSettings",
        "Personal",
        "PoolSettings",
        "PredictiveCall",
        "RateLimit",
        "RetrySettings",
        "Secret",
        "LeanSessionManager",
        "SessionManager",
        "Statistics",
        "TLSSettings",
        "TimeoutSettings",
        "Timings",
        "UnsetFields",
        "open_ledger",
        "tune_process",
    }

    assert set(digitro_async.__all__) == values | set(errors.__all__)
    assert {
        name for name in vars(digitro_async) if name.isidentifier() and name[0] != "_"
    } - {*digitro_async.__all__, "TYPE_CHECKING"} <= {
        path.stem for path in ROOT.iterdir() if not path.name.startswith("_")
    }


def test_public_names_of_testing() -> None:
    """What is shipped for users' tests has the documented names and no others."""
    servers = {"ChaosProxy", "FakePABX", "HostileConnection", "HostilePABX"}
    faults = {"Fault", "FaultKind", "FaultPlan"}
    records = {"OverCap", "ReceivedCall", "Summary"}
    toxics = {"Bandwidth", "Latency", "LimitData", "ResetPeer", "Slicer", "SlowClose"}
    toxics |= {"Timeout", "Toxic"}
    samples = {"sample_contacts", "write_sample_file"}

    assert set(testing.__all__) == servers | faults | records | toxics | samples
    assert all(getattr(testing, name).__doc__ for name in testing.__all__)


def test_it_says_that_it_is_typed() -> None:
    """The marker that makes type checkers believe the package is shipped."""
    assert (ROOT / "py.typed").is_file()


@every_module
def test_sizes(module: Module) -> None:
    """No module is over 400 lines long, and no function over 60."""
    long = {
        function.name
        for function in functions(module.tree)
        if (function.end_lineno or 0) - function.lineno + 1 > LONGEST_FUNCTION
    }

    assert module.lines <= LONGEST_MODULE
    assert long == set()


@pytest.mark.parametrize("path", sorted(TESTS.rglob("test_*.py")), ids=lambda p: p.stem)
def test_every_test_says_what_is_true(path: Path) -> None:
    """Every test has a docstring of one sentence that says what is true."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    silent = {
        function.name
        for function in functions(tree)
        if function.name.startswith("test")
        and not re.fullmatch(
            r"[^\n]+\.", (ast.get_docstring(function) or "").replace("\n", " ")
        )
    }

    assert silent == set()
