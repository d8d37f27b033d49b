"""Holds the pages on event channels to the code, and runs what they show."""

import asyncio
import re
import shlex
from pathlib import Path

import attrs
import pytest
from examples import Tour, filial, tour
from pages import blocks_of, read, rows_under, ticked
from simulated_events import dialect

from digitro_async import (
    CallPhase,
    DigitroClient,
    Disposition,
    EventChannelSettings,
    load_config,
)
from digitro_async.cli._app import app as digitro
from digitro_async.testing import CallScript, FakePABX

__all__ = ["filial", "tour"]  # fixtures

SHOWN = dialect(
    open="/eventos",
    name_fields=(),
    call_phases={"EVENTO_INICIO": CallPhase.STARTED, "EVENTO_FIM": CallPhase.ENDED},
    dispositions={"ATENDIDA": Disposition.ANSWERED, "OCUPADO": Disposition.BUSY},
    call_id_fields="ID_CHAMADA",
    destination_fields=(),
    time_fields=(),
    closed_names=(),
    heartbeat_names=(),
    close=None,
)
QUICK = CallScript(
    shares={Disposition.BUSY: 1}, setup=0.01, dial=0.01, ring=0.01, talk=0.01
)
real = pytest.mark.fake_pabx(events=SHOWN, call_script=QUICK)


def test_every_field_is_on_the_page() -> None:
    """The table has every field of the settings, and no other."""
    named = [ticked(cells[0])[0] for cells in rows_under("events", "Fields")]

    assert sorted(named) == sorted(
        field.name for field in attrs.fields(EventChannelSettings)
    )


@pytest.mark.parametrize(
    "cells", rows_under("events", "Fields"), ids=lambda cells: cells[0].strip("`")
)
def test_marks_are_those_of_the_class(cells: list[str]) -> None:
    """What the page says is known of a field is what its class says."""
    [name, *_] = ticked(cells[0])
    text = " ".join((EventChannelSettings.__doc__ or "").split())
    [said] = re.findall(rf" {name}: (.*?)(?= [a-z_]+: | Raises:)", text)

    for mark in ("VERIFIED", "INFERRED", "UNKNOWN"):
        if mark in cells[1]:
            assert mark in said
    if "this library" in cells[1]:
        assert not re.search("VERIFIED|INFERRED", said)


@pytest.mark.parametrize(
    "blocks",
    [
        blocks_of("events", "Presets", "toml"),
        blocks_of("first-day", "Five settings", "toml"),
    ],
    ids=["events", "first-day"],
)
def test_tables_are_loaded(blocks: list[str], tmp_path: Path) -> None:
    """The tables that are shown are read, and make the settings of the simulator."""
    file = tmp_path / "digitro.toml"
    first, *others = blocks
    file.write_text(first, encoding="utf-8")
    [pabx] = load_config(file).pabx

    assert pabx.channel_id is None
    assert pabx.events is not None
    assert pabx.events.open == SHOWN.open
    assert pabx.events.dispositions == SHOWN.dispositions
    for other in others:
        file.write_text(first + other, encoding="utf-8")
        [pabx] = load_config(file).pabx
        assert pabx.events is not None
        assert pabx.events.subscription is not None


def test_command_lines() -> None:
    """Every command line of the first day is one that ``digitro`` takes."""
    [block] = blocks_of("first-day", "One call to your own phone", "console")
    for line in block.splitlines():
        name, *tokens = shlex.split(line)
        assert name == "digitro"
        digitro.parse_args(tokens, exit_on_error=False, print_error=False)


@real
async def test_what_a_client_does(
    tour: Tour, fake_pabx: FakePABX, capsys: pytest.CaptureFixture[str]
) -> None:
    """The client opens the channel, makes its call, and knows what became of it."""
    await tour("events", "What a client does")

    assert capsys.readouterr().out == "busy\n"
    assert fake_pabx.posts == 1
    assert fake_pabx.event_side.channels.opened == 1


@real
async def test_ways_to_the_end_of_a_call(
    tour: Tour, fake_pabx: FakePABX, capsys: pytest.CaptureFixture[str]
) -> None:
    """The three ways that the page shows tell the same of a call."""
    await tour("events", "What a client does")
    capsys.readouterr()
    names = await tour("events", "Dispositions")
    first, second = capsys.readouterr().out.splitlines()

    assert first.startswith("busy OCUPADO None ")
    assert first.endswith(" call_id")
    assert second == "accepted busy"
    client = DigitroClient(names["pabx"])
    async with client:
        showing = asyncio.ensure_future(names["show"](client))
        accepted = await client.make_predictive_call(names["call"], max_wait=10)
        await client.call_end(accepted.call_id)
    await showing
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == f"ended {accepted.call_id} busy"
    assert fake_pabx.posts == 4


@real
async def test_the_first_day_in_a_program(
    tour: Tour,
    fake_pabx: FakePABX,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With the five settings of the page, a program makes the one call."""
    [table] = blocks_of("first-day", "Five settings", "toml")
    table = table.replace("http://127.0.0.1:8089", fake_pabx.base_url)
    (tmp_path / "digitro.toml").write_text(table, encoding="utf-8")
    monkeypatch.chdir(tmp_path)

    await tour("first-day", "The same in a program")

    call_id, disposition = capsys.readouterr().out.splitlines()
    assert [call_id] == [call.call_id for call in fake_pabx.calls]
    assert disposition == "busy"


def test_reasons_are_those_of_the_code() -> None:
    """What the first day says of reasons stands in the tables of the reference."""
    reference = read("reference")
    for cells in rows_under("first-day", "The same in a program"):
        for word in ticked(cells[0]):
            if word.startswith("status_") or word in list(Disposition):
                continue
            assert f"`{word}`" in reference
