"""No result is lost though its sender is killed, and the receiver fails as often."""

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from command_line import write_config
from ledgers import accept, an_end, claim, contacts, end_call, intend, lose
from result_feeds import forget_position, read_all
from webhook_receiver import SECRET, WebhookReceiver

from digitro_async import Disposition
from digitro_async.ledger import Ledger, SQLiteLedger, open_result_feed

WORDS = ("-m", "digitro_async", "webhook", "--ledger", "c.db", "--follow")
SECRET_NAME = "DIGITRO_WEBHOOK_SECRET"


def webhook_table(url: str, batch: int) -> str:
    """Return the table that names a receiver."""
    return (
        f'[webhook]\nurl = "{url}"\nsecret_env = "{SECRET_NAME}"\n'
        f"batch = {batch}\nlongest_wait = 0.01\n"
    )


async def add_results(ledger: Ledger, numbers: Sequence[int]) -> None:
    """Record what became of some calls, and of their ends."""
    for number in numbers:
        await intend(ledger, number, "one", 1_800_000_000.0 + number)
        if number % 7 == 0:
            await lose(ledger, number)
            continue
        await accept(ledger, number, str(number))
        await end_call(ledger, number, an_end(Disposition.ANSWERED, str(number)))


async def kill_again_and_again(folder: Path, kills: int, between: int) -> None:
    """Kill senders while results come and go, and look at what was received."""
    count = (kills + 2) * between
    async with (
        SQLiteLedger(folder / "c.db", synchronous="OFF") as ledger,
        WebhookReceiver(failing=0.3, seed=kills) as receiver,
    ):
        table = webhook_table(receiver.url, batch=5)
        write_config(folder / "digitro.toml", "http://127.0.0.1:9", more=table)
        await ledger.add(contacts(count))
        numbers = [one.number for one in await claim(ledger, count)]
        for kill in range(kills):
            child = await _sender(folder)
            await add_results(ledger, numbers[kill * between : (kill + 1) * between])
            await receiver.wait_for_posts(len(receiver.posts) + 3 + kill % 5)
            child.kill()
            await child.wait()
        await add_results(ledger, numbers[kills * between :])
        child = await _sender(folder)
        await receiver.wait_for_results(await _results_of(ledger, numbers))
        child.terminate()
        _, said = await child.communicate()
        forget_position(folder / "c.db")
        async with open_result_feed(folder / "c.db") as feed:
            every = await read_all(feed)

    assert set(receiver.taken) == {one.id for one in every}
    assert len(every) == len({one.id for one in every})
    assert max(receiver.taken.values()) > 1  # what tells them apart was needed
    assert receiver.refused == []
    assert child.returncode == 0
    assert b"canary" not in said
    assert str(receiver.port).encode() not in said


async def _sender(folder: Path) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, *WORDS),
        cwd=folder,
        env={**os.environ, SECRET_NAME: SECRET},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )


async def _results_of(ledger: Ledger, numbers: Sequence[int]) -> int:
    unknown = sum(number % 7 == 0 for number in numbers)
    return unknown + 2 * (len(numbers) - unknown)


async def test_killed(tmp_path: Path) -> None:
    """Two kills and a receiver that fails 3 in 10 POSTs: every result is taken."""
    await kill_again_and_again(tmp_path, kills=2, between=30)


@pytest.mark.long
async def test_killed_for_long(tmp_path: Path) -> None:
    """The same holds after forty kills."""
    await kill_again_and_again(tmp_path, kills=40, between=100)
