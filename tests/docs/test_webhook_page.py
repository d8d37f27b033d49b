"""The pages about the webhook and the live page show what comes, and what is typed."""

import json
import shlex
import time
import tomllib
from pathlib import Path
from typing import Any

import attrs
import pytest
from pages import blocks_of, rows_under, ticked
from webhook_receiver import SECRET

from digitro_async import CallEnd, Disposition, EndEvidence, load_config
from digitro_async.cli._app import app
from digitro_async.ledger import FeedPosition, LedgerResult, ResultPage, Step
from digitro_async.privacy import Secret
from digitro_async.webhook import WebhookSettings
from digitro_async.webhook._webhook_body import message_of
from digitro_async.webhook._webhook_signature import signed_headers


def made_body() -> bytes:
    """Return the body of a webhook with an outcome and an end."""
    values: dict[str, Any] = {"contact": 17, "own_id": "C17", "at": 1.0, "pabx": "a"}
    outcome = LedgerResult.of_step(
        b"key", Step.ACCEPT, **values, call_id="1", reason=None
    )
    end = CallEnd(
        pabx="a",
        disposition=Disposition.ANSWERED,
        evidence=EndEvidence.CALL_ID,
        rang_at=2.0,
    )
    ended = LedgerResult.of_end(b"key", end, contact=16, own_id="C16", began_at=1.0)
    return message_of(ResultPage(None, (outcome, ended), FeedPosition()), 1.0).body


def test_what_comes() -> None:
    """The body that is shown has the names of one that is sent, in their order."""
    [shown] = blocks_of("webhook", "What comes", "json")
    documented, sent = json.loads(shown), json.loads(made_body())

    assert list(documented) == list(sent)
    assert [list(one) for one in documented["data"]["results"]] == [
        list(one) for one in sent["data"]["results"]
    ]


def test_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The table that is shown is read, and each setting has its row and default."""
    [table] = blocks_of("webhook", "Setting it up", "toml")
    monkeypatch.setenv("DIGITRO_WEBHOOK_SECRET", SECRET)
    pabx = '[[pabx]]\nbase_url = "https://a.example"\nchannel_id = 1\napi_key = "x"\n'
    (tmp_path / "digitro.toml").write_text(pabx + table, encoding="utf-8")
    read = load_config(tmp_path / "digitro.toml").webhook
    given = tomllib.loads(table)["webhook"]
    rows = {
        ticked(row[0])[0]: row[1].replace("false", "False")
        for row in rows_under("webhook", "Setting it up")
    }
    fields = {
        one.name: ""
        if one.default is attrs.NOTHING
        else f"{one.default:g}"
        if isinstance(one.default, float)
        else str(one.default)
        for one in attrs.fields(WebhookSettings)
    }

    assert read is not None
    assert read.url.reveal() == given["url"]
    assert rows == fields


def test_receiving(capsys: pytest.CaptureFixture[str]) -> None:
    """The receiver that is shown takes each result once, and refuses others'."""
    [program] = blocks_of("webhook", "Receiving", "python")
    found: dict[str, Any] = {}
    exec(program, found)
    body, known = made_body(), set[str]()
    headers = dict(signed_headers(Secret(SECRET), "msg_1", int(time.time()), body))
    statuses = [found["take"](headers, body, known, SECRET) for _ in range(2)]
    refused = found["take"](headers, body + b" ", known, SECRET)

    assert (statuses, refused) == ([204, 204], 401)
    assert capsys.readouterr().out == "#17 outcome\n#16 end\n"


def test_commands() -> None:
    """Each command that the pages show is one that ``digitro`` takes."""
    lines = [
        line
        for block in (
            *blocks_of("webhook", "Setting it up", "console"),
            *blocks_of("live-page", "Live page", "console"),
        )
        for line in block.splitlines()
    ]
    for line in lines:
        name, *words = shlex.split(line)
        assert name == "digitro"
        app.parse_args(words, exit_on_error=False, print_error=False)
    [forwarded] = blocks_of("live-page", "Who can see it", "console")

    assert len(lines) == 2
    assert forwarded.split()[:3] == ["ssh", "-L", "8088:127.0.0.1:8088"]
