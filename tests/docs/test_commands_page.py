"""Runs the examples of docs/commands.md, and compares its tables with the code."""

from pathlib import Path

import pytest
from examples import Tour, filial, tour
from pages import blocks_of, rows_under, ticked

import digitro_async
from digitro_async import CommandSettings, load_config
from digitro_async.command_settings import AnswerBody
from digitro_async.protocol import COMMANDS
from digitro_async.testing import FakePABX

__all__ = ["filial", "tour"]  # fixtures


async def test_documented_commands(
    tour: Tour, fake_pabx: FakePABX, capsys: pytest.CaptureFixture[str]
) -> None:
    """The documented commands are sent for the call that was made before."""
    await tour("README", "One call")
    capsys.readouterr()
    await tour("commands", "Documented commands")

    *_, call, detection, redirect = fake_pabx.calls
    sent = [call.command, detection.command, redirect.command]
    assert sent == ["predictive_call", "dtmf_detection", "queue_redirect"]
    assert detection.fields["ID_CHAMADA"] == call.call_id
    assert capsys.readouterr().out == "{}\n"


async def test_any_command(
    tour: Tour, fake_pabx: FakePABX, capsys: pytest.CaptureFixture[str]
) -> None:
    """A path that the simulator does not have is rejected, as the example prints."""
    await tour("README", "One call")
    await tour("commands", "Documented commands")
    capsys.readouterr()
    await tour("commands", "Any command by its path")

    assert capsys.readouterr().out == "no_such_command\n"
    assert fake_pabx.calls[-1].status == 404


def test_settings_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings of commands are read from the file that the page shows."""
    monkeypatch.setenv("DIGITRO_API_KEY", "key")
    text = blocks_of("commands", "What is guessed", "toml")[0]
    (tmp_path / "digitro.toml").write_text(text, encoding="utf-8")

    [pabx] = load_config(tmp_path / "digitro.toml").pabx
    assert pabx.commands == (
        CommandSettings(
            "queue_redirect",
            success_field="response.status",
            success_values=["ok"],
            rejected_values=["error"],
            counts_as_call=False,
        ),
        CommandSettings("*", body=AnswerBody.ANY),
    )


def test_tables() -> None:
    """The tables have every documented command, and the 24 that only have a name."""
    documented = {
        ticked(row[0])[0]: ticked(row[2])[0]
        for row in rows_under("commands", "Documented commands")
    }
    named = [row[1] for row in rows_under("commands", "Functions known by name only")]

    assert {
        getattr(digitro_async, name).command: f"/requests/{{channel_id}}/{path}"
        for name, path in documented.items()
    } == {name: command.path for name, command in COMMANDS.items()}
    assert len(named) == len(set(named)) == 24
