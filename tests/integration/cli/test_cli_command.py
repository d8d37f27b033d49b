"""``digitro command``."""

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from command_line import (
    PASSWORD,
    Capture,
    config,
    fake_pabx,
    folder,
    pabx,
    run_here,
    write_config,
)

from digitro_async.testing import FakePABX, Fault, FaultPlan

__all__ = ["config", "folder", "pabx"]  # fixtures

CALL_ID = "08/07/24 10:46:19 010A 0974/00"
DETECTION = ("dtmf_detection", f"call_id={CALL_ID}")


def sent(pabx: FakePABX) -> dict[str, Any]:
    """Return the fields of the only command that a PABX received."""
    [received] = pabx.calls
    return dict(received.fields)


@pytest.mark.parametrize(
    ("words", "fields"),
    [
        (DETECTION, {"ID_CHAMADA": CALL_ID}),
        (
            (
                *("queue_redirect", f"call_id={CALL_ID}", "destination_device=1126000"),
                *("priority=19", "user_data=a=b"),
            ),
            {
                "ID_CHAMADA": CALL_ID,
                "DISPOSITIVO_DESTINO": "1126000",
                "PRIORIDADE": "19",
                "DADOS": "a=b",
            },
        ),
        (
            ("password_change", "--env", "new_password=NEW", "device=1127000"),
            {
                "DISPOSITIVO": "1127000",
                "CONTA": None,
                "SENHA": None,
                "NOVA_SENHA": "canary-new",
            },
        ),
    ],
)
def test_documented_commands(
    *,
    words: tuple[str, ...],
    fields: dict[str, Any],
    config: Path,
    pabx: FakePABX,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A command goes out with its fields, and the device of the configuration."""
    monkeypatch.setenv("NEW", "canary-new")
    ran = run_here(capsys, "command", *words)

    assert ran == (0, "{}\n", "")
    device = {"DISPOSITIVO": "1125000", "SENHA_DISPOSITIVO": PASSWORD}
    assert sent(pabx) == device | fields
    assert pabx.calls[0].command == words[0]


def test_secrets_from_everywhere(
    config: Path,
    folder: Path,
    pabx: FakePABX,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A secret comes from a file, the environment or the standard input."""
    (folder / "old.txt").write_text("canary-old\n")
    monkeypatch.setenv("ACCOUNT_PASSWORD", "canary-account")
    monkeypatch.setattr(sys, "stdin", io.StringIO("canary-new\r\nnext"))
    ran = run_here(
        *(capsys, "command", "password_change", "account=1114000"),
        *("--file", "device_password=old.txt"),
        *("--env", "account_password=ACCOUNT_PASSWORD", "--ask", "new_password"),
    )

    assert ran == (0, "{}\n", "")
    assert sent(pabx) == {
        "DISPOSITIVO": "1125000",
        "SENHA_DISPOSITIVO": "canary-old",
        "CONTA": "1114000",
        "SENHA": "canary-account",
        "NOVA_SENHA": "canary-new",
    }


def test_a_terminal_is_asked(
    config: Path, pabx: FakePABX, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a terminal the value is asked for, and not shown as it is typed."""
    asked = []

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    def ask(prompt: str) -> str:
        asked.append(prompt)
        return "canary-new"

    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr("getpass.getpass", ask)
    ran = run_here(capsys, "command", "password_change", "--ask", "new_password")

    assert (ran.code, asked) == (0, ["new_password: "])
    assert sent(pabx)["NOVA_SENHA"] == "canary-new"


@pytest.mark.parametrize("show", [True, False])
def test_any_path(folder: Path, capsys: Capture, *, show: bool) -> None:
    """Any path is sent its fields alone; the values of the answer are masked."""
    answer = {"response": {"status": "ok", "list": ["x", 7, None]}, "a b": True}
    with fake_pabx(answers={"encerra-algo": answer}) as pabx:
        write_config(folder / "digitro.toml", pabx.base_url)
        ran = run_here(
            *(capsys, "command", "--path", "encerra-algo", f"ID_CHAMADA={CALL_ID}"),
            *("MOTIVO=", *(["--show"] if show else [])),
        )

    masked = {"response": {"status": "***", "list": ["***"] * 3}, "***": "***"}
    assert (ran.code, ran.err) == (0, "")
    assert json.loads(ran.out) == (answer if show else masked)
    assert sent(pabx) == {"ID_CHAMADA": CALL_ID, "MOTIVO": ""}


def test_an_answer_that_is_no_json(folder: Path, capsys: Capture) -> None:
    """Where any body counts, one that is no JSON is printed as a text, masked."""
    plan = FaultPlan([Fault("html_200")])
    with fake_pabx(answers={"encerra-algo": {}}, faults=plan) as pabx:
        write_config(
            folder / "digitro.toml",
            pabx.base_url,
            pabx='[pabx.commands."*"]\nbody = "any"\n',
        )
        words = (capsys, "command", "--path", "encerra-algo")
        masked = run_here(*words)
        shown = run_here(*words, "--show")

    assert masked == (0, '"***"\n', "")
    assert "<!DOCTYPE html>" in json.loads(shown.out)


@pytest.mark.parametrize(
    ("fault", "code", "said"),
    [
        (Fault("lose_answer"), 1, "(it may have been carried out: look before you"),
        (Fault("status", status=403), 3, "refused: "),
        (Fault("status", status=400), 1, "rejected: "),
    ],
)
def test_exit_codes(
    fault: Fault, code: int, said: str, folder: Path, capsys: Capture
) -> None:
    """A command that was not accepted ends with the exit code of a call."""
    plan = FaultPlan([fault])
    with fake_pabx(faults=plan) as pabx:
        write_config(folder / "digitro.toml", pabx.base_url)
        ran = run_here(capsys, "command", *DETECTION)

    assert (ran.code, ran.out) == (code, "")
    assert said in ran.err


def test_a_failure_that_a_200_hides(folder: Path, capsys: Capture) -> None:
    """The configuration says which answers with a 200 are failures."""
    with fake_pabx(answers={"dtmf_detection": {"ok": False}}) as pabx:
        write_config(
            folder / "digitro.toml",
            pabx.base_url,
            pabx='[pabx.commands.dtmf_detection]\nsuccess_field = "ok"\n'
            "success_values = [true]\nrejected_values = [false]\n",
        )
        ran = run_here(capsys, "command", *DETECTION)

    assert (ran.code, ran.out) == (1, "")
    assert "rejected_in_answer" in ran.err


def test_repeatable(folder: Path, capsys: Capture) -> None:
    """Only with ``--repeatable`` a path is sent again where its outcome is unknown."""
    plan = FaultPlan([Fault("lose_answer", times=1)])
    for words, code, posts in ((("--repeatable",), 0, 2), ((), 1, 1)):
        with fake_pabx(answers={"encerra-algo": {}}, faults=plan) as pabx:
            write_config(
                folder / "digitro.toml",
                pabx.base_url,
                more="[retry]\nbase_delay = 0\n",
            )
            ran = run_here(capsys, "command", "--path", "encerra-algo", *words)
        assert (ran.code, pabx.posts) == (code, posts)


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ((), "NAME is missing"),
        (("dtmf_detectoin",), "NAME is no command; did you mean dtmf_detection"),
        (("dtmf_detection",), "call_id is missing for dtmf_detection"),
        (("dtmf_detection", "canary"), "FIELDS must be FIELD=VALUE"),
        (("dtmf_detection", "cal_id=canary"), "no such field; did you mean call_id"),
        (("dtmf_detection", "call_id="), "call_id is empty"),
        (("dtmf_detection", "call_id=1", "call_id=2"), "a field is given twice"),
        (("dtmf_detection", "device_password=canary"), "device_password is a secret"),
        (("--path", "x", "NOVA_SENHA=canary"), "NOVA_SENHA is a secret"),
        (("--path", "a b"), "path must be names"),
        (("--path", "chamada-preditiva"), "no call"),
        (("dtmf_detection", "--repeatable"), "--repeatable goes with --path"),
        (("--path", "x", "--env", "A"), "--env must be FIELD=ENV"),
        (("--path", "x", "--env", "A=CANARY_UNSET"), "--env: the value is not set"),
        (("--path", "x", "--file", "A=canary.txt"), "--file: the file can't be read"),
        (("--path", "x", "--ask", "a b"), "--ask must be the name of a field"),
        (("--path", "x", "--ask", "A"), "--ask: no A was given"),
        (
            ("dtmf_detection", "call_id=1", "--pabx", "other"),
            "--pabx: there is no such",
        ),
    ],
)
def test_usage(
    *,
    words: tuple[str, ...],
    problem: str,
    config: Path,
    pabx: FakePABX,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What can't be sent is refused with the way out, without the values."""
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    ran = run_here(capsys, "command", *words)

    assert (ran.code, ran.out, pabx.posts) == (2, "", 0)
    assert problem in ran.err
