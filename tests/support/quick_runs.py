"""Keeps a run of thousands of tests quick: bytecode, garbage collections, order."""

import gc
import os
import shutil
import sys
import tempfile

import pytest
from places import TESTS

__all__ = [
    "LONG_FILES",
    "collect_without_garbage",
    "keep_bytecode",
    "sort_by_weight",
]

# The files that take longest, the longest first: with the others after them, no process
# is left alone with one of them at the end. A file that is not listed only runs later.
LONG_FILES = [
    "unit/test_waiters.py",
    "workers/test_worker_lab.py",
    "architecture/test_lone_imports.py",
    "contracts/test_ledger_machine.py",
    "integration/ledger/test_ledger_names.py",
    "contracts/test_ledger_machine_ends.py",
    "crash/test_crash.py",
    "integration/test_blocked_loop.py",
    "integration/cli/test_cli_optimized.py",
    "examples/test_web_programs.py",
    "browser/test_live_page_seen.py",
    "unit/test_event_reader_lasting.py",
    "integration/cli/test_cli_interrupt.py",
    "postgres/test_postgres_restore.py",
    "faults/test_standstill.py",
    "crash/test_crash_world.py",
    "integration/rules/test_ruled_machine.py",
    "integration/test_own_loops.py",
    "postgres/test_workers_with_rules.py",
    "fuzz/test_fuzz_sockets.py",
    "postgres/test_postgres_copy.py",
    "workers/test_shared_caps.py",
    "integration/cli/test_cli_two_names.py",
    "integration/cli/test_cli_progress.py",
    "examples/test_programs.py",
    "postgres/test_lost_connections.py",
    "integration/test_many_workers.py",
    "workers/test_worker_command.py",
    "docs/test_readme.py",
    "postgres/test_postgres_moves.py",
    "integration/cli/test_cli_signals.py",
    "integration/cli/test_cli_demo_faults.py",
    "contracts/test_ledger_schedule_machine.py",
    "integration/ledger/test_ledger_whole.py",
    "integration/cli/test_cli_imports.py",
    "integration/test_plugin.py",
    "postgres/test_shared_pauses.py",
    "unit/test_calls_in_progress_machine.py",
    "faults/test_soundness_answers.py",
    "integration/cli/test_cli_live_page.py",
    "measuring/test_benchmarks_fleet.py",
    "integration/cli/test_cli_open_files.py",
    "faults/test_zombies.py",
    "integration/cli/test_cli_processes.py",
]
_PLACES = {TESTS / name: place for place, name in enumerate(LONG_FILES)}


def keep_bytecode(config: pytest.Config) -> None:
    """Let the programs that tests start load bytecode, where none may be written.

    An environment may forbid it, and then each of some hundred programs would compile
    the package anew: half a second of processor time each, on two cores.
    """
    if not sys.dont_write_bytecode:
        return
    folder = tempfile.mkdtemp(prefix="digitro-async-bytecode-")
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
    # The checkout stays as it was, and processes of pytest-xdist get these, too.
    os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix = folder
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False


def collect_without_garbage() -> None:
    """Have no garbage collection look at the tests themselves.

    They stay as long as the process. 46 tests that collect garbage took 45 seconds of
    processor time beside 15,000 others, and take 16 since.
    """
    gc.collect()
    gc.freeze()


def sort_by_weight(items: list[pytest.Item]) -> None:
    """Put tests of files that take long first; each file's stay in their order."""
    items.sort(key=lambda item: _PLACES.get(item.path, len(LONG_FILES)))
