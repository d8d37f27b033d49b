"""``digitro webhook``, and the webhook of a dial."""

import asyncio
import sqlite3
from collections import Counter
from pathlib import Path

import pytest
from command_line import (
    Capture,
    Ran,
    folder,
    pabx_with_config,
    run_here,
    start,
    write_config,
    write_contacts,
)
from webhook_receiver import SECRET, WebhookReceiver

from digitro_async.privacy import Secret
from digitro_async.testing import FakePABX, Fault, FaultPlan
from digitro_async.webhook_settings import signing_key

__all__ = ["folder", "pabx_with_config"]  # fixtures

DIAL = ("dial", "c.csv", "--ledger", "c.db")
SEND = ("webhook", "--ledger", "c.db")


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the secret where it belongs."""
    monkeypatch.setenv("DIGITRO_WEBHOOK_SECRET", SECRET)


def configure(folder: Path, pabx: FakePABX, url: str, more: str = "") -> None:
    """Write a configuration with a webhook."""
    table = f'[webhook]\nurl = "{url}"\nsecret_env = "DIGITRO_WEBHOOK_SECRET"\n{more}'
    write_config(folder / "digitro.toml", pabx.base_url, more=table)


async def ran(*words: object) -> Ran:
    """Run a command in another process, beside this loop."""
    with start(*words) as running:
        return await asyncio.to_thread(running.end)


async def test_dial(folder: Path, pabx: FakePABX) -> None:
    """A dial sends each outcome while it runs, and says how many were taken."""
    pabx.set_faults(FaultPlan([Fault("status", status=409, at=2)]))
    write_contacts(folder / "c.csv", 30)
    async with WebhookReceiver(failing=0.3) as receiver:
        configure(folder, pabx, receiver.url, "longest_wait = 0.01\nbatch = 4\n")
        dialled = await ran(*DIAL)
        again = await ran(*SEND)

    rows = receiver.results.values()
    assert Counter(row["state"] for row in rows) == {"accepted": 29, "rejected": 1}
    assert {row["id"] for row in rows} == {f"C{i}" for i in range(30)}
    assert "webhook: 30 results sent" in dialled.out
    assert "webhook: 0 results sent" in again.out
    assert again.code == 0
    for text in (dialled.out, dialled.err, again.out, again.err):
        assert str(receiver.port) not in text


async def test_nobody_there(folder: Path, pabx: FakePABX) -> None:
    """A dial ends well without its receiver, and the next command sends the rest."""
    write_contacts(folder / "c.csv", 3)
    async with WebhookReceiver() as receiver:
        port, url = receiver.port, receiver.url
    configure(folder, pabx, url, "longest_wait = 0.01\nfinish_within = 0.1\n")
    dialled = await ran(*DIAL)
    async with WebhookReceiver(port=port) as receiver:
        sent = await ran(*SEND)

    assert dialled.code == 0
    assert "connect_failed" in dialled.err
    assert "digitro webhook --ledger c.db" in dialled.err
    assert (sent.code, sent.err) == (0, "")
    assert sent.out == "webhook: 3 results sent\n"
    assert len(receiver.taken) == 3


def test_no_ledger(folder: Path, pabx: FakePABX, capsys: Capture) -> None:
    """Without a ledger nothing is sent, and that is said."""
    configure(folder, pabx, "http://127.0.0.1:9/")
    write_contacts(folder / "c.csv", 1)
    dialled = run_here(capsys, "dial", "c.csv", "--no-ledger")

    assert dialled.code == 0
    assert "results go to no webhook" in dialled.err


def test_no_table(folder: Path, pabx: FakePABX, capsys: Capture) -> None:
    """Where no receiver is named, the command says where one would be."""
    write_contacts(folder / "c.csv", 1)
    run_here(capsys, *DIAL)
    sent = run_here(capsys, *SEND)

    assert sent.code == 2
    assert "digitro.toml: there is no [webhook] table" in sent.err


def test_new_secret(folder: Path, capsys: Capture) -> None:
    """Each new secret is another one that both sides take."""
    first, second = (
        run_here(capsys, "webhook", "--new-secret").out.strip() for _ in range(2)
    )

    assert first != second
    assert signing_key(Secret(first)) is not None


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ('url = "http://crm.example/canary"', "must begin with https"),
        ('url = "https://x.example"\nbatch = 0', "webhook.batch: must be"),
        ('url = "https://x.example"\nsecrets = 1', "no such option"),
        ("", "webhook: url is missing"),
    ],
)
def test_bad_table(
    folder: Path, pabx: FakePABX, capsys: Capture, table: str, problem: str
) -> None:
    """What is wrong in the table is named by its line, and no value is shown."""
    more = f'[webhook]\nsecret_env = "DIGITRO_WEBHOOK_SECRET"\n{table}\n'
    write_config(folder / "digitro.toml", pabx.base_url, more=more)
    sent = run_here(capsys, *SEND)

    assert sent.code == 2
    assert problem in sent.err


async def test_older_ledger(folder: Path, pabx: FakePABX, capsys: Capture) -> None:
    """A ledger of an earlier version is sent once a dial brought it up to date."""
    write_contacts(folder / "c.csv", 1)
    async with WebhookReceiver() as receiver:
        await ran(*DIAL)
        with sqlite3.connect("c.db") as connection:
            connection.execute("DROP TRIGGER last_told_is_kept")
            connection.execute("DROP INDEX call_end_told")
            connection.execute("ALTER TABLE call_end DROP COLUMN told")
            connection.execute("PRAGMA user_version = 7")
        connection.close()
        configure(folder, pabx, receiver.url)
        dialled = await ran("dial", "--ledger", "c.db")

    assert "webhook: 1 results sent" in dialled.out
