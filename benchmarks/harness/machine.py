"""The machine: which core is whose, and what a reader must know of it."""

import importlib.metadata
import os
import platform
import subprocess
import sys
import sysconfig
import time
from pathlib import Path
from typing import Any

PACKAGES = (
    "digitro-async",
    "aiohttp",
    "yarl",
    "multidict",
    "attrs",
    "cattrs",
    "orjson",
    "uvloop",
    "httpx",
    "aiosonic",
    "pyreqwest",
)


def pin(core: int | None) -> None:
    """Keep this process on one core; None leaves it free."""
    set_affinity = getattr(os, "sched_setaffinity", None)
    if core is not None and set_affinity is not None:
        set_affinity(0, {core})


def choose_cores() -> tuple[int | None, int | None, str]:
    """Return the client's core, the server's, and a note where they are not pinned."""
    get_affinity = getattr(os, "sched_getaffinity", None)
    if get_affinity is None:
        return None, None, "not pinned: this system can't bind a process to a core"
    cores = sorted(get_affinity(0))
    if len(cores) < 2:
        return None, None, "not pinned: one core, which client and server share"
    return cores[0], cores[1], ""


def describe() -> dict[str, Any]:
    """Return what figures depend on: Python, packages, processor, load."""
    client, server, note = choose_cores()
    flags = str(sysconfig.get_config_var("CONFIG_ARGS") or "")
    return {
        "taken_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "commit": _commit(),
        "python": platform.python_version(),
        "implementation": sys.implementation.name,
        "python_pgo": "--enable-optimizations" in flags,
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "processor": _processor(),
        "cores": os.cpu_count(),
        "client_core": client,
        "server_core": server,
        "pinning_note": note,
        "load_before": [round(load, 2) for load in os.getloadavg()],
        "packages": {name: _version(name) for name in PACKAGES},
    }


def headline(facts: dict[str, Any]) -> str:
    """Return the facts as lines to print above a table."""
    packages = facts["packages"].items()
    versions = ", ".join(f"{name} {version}" for name, version in packages if version)
    cores = f"client on core {facts['client_core']}, server on {facts['server_core']}"
    pgo = "with" if facts["python_pgo"] else "without"
    return "\n".join(
        (
            f"{facts['implementation']} {facts['python']} ({pgo} PGO), {versions}",
            f"{facts['processor']}, {facts['cores']} cores, {facts['system']}",
            f"{facts['pinning_note'] or cores}; load before: {facts['load_before']}",
        )
    )


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _commit() -> str | None:
    """Return which commit was measured, "-dirty" where it was not quite that one."""
    git = ["git", "describe", "--always", "--dirty"]
    try:
        said = subprocess.run(
            git, cwd=Path(__file__).parent, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return said.stdout.strip()


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown processor"
