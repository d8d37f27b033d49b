"""WebhookSender: sends the results of a ledger as they come, each at least once.

The position moves only once a receiver has taken what stands before it. So whatever
ends the process, the next one goes on where it stood, and what was taken but not noted
is sent once more, under the same ids.
"""

import asyncio
import contextlib
import random
import time
from types import TracebackType
from typing import Final, Self

import attrs

from digitro_async.errors import LedgerError
from digitro_async.ledger._result_feed_port import ResultFeed, ResultPage
from digitro_async.observe import LOGGER
from digitro_async.webhook._webhook_body import WebhookMessage, message_of
from digitro_async.webhook._webhook_post import WebhookConnection
from digitro_async.webhook._webhook_signature import signed_headers
from digitro_async.webhook_settings import WebhookSettings

__all__ = ["WebhookSender", "WebhookStatus"]

LOOK_SECONDS: Final = 1.0
"""Seconds between two looks at a ledger that has no news."""

_FIRST_WAIT: Final = 1.0


@attrs.define
class WebhookStatus:
    """How far the sending has come.

    Attributes:
        delivered: Results that the receiver took, since this sender began.
        posts: POSTs that were sent.
        problem: Why nothing gets through now, as a code; empty where it does.
        is_elsewhere: Whether another process sends them.
    """

    delivered: int = 0
    posts: int = 0
    problem: str = ""
    is_elsewhere: bool = False


class WebhookSender:
    """Sends results while its block runs, beside whoever dials.

    It has a session of its own, and holds one batch of results at a time. Nothing that
    goes wrong with it reaches a call: it is logged once, and tried again.

    Example::

        feed = open_result_feed("campaign.db")
        async with WebhookSender(feed, settings) as sender:
            ...
            await sender.finish(30)

    Args:
        feed: The results; not entered yet.
        settings: The receiver.

    Attributes:
        status: How far it has come.
    """

    def __init__(self, feed: ResultFeed, settings: WebhookSettings) -> None:
        self._feed, self._settings = feed, settings
        self.status: WebhookStatus = WebhookStatus()
        self._task: asyncio.Task[None] | None = None
        self._woken = asyncio.Event()
        self._looks = 0
        self._looked = asyncio.Condition()

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run(), name="digitro-webhook")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def finish(self, seconds: float) -> bool:
        """Wait until all results are sent that there are now; return whether they are.

        Where another process sends them, they are that one's.

        Args:
            seconds: Most seconds.
        """
        try:
            async with asyncio.timeout(seconds):
                async with self._looked:
                    # The look that goes on may have begun before the last result came.
                    until = self._looks + 2
                    self._woken.set()
                    while self._looks < until:
                        await self._looked.wait()
                        self._woken.set()
        except TimeoutError:
            return False
        return True

    async def _run(self) -> None:
        """Send until it is cancelled, whatever goes wrong."""
        tries = 0
        while True:
            began = self.status.delivered
            try:
                await self._send_all()
            except LedgerError as error:
                self._complain(str(error.args[0]))
            except Exception as error:  # noqa: BLE001 - it never ends a run
                name = type(error).__name__  # its text may hold anything
                self._complain(f"unexpected {name}")
            tries = 0 if self.status.delivered > began else tries + 1
            await self._rest(tries)

    async def _send_all(self) -> None:
        async with WebhookConnection(self._settings) as connection, self._feed as feed:
            while True:
                page = await feed.read(self._settings.batch)
                self.status.is_elsewhere = feed.is_elsewhere
                if page is not None:
                    await self._deliver(connection, page)
                    await feed.confirm(page)
                    self.status.delivered += len(page.results)
                    continue
                self.status.problem = ""
                await self._note_look()
                self._woken.clear()
                # wait_for of Python 3.11 may lose a cancellation that comes just then.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_SECONDS):
                        await self._woken.wait()

    async def _note_look(self) -> None:
        async with self._looked:
            self._looks += 1
            self._looked.notify_all()

    async def _deliver(self, connection: WebhookConnection, page: ResultPage) -> None:
        """Send a page until it is taken."""
        # In a thread: a thousand results are some ten milliseconds of work.
        message = await asyncio.to_thread(message_of, page, time.time())
        tries = 0
        while True:
            problem, wait = await self._try(connection, message)
            if not problem:
                break
            if self.status.problem != problem:
                LOGGER.warning(
                    "results can't be sent to the webhook (%s): they are kept, and "
                    "tried again",
                    problem,
                )
            self.status.problem = problem
            tries += 1
            await self._rest(tries, wait)
        if self.status.problem:
            LOGGER.warning("results are sent to the webhook again")
            self.status.problem = ""

    async def _try(
        self, connection: WebhookConnection, message: WebhookMessage
    ) -> tuple[str, float | None]:
        headers = signed_headers(
            self._settings.secret, message.id, int(time.time()), message.body
        )
        self.status.posts += 1
        answer = await connection.post(message.body, headers)
        return answer.problem, answer.retry_after

    async def _rest(self, tries: int, asked: float | None = None) -> None:
        """Wait before the next try: longer with each, and never in step with others."""
        longest = self._settings.longest_wait
        wait = min(longest, _FIRST_WAIT * 2.0 ** min(tries - 1, 30))
        wait *= random.uniform(0.5, 1.0)
        await asyncio.sleep(max(wait, min(asked or 0.0, longest)))

    def _complain(self, problem: str) -> None:
        if self.status.problem != problem:
            LOGGER.warning("results can't be read for the webhook: %s", problem)
        self.status.problem = problem
