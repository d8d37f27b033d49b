"""``digitro simulate``."""

import asyncio
import contextlib
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from command_line import (
    PASSWORD,
    Capture,
    Simulator,
    folder,
    number,
    pabx,
    run_here,
    start,
    write_config,
)
from helpers import held_port

from digitro_async.testing import FakePABX

__all__ = ["folder", "pabx"]  # fixtures


class TestSimulate:
    """A simulated PABX."""

    @pytest.fixture
    def port(self) -> Iterator[int]:
        """A port that nobody but a simulator is given."""
        with held_port("127.0.0.1") as port:
            yield port

    def test_summary_tells_what_happened(
        self,
        folder: Path,
        port: int,
        capsys: Capture,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """A simulator that ends counts calls, faults and the busiest window."""
        (folder / "f.toml").write_text('[[fault]]\nkind = "lose_answer"\nat = 2\n')
        config = write_config(
            folder / "digitro.toml", f"http://127.0.0.1:{port}", api_key="demo-key"
        )
        reading, writing = os.pipe()

        def call_twice() -> None:
            for _ in range(6000):
                with contextlib.suppress(OSError):
                    socket.create_connection(("127.0.0.1", port)).close()
                    break
                time.sleep(0.01)
            for i in range(2):
                with start("call", number(i), "--config", config) as running:
                    running.end()
            os.write(writing, b"not the end yet")
            os.close(writing)

        client = threading.Thread(target=call_twice)
        client.start()
        with open(reading) as stdin:  # noqa: PTH123 - a descriptor
            monkeypatch.setattr(sys, "stdin", stdin)
            words = ("--port", port, "--rate", 1, "--per", 60, "--while-stdin")
            record = ("--record", "r.jsonl", "--faults", "f.toml")
            ran = run_here(capsys, "simulate", *words, *record)
        client.join()

        assert ran.code == 0
        assert ran.out.splitlines() == [
            f"listening on http://127.0.0.1:{port} (Ctrl-C ends it)",
            "received 2, accepted 1, would have rung 2, connections 3",
            "most in any 60 s: 2, over cap: 1",
            "fault lose_answer: 1",
        ]
        record_text = (folder / "r.jsonl").read_text()
        assert record_text.count("\n") == 2
        assert number(1) in record_text
        assert PASSWORD not in record_text

    @pytest.mark.parametrize("number_of_signal", ["SIGINT", "SIGTERM"])
    def test_signals_end_it_with_its_summary(
        self, tmp_path: Path, number_of_signal: str
    ) -> None:
        """Ctrl-C is how a simulator ends: exit code 0."""
        import signal

        with Simulator(tmp_path / "r.jsonl") as simulator:
            process = simulator.running.process
            process.send_signal(getattr(signal, number_of_signal))
            code, out, err = simulator.running.end()

        assert (code, err) == (0, "")
        assert "received 0, accepted 0, would have rung 0" in out

    def test_port_in_use_is_said(self, pabx: FakePABX, capsys: Capture) -> None:
        """A port that somebody has is exit code 2."""
        ran = run_here(capsys, "simulate", "--port", pabx.port)

        assert ran.code == 2
        assert ran.err.startswith(
            f"digitro: the simulator can't listen on {pabx.base_url}: "
        )
        assert "address already in use" in ran.err.lower()
        assert "; --port 0 takes a free port" in ran.err

    @pytest.mark.parametrize(
        ("words", "problem"),
        [
            (("--record", "none/r"), "the simulator can't write the record: No such"),
            (("--host", "x" * 70), "the simulator can't listen"),
            (("--faults", "none"), "none: No such file or directory"),
            (("--faults", "f.toml"), "f.toml: fault 1: kind is not one of"),
        ],
    )
    def test_unusable_files_and_hosts_are_said(
        self, folder: Path, capsys: Capture, words: tuple[str, ...], problem: str
    ) -> None:
        """A simulator that can't start is exit code 2 and one line."""
        (folder / "f.toml").write_text('[[fault]]\nkind = "nonsense"\n')
        ran = run_here(capsys, "simulate", "--port", 0, *words)

        assert ran.code == 2
        assert ran.err.startswith(f"digitro: {problem}")

    def test_stdin_that_ends_late_is_harmless(self, monkeypatch: Any) -> None:
        """A simulator that ended for another reason lets its stdin end in peace."""
        from digitro_async.cli import _simulate

        reading, writing = os.pipe()
        before = set(threading.enumerate())

        async def begin() -> None:
            _simulate._stop_with_stdin(asyncio.Event())

        with open(reading) as stdin:  # noqa: PTH123 - a descriptor
            monkeypatch.setattr(sys, "stdin", stdin)
            asyncio.run(begin())
            os.close(writing)
            for thread in set(threading.enumerate()) - before:
                thread.join(60)
