"""``digitro events`` and ``digitro fit``."""

import signal
import stat
import sys
from pathlib import Path
from typing import Any

import pytest
from command_line import (
    API_KEY,
    Capture,
    Running,
    config,
    fake_pabx,
    folder,
    pabx,
    run_here,
)
from simulated_events import DIALECT, all_become

from digitro_async import Disposition

__all__ = ["config", "folder", "pabx"]  # fixtures

STREAMS = Path(__file__).parents[2] / "data" / "event_streams"

TABLE = """\
[[pabx]]
base_url = "{url}"
api_key = "{key}"

[call]
device = "1125000"
device_password = "canary-password"

[events]
preset = "pabx"
open = "/eventos/abre"
name_fields = "NOME"
id_fields = "CANAL.ID"
call_id_fields = "CHAMADA.ID"
disposition_fields = "CAUSA"
destination_fields = "DESTINO"
read_timeout = 60
call_phases = {{ EVENTO_FIM = "ended", EVENTO_INICIO = "started" }}
dispositions = {{ OCUPADO = "busy" }}
"""

KNOWN = """\
: captured by hand

event: EVENTO_DE_ABERTURA_DE_CANAL
data: {"CANAL": {"ID": 7}}

data: {}

event: EVENTO_INICIO
data: {"CHAMADA": {"ID": "a-1"}, "DESTINO": "04899012345"}

event: EVENTO_FIM
data: {"CHAMADA": {"ID": "a-1"}, "DESTINO": "04899012345", "CAUSA": "OCUPADO"}

"""


def write_table(folder: Path, url: str = "http://127.0.0.1:9", **changes: str) -> Path:
    """Write a configuration with an event channel."""
    text = TABLE.format(url=url, key=API_KEY)
    for old, new in changes.items():
        text = text.replace(f"{old} =", new, 1)
    path = folder / "digitro.toml"
    path.write_text(text)
    return path


def write_capture(folder: Path, text: str = KNOWN) -> Path:
    """Write a capture."""
    path = folder / "capture.sse"
    path.write_text(text)
    return path


class TestListen:
    """Listening."""

    @pytest.mark.skipif(sys.platform == "win32", reason="signals")
    def test_a_call_is_shown_masked_and_captured(self, folder: Path) -> None:
        """Each event has a line without numbers, and a private file has everything."""
        script = all_become(Disposition.BUSY, setup=0.01, dial=0.01, ring=0.01)
        with fake_pabx(events=DIALECT, call_script=script, channel_id=4711) as fake:
            write_table(folder, fake.base_url)
            words = ("listen", "--record", "new.sse", "--call", "04899012345")
            running = Running("events", *words, cwd=folder)
            assert running.process.stdout is not None
            first = running.process.stdout.readline()
            lines = [first]
            while "phase=ended" not in lines[-1]:
                lines.append(running.process.stdout.readline())
            running.process.send_signal(signal.SIGINT)
            ended = running.end()
            [call] = fake.calls
            call_id = call.call_id

        assert ended.code == 0
        assert f"accepted: {call_id}" in ended.err
        assert "opened channel_id=4711" in first
        assert f"call_id={call_id!r}" in lines[-1]
        assert "disposition=busy word='OCUPADO' destination=***" in lines[-1]
        assert "closed channel_id=4711 reason=closed" in ended.out
        assert "1 opened" in ended.err
        file = folder / "new.sse"
        content = file.read_text()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert "PERSONAL DATA" in content
        assert "04899012345" in content
        assert API_KEY not in content

    def test_a_channel_that_never_opens(self, folder: Path, capsys: Capture) -> None:
        """Where no channel opens, each attempt is told, and the exit code says so."""
        write_table(folder)

        ran = run_here(capsys, "events", "listen", "--seconds", "0.2")

        assert ran.code == 1
        assert "closed channel_id=None reason=" in ran.out
        assert "opened" not in ran.out + ran.err

    @pytest.mark.parametrize(
        ("words", "problem"),
        [
            (("listen", "a.sse"), "listen takes no FILE"),
            (("listen", "--call", "x"), "--call "),
            (("listen", "--preset", "neo"), "--preset is for replay"),
            (
                ("listen", "--pabx", "pabbx"),
                "no such PABX in digitro.toml; did you mean",
            ),
            (("listen", "--record", "digitro.toml"), "--record can't be written"),
            (("replay",), "replay needs a FILE"),
            (("replay", "none.sse"), "none.sse can't be read: No such file"),
            (("replay", "a", "--seconds", "1"), "go with listen"),
            (
                ("replay", "a", "--preset", "new"),
                "there is no such preset; did you mean",
            ),
        ],
    )
    def test_what_is_wrong(
        self, folder: Path, capsys: Capture, words: tuple[str, ...], problem: str
    ) -> None:
        """Words that don't go together are refused before anything is opened."""
        write_table(folder)

        ran = run_here(capsys, "events", *words)

        assert ran.code == 2
        assert problem in ran.err

    def test_a_call_that_can_not_be_made(self, folder: Path, capsys: Capture) -> None:
        """A call for which no channel opens is not made, and that is said."""
        write_table(folder)

        words = ("listen", "--call", "04899012345", "--seconds", "0.2")
        ran = run_here(capsys, "events", *words)

        assert ran.code == 1
        assert "the call was not made, or was cut off" in ran.err

    def test_a_configuration_without_events(
        self, config: Path, capsys: Capture
    ) -> None:
        """Without an ``[events]`` table nothing can be listened to."""
        ran = run_here(capsys, "events", "listen")

        assert ran.code == 2
        assert "there is no [events] table" in ran.err
        assert "docs/first-day.md has one" in ran.err


class TestReplay:
    """Replaying a capture."""

    def test_what_is_understood(self, folder: Path, capsys: Capture) -> None:
        """Where every event has a meaning, they are counted and nothing changes."""
        write_table(folder)

        ran = run_here(capsys, "events", "replay", write_capture(folder))

        assert (ran.code, ran.err) == (0, "")
        assert [line.split() for line in ran.out.splitlines()] == [
            ["1", "call", "EVENTO_FIM", "(ended)"],
            ["1", "call", "EVENTO_INICIO", "(started)"],
            ["2", "heartbeat"],
            ["1", "opened"],
            ["every", "event", "was", "understood"],
        ]

    @pytest.mark.parametrize(
        ("changes", "problem"),
        [
            (
                {"id_fields": "time_fields ="},
                "the opening event holds no id: set id_fields, perhaps CANAL.ID",
            ),
            (
                {"preset": 'opened_names = "other" #'},
                "the opening event is not in it: set opened_names, perhaps EVENTO_DE",
            ),
            (
                {"call_id_fields": "heartbeat_names ="},
                "no event holds a call id: set call_id_fields, perhaps CHAMADA.ID",
            ),
            (
                {"call_phases": "closed_names = [] #"},
                "no event tells of a call's end: set call_phases, perhaps EVENTO",
            ),
            (
                {"disposition_fields": "time_fields ="},
                "nothing says what became of calls: set disposition_fields, perhaps",
            ),
            (
                {"dispositions": "closed_names = [] #"},
                "dispositions lacks the words OCUPADO",
            ),
        ],
    )
    def test_what_would_have_to_change(
        self, folder: Path, capsys: Capture, changes: dict[str, str], problem: str
    ) -> None:
        """What is not understood is said with the setting and what may go there."""
        write_table(folder, **changes)

        ran = run_here(capsys, "events", "replay", write_capture(folder))

        assert ran.code == 1
        assert problem in ran.out

    def test_names_that_no_setting_knows(self, folder: Path, capsys: Capture) -> None:
        """Events without a meaning are listed by name."""
        write_table(folder)
        more = 'event: RAMAL_LIVRE\ndata: {"RAMAL": "1"}\n\n'

        ran = run_here(capsys, "events", "replay", write_capture(folder, KNOWN + more))

        assert ran.code == 1
        assert "no setting knows the events RAMAL_LIVRE" in ran.out

    @pytest.mark.parametrize(
        ("stream", "preset"), [("interact_cti", "interact-cti"), ("neo", "neo")]
    )
    def test_by_a_preset(
        self, folder: Path, capsys: Capture, stream: str, preset: str
    ) -> None:
        """A capture of a documented product is understood by its preset."""
        words = ("replay", STREAMS / f"{stream}.sse", "--preset", preset)

        ran = run_here(capsys, "events", *words)

        assert "1 opened" in ran.out
        assert "on_call_end (ended)" in ran.out
        assert "no setting knows" not in ran.out

    def test_raw(self, folder: Path, monkeypatch: Any, capsys: Capture) -> None:
        """With --raw everything is shown, also what is private."""
        from digitro_async.cli._app import run

        write_table(folder)
        code = run(["events", "replay", str(write_capture(folder)), "--raw"])
        out = capsys.readouterr().out

        assert code == 0
        assert '"DESTINO": "04899012345"' in out


class TestFit:
    """Fitting settings to a capture."""

    def test_a_known_call(self, folder: Path, capsys: Capture) -> None:
        """What is known of one call makes the fields that hold it certain."""
        ran = run_here(
            capsys,
            *("fit", write_capture(folder), "--path", "/eventos/abre"),
            *("--call-id", "a-1", "--destination", "+55 (48) 99012345"),
            *("--disposition", "busy"),
        )

        assert (ran.code, ran.err) == (0, "")
        lines = ran.out.splitlines()
        assert 'call_id_fields = ["CHAMADA.ID"]' in lines
        assert "# it holds the call id that you gave" in lines
        assert 'destination_fields = ["DESTINO"]' in lines
        assert 'dispositions = { "OCUPADO" = "busy" }' in lines
        (folder / "digitro.toml").write_text(
            f'[[pabx]]\nbase_url = "http://127.0.0.1:9"\napi_key = "{API_KEY}"\n'
            + ran.out
        )
        again = run_here(capsys, "events", "replay", folder / "capture.sse")
        assert (again.code, again.err) == (0, "")

    def test_open_questions(self, folder: Path, capsys: Capture) -> None:
        """What is not known is asked, and stands in the table as a comment."""
        capture = write_capture(folder, KNOWN.replace("OCUPADO", "17"))
        ran = run_here(capsys, "fit", capture)

        assert ran.code == 1
        assert "open: what does '17' mean? Set it in dispositions" in ran.err
        assert "open: by which path is the channel opened?" in ran.err
        assert '# open = "/..."' in ran.out

        ran = run_here(capsys, "fit", capture, "--path", "/x", "--word.17", "busy")
        assert (ran.code, ran.err) == (0, "")
        assert '"17" = "busy"' in ran.out

    def test_a_field_of_ones_own(self, folder: Path, capsys: Capture) -> None:
        """A field that is given takes the place of what was found."""
        ran = run_here(
            capsys,
            *("fit", write_capture(folder), "--path", "/x"),
            *("--set.call_id_fields", "OUTRO"),
        )

        assert ran.code == 0
        assert 'call_id_fields = "OUTRO"' in ran.out

    @pytest.mark.parametrize(
        ("words", "problem"),
        [
            ((), "fit needs a FILE"),
            (("none.sse",), "none.sse can't be read"),
            (("capture.sse", "--disposition", "bussy"), "did you mean busy?"),
            (("capture.sse", "--word.X", "bussy"), "did you mean busy?"),
            (("capture.sse", "--path", "x"), "events.open.path: must be a path"),
            (("capture.sse", "--set.nothing", "x"), "there is no such option"),
        ],
    )
    def test_what_is_wrong(
        self, folder: Path, capsys: Capture, words: tuple[str, ...], problem: str
    ) -> None:
        """Words that can't be used are refused, and nothing is written."""
        write_capture(folder)

        ran = run_here(capsys, "fit", *words)

        assert (ran.code, ran.out) == (2, "")
        assert problem in ran.err

    def test_an_empty_capture(self, folder: Path, capsys: Capture) -> None:
        """A capture without events asks for one with some."""
        ran = run_here(capsys, "fit", write_capture(folder, "data: {}\n\n:\n"))

        assert ran.code == 1
        assert "the capture holds no event but heartbeats" in ran.err
