"""Each module of the package imports by itself, and the package imports little."""

import os
import subprocess
import sys
from collections import defaultdict

import pytest
from package_imports import PACKAGE, ROOT, importable
from test_directions import CORE, LOADED

IMPORT_BUDGET = 0.25
"""Part of the time that the libraries take; the package takes a hundredth."""
TRIES = 5
LONGEST = 600
"""Seconds that a process may take; two are enough where nothing else runs."""

# Imports each module in a process of its own, forked where of ours only that is loaded
# which any importer of it loads first: the facade and its part. With "bare:" an empty
# package stands for the facade, so that nobody can lean on what that has imported.
# The source is compiled once, before the forks.
LONE_IMPORTS = """
import email.utils, gc, importlib.machinery, os, sys, types
import aiohttp.web, anyio, attrs, cattrs.preconf.orjson, orjson, pytest_asyncio
import cyclopts.validators, rich.console, rich.live, rich.table

def read(path):
    with open(path, "rb") as file:
        return compile(file.read(), path, "exec", dont_inherit=True)

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
    load(first)  # and what this loads is loaded first by whoever imports a part of it
    return any([failed(fork(load, name)) for name in names if name not in sys.modules])

root, *groups = sys.argv[1:]
codes = {
    path: read(path)
    for folder, _, names in os.walk(root)
    for name in names
    if (path := os.path.join(folder, name)).endswith(".py")
}
Loader = importlib.machinery.SourceFileLoader
get_code = Loader.get_code
Loader.get_code = lambda self, name: codes.get(self.path) or get_code(self, name)
gc.freeze()
gc.disable()  # nothing that is loaded is garbage
pids = [fork(load_each, root, *group.split()) for group in groups]
sys.exit(any([failed(pid) for pid in pids]))
"""


@pytest.mark.timeout(2 * LONGEST)
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs processes that can fork")
@pytest.mark.parametrize(
    "is_bare",
    [True, pytest.param(False, marks=pytest.mark.long)],
    ids=["bare", "whole"],
)
def test_every_module_imports_alone(is_bare: bool) -> None:
    """Each module imports by itself in a fresh process, without a warning.

    In the ordinary run no module can lean on what the facade has imported, which is the
    stricter of the two.
    """
    groups = defaultdict(list)
    for name in importable():
        part = f"{name}.".split(".")[1]
        if is_bare and part:
            groups[f"bare:{PACKAGE}.{part}"].append(name)
        elif part not in CORE:
            groups[PACKAGE].append(name)
    given = [" ".join([first, *names]) for first, names in groups.items()]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", LONE_IMPORTS, str(ROOT), *given],
        capture_output=True,
        text=True,
        check=False,
        timeout=LONGEST,
    )

    assert done.stderr == ""
    assert done.returncode == 0


@pytest.mark.timeout(3 * LONGEST)
def test_import_time() -> None:
    """Importing the package adds little to importing the libraries under it."""
    program = (
        "import time; began = time.process_time(); import aiohttp, attrs, cattrs; "
        "t = time.process_time(); import digitro_async; "
        "print((time.process_time() - t) / (t - began))"
    )
    shares = []
    for _ in range(TRIES):
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", program],
            capture_output=True,
            text=True,
            check=True,
            timeout=LONGEST,
        )
        shares.append(float(done.stdout))
        if shares[-1] < IMPORT_BUDGET:
            break

    assert min(shares) < IMPORT_BUDGET


@pytest.mark.timeout(2 * LONGEST)
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
        timeout=LONGEST,
    )
    loaded = {name.split(".")[1] for name in done.stdout.split()}

    assert loaded == LOADED
    assert "digitro_async.testing" not in done.stdout
