"""Exit codes and streams, as a shell sees them."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import (
    API_KEY,
    Simulator,
    folder,
    number,
    results_in,
    start,
    write_config,
    write_contacts,
)

__all__ = ["folder"]  # fixtures


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    """Run a simulator that loses the answer of one number."""
    folder = tmp_path_factory.mktemp("simulator")
    faults = folder / "faults.toml"
    faults.write_text(f'[[fault]]\nkind = "lose_answer"\ndestination = "{number(9)}"\n')
    with Simulator(folder / "record", "--faults", faults) as running:
        yield running


class TestProcesses:
    """Exit codes, as a shell sees them."""

    @pytest.mark.parametrize(
        ("contacts", "bad", "api_key", "words", "code"),
        [
            (9, 0, API_KEY, "c.csv", 0),
            (9, 2, API_KEY, "c.csv", 1),
            (10, 0, API_KEY, "c.csv", 1),
            (9, 0, API_KEY, "c.csv --nonsense", 2),
            (9, 0, API_KEY, "none.csv", 2),
            (9, 0, API_KEY, "c.csv --config none.toml", 2),
            (9, 0, "canary-wrong", "c.csv", 3),
        ],
    )
    def test_exit_code_tells_how_it_went(
        self,
        *,
        folder: Path,
        simulator: Simulator,
        contacts: int,
        bad: int,
        api_key: str,
        words: str,
        code: int,
    ) -> None:
        """Each exit code stands for what the simulator received."""
        config = folder / "digitro.toml"
        write_config(config, simulator.base_url, api_key=api_key)
        write_contacts(folder / "c.csv", contacts, bad=bad)
        before = len(simulator.calls())
        with start("dial", *words.split(), cwd=folder) as running:
            ran = running.end()
        calls = simulator.calls()[before:]
        statuses = {call["status"] for call in calls}

        assert ran.code == code
        assert "Traceback" not in ran.err
        if code < 2:
            assert len(calls) == contacts
        elif code == 2:
            assert (calls, ran.out) == ([], "")
        else:
            assert statuses == {401}
            assert "paused: matriz (status_401)" in ran.err
            rows = results_in(folder / "c.csv.ledger.db")
            assert sum(row["reason"] == "status_401" for row in rows) == len(calls)

    def test_closed_streams_harm_nothing(
        self, folder: Path, simulator: Simulator
    ) -> None:
        """A process without stdin, stdout and stderr dials its list all the same."""
        write_config(folder / "digitro.toml", simulator.base_url)
        write_contacts(folder / "c.csv", 9)
        command = f"exec {sys.executable} -m digitro_async dial c.csv <&- >&- 2>&-"
        ended = subprocess.run(["sh", "-c", command], cwd=folder, check=False)

        assert ended.returncode == 0
        assert len(results_in(folder / "c.csv.ledger.db")) == 9
