"""Runs the examples of the pages under docs.

Each block may use top-level ``await``, as ``python -m asyncio`` takes it, and the names
of blocks that were run before it. The simulators stand on other ports than shown.
"""

import re
from pathlib import Path

import pytest
from examples import Tour, filial, tour
from pages import blocks_of
from simulated_events import ChannelReader

from digitro_async import Secret
from digitro_async.testing import FakePABX, Fault, FaultPlan

__all__ = ["filial", "tour"]  # fixtures
pytest_plugins = ["pytester"]


@pytest.mark.fake_pabx(faults=FaultPlan([Fault("lose_answer", at=9)]))
async def test_many_calls(
    tour: Tour, fake_pabx: FakePABX, capsys: pytest.CaptureFixture[str]
) -> None:
    """The dispatch example calls everybody once and prints who was not accepted."""
    await tour("README", "One call")
    capsys.readouterr()
    await tour("dispatch", "A list of calls")

    printed = capsys.readouterr().out.splitlines()
    assert (len(printed), fake_pabx.posts) == (1, 41)
    assert re.fullmatch(r"\d+ unknown The connection was lost .*", printed[0])
    assert len({call.destination for call in fake_pabx.calls}) == 41
    assert fake_pabx.worst_window() <= 50


async def test_campaign(
    tour: Tour,
    *,
    fake_pabx: FakePABX,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The campaign calls everybody once, however often it is run."""
    monkeypatch.chdir(tmp_path)
    text = blocks_of("contact-files", "Contact file", "csv")[0]
    (tmp_path / "contacts.csv").write_text(text, encoding="utf-8")
    await tour("README", "One call")
    capsys.readouterr()
    await tour("campaigns", "A campaign that survives")
    first = capsys.readouterr().out.splitlines()
    await tour("campaigns", "A campaign that survives")
    again = capsys.readouterr().out.splitlines()

    assert first[0] == "2 new, 0 known before"
    assert sorted(first[1:3]) == ["1 accepted", "2 accepted"]
    assert again[0] == "0 new, 2 known before"
    assert again[1:] == first[3:]  # the counts
    assert fake_pabx.posts == 3


async def test_rows_of_a_program(
    tour: Tour,
    *,
    fake_pabx: FakePABX,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Rows that a program makes are put in once."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "contacts.csv").write_text("destination\n", encoding="utf-8")
    await tour("README", "One call")
    await tour("campaigns", "A campaign that survives")
    capsys.readouterr()
    await tour("campaigns", "Lists and contacts")
    await tour("campaigns", "Lists and contacts")

    assert capsys.readouterr().out.splitlines() == ["40 new", "0 new"]
    assert fake_pabx.posts == 1


async def test_configuration_file_of_a_program(
    tour: Tour,
    *,
    fake_pabx: FakePABX,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A program reads the configuration file that the page shows, and calls."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DIGITRO_API_KEY", "demo-key")
    monkeypatch.setenv("DIGITRO_DEVICE_PASSWORD", "4567")
    text = blocks_of("settings", "Configuration file", "toml")[0]
    text = text.replace("https://pabx.example.com", fake_pabx.base_url)
    (tmp_path / "digitro.toml").write_text(text, encoding="utf-8")
    await tour("settings", "Configuration file")

    [call] = fake_pabx.calls
    assert capsys.readouterr().out.strip() == call.call_id
    assert call.destination == "04832817000"


async def test_errors(
    tour: Tour, fake_pabx: FakePABX, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each kind of error is caught where the example says."""
    await tour("README", "One call")
    capsys.readouterr()
    await tour("errors", "Errors")

    received, invalid = capsys.readouterr().out.splitlines()
    assert received == f"received: {fake_pabx.calls[-1].call_id}"
    assert invalid == "mend it: destination is empty [reason=invalid_field]"


@pytest.mark.parametrize(
    ("fault", "beginning"),
    [
        (Fault("lose_answer"), "a phone may ring, do not repeat: "),
        (Fault("status", status=409), "the PABX said no: "),
        (Fault("status", status=401), "the PABX said no: "),
    ],
    ids=lambda value: str(value)[:20],
)
async def test_errors_in_turn(
    tour: Tour,
    fake_pabx: FakePABX,
    fault: Fault,
    beginning: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """An answer's error is caught where the example says, and shows no number."""
    await tour("README", "One call")
    fake_pabx.set_faults(FaultPlan([fault]))
    capsys.readouterr()

    await tour("errors", "Errors")

    printed = capsys.readouterr().out.splitlines()[0]
    assert printed.startswith(beginning)
    assert "04832817000" not in printed


async def test_several_pabx(tour: Tour, fake_pabx: FakePABX, filial: FakePABX) -> None:
    """A call that names a PABX goes there."""
    await tour("README", "One call")
    await tour("dispatch", "Several PABX")

    assert "04832817002" in [call.destination for call in filial.calls]
    assert fake_pabx.posts + filial.posts == 3


async def test_connections_ahead(
    tour: Tour,
    fake_pabx: FakePABX,
    filial: FakePABX,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Connections are opened, and nothing is sent on them."""
    await tour("README", "One call")
    await tour("dispatch", "Several PABX")
    before = fake_pabx.posts, filial.posts, fake_pabx.connections
    capsys.readouterr()
    await tour("dispatch", "Connections ahead of calls")

    assert capsys.readouterr().out == "1 1\n"
    assert (fake_pabx.posts, filial.posts) == before[:2]
    assert fake_pabx.connections == before[2] + 5


async def test_pauses(
    tour: Tour, fake_pabx: FakePABX, capsys: pytest.CaptureFixture[str]
) -> None:
    """A paused PABX gets no call until it is resumed."""
    await tour("README", "One call")
    capsys.readouterr()
    await tour("settings", "Pauses")

    assert capsys.readouterr().out == "operator None\n"
    assert fake_pabx.posts == 2


async def test_event_channel(
    tour: Tour, fake_pabx: FakePABX, capsys: pytest.CaptureFixture[str]
) -> None:
    """Calls without a channel fail, wait in vain, or start with the id, as shown."""
    await tour("README", "One call")
    capsys.readouterr()
    names = await tour("settings", "Event channel")

    assert capsys.readouterr().out == "no_channel 0\nno_channel 0\n"
    assert fake_pabx.posts == 2
    assert fake_pabx.calls[-1].call_id == names["accepted"].call_id


async def test_statistics(tour: Tour, capsys: pytest.CaptureFixture[str]) -> None:
    """The snapshot shows the one call that was made."""
    await tour("README", "One call")
    await tour("dispatch", "A list of calls")
    capsys.readouterr()
    await tour("dispatch", "Statistics")

    first, second, pause, tries, health = capsys.readouterr().out.splitlines()
    assert (first, second) == ("1 0 1", "matriz 1/s 0 running")
    assert pause.startswith("operator paused by hand 127.0.0.1:")
    assert tries == "0  False None"
    assert health == "paused ('PABX matriz: paused by hand (moving)',)"


async def test_events(tour: Tour, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is told of a call that was accepted."""
    await tour("README", "One call")
    capsys.readouterr()
    await tour("dispatch", "Events")

    assert capsys.readouterr().out == ""


async def test_sharing(tour: Tour, fake_pabx: FakePABX, filial: FakePABX) -> None:
    """Two clients work through one session manager."""
    await tour("README", "One call")
    await tour("dispatch", "Several PABX")
    before = fake_pabx.posts, filial.posts
    await tour("dispatch", "Sharing connections")

    assert (fake_pabx.posts, filial.posts) == (before[0] + 1, before[1] + 1)


async def test_high_volume(tour: Tour, fake_pabx: FakePABX) -> None:
    """The public way makes a call like the direct one."""
    await tour("README", "One call")
    await tour("dispatch", "Several PABX")
    before = fake_pabx.posts
    await tour("dispatch", "High volume")

    assert fake_pabx.posts == before + 1


async def test_hostile_servers(tour: Tour, capsys: pytest.CaptureFixture[str]) -> None:
    """A reset after reading is unknown; a call passes through a slow line."""
    await tour("README", "One call")
    await tour("dispatch", "Several PABX")
    capsys.readouterr()
    await tour("testing", "Hostile servers and bad networks")

    assert capsys.readouterr().out == "connection_lost 1\n1 1\n"


async def test_event_side(tour: Tour) -> None:
    """The example of an event channel makes a simulator that opens it."""
    names = await tour("testing", "An event channel")

    async with names["fake"] as fake:
        async with ChannelReader(fake) as channel:
            assert await channel.event() == (
                "EVENTO_DE_ABERTURA_DE_CANAL",
                {"CANAL": 1},
            )
            await channel.call(1)

        assert fake.settings().events is names["MADE_UP"]
        assert fake.event_side.in_progress == 1


async def test_security(
    tour: Tour, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The key comes from the environment; an authority or a certificate is trusted."""
    monkeypatch.setenv("DIGITRO_API_KEY", "key")
    monkeypatch.setenv("PABX_FINGERPRINT", ":".join(["AB"] * 32))
    await tour("README", "One call")
    names = await tour("security", "Keys")

    assert names["pabx"].api_key == Secret("key")
    assert names["pabx"].tls.ca_file == Path("pabx-ca.pem")
    assert names["pinned"].fingerprint == b"\xab" * 32


def test_fixtures(pytester: pytest.Pytester) -> None:
    """The example test passes with the settings shown, and nothing else."""
    pytester.makepyprojecttoml(blocks_of("testing", "Fixtures", "toml")[0])
    pytester.makepyfile(test_dialling=blocks_of("testing", "Fixtures", "python")[0])

    result = pytester.runpytest_subprocess("-p", "no:anyio", "-p", "no:looptime_plugin")

    result.assert_outcomes(passed=1)
