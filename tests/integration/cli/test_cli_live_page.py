"""``--serve`` of a dial, and ``digitro dashboard``."""

import asyncio
import json
import stat
from pathlib import Path

import aiohttp
import pytest
from command_line import (
    Capture,
    Running,
    folder,
    pabx_with_config,
    results_in,
    run_here,
    start,
    write_config,
    write_contacts,
)
from live_pages import newest_events

from digitro_async.testing import FakePABX

__all__ = ["folder", "pabx_with_config"]  # fixtures

DIAL = ("dial", "c.csv", "--ledger", "c.db")
SERVE = ("--serve", "127.0.0.1:0", "--token-file", "token")


async def url_of(running: Running) -> str:
    """Return where a command says that its page is."""
    stream = running.process.stderr
    assert stream is not None
    while line := await asyncio.to_thread(stream.readline):
        if line.startswith("live page: "):
            return str(line.split()[2])
    raise AssertionError("no page is served")


async def order(
    session: aiohttp.ClientSession, url: str, token: str, **values: object
) -> tuple[int, object]:
    """Give an order on a page."""
    headers = {"X-Digitro-Token": token}
    async with session.post(f"{url}orders", json=values, headers=headers) as response:
        return response.status, await response.json()


async def test_dial(folder: Path, pabx: FakePABX) -> None:
    """The process that dials serves its page, and obeys whoever has the token."""
    write_config(folder / "digitro.toml", pabx.base_url, rate=1)
    write_contacts(folder / "c.csv", 500)
    async with aiohttp.ClientSession() as session:
        with start(*DIAL, *SERVE) as running:
            url = await url_of(running)
            token = read_token(folder)
            events = await newest_events(session, url)
            wrong = await order(session, url, "x", order="withdraw", contact="C499")
            right = await order(session, url, token, order="withdraw", contact="C499")
            paused = await order(session, url, token, order="pause", pabx="matriz")
            facts = json.loads((await newest_events(session, url))["facts"])
            running.process.terminate()
            ended = await asyncio.to_thread(running.end)

    assert wrong == (401, {"error": "wrong_token"})
    assert right == (200, {"value": "skipped"})
    assert paused == (200, {"value": 1})
    assert facts["pabx"][0]["paused"]
    assert facts["pabx"][0]["words"] == "paused by the operator"
    assert json.loads(events["view"])["name"] == "c.db"
    assert [row["state"] for row in results_in(folder / "c.db")].count("skipped") == 1
    assert token not in ended.out + ended.err


def read_token(folder: Path) -> str:
    """Return the token in its file, which nobody else may read."""
    path = folder / "token"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    return path.read_text().strip()


async def test_no_terminal(folder: Path, pabx: FakePABX) -> None:
    """Where a token would end in a log there is none, and the page takes no orders."""
    write_config(folder / "digitro.toml", pabx.base_url, rate=1)
    write_contacts(folder / "c.csv", 50)
    async with aiohttp.ClientSession() as session:
        with start(*DIAL, *SERVE[:2]) as running:
            url = await url_of(running)
            status, said = await order(session, url, "", order="pause", pabx="matriz")
            running.process.terminate()
            await asyncio.to_thread(running.end)

    assert (status, said) == (403, {"error": "no_orders"})


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("--serve", "here"), "--serve must be an address and a port"),
        (("--token-file", "token"), "give --serve too"),
        (("--serve", "203.0.113.1:80"), "no page can be served at"),
    ],
)
def test_bad_place(
    folder: Path, pabx: FakePABX, capsys: Capture, words: tuple[str, ...], problem: str
) -> None:
    """A page that can't be served is said before anybody is called."""
    write_config(folder / "digitro.toml", pabx.base_url)
    write_contacts(folder / "c.csv", 1)
    ran = run_here(capsys, *DIAL, *words)

    assert ran.code == 2
    assert problem in ran.err
    assert pabx.posts == 0


async def test_dashboard(folder: Path, pabx: FakePABX) -> None:
    """The page of a ledger that nobody dials shows it, and takes no orders."""
    write_config(folder / "digitro.toml", pabx.base_url)
    write_contacts(folder / "c.csv", 3)
    with start(*DIAL) as running:
        await asyncio.to_thread(running.end)
    async with aiohttp.ClientSession() as session:
        with start(
            "dashboard", "--ledger", "c.db", "--serve", "127.0.0.1:0"
        ) as running:
            url = await url_of(running)
            events = await newest_events(session, url)
            status, said = await order(session, url, "", order="pause", pabx="matriz")
            running.process.terminate()
            ended = await asyncio.to_thread(running.end)

    assert json.loads(events["facts"])["dials"] == ""
    assert ">3<" in json.loads(events["view"])["sections"][0]["html"]
    assert (status, said) == (403, {"error": "no_orders"})
    assert ended.code == 0


async def test_dashboard_of_a_dial(folder: Path, pabx: FakePABX) -> None:
    """The page of a ledger shows who dials it in another process."""
    write_config(folder / "digitro.toml", pabx.base_url, rate=1)
    write_contacts(folder / "c.csv", 100)
    words = ("dashboard", "--ledger", "c.db", "--serve", "127.0.0.1:0")
    async with aiohttp.ClientSession() as session:
        with start(*DIAL, *SERVE) as dialling:
            await url_of(dialling)
            with start(*words) as running:
                url = await url_of(running)
                facts = json.loads((await newest_events(session, url))["facts"])
            dialling.process.terminate()
            await asyncio.to_thread(dialling.end)

    assert facts["dials"].endswith(f":{dialling.process.pid}")
    assert [one["name"] for one in facts["pabx"]] == ["matriz"]
