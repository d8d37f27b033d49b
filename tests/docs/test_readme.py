"""Runs the commands and the tour of README.md, and compares what they print."""

import re
from pathlib import Path

import pytest
from command_line import fake_pabx as fake_pabx_in_a_thread
from command_line import run_here
from examples import Tour, filial, tour
from pages import blocks_of, masked, read

from digitro_async import Disposition
from digitro_async.testing import FakePABX

__all__ = ["filial", "tour"]  # fixtures
pytest_plugins = ["pytester"]

Capture = pytest.CaptureFixture[str]


def test_two_commands() -> None:
    """The two commands for a fresh machine are one line each, and marked for CI."""
    mark = r"(?m)^<!-- command: (\w+) -->\n```console\n(.*)\n```$"
    marked = re.findall(mark, read("README"))

    assert [name for name, _ in marked] == ["demo", "tests"]
    assert len(blocks_of("README", "Two commands", "console")) == 2
    assert all(re.match(r"python3 -m venv [^&]*\.venv && ", line) for _, line in marked)


def test_output_of_the_demonstration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """The demonstration prints the lines shown, but for the figures."""
    [shown] = blocks_of("README", "Two commands", "text")
    monkeypatch.chdir(tmp_path)

    code, out, err = run_here(capsys, "demo", "--contacts", 40)

    assert code == 0
    assert facts(out + err) == facts(shown)


def facts(output: str) -> list[str]:
    """Return the lines of an output in one order, without figures and progress.

    All dispositions of calls are one: fewer calls have fewer of them.
    """
    lines = [re.sub(r"\d+(\.\d+)?", "N", line) for line in output.splitlines()]
    lines = [re.sub(" +", " ", line) for line in lines]
    some = f" ({'|'.join(Disposition)}) N"
    told = {"became N" for line in lines if re.fullmatch(some, line)}
    lines = [line for line in lines if not re.fullmatch(some, line)]
    return sorted(
        told.union(line for line in lines if not re.match(r"N of N \(", line))
    )


async def test_one_call(tour: Tour, fake_pabx: FakePABX, capsys: Capture) -> None:
    """The first example makes one call and prints its id."""
    [shown] = blocks_of("README", "One call", "text")

    await tour("README", "One call")

    printed = capsys.readouterr().out
    assert printed == f"{fake_pabx.calls[0].call_id}\n"
    assert masked(printed) == masked(shown)


async def test_many_calls(tour: Tour, fake_pabx: FakePABX, capsys: Capture) -> None:
    """The second example calls everybody once, and counts the outcomes."""
    [shown] = blocks_of("README", "Many calls", "text")
    await tour("README", "One call")
    capsys.readouterr()

    await tour("README", "Many calls")

    assert capsys.readouterr().out == shown
    assert len({call.destination for call in fake_pabx.calls}) == fake_pabx.posts == 41
    assert fake_pabx.worst_window() <= 50


async def test_lost_answer(tour: Tour, capsys: Capture) -> None:
    """The third example prints the error of a call whose answer was lost."""
    [shown] = blocks_of("README", "An answer that is lost", "text")
    await tour("README", "One call")
    capsys.readouterr()

    await tour("README", "An answer that is lost")

    assert capsys.readouterr().out == shown


async def test_campaign(
    tour: Tour,
    *,
    fake_pabx: FakePABX,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Capture,
) -> None:
    """The fourth example calls each contact once, though it runs twice."""
    [shown] = blocks_of("README", "A campaign that survives", "text")
    [contacts] = blocks_of("README", "A campaign that survives", "csv")
    (tmp_path / "contacts.csv").write_text(contacts, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    await tour("README", "One call")
    capsys.readouterr()

    await tour("README", "A campaign that survives")

    assert capsys.readouterr().out == shown
    assert fake_pabx.posts == 3


def test_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """The fifth example dials the list of the fourth, and prints its results."""
    [shown] = blocks_of("README", "The command line", "text")
    [config] = blocks_of("README", "The command line", "toml")
    [commands] = blocks_of("README", "The command line", "console")
    [contacts] = blocks_of("README", "A campaign that survives", "csv")
    (tmp_path / "contacts.csv").write_text(contacts, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    printed = ""

    with fake_pabx_in_a_thread(api_key="demo-key") as pabx:
        config = config.replace("http://127.0.0.1:8089", pabx.base_url)
        (tmp_path / "digitro.toml").write_text(config, encoding="utf-8")
        for line in commands.splitlines():
            name, *words = line.split()
            code, out, err = run_here(capsys, *words)
            assert (name, code) == ("digitro", 0)
            printed += err + out

    assert masked(printed) == masked(shown)
    assert pabx.posts == 2


def test_own_test(pytester: pytest.Pytester) -> None:
    """The sixth example is a test that passes."""
    [shown] = blocks_of("README", "A test of your own", "text")
    [source] = blocks_of("README", "A test of your own", "python")
    pytester.makepyprojecttoml(blocks_of("testing", "Fixtures", "toml")[0])
    pytester.makepyfile(test_dialling=source)

    options = ("-q", "-p", "no:anyio", "-p", "no:looptime_plugin")
    result = pytester.runpytest_subprocess(*options)

    assert masked(result.outlines[-1]) == masked(shown)
