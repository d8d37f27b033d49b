"""Words of a command that may mean two things are refused, and none is rounded."""

import asyncio
from pathlib import Path

import pytest
from command_line import Capture
from rich.console import Console
from rich.live import Live

from digitro_async.cli import _live_table
from digitro_async.cli._app import run
from digitro_async.cli._screen_parts import Span
from digitro_async.config import load_config
from digitro_async.contacts import ContactRow, RejectedRow, open_contacts
from digitro_async.errors import ConfigurationError

PABX = "[[pabx]]\nbase_url = 'http://127.0.0.1:9'\nchannel_id = 1\n"
TLS = "{ ca_file = 'c', fingerprint = '" + "ab" * 32 + "' }"
CALL = "[call]\ndevice = '1'\ndevice_password = '2'\n"


@pytest.mark.parametrize("text", ["4.5", "1.0", "0x10", "1_0", "1e1", "+1", "\u0661"])
@pytest.mark.parametrize(
    "words",
    [
        "status --ledger a.db --max-attempts",
        "dial c.csv --max-attempts",
        "dial c.csv --limit",
        "simulate --host 256.0.0.1 --port",
        "simulate --host 256.0.0.1 --rate",
        "simulate --host 256.0.0.1 --channel-id",
        "simulate --host 256.0.0.1 --seed",
    ],
)
def test_numbers_are_not_rounded(words: str, text: str, capsys: Capture) -> None:
    """A value that is no whole number is refused, not made one."""
    option = words.rpartition(" ")[2]

    assert run([*words.split()[:-1], f"{option}={text}"]) == 2
    assert f"{option} must be a whole number" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        "call 0483 --destination 0484",
        "call 0483 --pabx a --pabx b",
        "call 0483 0484",
        "dial a.csv --contacts b.csv",
        "dial a.csv --ledger a.db --ledger b.db",
        "results --ledger a.db --ledger b.db",
        "reconcile C1 accepted --contact C2 --ledger a.db --evidence e",
        "reconcile C1 accepted --verdict accepted --ledger a.db --evidence e",
        "reconcile accepted --id C1 --id C2 --ledger a.db --evidence e",
    ],
)
def test_what_is_said_twice(
    words: str, capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No command takes one of two words for a thing; nothing is made, nobody called."""
    monkeypatch.chdir(tmp_path)

    assert run(words.split()) == 2
    assert capsys.readouterr().err.startswith("digitro: ")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "given",
    ["sqlite:a.db", "file:a.db", "host=h password=canary", "mysql://u:canary@h/db"],
)
@pytest.mark.parametrize(
    "words",
    ["dial", "dial c.csv", "status", "results", "reconcile C1 accepted --evidence e"],
)
def test_half_an_address_is_no_ledger(
    words: str,
    given: str,
    capsys: Capture,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Half an address is not taken for a path, which would be a new ledger."""
    monkeypatch.chdir(tmp_path)

    assert run([*words.split(), "--ledger", given]) == 2
    err = capsys.readouterr().err
    assert "--ledger: a ledger is a file's path, sqlite:///file.db or postg" in err
    assert "canary" not in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "text",
    [
        f"{PABX}api_key = 'k'\napi_key_env = 'K'\n{CALL}",
        f"{PABX}api_key_env = 'K'\napi_key_file = 'k'\n{CALL}",
        f"{PABX}api_key = 'k'\napi_key = 'l'\n{CALL}",
        f"{PABX}api_key = 'k'\n{CALL}device_password_file = 'k'\n",
        f"{PABX}api_key = 'k'\n{CALL}{CALL}",
        f"{PABX}api_key = 'k'\n{PABX}api_key = 'k'\nname = 'pabx'\n{CALL}",
        f"{PABX}api_key = 'k'\n[pabx.rate]\ncalls = 1\n[pabx.rate]\ncalls = 2\n{CALL}",
        f"{PABX}api_key = 'k'\nrate = {{ calls = 1, calls = 2 }}\n{CALL}",
        f"{PABX}api_key = 'k'\ntls = {TLS}\n",
    ],
)
def test_what_a_configuration_says_twice(text: str, tmp_path: Path) -> None:
    """A setting that is given in two ways is refused."""
    (tmp_path / "d.toml").write_text(text)
    (tmp_path / "k").write_text("k")
    with pytest.raises(ConfigurationError):
        load_config(tmp_path / "d.toml")


@pytest.mark.parametrize(
    "header",
    [
        "destination;Destination",
        "destination;id;ID ",
        "destination;pabx;\tPABX",
        "destination;device;device",
        '"destination";destination',
    ],
)
def test_columns_that_mean_the_same(header: str, tmp_path: Path) -> None:
    """A column that is there twice is refused, also in capitals or with blanks."""
    (tmp_path / "c.csv").write_text(f"{header}\n0483;0484;1\n")
    with pytest.raises(ConfigurationError, match="twice"):
        open_contacts(tmp_path / "c.csv", defaults={"device": "1"})


def test_ids_of_a_file_and_their_numbers(tmp_path: Path) -> None:
    """An id like another row's number, or an empty one, is no second coming of it."""
    (tmp_path / "c.csv").write_text(
        "id;destination\nnumber 0484;0483\n;0484\nid 0484;0485\n ;0486\n"
    )
    defaults = {"device": "1", "device_password": "2"}
    with open_contacts(tmp_path / "c.csv", defaults=defaults) as contacts:
        rows = list(contacts)

    assert not [row for row in rows if isinstance(row, RejectedRow)]
    assert [row.id for row in rows if isinstance(row, ContactRow)] == [
        *("number 0484", None, "id 0484", None)
    ]


def test_two_names_of_one_file(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ledger and rejects in one file are refused before a call, by whatever names."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "c.csv").write_text("destination\n0483\n")
    (tmp_path / "digitro.toml").write_text(f"{PABX}api_key = 'k'\n{CALL}")
    (tmp_path / "sub").mkdir()

    code = run(["dial", "c.csv", "--ledger", "r.db", "--rejects", "sub/../r.db"])

    assert code == 2
    assert "name the same file" in capsys.readouterr().err


async def test_names_are_no_markup() -> None:
    """The live table shows a name as it is, whatever it looks like."""
    console = Console(record=True, width=60)
    with Live(console=console, auto_refresh=False) as live:
        await asyncio.to_thread(
            _live_table.draw,
            live,
            [[Span("[red]a[/red]: paused: [b]throttled", "red")]],
        )

    assert "[red]a[/red]: paused: [b]throttled" in console.export_text()
