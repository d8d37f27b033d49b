"""Runs the examples of docs/blocking.md against a simulator in another thread."""

from pathlib import Path
from typing import Any

import pytest
from command_line import fake_pabx as fake_pabx_in_a_thread
from pages import blocks_of, masked

SOURCES = blocks_of("blocking", "One call, or many", "python")
SHOWN = blocks_of("blocking", "One call, or many", "text")


def test_blocking_examples(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both examples print what is shown, and call everybody once."""
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "blocking"}

    with fake_pabx_in_a_thread(api_key="demo-key") as pabx:
        for source, shown in zip(SOURCES, SHOWN, strict=True):
            there = source.replace("http://127.0.0.1:8089", pabx.base_url)
            exec(compile(there, "<blocking>", "exec"), names)
            assert masked(capsys.readouterr().out) == masked(shown)

    assert len({call.destination for call in pabx.calls}) == pabx.posts == 42
    assert pabx.worst_window() <= 50
