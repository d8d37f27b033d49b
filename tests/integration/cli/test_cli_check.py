"""``digitro check``: a line for everything that a dial needs, and no call."""

import contextlib
import datetime as dt
import email.utils
import os
import resource
import shutil
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from command_line import (
    API_KEY,
    PASSWORD,
    Capture,
    Ran,
    fake_pabx,
    folder,
    pabx_with_config,
    run_here,
    start,
    wait_for,
    write_config,
    write_contacts,
)
from fault_certificates import certificate

from digitro_async.protocol import CAUSES
from digitro_async.testing import FakePABX

__all__ = ["folder", "pabx_with_config"]  # fixtures


@contextlib.contextmanager
def answering(answer: bytes, tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """Give every connection one answer; return the port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        over = threading.Event()

        def serve() -> None:
            while not over.is_set():
                connection, _ = server.accept()
                with contextlib.suppress(OSError), connection as plain:
                    plain.settimeout(60)
                    wrapped = tls.wrap_socket(plain, server_side=True) if tls else plain
                    with wrapped as speaking:
                        if answer:
                            speaking.recv(4096)
                            speaking.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield port
        finally:
            over.set()
            socket.create_connection(("127.0.0.1", port), 5).close()
            thread.join()


def answer_of(status: int, seconds: float = 0.0, *more: str) -> bytes:
    """Return an answer whose clock is so many seconds ahead."""
    now = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=seconds)
    date = email.utils.format_datetime(now, usegmt=True)
    lines = [f"HTTP/1.1 {status} x", f"Date: {date}", "Content-Length: 0", *more]
    return "\r\n".join([*lines, "", ""]).encode()


def check(capsys: Capture, *words: object) -> Ran:
    """Check, and see to it that no secret is shown."""
    ran = run_here(capsys, "check", "--timeout", 5, *words)
    assert API_KEY not in ran.out + ran.err
    assert PASSWORD not in ran.out + ran.err
    return ran


def line_of(ran: Ran, name: str) -> str:
    """Return what was found of one thing."""
    (found,) = [line for line in ran.out.splitlines() if line.split()[1:2] == [name]]
    return found


def test_all_is_well(folder: Path, pabx: FakePABX, capsys: Capture) -> None:
    """Where nothing is wrong every line says so, and the PABX gets no call."""
    write_config(folder / "digitro.toml", pabx.base_url, rate=50)
    (folder / "digitro.toml").chmod(0o600)
    ran = check(capsys)
    found = [line.split()[:2] for line in ran.out.splitlines()]

    assert (ran.code, ran.err, pabx.posts) == (0, "", 0)
    assert found[:-1] == [
        ["ok", name]
        for name in ("config", "files", "disk", "dns", "tcp", "tls", "http", "clock")
    ]
    assert ran.out.splitlines()[-1] == "0 failed, 0 warnings; no call was made"
    assert [path.name for path in folder.iterdir()] == ["digitro.toml"]


def test_wrong_configuration_is_wrong_usage(folder: Path, capsys: Capture) -> None:
    """A configuration that can't be read is exit code 2, as for every command."""
    (folder / "digitro.toml").write_text("[[pabx]]\n")
    ran = check(capsys)

    assert (ran.code, ran.out) == (2, "")
    assert "digitro.toml:1: " in ran.err


def test_what_is_odd_in_a_configuration_is_said(
    folder: Path, pabx: FakePABX, capsys: Capture
) -> None:
    """A secret that others may read, and a PABX without a cap, are warnings."""
    (folder / "digitro.toml").chmod(0o644)
    read = check(capsys)
    (folder / "digitro.toml").chmod(0o600)
    uncapped = check(capsys)

    assert (read.code, uncapped.code) == (0, 0)
    assert line_of(read, "config").startswith("warning  config  digitro.toml: PABX")
    assert "chmod 600" in line_of(read, "config")
    assert "1 without a cap (rate)" in line_of(uncapped, "config")
    assert "0 failed, 1 warning; no call" in uncapped.out


@pytest.mark.parametrize(
    ("base_url", "name", "problem"),
    [
        ("http://nobody.invalid", "dns", "nobody.invalid has no address ("),
        ("http://127.0.0.1:{closed}", "tcp", "{closed}: connection refused: nobody"),
        ("https://127.0.0.1:{plain}", "tls", "that port does not speak TLS: is base_"),
        ("http://127.0.0.1:{text}", "http", "answers what is no HTTP ("),
        (
            "http://127.0.0.1:{silent}",
            "http",
            "check port and scheme",
        ),
    ],
)
def test_step_that_fails_says_the_way_out_and_is_the_last(
    folder: Path, capsys: Capture, base_url: str, name: str, problem: str
) -> None:
    """The first thing that is wrong on the way to a PABX is said, and nothing else."""
    with (
        answering(answer_of(200)) as plain,
        answering(b"SSH-2.0-x\r\n") as text,
        answering(b"") as silent,
        socket.socket() as unused,
    ):
        unused.bind(("127.0.0.1", 0))
        ports = {"plain": plain, "text": text, "silent": silent}
        ports["closed"] = unused.getsockname()[1]
        url = base_url.format(**ports)
        write_config(folder / "digitro.toml", url, rate=50)
        ran = check(capsys)
    last, summary = ran.out.splitlines()[-2:]

    assert ran.code == 1
    assert last.startswith(f"FAILED   {name}")
    assert problem.format(**ports) in last
    assert "check" in last or last.partition("(")[0].strip().endswith("?")
    assert summary.startswith("1 failed, ")


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"expired": True}, "certificate_expired"),
        ({"early": True}, "certificate_not_yet_valid"),
        ({"subject": "DNS:other.example"}, "certificate_wrong_name"),
        ({}, "certificate_self_signed"),
    ],
)
def test_certificate_is_refused_in_the_words_of_calls(
    folder: Path, capsys: Capture, options: dict[str, Any], problem: str
) -> None:
    """A certificate that calls would refuse is refused, in their words, and shown."""
    shown = certificate(**options)
    is_trusted = "" if not options else f'tls = {{ ca_file = "{shown.file}" }}\n'
    with answering(answer_of(200), shown.context) as port:
        url = f"https://127.0.0.1:{port}"
        write_config(folder / "digitro.toml", url, rate=50, pabx=is_trusted)
        ran = check(capsys)

    assert ran.code == 1
    words = f"FAILED   tls     matriz: {CAUSES[problem]} ("
    assert line_of(ran, "tls").startswith(words)
    assert "; subject " in line_of(ran, "tls")


def test_certificate_that_is_trusted(folder: Path, capsys: Capture) -> None:
    """A certificate is good by its authority or fingerprint; its end is told."""
    shown = certificate()
    other = "ab" * 32
    trusted = {
        "ca_file": str(shown.file),
        "fingerprint": shown.fingerprint,
        "wrong": other,
    }
    ran = {}
    with answering(answer_of(200), shown.context) as port:
        for name, value in trusted.items():
            setting = name.replace("wrong", "fingerprint")
            tls = f'tls = {{ {setting} = "{value}" }}\n'
            url = f"https://127.0.0.1:{port}"
            write_config(folder / "digitro.toml", url, rate=50, pabx=tls)
            ran[name] = check(capsys)

    assert [one.code for one in ran.values()] == [0, 0, 1]
    assert "valid for 1 more days (until " in line_of(ran["ca_file"], "tls")
    assert line_of(ran["ca_file"], "tls").startswith("warning")
    assert line_of(ran["fingerprint"], "tls").startswith("ok")
    said = line_of(ran["wrong"], "tls").replace(":", "")
    assert f"another fingerprint than tls.fingerprint {shown.fingerprint};" in said


@pytest.mark.parametrize(
    ("answer", "name", "level", "text"),
    [
        ((404, 0), "http", "ok", "answers GET / with 404 in "),
        ((401, 0), "http", "ok", "answers GET / with 401 in "),
        ((502, 0), "http", "warning", "look whether the PABX"),
        ((301, 0), "http", "warning", "calls follow no redirect"),
        ((200, 0), "clock", "ok", "within "),
        ((200, 3600), "clock", "warning", "s behind it: set both by NTP"),
        ((200, -3600), "clock", "warning", "s ahead of it: set both by NTP"),
        (b"HTTP/1.1 200 x\r\n\r\n", "clock", "ok", "has no Date"),
        (b"HTTP/1.1 200 x\r\nDate: soon\r\n\r\n", "clock", "ok", "can't be read"),
    ],
)
def test_answer_is_looked_at(
    *, folder: Path, capsys: Capture, answer: Any, name: str, level: str, text: str
) -> None:
    """Any status is an answer; what may go wrong in calls is a warning."""
    content = answer if isinstance(answer, bytes) else answer_of(*answer)
    with answering(content) as port:
        write_config(folder / "digitro.toml", f"http://127.0.0.1:{port}", rate=50)
        ran = check(capsys)

    assert ran.code == 0
    assert line_of(ran, name).startswith(level)
    assert text in line_of(ran, name)


class TestLedger:
    """The ledger and its place."""

    def test_states_of_a_ledger(
        self, folder: Path, pabx: FakePABX, capsys: Capture
    ) -> None:
        """A ledger is looked at whether it is there, whole, damaged or in use."""
        write_contacts(folder / "c.csv", 3)
        missing = check(capsys, "--ledger", "c.db")
        run_here(capsys, "dial", "c.csv", "--ledger", "c.db", "--limit", 2)
        whole = check(capsys, "--ledger", "c.db")
        (folder / "no.db").write_text("canary")
        (folder / "no.db").chmod(0o600)
        damaged = check(capsys, "--ledger", "no.db")

        assert [one.code for one in (missing, whole, damaged)] == [0, 0, 1]
        assert "c.db is not there: digitro dial makes it" in missing.out
        assert line_of(whole, "ledger").endswith("is whole: 1 pending, 2 accepted")
        assert line_of(damaged, "ledger").startswith("FAILED   ledger")

    def test_who_has_a_ledger_open(self, folder: Path, capsys: Capture) -> None:
        """A run that goes on is named, and not disturbed."""
        write_contacts(folder / "c.csv", 40)
        words = ("dial", "c.csv", "--ledger", "c.db")
        with fake_pabx() as slow:
            write_config(folder / "digitro.toml", slow.base_url, rate=1)
            with start(*words, cwd=folder) as running:
                wait_for(lambda: slow.posts > 0)
                ran = check(capsys, "--ledger", "c.db")
                assert running.process.poll() is None
                running.process.terminate()
                ended = running.end()

        assert ended.code == 130
        assert line_of(ran, "ledger").startswith("warning")
        assert f"process {running.process.pid} has it open" in ran.out

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
    def test_folder_that_is_read_only(
        self, folder: Path, pabx: FakePABX, capsys: Capture
    ) -> None:
        """A folder in which no ledger can be made is a failure."""
        (folder / "ro").mkdir(mode=0o500)
        ran = check(capsys, "--ledger", "ro/c.db")

        assert ran.code == 1
        assert "can't be written to" in line_of(ran, "disk")

    def test_place_that_is_none(
        self, folder: Path, pabx: FakePABX, capsys: Capture
    ) -> None:
        """A folder that is not there, and a name that is a link, are failures."""
        (folder / "c.db").write_text("")
        (folder / "c.db").chmod(0o600)
        os.link(folder / "c.db", folder / "d.db")
        nowhere = check(capsys, "--ledger", "no/c.db")
        linked = check(capsys, "--ledger", "d.db")

        assert (nowhere.code, linked.code) == (1, 1)
        assert "can't be written to (No such file or directory)" in nowhere.out
        assert "hard links" in line_of(linked, "disk")

    @pytest.mark.parametrize(
        ("free", "level"), [(1 << 22, "FAILED"), (1 << 28, "warning")]
    )
    def test_disk_that_is_nearly_full(
        self,
        *,
        folder: Path,
        pabx: FakePABX,
        capsys: Capture,
        monkeypatch: pytest.MonkeyPatch,
        free: int,
        level: str,
    ) -> None:
        """Too little room is said before it is used up."""
        usage = shutil.disk_usage("/")._replace(free=free)
        monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
        ran = check(capsys)

        assert line_of(ran, "disk").startswith(level)
        assert "MiB free" in line_of(ran, "disk")


def test_too_few_open_files_are_a_failure(folder: Path, pabx: FakePABX) -> None:
    """A limit below what calls need is said with the way out."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))

    with start("check", cwd=folder, preexec_fn=limit) as running:
        ran = running.end()

    assert ran.code == 1
    assert line_of(ran, "files").startswith("FAILED   files")
    assert "raise ulimit -n or lower max_in_flight" in ran.out
