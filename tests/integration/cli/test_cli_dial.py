"""Lists that are dialled to their end, or not at all."""

import os
import re
import resource
import stat
import sys
from pathlib import Path

import pytest
from command_line import (
    USER_DATA,
    Capture,
    config,
    fake_pabx,
    folder,
    number,
    numbers_of,
    pabx,
    posts_seen,
    read_rows,
    results_in,
    run_here,
    start,
    write_config,
    write_contacts,
)

from digitro_async.cli import _command_loop, _dial_list
from digitro_async.contacts import RejectsFile
from digitro_async.errors import DigitroError
from digitro_async.testing import FakePABX, FaultPlan

__all__ = ["config", "folder", "pabx"]  # fixtures

LEDGER = "c.csv.ledger.db"
"""The ledger of a list for which none is named."""


class TestDial:
    """Lists that are dialled to their end, or not at all."""

    @pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
    def test_all_accepted_is_exit_code_0(
        self,
        *,
        folder: Path,
        config: Path,
        pabx: FakePABX,
        capsys: Capture,
        monkeypatch: pytest.MonkeyPatch,
        loop: str,
    ) -> None:
        """Every contact is called once, with uvloop and without."""
        if loop == "asyncio":
            monkeypatch.setitem(sys.modules, "uvloop", None)
        assert (_command_loop._loop_factory() is None) == (loop == "asyncio")
        write_contacts(folder / "c.csv", 50)
        code, out, err = run_here(capsys, "dial", "c.csv")
        rows = results_in(folder / LEDGER)

        assert code == 0
        assert re.search(r"^contacts +50\naccepted +50\nrejected rows +0\n", out)
        # A slow machine has lines of progress after these.
        assert err.startswith(
            "new ledger: c.csv.ledger.db\n"
            "c.csv: read as utf-8, split at semicolons, header taken from line 1; "
            "columns: id, destination, user_data\n"
            "c.csv: 50 new contacts, 0 known before, 0 rejected rows\n"
        )
        assert sorted(numbers_of(pabx)) == [number(i) for i in range(50)]
        assert {row["state"] for row in rows} == {"accepted"}
        assert sorted(int(row["line"]) for row in rows) == list(range(2, 52))
        assert not (folder / "c.rejects.csv").exists()
        assert stat.S_IMODE((folder / LEDGER).stat().st_mode) == 0o600

    def test_rejected_rows_are_exit_code_1(
        self, folder: Path, config: Path, pabx: FakePABX, capsys: Capture
    ) -> None:
        """Rows that are no contacts are written down with their reason."""
        write_contacts(folder / "c.csv", 3, bad=2)
        code, out, _ = run_here(capsys, "dial", "c.csv")
        rejects = read_rows(folder / "c.rejects.csv")

        assert code == 1
        assert re.search(r"accepted +3\nrejected rows +2\n", out)
        assert [row["line"] for row in rejects] == ["5", "6"]
        assert {row["code"] for row in rejects} == {"bad_character"}
        assert pabx.accepted == 3

    def test_unknown_outcomes_are_exit_code_1(
        self, folder: Path, config: Path, pabx: FakePABX, capsys: Capture
    ) -> None:
        """A call whose answer was lost is unknown, and never made again."""
        pabx.set_faults(
            FaultPlan.from_mapping({"fault": [{"kind": "lose_answer", "at": [2]}]})
        )
        write_contacts(folder / "c.csv", 5)
        code, out, _ = run_here(capsys, "dial", "c.csv")

        assert code == 1
        assert re.search(r"accepted +4\nunknown +1\n", out)
        assert len(numbers_of(pabx)) == len(set(numbers_of(pabx))) == 5

    @pytest.mark.parametrize(
        ("encoding", "mark"),
        [("utf-8", ";"), ("utf-8-sig", ","), ("cp1252", "\t"), ("cp850", ";")],
    )
    def test_every_encoding_and_delimiter_is_read_and_named(
        self, folder: Path, config: Path, capsys: Capture, encoding: str, mark: str
    ) -> None:
        """The encoding and columns found in a file are printed before any call."""
        text = f"destination{mark}user_data\n{number(1)}{mark}José {USER_DATA}\n"
        (folder / "c.csv").write_text(text, encoding=encoding)
        given = ["--encoding", "cp850"] if encoding == "cp850" else []
        code, _, err = run_here(capsys, "dial", "c.csv", *given)
        split = {";": "semicolons", ",": "commas", "\t": "tabs"}[mark]

        assert code == 0
        assert f"\nc.csv: read as {encoding}, split at {split}, header taken" in err

    @pytest.mark.parametrize(
        ("content", "problem"),
        [
            (f"{number(1)};x\n", "c.csv, line 1: no column 'destination'"),
            ("destination;colour\n", "c.csv, line 1: column 2 'colour' is unknown"),
            ("", "c.csv, line 1: the file is empty"),
            ("\ufeffdestination\n".encode("utf-32"), "c.csv is UTF-32"),
            (None, "c.csv can't be opened: No such file or directory"),
        ],
    )
    def test_unusable_contacts_are_exit_code_2(
        self,
        folder: Path,
        config: Path,
        capsys: Capture,
        content: str | bytes | None,
        problem: str,
    ) -> None:
        """A file without a usable header dials nothing and leaves nothing behind."""
        if content is not None:
            whole = content.encode() if isinstance(content, str) else content
            (folder / "c.csv").write_bytes(whole)
        code, out, err = run_here(capsys, "dial", "c.csv")

        assert (code, out) == (2, "")
        assert err.startswith(f"digitro: {problem}")
        assert not (folder / LEDGER).exists()

    @pytest.mark.parametrize("which", ["c.rejects.csv", LEDGER])
    def test_files_that_are_no_runs_are_not_overwritten(
        self, folder: Path, config: Path, pabx: FakePABX, capsys: Capture, which: str
    ) -> None:
        """Other files of these names are exit code 2, with nothing dialled."""
        write_contacts(folder / "c.csv", 3)
        (folder / which).write_text("earlier\n" * 1000)
        (folder / which).chmod(0o600)
        code, _, err = run_here(capsys, "dial", "c.csv")

        assert code == 2
        assert err.startswith(f"digitro: {which} ")
        assert (folder / which).read_text() == "earlier\n" * 1000
        assert pabx.posts == 0
        assert {path.name for path in folder.iterdir()} <= {
            *("c.csv", "digitro.toml", which, f"{LEDGER}.lock")
        }

    @pytest.mark.parametrize(
        ("words", "problem"),
        [
            (
                ("--ledger", "x", "--rejects", "x"),
                "--ledger and --rejects name the same file",
            ),
            (
                ("--rejects", "none/x"),
                "--rejects names a folder that can't be written to",
            ),
            (
                ("--ledger", "none/x"),
                "can't be made: No such file or directory",
            ),
        ],
    )
    def test_places_are_checked_before_anything_is_dialled(
        self,
        *,
        folder: Path,
        config: Path,
        pabx: FakePABX,
        capsys: Capture,
        words: tuple[str, ...],
        problem: str,
    ) -> None:
        """Files that can't be made are exit code 2, with nothing dialled."""
        write_contacts(folder / "c.csv", 3, bad=1)
        code, _, err = run_here(capsys, "dial", "c.csv", *words)

        assert code == 2
        assert problem in err
        assert err.count("\n") == 1
        assert pabx.posts == 0

    def test_wrong_api_key_is_exit_code_3(
        self, folder: Path, pabx: FakePABX, capsys: Capture
    ) -> None:
        """A 401 pauses the PABX: the reason is printed and the rest is not dialled."""
        write_config(
            folder / "digitro.toml",
            pabx.base_url,
            api_key="canary-wrong",
            pabx="max_in_flight = 5",
        )
        write_contacts(folder / "c.csv", 500)
        code, out, err = run_here(capsys, "dial", "c.csv")
        rows = results_in(folder / LEDGER)

        assert code == 3
        assert (
            "paused: matriz (status_401): a call answered 401: the api key is not"
            in err
        )
        assert "\nthe rest was not dialled\n" in err
        assert re.search(r"^accepted +0$", out, re.MULTILINE)
        assert 1 <= pabx.posts <= 5
        assert {row["state"] for row in rows} == {"pending"}
        assert sum(row["reason"] == "status_401" for row in rows) == pabx.posts
        assert sum(row["attempts"] != "0" for row in rows) == pabx.posts

    def test_run_can_stop_early(
        self, folder: Path, config: Path, pabx: FakePABX, capsys: Capture
    ) -> None:
        """At most as many contacts as asked for are called; a further run does more."""
        write_contacts(folder / "c.csv", 20)
        first = run_here(capsys, "dial", "c.csv", "--limit", 7)
        called = sorted(numbers_of(pabx))
        rest = run_here(capsys, "dial", "c.csv", "--max-calls", 13)

        assert (first.code, rest.code) == (1, 0)
        assert re.search(r"pending +13\n", first.out)
        assert called == [number(i) for i in range(7)]
        assert sorted(numbers_of(pabx)) == [number(i) for i in range(20)]

    @pytest.mark.parametrize("rejects", [None, "r.csv"])
    def test_dry_run_dials_nothing_and_is_in_nobodys_way(
        self,
        folder: Path,
        config: Path,
        pabx: FakePABX,
        capsys: Capture,
        rejects: str | None,
    ) -> None:
        """A dry run counts, and writes nothing that would stop the true run."""
        write_contacts(folder / "c.csv", 20, bad=2)
        given = [] if rejects is None else ["--rejects", rejects]
        dry = run_here(capsys, "dial", "c.csv", "--dry-run", *given)

        assert dry.code == 1
        assert dry.out == (
            "contacts        20\n"
            "rejected rows   2\n"
            "  bad_character 2\n"
            "to dial         20\n"
            "time            0:01 (50.0/s) if answers take 2 s; no cap but "
            "max_in_flight\n"
            "dialled         0 (dry run)\n"
        )
        assert pabx.posts == 0
        assert (folder / "r.csv").exists() == (rejects is not None)
        assert run_here(capsys, "dial", "c.csv").code == 1
        assert pabx.accepted == 20

    def test_several_pabx_share_a_list_and_one_may_be_held(
        self, folder: Path, pabx: FakePABX, capsys: Capture
    ) -> None:
        """A PABX that refuses the key is left out, and the other takes the rest."""
        with fake_pabx(api_key="another-key") as other:
            second = (
                f'[[pabx]]\nname = "filial"\nbase_url = "{other.base_url}"\n'
                'channel_id = 1\napi_key = "canary-wrong"\nmax_in_flight = 1\n'
            )
            write_config(folder / "digitro.toml", pabx.base_url, pabx=second)
            write_contacts(folder / "c.csv", 30)
            code, _, _ = run_here(capsys, "dial", "c.csv")
        rows = results_in(folder / LEDGER)

        assert code == 1
        assert len(rows) == 30
        assert sum(row["reason"] == "status_401" for row in rows) == other.posts == 1
        assert sum(row["state"] == "accepted" for row in rows) == pabx.accepted == 29

    @pytest.mark.parametrize("most", [1000, 1])
    def test_unwritable_ledger_stops_the_run_and_calls_are_listed(
        self,
        *,
        folder: Path,
        config: Path,
        pabx: FakePABX,
        capsys: Capture,
        monkeypatch: pytest.MonkeyPatch,
        most: int,
    ) -> None:
        """When the ledger can't be written no call is started, and calls are named."""
        monkeypatch.setattr(_dial_list, "_MOST_SHOWN", most)
        write_config(config, pabx.base_url, rate=1000, pabx="max_in_flight = 20")
        write_contacts(folder / "c.csv", 500)
        before = resource.getrlimit(resource.RLIMIT_FSIZE)

        def fill_the_disk() -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (2000, before[1]))

        try:
            with posts_seen(pabx, 50, fill_the_disk):
                code, _, err = run_here(capsys, "dial", "c.csv")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        rows = results_in(folder / LEDGER)
        written = {row["contact"] for row in rows if row["state"] == "accepted"}
        listed = re.findall(r"not in the ledger: contact (#\d+), accepted", err)

        assert code == 3
        problem = f"{LEDGER} can't be written: "
        assert re.search(f"digitro: {problem}.*; no further call is started\n", err)
        assert re.search(f"stopped: {problem}.*; the rest was not dialled\n", err)
        assert pabx.posts < 200
        assert len(written) > 10
        assert not written & set(listed)
        assert pabx.accepted == pabx.posts
        if most > 1:
            assert len(written) + len(listed) == pabx.accepted
        else:
            assert len(listed) == 1
            assert re.search(r"^not in the ledger: \d+ more$", err, re.MULTILINE)

    def test_unwritable_rejects_stop_the_run(
        self,
        folder: Path,
        config: Path,
        pabx: FakePABX,
        capsys: Capture,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """When a reject can't be written nobody is called, and the reason is said."""

        def fail(*_: object) -> None:
            raise DigitroError("c.rejects.csv can't be written: No space")

        monkeypatch.setattr(RejectsFile, "write", fail)
        write_contacts(folder / "c.csv", 5, bad=1)
        code, _, err = run_here(capsys, "dial", "c.csv")

        assert (code, pabx.posts) == (2, 0)
        assert err.endswith("digitro: c.rejects.csv can't be written: No space\n")

    @pytest.mark.parametrize("closed", ["stdout", "both"])
    def test_reader_that_goes_away_loses_no_result(
        self, folder: Path, config: Path, pabx: FakePABX, closed: str
    ) -> None:
        """Results are complete though nobody reads what is printed (| head)."""
        write_contacts(folder / "c.csv", 50, bad=1)
        reading, writing = os.pipe()
        os.close(reading)
        streams = {"stdout": writing}
        if closed == "both":
            streams["stderr"] = writing
        with start("dial", "c.csv", cwd=folder, **streams) as running:
            os.close(writing)
            code, _, err = running.end()

        assert code == 1
        assert "Traceback" not in err
        assert "BrokenPipe" not in err
        assert len(results_in(folder / LEDGER)) == pabx.accepted == 50
