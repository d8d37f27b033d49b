"""A receiver of webhooks that fails as often as a test says, and remembers all."""

import asyncio
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from digitro_async.privacy import Secret
from digitro_async.webhook import WebhookRefusedError, verify_webhook

__all__ = ["SECRET", "WebhookReceiver"]

SECRET = "whsec_" + "Y2FuYXJ5LXNlY3JldC1jYW5hcnktc2VjcmV0"
"""A made-up secret: "canary-secret-canary-secret" in base64."""


class WebhookReceiver:
    """Takes webhooks on a free port of this machine.

    Args:
        failing: Share of the POSTs that it fails. Of these a third is taken and not
            answered, a third is answered by an error, and a third is cut off unread.
        seed: Decides which.
        port: The port; a free one for 0.

    Attributes:
        taken: How often each result was taken, by its id.
        results: Each result that was taken, by its id.
        posts: The headers of each POST.
        refused: Why POSTs were not from the sender.
        answers: Statuses of the next answers; while there are some, nothing else is
            answered.
    """

    def __init__(self, failing: float = 0.0, seed: int = 1, port: int = 0) -> None:
        self._failing, self._port = failing, port
        self._lots = random.Random(seed)
        self.taken: Counter[str] = Counter()
        self.results: dict[str, Mapping[str, Any]] = {}
        self.posts: list[Mapping[str, str]] = []
        self.batches: list[Sequence[Mapping[str, Any]]] = []
        self.refused: list[str] = []
        self.answers: list[int] = []
        self.headers: dict[str, str] = {}
        self.is_mute = False
        self._runner: web.AppRunner | None = None
        self._came = asyncio.Condition()

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=2**22)
        app.router.add_post("/{rest:.*}", self._take)
        self._runner = web.AppRunner(
            app, access_log=None, handler_cancellation=True, shutdown_timeout=0
        )
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port)
        await site.start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    @property
    def port(self) -> int:
        """The port that it listens at."""
        return self._port

    @property
    def url(self) -> str:
        """Where results are sent to; it holds a made-up token."""
        return f"http://127.0.0.1:{self._port}/hook?token=canary-url-token"

    async def wait_for_posts(self, count: int) -> None:
        """Wait until so many POSTs came."""
        async with self._came:
            await self._came.wait_for(lambda: len(self.posts) >= count)

    async def wait_for_results(self, count: int) -> None:
        """Wait until so many different results were taken."""
        async with self._came:
            await self._came.wait_for(lambda: len(self.taken) >= count)

    async def _take(self, request: web.Request) -> web.StreamResponse:
        try:
            return await self._answer(request)
        finally:
            async with self._came:
                self._came.notify_all()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self.posts.append(dict(request.headers))
        async with self._came:
            self._came.notify_all()
        if self.is_mute:
            await asyncio.sleep(3600)
        if self.answers:
            return web.Response(status=self.answers.pop(0), headers=self.headers)
        fault = self._lots.random() / self._failing if self._failing else 1.0
        if fault < 1 / 3:
            return web.Response(status=self._lots.choice((500, 503, 429, 404)))
        if fault < 2 / 3:
            return self._cut_off(request)
        try:
            results = verify_webhook(Secret(SECRET), request.headers, body)
        except WebhookRefusedError as error:
            self.refused.append(error.reason)
            return web.Response(status=401)
        self.batches.append(results)
        for one in results:
            self.taken[one["result_id"]] += 1
            self.results[one["result_id"]] = one
        return self._cut_off(request) if fault < 1 else web.Response(status=204)

    def _cut_off(self, request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response(status=500)
