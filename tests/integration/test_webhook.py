"""Results reach a receiver, each at least once, whatever goes wrong on the way."""

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Self

import attrs
import pytest
from helpers import until
from ledgers import NOW, accept, an_end, end_call, open_intents
from webhook_receiver import SECRET, WebhookReceiver

from digitro_async import Disposition, LedgerError
from digitro_async.ledger import Ledger, ResultPage, SQLiteLedger, open_result_feed
from digitro_async.webhook import WebhookSender
from digitro_async.webhook_settings import WebhookSettings


@pytest.fixture
async def receiver() -> AsyncIterator[WebhookReceiver]:
    """Run a receiver that takes everything."""
    async with WebhookReceiver() as receiver:
        yield receiver


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[Ledger]:
    """Open a ledger in which twelve calls were accepted."""
    async with SQLiteLedger(tmp_path / "c.db", synchronous="OFF") as ledger:
        await open_intents(ledger, 12)
        for number in range(1, 13):
            await accept(ledger, number, str(number))
        yield ledger


def sender_to(
    receiver: WebhookReceiver, folder: Path, **given: object
) -> WebhookSender:
    """Return a sender of that ledger's results that tries again at once."""
    values = {"url": receiver.url, "secret": SECRET, "longest_wait": 0.01, **given}
    settings = WebhookSettings(**values)  # type: ignore[arg-type]  # of a test
    return WebhookSender(open_result_feed(folder / "c.db"), settings)


async def test_results(
    receiver: WebhookReceiver, ledger: Ledger, tmp_path: Path
) -> None:
    """Outcomes and ends come signed, in order, with their seconds and the own id."""
    heard: dict[str, Any] = {
        "rang_at": NOW + 2,
        "answered_at": NOW + 5,
        "ended_at": NOW + 65,
    }
    await end_call(ledger, 1, an_end(Disposition.ANSWERED, **heard))
    async with sender_to(receiver, tmp_path, batch=5) as sender:
        assert await sender.finish(60)

    rows = [one for batch in receiver.batches for one in batch]
    assert [len(batch) for batch in receiver.batches] == [5, 5, 3]
    assert [row["contact"] for row in rows] == [
        *(f"#{number}" for number in range(1, 13)),
        "#1",
    ]
    assert {**rows[0], "result_id": ""} == {
        "result_id": "",
        "kind": "outcome",
        "campaign": None,
        "contact": "#1",
        "id": "C1",
        "pabx": "one",
        "call_id": "1",
        "state": "accepted",
        "reason": None,
        "evidence": None,
        "settled_at": "2027-01-15T08:00:01.000Z",
    }
    assert (rows[-1]["disposition"], rows[-1]["ring_seconds"]) == ("answered", 3)
    assert rows[-1]["talk_seconds"] == 60
    assert receiver.refused == []
    assert sender.status.delivered == 13


async def test_as_they_come(
    receiver: WebhookReceiver, ledger: Ledger, tmp_path: Path
) -> None:
    """What the ledger learns while results are sent is sent, too."""
    async with sender_to(receiver, tmp_path):
        await receiver.wait_for_results(12)
        await end_call(ledger, 3, an_end(Disposition.BUSY, "3"))
        await receiver.wait_for_results(13)

    assert receiver.batches[-1][0]["disposition"] == "busy"


@pytest.mark.parametrize("status", [301, 307, 400, 410, 429, 500, 503])
async def test_any_refusal(
    receiver: WebhookReceiver, ledger: Ledger, tmp_path: Path, status: int
) -> None:
    """What is answered by anything but 2xx is sent again under the same id."""
    receiver.answers = [status] * 3
    receiver.headers = {"Location": "/elsewhere"}
    async with sender_to(receiver, tmp_path) as sender:
        assert await sender.finish(60)

    assert len(receiver.posts) == 4
    assert len({one["webhook-id"] for one in receiver.posts}) == 1
    assert set(receiver.taken.values()) == {1}
    assert len(receiver.taken) == 12


async def test_failing_receiver(
    ledger: Ledger, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A receiver that fails one POST in three gets everything, and can tell repeats."""
    async with WebhookReceiver(failing=0.3, seed=3) as receiver:
        for number in range(1, 13):
            await end_call(ledger, number, an_end(Disposition.BUSY, str(number)))
        async with sender_to(receiver, tmp_path, batch=1) as sender:
            assert await sender.finish(60)

    assert len(receiver.taken) == 24
    assert max(receiver.taken.values()) > 1
    assert len(receiver.posts) > 24
    assert "canary" not in caplog.text
    assert str(receiver.port) not in caplog.text


async def test_goes_on(
    receiver: WebhookReceiver, ledger: Ledger, tmp_path: Path
) -> None:
    """The next sender goes on where the last one was, and begins nothing anew."""
    async with sender_to(receiver, tmp_path, batch=4) as sender:
        assert await sender.finish(60)
    await end_call(ledger, 2, an_end(Disposition.BUSY, "2"))
    async with sender_to(receiver, tmp_path) as again:
        assert await again.finish(60)

    assert set(receiver.taken.values()) == {1}
    assert (sender.status.delivered, again.status.delivered) == (12, 1)


async def test_no_answer(
    receiver: WebhookReceiver, ledger: Ledger, tmp_path: Path
) -> None:
    """A receiver that does not answer in time gets the same again."""
    receiver.is_mute = True
    async with sender_to(receiver, tmp_path, timeout=0.2) as sender:
        await receiver.wait_for_posts(1)
        receiver.is_mute = False
        assert await sender.finish(60)

    assert len(receiver.taken) == 12


async def test_nobody_there(ledger: Ledger, tmp_path: Path) -> None:
    """Nothing is lost while nobody listens, and it is said once that nobody does."""
    async with WebhookReceiver() as receiver:
        port = receiver.port
    async with sender_to(receiver, tmp_path) as sender:
        await until(lambda: sender.status.posts > 3)
        assert not await sender.finish(0.01)
        assert sender.status.problem == "connect_failed"
        async with WebhookReceiver(port=port) as receiver:
            assert await sender.finish(60)

    assert len(receiver.taken) == 12
    assert sender.status.problem == ""


async def test_retry_after(
    receiver: WebhookReceiver, ledger: Ledger, tmp_path: Path
) -> None:
    """A receiver that asks to wait longer than is ever waited is asked after that."""
    receiver.answers, receiver.headers = [503], {"Retry-After": "3600"}
    async with sender_to(receiver, tmp_path) as sender:
        assert await sender.finish(60)

    assert len(receiver.posts) == 2


class _FailingFeed:
    """A feed that fails every third time."""

    def __init__(self, path: Path) -> None:
        self._feed = open_result_feed(path)
        self._asked = 0

    async def __aenter__(self) -> Self:
        await self._feed.__aenter__()
        return self

    async def __aexit__(self, *given: object) -> None:
        await self._feed.__aexit__(None, None, None)

    @property
    def is_elsewhere(self) -> bool:
        """Whether another process hands the results on."""
        return self._feed.is_elsewhere

    async def read(self, most: int) -> ResultPage | None:
        """Return the next results, or fail."""
        self._fail_sometimes()
        return await self._feed.read(most)

    async def confirm(self, page: ResultPage) -> None:
        """Confirm a page, or fail."""
        self._fail_sometimes()
        await self._feed.confirm(page)

    def _fail_sometimes(self) -> None:
        self._asked += 1
        if self._asked % 3 == 0:
            raise LedgerError("the disk failed", reason="unreadable")


async def test_failing_ledger(
    receiver: WebhookReceiver,
    ledger: Ledger,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A ledger that can't be read now and then is read again, and nothing is lost."""
    settings = WebhookSettings(
        url=receiver.url, secret=SECRET, longest_wait=0.01, batch=3
    )
    async with WebhookSender(_FailingFeed(tmp_path / "c.db"), settings):
        await receiver.wait_for_results(12)

    assert len(receiver.taken) == 12
    assert "the disk failed" in caplog.text


async def test_ledger_that_was_set_back(
    receiver: WebhookReceiver, tmp_path: Path
) -> None:
    """An older state of a ledger is handed on anew, and its repeats can be told."""
    path = tmp_path / "c.db"
    async with SQLiteLedger(path, synchronous="OFF") as ledger:
        await open_intents(ledger, 3)
        await accept(ledger, 1, "1")
    older = path.read_bytes()
    async with SQLiteLedger(path, synchronous="OFF") as ledger:
        await accept_again(ledger)
        async with sender_to(receiver, tmp_path) as sender:
            assert await sender.finish(60)
    known = set(receiver.taken)
    path.write_bytes(older)
    forget_lock(path)
    async with (
        SQLiteLedger(path, synchronous="OFF"),
        sender_to(receiver, tmp_path) as sender,
    ):
        assert await sender.finish(60)

    assert sender.status.delivered == 3
    assert len(set(receiver.taken) & known) >= 1
    assert max(receiver.taken.values()) == 2


def forget_lock(path: Path) -> None:
    """Delete the file in which the ledger's owner left a mark."""
    path.with_name(f"{path.name}.lock").unlink()


async def accept_again(ledger: Ledger) -> None:
    """Add what an older state does not have."""
    await ledger.reconcile(2, accepted=True, evidence="later", now=NOW + 100_000)
    await ledger.reconcile(3, accepted=True, evidence="later", now=NOW + 100_000)


async def test_nothing_stays_behind(
    receiver: WebhookReceiver, ledger: Ledger, tmp_path: Path
) -> None:
    """A sender that is cut off leaves no task, thread or connection behind."""
    receiver.is_mute = True
    before = len(asyncio.all_tasks())
    async with sender_to(receiver, tmp_path):
        await receiver.wait_for_posts(1)
    await receiver.__aexit__(None, None, None)

    await until(lambda: len(asyncio.all_tasks()) <= before)


def test_shows_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """The settings show neither the URL nor the secret."""
    settings = WebhookSettings(url="https://crm.example/x?canary", secret=SECRET)
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("digitro_async").debug("%r %s", settings, settings)

    assert "crm.example" not in caplog.text
    assert "canary" not in caplog.text
    assert SECRET[-20:] not in str(attrs.asdict(settings))
