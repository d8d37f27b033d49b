"""``--metrics-port``: what a dial counts, while it goes on."""

import re
import sys
import urllib.request
from pathlib import Path

import pytest
from command_line import (
    Capture,
    config,
    folder,
    pabx,
    run_here,
    start,
    wait_for,
    write_config,
    write_contacts,
)

from digitro_async.testing import FakePABX

__all__ = ["config", "folder", "pabx"]  # fixtures

SECONDS = 60


def test_a_dial_serves_its_metrics(*, folder: Path, pabx: FakePABX) -> None:
    """Whoever scrapes sees the calls of the dial, on loopback, and no number."""
    write_config(folder / "digitro.toml", pabx.base_url, rate=20)
    write_contacts(folder / "c.csv", 400)
    with start("dial", "c.csv", "--metrics-port", 0, cwd=folder) as running:
        assert running.process.stderr is not None
        found = None
        while found is None:
            line = running.process.stderr.readline()
            assert line, "the dial ended before it served anything"
            found = re.search(r"metrics: (http://127\.0\.0\.1:\d+/metrics)", line)

        def read() -> str:
            with urllib.request.urlopen(found[1], timeout=SECONDS) as answer:
                text: str = answer.read().decode()
                return text

        wait_for(lambda: 'outcome="accepted"' in read())
        text = read()
        running.process.terminate()
        ran = running.end()

    assert 'digitro_calls_total{command="predictive_call"' in text
    assert "048" not in re.sub(r"# HELP.*|\d\.\d+", "", text)
    assert ran.code != 0


def test_a_port_that_is_taken_dials_nothing(
    *, folder: Path, config: Path, pabx: FakePABX, capsys: Capture
) -> None:
    """A dial whose metrics can't be served is refused before its first call."""
    write_contacts(folder / "c.csv", 3)
    port = pabx.port
    code, _, err = run_here(capsys, "dial", "c.csv", "--metrics-port", port)

    assert code == 2
    assert f"port {port}" in err
    assert pabx.accepted == 0


def test_without_the_extra(
    *,
    folder: Path,
    config: Path,
    pabx: FakePABX,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without the library of the extra a dial says how to install it."""
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    write_contacts(folder / "c.csv", 3)
    code, _, err = run_here(capsys, "dial", "c.csv", "--metrics-port", 0)

    assert code == 2
    assert "digitro-async[prometheus]" in err
    assert pabx.accepted == 0


@pytest.mark.parametrize("port", ["-1", "65536", "http"])
def test_what_is_no_port(*, folder: Path, capsys: Capture, port: str) -> None:
    """A port that can't be one is refused."""
    write_contacts(folder / "c.csv", 1)
    code, _, err = run_here(capsys, "dial", "c.csv", f"--metrics-port={port}")

    assert code == 2
    assert "metrics-port" in err
