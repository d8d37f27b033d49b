import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from command_line import Simulator, read_rows, results_in, start, write_config

from digitro_async.contacts import RejectCode
from digitro_async.numbers import NumberReason
from digitro_async.testing import sample_contacts, write_sample_file

OF_NUMBERS = {RejectCode(reason.value) for reason in NumberReason} - {
    RejectCode.BAD_CHARACTER
}
OF_CELLS = {RejectCode.CELL_TYPE, RejectCode.MERGED_CELL}
UNSEEN = {RejectCode.OPEN_END, RejectCode.CHANGED, *OF_NUMBERS, *OF_CELLS}
"""The codes of a cut last row, of a contact that a ledger has otherwise, of numbers
where a form is asked for, and of a workbook's cells."""


def most_in_a_second(times: Sequence[float]) -> int:
    """Return the most moments in any half-open window of one second."""
    most = first = 0
    for last, moment in enumerate(times):
        while moment - times[first] >= 1.0:
            first += 1
        most = max(most, last - first + 1)
    return most


def dial_a_sample(folder: Path, *, rows: int, rate: int, bad_rows: int) -> float:
    """Dial a made-up list through a simulator of its own and check everything.

    Returns:
        What part of the cap was used, from the first call to the last.
    """
    bad = write_sample_file(
        folder / "contatos.csv",
        rows,
        encoding="cp1252",
        delimiter=";",
        bad_rows=bad_rows,
    )
    bad_lines = {line for line, _ in bad}
    contacts = {
        line: contact["destination"]
        for line, contact in enumerate(sample_contacts(rows), 2)
        if line not in bad_lines
    }
    words = ("--latency", 0.005, "--rate", rate)
    with Simulator(folder / "record.jsonl", *words) as simulator:
        write_config(folder / "digitro.toml", simulator.base_url, rate=rate)
        with start("dial", "contatos.csv", cwd=folder, cold=True) as running:
            code, out, err = running.end(seconds=100 + 2 * rows / rate)
        summary = simulator.stop().out
    calls = simulator.calls()
    results = results_in(folder / "contatos.csv.ledger.db")
    rejects = read_rows(folder / "contatos.rejects.csv")

    assert code == 1, "bad rows are told by the exit code"
    assert "contatos.csv: read as cp1252, split at semicolons, header" in err
    assert f"accepted        {len(contacts)}\n" in out
    assert f"rejected rows   {len(bad)}\n" in out

    # Every good row was called once and accepted, as the simulator itself wrote down.
    assert Counter(simulator.numbers()) == Counter(contacts.values())
    assert {call["status"] for call in calls} == {200}
    called = {
        call["call_id"]: number
        for call, number in zip(calls, simulator.numbers(), strict=True)
    }
    assert len(called) == len(calls)
    assert {row["call_id"]: contacts[int(row["line"])] for row in results} == called
    assert {row["state"] for row in results} == {"accepted"}
    assert {row["attempts"] for row in results} == {"1"}

    # Every bad row is in the rejects file with its line and reason, and in no other.
    assert {code for _, code in bad} == set(RejectCode) - UNSEEN
    assert [(int(row["line"]), row["code"]) for row in rejects] == bad
    assert all(row["reason"] for row in rejects)

    # The cap was held at the simulator, and used.
    times = [call["at"] for call in calls]
    assert most_in_a_second(times) <= rate
    assert re.search(r"over cap: 0$", summary, re.MULTILINE)
    seconds = float(times[-1] - times[0])
    return (len(times) - 1) / seconds / rate


def test_list_is_dialled_once_at_the_cap(tmp_path: Path) -> None:
    """A list with mistakes is dialled exactly once, and at the cap."""
    used = dial_a_sample(tmp_path, rows=600, rate=200, bad_rows=48)

    assert used >= 0.75, "three seconds on a busy machine tell no more"


@pytest.mark.long
@pytest.mark.timeout(180)
def test_long_list_is_dialled_once_at_the_cap(tmp_path: Path) -> None:
    """Ten thousand rows are dialled exactly once, and at the cap."""
    used = dial_a_sample(tmp_path, rows=10_000, rate=200, bad_rows=320)

    assert used >= 0.97
