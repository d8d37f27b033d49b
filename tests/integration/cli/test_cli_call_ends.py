"""What the commands show of what became of calls."""

import contextlib
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from command_line import (
    Capture,
    Ran,
    fake_pabx,
    folder,
    number,
    read_rows,
    rows_of,
    run_here,
    start,
    wait_for,
    write_config,
    write_contacts,
)

from digitro_async import Disposition
from digitro_async.config import load_config
from digitro_async.testing import CallScript, FakePABX

__all__ = ["folder"]  # a fixture

DIAL = ("dial", "c.csv", "--ledger", "c.db")
EVENTS = """
[events]
open = { path = "/canal" }
name_fields = ["NOME"]
opened_names = ["EVENTO_DE_ABERTURA_DE_CANAL"]
id_fields = ["ID"]
call_id_fields = ["ID_CHAMADA"]
disposition_fields = ["CAUSA"]
destination_fields = ["DESTINO"]
end_timeout = 600.0

[events.call_phases]
INICIO = "started"
TOQUE = "ringing"
ATENDIMENTO = "answered"
FIM = "ended"

[events.dispositions]
ATENDIDA = "answered"
OCUPADO = "busy"
"""
KNOWN = "ends of calls: 4 known answered 3 busy 1"


@contextlib.contextmanager
def listened(
    folder: Path, *, ring: float = 0.02, talk: float = 0.05
) -> Iterator[FakePABX]:
    """Run a PABX that tells of its calls, with a configuration that hears it."""
    path = write_config(folder / "digitro.toml", "http://127.0.0.1:1", more=EVENTS)
    settings = load_config(path).pabx[0].events
    script = CallScript(
        shares={Disposition.ANSWERED: 1},
        numbers={number(0): Disposition.BUSY},
        setup=0.01,
        dial=0.01,
        ring=ring,
        talk=talk,
    )
    with fake_pabx(events=settings, call_script=script) as pabx:
        text = path.read_text().replace("http://127.0.0.1:1", pabx.base_url)
        path.write_text(text.replace("channel_id = 1\n", ""))
        yield pabx


def words_of(text: str) -> str:
    """Return a text with one blank between words."""
    return " ".join(text.split())


def dial(folder: Path, capsys: Capture, *words: object) -> Ran:
    """Dial four contacts."""
    write_contacts(folder / "c.csv", 4)
    return run_here(capsys, *DIAL, *words)


def test_counts(folder: Path, capsys: Capture) -> None:
    """A dial ends with the last end, and says like the status how calls ended."""
    with listened(folder):
        dialled = dial(folder, capsys)
    status = run_here(capsys, "status", "--ledger", "c.db", "--watch", 1)

    assert (dialled.code, status.code) == (0, 0)
    assert KNOWN in words_of(dialled.out)
    assert words_of(status.out).endswith(KNOWN)


def test_results(folder: Path, capsys: Capture) -> None:
    """Each row says what became of the call, when, and how that is known."""
    with listened(folder):
        dial(folder, capsys)
    rows = rows_of(capsys)
    run_here(capsys, "results", "--ledger", "c.db", "--out", "r.csv")
    cells = read_rows(folder / "r.csv")
    busy, *answered = rows

    assert (busy["contact"], busy["word"]) == ("#1", "OCUPADO")
    assert [busy["disposition"], busy["end_evidence"]] == ["busy", "call_id"]
    assert (busy["answered_at"], busy["talk_seconds"]) == (None, None)
    for row in answered:
        assert [row["disposition"], row["end_evidence"]] == ["answered", "call_id"]
        # Equal where the machine stood still, and read all of them at once.
        assert str(row["rang_at"]) <= str(row["answered_at"]) <= str(row["ended_at"])
        assert float(str(row["talk_seconds"])) >= 0
        assert float(str(row["ring_seconds"])) >= 0
    assert [cell["disposition"] for cell in cells] == ["busy", *["answered"] * 3]
    assert rows_of(capsys, "--disposition", "busy") == [busy]
    both = ("--disposition", "busy", "--disposition", "answered")
    assert rows_of(capsys, *both) == rows_of(capsys, "--follow") == rows
    assert rows_of(capsys, "--disposition", "fax") == []
    assert rows_of(capsys, "--disposition", "busy", "--state", "unknown") == []


def test_no_wait(folder: Path, capsys: Capture) -> None:
    """A dial that does not wait says what is to come; the next one closes it."""
    with listened(folder, ring=500.0):  # nobody answers, however slow the machine is
        first = dial(folder, capsys, "--no-wait-for-ends")
        config = folder / "digitro.toml"
        config.write_text(config.read_text().replace("600.0", "0.5"))
        second = dial(folder, capsys)
    dispositions = Counter(row["disposition"] for row in rows_of(capsys))

    assert (first.code, second.code) == (0, 0)
    assert "earlier runs" not in first.err
    assert " calls of earlier runs may still go on: " in second.err
    assert "(--no-wait-for-ends: not to)" in second.err
    assert " to come " in words_of(first.out)
    assert "ends of calls: 4 known " in words_of(second.out)
    assert "to come" not in second.out
    assert dispositions["none_seen"] >= 3


def test_interrupted(folder: Path) -> None:
    """Ctrl-C while nothing but ends is waited for ends the dial at once."""

    def status() -> str:
        with start("status", "--ledger", "c.db", cwd=folder) as running:
            return running.end().out

    with listened(folder, talk=500.0) as pabx:
        write_contacts(folder / "c.csv", 4)
        with start(*DIAL, cwd=folder) as dialling:
            wait_for(lambda: pabx.posts == 4)
            wait_for(lambda: " to come 3" in words_of(status()))
            dialling.process.send_signal(signal.SIGINT)
            ran = dialling.end()

    assert ran.code == 130
    assert "what became of the last calls is not known yet" in ran.err
    assert "record the 3 ends to come: digitro dial --ledger c.db" in ran.out
    assert "was not dialled" not in ran.err
    assert " to come 3 " in words_of(ran.out)
