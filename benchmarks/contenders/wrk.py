"""wrk as a limit: how many of the same calls a client in C gets from the same server.

It is no contender: it makes as many calls as it can for some seconds, with one thread,
and nobody looks at the call ids, only at the status of every answer. Run as a module it
does a job in place of ``benchmarks.harness.contender_process``.
"""

import json
import resource
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import attrs

from benchmarks.harness.contender_process import Figures
from benchmarks.harness.machine import pin
from benchmarks.harness.work import (
    API_KEY,
    FIELDS,
    PATH,
    Job,
    WrongRunError,
    hand_in,
    read_job,
)

CALLS_A_SECOND = 10_000
"""It runs as long as this many calls a second would take for the job."""

_SCRIPT = """\
local number = 0
local head = {{["x-api-key"] = "{key}", ["Content-Type"] = "application/json"}}
function request()
  number = number + 1
  local body = string.format({body}, number)
  return wrk.format("POST", "{path}", head, body)
end
function done(summary, latency)
  local e = summary.errors
  io.write(string.format('\\n{mark}{{"calls": %d, "us": %d, "failed": %d, "p50": %f, '
    .. '"p99": %f, "p999": %f}}\\n', summary.requests, summary.duration,
    e.connect + e.read + e.write + e.status + e.timeout, latency:percentile(50),
    latency:percentile(99), latency:percentile(99.9)))
end
"""
_MARK = "figures: "


def script() -> str:
    """Return the Lua that makes the calls and prints the figures."""
    body = json.dumps({**FIELDS, "IDENTIDADE_DESTINO": "048%08d"})
    return _SCRIPT.format(key=API_KEY, path=PATH, body=json.dumps(body), mark=_MARK)


def read_figures(text: str) -> dict[str, Any]:
    """Return the figures out of what wrk printed.

    Raises:
        WrongRunError: If there are none, or calls failed.
    """
    for line in text.splitlines():
        if line.startswith(_MARK):
            figures: dict[str, Any] = json.loads(line.removeprefix(_MARK))
            if figures["failed"] or not figures["calls"]:
                raise WrongRunError(f"wrk: {figures}")
            return figures
    raise WrongRunError(f"wrk printed no figures: {text[-500:]}")


def measure(job: Job) -> Figures:
    """Let wrk run and return its figures.

    Raises:
        WrongRunError: If it failed, or one of its calls did.
    """
    seconds = max(1, round(job.calls / CALLS_A_SECOND))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "calls.lua")
        path.write_text(script(), encoding="ascii")
        command = ["wrk", "-t1", f"-c{job.in_flight}", f"-d{seconds}s"]
        begun = time.perf_counter()
        done = subprocess.run(
            [*command, "--timeout", "30s", "-s", str(path), job.base_url],
            capture_output=True,
            text=True,
            check=False,
        )
        wall = time.perf_counter() - begun
    figures = read_figures(done.stdout + done.stderr)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = used.ru_utime + used.ru_stime
    return Figures(
        contender=job.contender,
        calls=figures["calls"],
        seconds=figures["us"] / 1e6,
        calls_per_second=1e6 * figures["calls"] / figures["us"],
        cpu_us=1e6 * cpu / figures["calls"],
        cpu_share=cpu / wall,
        p50_ms=figures["p50"] / 1000,
        p99_ms=figures["p99"] / 1000,
        p999_ms=figures["p999"] / 1000,
        peak_mib=used.ru_maxrss / 1024,
    )


def version() -> str | None:
    """Return wrk's version, None where it is not installed."""
    if shutil.which("wrk") is None:
        return None
    said = subprocess.run(["wrk", "-v"], capture_output=True, text=True, check=False)
    return (said.stdout + said.stderr).split(" [")[0].removeprefix("wrk ").strip()


def main() -> None:
    """Read the job, do it, print the figures."""
    job = read_job(Job)
    pin(job.core)
    hand_in(attrs.asdict(measure(job)))


if __name__ == "__main__":
    main()
