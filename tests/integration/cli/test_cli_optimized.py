"""The command line without docstrings and assertions: ``python -OO``."""

import subprocess
import sys
from pathlib import Path

from command_line import write_config

from digitro_async.cli._app import COMMANDS

PROGRAM = """
import contextlib, io, sys
import digitro_async.errors
from digitro_async.cli._app import run
for words in {words!r}:
    print("$", *words)
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run(words)
    print(code, out.getvalue(), err.getvalue())
for name in digitro_async.errors.__all__:
    kind = getattr(digitro_async.errors, name)
    if issubclass(kind, Exception):
        print(name, kind())
"""


def test_texts_are_the_same_without_docstrings(
    tmp_path: Path, unused_tcp_port: int
) -> None:
    """Help and errors say the same where Python leaves docstrings out."""
    write_config(tmp_path / "digitro.toml", f"http://127.0.0.1:{unused_tcp_port}")
    (tmp_path / "bad.toml").write_text("[[pabx]]\nbase_ulr = 1\n")
    (tmp_path / "faults.toml").write_text('[[fault]]\nkind = "no such"\n')
    words = [
        *([name, "--help"] for name in COMMANDS),
        ["call", "0"],
        ["call", "0", "--config", "bad.toml"],
        ["dial", "none.csv"],
        ["status", "--ledger", "none.db"],
        ["simulate", "--faults", "faults.toml"],
    ]
    program = PROGRAM.format(words=words)
    plain, bare = (
        subprocess.run(
            [sys.executable, *options, "-c", program],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )
        for options in ((), ("-OO",))
    )

    assert bare.stdout == plain.stdout
    assert (bare.stderr, plain.stderr) == ("", "")
    assert "No connection to the PABX could be made" in bare.stdout
    assert bare.stdout.count("Usage: digitro") == len(COMMANDS)
