"""``digitro demo``: a whole dial through a simulator, with nothing to set up."""

import collections
import contextlib
import datetime as dt
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from digitro_async._common.private_files import create_own, make_own_folder
from digitro_async._common.text import words_of_os_error
from digitro_async.cli._arguments import AtLeastOne, Switch
from digitro_async.cli._chosen_ledger import ChosenLedger, default_ledger
from digitro_async.cli._command_loop import run_tuned, to_its_end
from digitro_async.cli._demo_faults import (
    dial_with_a_kill,
    say_judgement,
    write_faults,
)
from digitro_async.cli._dial_list import dial_list
from digitro_async.cli._exit import Course, Exit
from digitro_async.cli._importing import Plan
from digitro_async.cli._ledger_options import InsistingToDial
from digitro_async.cli._open_files import check_descriptors
from digitro_async.cli._output import print_line
from digitro_async.cli._results import write_results
from digitro_async.config import load_config
from digitro_async.contacts import RejectsFile, open_contacts
from digitro_async.errors import ConfigurationError
from digitro_async.ledger import LedgerAddress
from digitro_async.protocol import WIRE_NAMES
from digitro_async.testing import write_sample_file

__all__ = ["demo"]

_CONFIG = """\
[[pabx]]
name = "demo"
base_url = "{base_url}"
api_key = "demo-key"
rate = {{ calls = {rate}, per = 1.0 }}
max_in_flight = 100

[events]
preset = "simulator"
end_timeout = 3.0 # calls take 2 s at most

[call]
device = "1125000"
device_password = "4567"
route = "0"
"""

_NOBODY_RINGS = InsistingToDial(any_file_system=True)
_SECONDS_TO_END = 10


def demo(
    *,
    contacts: AtLeastOne = 500,
    rate: AtLeastOne = 50,
    directory: Path | None = None,
    faults: Switch = False,
) -> Exit:
    """Dial made-up contacts through a simulated PABX.

    Args:
        contacts: Number of made-up contacts.
        rate: Calls a second.
        directory: New folder for the files; by default one with the time in its name.
        faults: Lose the answers to 1 % of the calls, kill the dial in the middle, go on
            and count who was called twice; exit code 0 says that nobody was.
    """
    course = Course()
    return to_its_end(course, lambda: _demo(contacts, rate, directory, faults, course))


def _demo(
    contacts: int, rate: int, directory: Path | None, faults: bool, course: Course
) -> Exit:
    folder = directory or Path(f"demo-{dt.datetime.now():%Y%m%d-%H%M%S}")  # noqa: DTZ005 - a name for who sits here
    _make(folder)
    sample = folder / "contacts.csv"
    write_sample_file(sample, contacts)
    print_line(f"{contacts} made-up contacts in {sample}, {rate} calls a second")
    record = folder / "calls.jsonl"
    plan_file = write_faults(folder / "faults.toml") if faults else None
    with _simulator(record, rate, plan_file) as base_url:
        print_line(f"simulated PABX on {base_url}: nobody's phone rings")
        config_file = folder / "digitro.toml"
        text = _CONFIG.format(base_url=base_url, rate=rate)
        with open(config_file, "x", encoding="utf-8", opener=create_own) as file:
            file.write(text)
        config = load_config(config_file)
        check_descriptors(config.pabx)
        ledger = default_ledger(sample)
        if faults:
            judgement = dial_with_a_kill(sample, config_file, ledger, record, course)
            _say_record(record)
            return say_judgement(judgement, ledger, record)
        with (
            open_contacts(sample, defaults=config.call) as opened,
            RejectsFile(folder / "rejects.csv") as rejected,
        ):
            plan = Plan(insist=_NOBODY_RINGS, contacts=opened, rejects=rejected)
            code = run_tuned(
                dial_list(
                    config, ChosenLedger(LedgerAddress(path=ledger)), plan, course
                )
            )
    _say_record(record)
    write_results(ledger, folder / "results.csv")
    print_line(f"results in {folder / 'results.csv'}")
    return code


def _make(folder: Path) -> None:
    try:
        make_own_folder(folder)
    except OSError as error:
        problem = words_of_os_error(error)
    else:
        return
    raise ConfigurationError(f"{folder} can't be made: {problem}")


@contextlib.contextmanager
def _simulator(record: Path, rate: int, faults: Path | None) -> Iterator[str]:
    """Run ``digitro simulate`` in another process.

    It has another session too: Ctrl-C is meant for the dial, whose calls on the wire
    want their answers then. It ends with its stdin, so even a demo that is killed
    leaves none behind.
    """
    latency = "0.02" if faults is None else "0.1"  # then some are on the wire
    words = ["simulate", "--port", "0", "--latency", latency, "--rate", str(rate)]
    words += ["--events", "simulator", "--ring", "0.1-0.5", "--talk", "0.2-1"]
    words += ["--record", str(record), "--while-stdin"]
    if faults is not None:
        words += ["--faults", str(faults)]
    process = subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "-m", "digitro_async", *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None  # noqa: S101 - for the type checker
    try:
        greeting = process.stdout.readline().split()
        if greeting[:2] != ["listening", "on"]:
            raise ConfigurationError("the simulator did not start")
        yield greeting[2]
    finally:
        try:
            process.communicate(timeout=_SECONDS_TO_END)  # closes its stdin
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def _say_record(record: Path) -> None:
    """Print the simulator's own record: it is the independent witness."""
    numbers: collections.Counter[str] = collections.Counter()
    window: collections.deque[float] = collections.deque()
    worst = 0
    with record.open(encoding="utf-8") as lines:
        for line in lines:
            call = json.loads(line)
            numbers[call["fields"][WIRE_NAMES["destination"]]] += 1
            window.append(call["at"])
            while window[0] <= call["at"] - 1.0:
                window.popleft()
            worst = max(worst, len(window))
    twice = sum(1 for count in numbers.values() if count > 1)
    print_line(
        f"the simulator's own record: {numbers.total()} calls received, "
        f"{twice} numbers called twice, at most {worst} in any second"
    )
