"""The dial of ``digitro demo --faults``: killed in the middle, and continued."""

import collections
import csv
import json
import shlex
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import attrs

from digitro_async._common.private_files import create_own
from digitro_async.cli._exit import Course, Exit
from digitro_async.cli._output import print_error, print_line
from digitro_async.errors import ConfigurationError
from digitro_async.ledger import ContactRecord, State, open_ledger_reader

__all__ = [
    "FAULTS",
    "Judgement",
    "dial_with_a_kill",
    "judge",
    "say_judgement",
    "write_faults",
]

FAULTS = """\
seed = 7

[[fault]]
kind = "lose_answer"
probability = 0.01
"""

_LOOK = 0.05
"""Seconds between two looks at the simulator's record."""


@attrs.frozen(kw_only=True)
class Judgement:
    """What became of the contacts, by the simulator's record and the ledger.

    Attributes:
        contacts: All contacts.
        twice: Contacts whose phone rang more than once.
        states: Number of contacts in each state of the ledger.
        wrong: Contacts of which the ledger says what the record disproves.
        unknown_rang: Ids of unknown contacts whose phone rang, with the place of the
            call in the record.
    """

    contacts: int
    twice: int
    states: Mapping[State, int]
    wrong: int
    unknown_rang: Mapping[str, int]

    @property
    def unknown(self) -> int:
        """Contacts of whom nobody knows by the ledger whether their phone rang."""
        return self.states.get(State.UNKNOWN, 0)

    @property
    def is_kept(self) -> bool:
        """Whether nobody was called twice or lost, and the ledger is right."""
        final = self.states.get(State.ACCEPTED, 0) + self.unknown
        return not self.twice and not self.wrong and final == self.contacts


def judge(
    numbers: Mapping[str, str],
    record: Iterable[Mapping[str, Any]],
    entries: Iterable[ContactRecord],
) -> Judgement:
    """Compare the ledger with the simulator's own record.

    Args:
        numbers: The number of each contact, by its id.
        record: The calls that the simulator received, in order.
        entries: What the ledger says of each contact.
    """
    placed: dict[str, list[tuple[int, str | None]]] = {}
    for ordinal, call in enumerate(record, 1):
        if call["placed"]:
            calls = placed.setdefault(call["destination"], [])
            calls.append((ordinal, call["call_id"]))
    states: collections.Counter[State] = collections.Counter()
    wrong, unknown_rang = 0, {}
    for entry in entries:
        states[entry.state] += 1
        own_id = "" if entry.id is None else entry.id.reveal()
        calls = placed.get(numbers.get(own_id, ""), [])
        if entry.state is State.ACCEPTED:
            wrong += entry.call_id not in [call_id for _, call_id in calls]
        elif entry.state is not State.UNKNOWN:
            wrong += bool(calls)
        elif calls:
            unknown_rang[own_id] = calls[0][0]
    return Judgement(
        contacts=len(numbers),
        twice=sum(len(calls) > 1 for calls in placed.values()),
        states=states,
        wrong=wrong,
        unknown_rang=unknown_rang,
    )


def dial_with_a_kill(
    sample: Path, config: Path, ledger: Path, record: Path, course: Course
) -> Judgement:
    """Dial in another process, kill that in the middle, and let a second go on.

    Args:
        sample: The contact file.
        config: The configuration file.
        ledger: The ledger.
        record: The simulator's record.
        course: Takes note that calls went out.
    """
    numbers = _numbers_in(sample)
    words = ["dial", str(sample), "--config", str(config), "--ledger", str(ledger)]
    words.append("--any-file-system")
    course.dialled = True
    _kill_after(words, record, max(1, len(numbers) * 2 // 5))
    if sys.stderr.isatty():
        print_error("")  # its screen ends in the middle of a line
    print_line(
        f"killed (kill -9) after {_count_lines(record)} calls; the same command again:"
    )
    with _Dial(words) as second:
        code = second.wait()
    if code not in (Exit.DONE, Exit.INCOMPLETE):
        raise ConfigurationError(f"the second run ended with exit code {code}")
    with open_ledger_reader(ledger) as reader, record.open(encoding="utf-8") as lines:
        return judge(numbers, map(json.loads, lines), reader.entries())


def write_faults(path: Path) -> Path:
    """Write the simulator's fault plan into a new file, and return its path."""
    with open(path, "x", encoding="utf-8", opener=create_own) as file:
        file.write(FAULTS)
    return path


def say_judgement(judgement: Judgement, ledger: Path, record: Path) -> Exit:
    """Print the one sentence that counts, and two commands to try next.

    Returns:
        The exit code, which says whether the promise was kept.
    """
    print_line(
        f"{judgement.contacts} contacts, {judgement.twice} called twice, "
        f"{judgement.unknown} unknown"
    )
    if not judgement.is_kept:
        print_error(
            f"the promise was not kept: {judgement.wrong} contacts are wrong in the "
            f"ledger, and {sum(judgement.states.values())} of {judgement.contacts} are "
            "in it; please report it"
        )
        return Exit.PAUSED
    if judgement.unknown:
        print_line(
            f"unknown: the answer was lost, or the call was on the wire at the kill; "
            f"{len(judgement.unknown_rang)} of these phones rang, by the simulator's "
            "record, and none is called again before somebody settles it"
        )
    name = shlex.quote(str(ledger))
    print_line("try next:")
    print_line(f"  digitro results --ledger {name} --state unknown")
    for own_id, ordinal in judgement.unknown_rang.items():
        evidence = shlex.quote(f"line {ordinal} of {record.name}")
        print_line(
            f"  digitro reconcile {shlex.quote(own_id)} accepted --ledger {name} "
            f"--evidence {evidence}  # in two minutes: it may still be delivered"
        )
        return Exit.DONE
    print_line(f"  digitro status --ledger {name}")
    return Exit.DONE


class _Dial:
    """``digitro dial`` in another process, which ends with this one."""

    def __init__(self, words: list[str]) -> None:
        self._words = words

    def __enter__(self) -> "subprocess.Popen[bytes]":
        self._process = subprocess.Popen(  # noqa: S603 - our own command
            [sys.executable, "-m", "digitro_async", *self._words]
        )
        return self._process

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.terminate()
        self._process.wait()


def _kill_after(words: list[str], record: Path, calls: int) -> None:
    """Begin a dial, and kill it once the simulator has received so many calls.

    Raises:
        ConfigurationError: If it ends by itself before.
    """
    with _Dial(words) as first:
        while _count_lines(record) < calls:
            code = first.poll()
            if code is not None:
                raise ConfigurationError(f"the first run ended with exit code {code}")
            time.sleep(_LOOK)
        first.kill()


def _count_lines(record: Path) -> int:
    return record.read_bytes().count(b"\n") if record.exists() else 0


def _numbers_in(sample: Path) -> dict[str, str]:
    with sample.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter=";")
        return {row["id"]: row["destination"] for row in rows}
