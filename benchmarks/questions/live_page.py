"""What three browsers on the live page cost a campaign at 1,000 calls a second.

``python -m benchmarks.questions.live_page [--rounds 3] [--seconds 15] [--readers sse]``
runs ``digitro dial`` over a ledger's file against a server in a process of its own,
without a page and with one that three look at, in turn. It prints the calls a second
that were reached and the CPU time of a call in the dialling process alone; that of the
page's own child, of the server and of whoever looks stands apart. Linux only.

``sse`` reads the events as a browser does, and draws nothing; ``chromium`` opens three
real pages, which needs the group ``browser`` and takes more CPU than the dialling.
"""

import argparse
import contextlib
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import attrs

from benchmarks.harness.machine import describe, headline
from benchmarks.harness.processes import ROOT, server_process
from benchmarks.harness.work import API_KEY, CHANNEL, FIELDS, WrongRunError
from digitro_async.errors import LedgerError
from digitro_async.ledger import LedgerAddress, Step, open_ledger_reader

BROWSERS = 3
SETTLING = 2.0
"""Seconds between the first call, or the last browser, and the first figure."""

DEADLINE = 60.0
"""Seconds after which what does not come is given up."""

_TICKS = os.sysconf("SC_CLK_TCK")
_CONFIG = """
[[pabx]]
name = "bench"
base_url = "http://127.0.0.1:{port}"
channel_id = {channel}
api_key = "{key}"
rate = {{ calls = {rate}, per = 1.0, counted_within = 0.1 }}
[call]
device = "{DISPOSITIVO}"
device_password = "{SENHA_DISPOSITIVO}"
route = "{ROTA}"
account = "{CONTA}"
account_password = "{SENHA}"
predictive_mode = "{MODO_PREDITIVO}"
user_data = "{DADOS}"
caller_id = "{IDENTIDADE_ORIGINADOR}"
call_progress_detection = "{CPD}"
reanswer_time = "{TEMPO_REATENDIMENTO}"
destination_detection = "{TIPO_CPD_DESTINO}"
telemarketing_block = "{BLOQUEIO_TELEMARKETING}"
"""


@attrs.frozen(kw_only=True)
class PageRun:
    """The figures of one run, all of the same seconds.

    Attributes:
        rate: Calls a second.
        dialling: CPU seconds of a call in the process that dials.
        child: CPU seconds a second of the process that reads the ledger for the page.
        server: The same of the server that is called.
        looking: The same of whoever looks at the page.
    """

    rate: float
    dialling: float
    child: float
    server: float
    looking: float


@attrs.frozen(kw_only=True)
class Plan:
    """How a campaign is run.

    Attributes:
        rate: The cap.
        seconds: Seconds that figures are of.
        readers: ``sse`` or ``chromium``.
    """

    rate: int
    seconds: float
    readers: str


def cpu_seconds(processes: Sequence[int]) -> float:
    """Return the CPU seconds that processes took so far, without their children."""
    return sum(_stat(one)[1] for one in processes)


def family(process: int) -> list[int]:
    """Return a process and all that descend from it."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            parents.setdefault(_stat(int(entry.name))[0], []).append(int(entry.name))
    found = [process]
    for one in found:
        found += parents.get(one, [])
    return found


def summed_up(runs: Sequence[tuple[PageRun, PageRun]]) -> str:
    """Return what a table's last lines say: medians, and ratios of the same round."""
    lines = [
        f"{name} {statistics.median(one.rate for one in of):.1f} calls/s, "
        f"{statistics.median(one.dialling for one in of) * 1e6:.0f} us of CPU a call"
        for name, of in (
            ("without the page:", [without for without, _ in runs]),
            ("with the page:   ", [looked_at for _, looked_at in runs]),
        )
    ]
    rates = [looked_at.rate / without.rate for without, looked_at in runs]
    costs = [looked_at.dialling / without.dialling for without, looked_at in runs]
    for name, ratios in (("calls/s", rates), ("CPU a call", costs)):
        lines.append(
            f"{name}, with to without: {statistics.median(ratios):.3f} "
            f"({min(ratios):.3f} to {max(ratios):.3f})"
        )
    return "\n".join(lines)


def run_once(plan: Plan, *, is_looked_at: bool) -> PageRun:
    """Run a campaign for some seconds, and return its figures.

    Raises:
        WrongRunError: If it did not run.
    """
    with (
        tempfile.TemporaryDirectory() as name,
        server_process("servers.pabx_server", ["--delay", "0.005"], None) as port,
    ):
        folder = Path(name)
        (server,) = [one for one in family(os.getpid())[1:] if _is_server(one)]
        _write(folder, port, plan)
        words = ["--serve", "127.0.0.1:0"] if is_looked_at else []
        with _dialling(folder, words) as dialling:
            _wait_for(lambda: _has_begun(folder), "the first call", folder)
            if not is_looked_at:
                time.sleep(SETTLING)
                return _measured(folder, plan, dialling, server, None)
            with _looking(plan.readers, _url_in(folder)) as looking:
                time.sleep(SETTLING)
                return _measured(folder, plan, dialling, server, looking)


def _measured(
    folder: Path, plan: Plan, dialling: int, server: int, looking: int | None
) -> PageRun:
    def figures() -> tuple[float, float, float, float, float]:
        lookers = [] if looking is None else family(looking)
        children = family(dialling)[1:]
        return (
            time.time(),
            cpu_seconds([dialling]),
            cpu_seconds(children),
            cpu_seconds([server]),
            cpu_seconds(lookers),
        )

    began = figures()
    time.sleep(plan.seconds)
    ended = figures()
    seconds, own, child, serving, looks = (
        last - first for first, last in zip(began, ended, strict=True)
    )
    with open_ledger_reader(LedgerAddress(path=folder / "c.db")) as reader:
        calls = sum(
            step.step is Step.INTEND and began[0] <= step.at < ended[0]
            for step in reader.steps()
        )
    if not calls:
        raise WrongRunError("no call was made in the seconds that were looked at")
    return PageRun(
        rate=calls / seconds,
        dialling=own / calls,
        child=child / seconds,
        server=serving / seconds,
        looking=looks / seconds,
    )


def _write(folder: Path, port: int, plan: Plan) -> None:
    config = _CONFIG.format(
        port=port, channel=CHANNEL, key=API_KEY, rate=plan.rate, **FIELDS
    )
    (folder / "digitro.toml").write_text(config)
    # Some more than can be called: the end of a list is another thing.
    count = int(plan.rate * (plan.seconds + 15))
    rows = "".join(f"0489{number:08d}\n" for number in range(count))
    (folder / "contacts.csv").write_text(f"destination\n{rows}")


@contextlib.contextmanager
def _dialling(folder: Path, words: Sequence[str]) -> Iterator[int]:
    command = [sys.executable, "-m", "digitro_async", "dial", "contacts.csv"]
    with (folder / "said").open("wb") as said:
        process = subprocess.Popen(
            [*command, "--ledger", "c.db", *words],
            cwd=folder,
            stdout=said,
            stderr=said,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
    try:
        yield process.pid
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextlib.contextmanager
def _looking(readers: str, url: str) -> Iterator[int]:
    command = [sys.executable, "-m", "benchmarks.questions.live_page_readers"]
    process = subprocess.Popen(
        [*command, readers, url, str(BROWSERS)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        if process.stdout.readline().strip() != b"looking":
            raise WrongRunError("nobody could look at the page")
        yield process.pid
    finally:
        process.communicate(timeout=DEADLINE)


def _has_begun(folder: Path) -> bool:
    try:
        with open_ledger_reader(LedgerAddress(path=folder / "c.db")) as reader:
            return any(True for _ in reader.steps())
    except LedgerError:  # it is not there yet
        return False


def _url_in(folder: Path) -> str:
    found = re.search(r"live page: (\S+)", (folder / "said").read_text())
    if found is None:
        raise WrongRunError("no page is served")
    return found[1]


def _wait_for(come: Callable[[], bool], what: str, folder: Path) -> None:
    until = time.monotonic() + DEADLINE
    while not come():
        if time.monotonic() > until:
            said = (folder / "said").read_text()[-500:]
            raise WrongRunError(f"{what} did not come:\n{said}")
        time.sleep(0.2)


def _is_server(process: int) -> bool:
    return b"pabx_server" in Path(f"/proc/{process}/cmdline").read_bytes()


def _stat(process: int) -> tuple[int, float]:
    """Return the parent of a process and its CPU seconds; nothing of one that ended."""
    try:
        text = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return 0, 0.0
    fields = text.rpartition(")")[2].split()  # its name may hold anything
    return int(fields[1]), (int(fields[11]) + int(fields[12])) / _TICKS


def _show(name: str, run: PageRun) -> None:
    print(
        f"{name:8} {run.rate:7.1f} calls/s  {run.dialling * 1e6:5.0f} us a call  "
        f"page's child {run.child:5.3f}  server {run.server:5.3f}  "
        f"looking {run.looking:5.3f}  load {os.getloadavg()[0]:.2f}",
        flush=True,
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--readers", choices=("sse", "chromium"), default="sse")
    given = parser.parse_args()
    plan = Plan(rate=given.rate, seconds=given.seconds, readers=given.readers)
    print(headline(describe()))
    print(
        f"cap {plan.rate} calls/s, {BROWSERS} readers ({plan.readers}), "
        f"{plan.seconds:g} s a run; CPU of other processes in cores"
    )
    runs: list[tuple[PageRun, PageRun]] = []
    for round_ in range(given.rounds):
        found: dict[bool, PageRun] = {}
        # Whoever goes first changes with each round.
        for is_looked_at in (False, True) if round_ % 2 == 0 else (True, False):
            found[is_looked_at] = run_once(plan, is_looked_at=is_looked_at)
            _show("with" if is_looked_at else "without", found[is_looked_at])
        runs.append((found[False], found[True]))
    print(summed_up(runs))


if __name__ == "__main__":
    main()
