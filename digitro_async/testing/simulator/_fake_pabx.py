"""A simulated PABX: a real HTTP server that remembers every call it received."""

import asyncio
from collections.abc import Collection, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from digitro_async.errors import ConfigurationError
from digitro_async.models import PABX
from digitro_async.protocol._names import PREDICTIVE_CALL_PATH
from digitro_async.settings import RateLimit
from digitro_async.testing.simulator._fault_plan import FaultPlan
from digitro_async.testing.simulator._http_server import Listener
from digitro_async.testing.simulator._readings import Readings
from digitro_async.testing.simulator._received_calls import Record
from digitro_async.testing.simulator._request_handler import (
    Latency,
    RequestHandler,
    is_seconds,
)
from digitro_async.testing.simulator._request_validator import RequestValidator

__all__ = ["FakePABX"]


class FakePABX(Readings):
    """Speaks the vendor's documented wire strictly, on a real port.

    ::

        async with FakePABX(latency=0.02) as pabx:
            async with DigitroClient(pabx.settings()) as client:
                await client.make_predictive_call(call)
            assert pabx.accepted == 1

    What the vendor documents is the path, the ``x-api-key`` header, the 13 text
    fields, the 200 and its ``ID_CHAMADA``, and that 400, 401, 403 and 500 exist. All
    else is a GUESS of this simulator: 404 for another channel or path, 405 for another
    method, 413 for a body over 1 MiB, 429, 403 for a wrong device password, which
    mistake gets 400, every error body, and the meaning of the parts of a call id.

    A call counts as placed at the moment its request has been read, before any latency.

    Args:
        host: Address to listen on.
        port: Port to listen on; 0 takes a free one.
        channel_id: The channel that is open.
        api_key: The key that is valid.
        forbidden_keys: Keys that get 403 instead of 401.
        device_passwords: Password of each device; None takes any.
        latency: Seconds before each answer, or a function that draws them.
        rate: Cap that is checked: see ``over_cap``.
        throttle: Whether the cap is enforced too, with 429 and Retry-After.
        faults: What goes wrong.
        record_path: File that gets a line of JSON for every POST, passwords masked;
            it is added to, and readable by its owner only.
        keep_record: Whether ``calls`` is kept; False for millions of calls.
        seed: Seed of the latency's chance.
        idle_timeout: Seconds after which a connection without requests is closed.

    Attributes:
        host: Address it listens on.
        rate: Cap that is checked.

    Raises:
        ConfigurationError: If a value can't be used.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        channel_id: int = 1,
        api_key: str = "demo-key",
        forbidden_keys: Collection[str] = (),
        device_passwords: Mapping[str, str] | None = None,
        latency: Latency = 0.0,
        rate: RateLimit | None = None,
        throttle: bool = False,
        faults: FaultPlan | None = None,
        record_path: str | Path | None = None,
        keep_record: bool = True,
        seed: int = 0,
        idle_timeout: float = 75.0,
    ) -> None:
        if not is_seconds(idle_timeout) or not idle_timeout:
            raise ConfigurationError("idle_timeout must be seconds above 0")
        if throttle and rate is None:
            raise ConfigurationError("throttle needs a rate")
        self.host = host
        self.rate = rate
        self._port = port
        self._idle_timeout = idle_timeout
        self._listener: Listener | None = None
        self._record = Record(
            keep=keep_record, path=None if record_path is None else Path(record_path)
        )
        self._judge = RequestValidator(
            channel_id=channel_id,
            api_key=api_key,
            forbidden_keys=forbidden_keys,
            device_passwords=device_passwords,
        )
        self._handler = RequestHandler(
            self._judge,
            self._record,
            faults=(faults or FaultPlan()).decisions(),
            latency=latency,
            seed=seed,
            cap=rate if throttle else None,
        )

    def __repr__(self) -> str:
        return f"<FakePABX {self.host}:{self._port} posts={self.posts}>"

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def start(self) -> Self:
        """Begin to listen; afterwards ``port`` and ``base_url`` are known.

        Raises:
            ConfigurationError: If it is running.
            OSError: If the port or the record's file can't be had.
        """
        if self._listener is not None:
            raise ConfigurationError("the simulator is running")
        self._record.open()
        self._listener = Listener(self._handler, self._idle_timeout)
        try:
            await self.resume_listening()
        except OSError:
            self._record.close()
            self._listener = None
            raise
        return self

    async def aclose(self) -> None:
        """End every connection within a second; what was recorded stays."""
        if self._listener is not None:
            await self._listener.aclose()
            self._record.close()
            self._listener = None

    async def serve_forever(self) -> None:
        """Start if it is not running, serve until cancelled, and close."""
        if self._listener is None:
            await self.start()
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            await self.aclose()

    async def stop_listening(self) -> None:
        """Refuse new connections; open ones are served on.

        Raises:
            ConfigurationError: If it is not running.
        """
        await self._running().stop()

    async def resume_listening(self) -> None:
        """Listen again, on the port it had.

        Raises:
            ConfigurationError: If it is not running.
            OSError: If the port can't be had.
        """
        self._port = await self._running().listen(self.host, self._port)

    def set_faults(self, faults: FaultPlan | None) -> None:
        """Go by another plan from the next request on; ordinals go on counting."""
        self._handler.faults = (faults or FaultPlan()).decisions()

    async def wait_for_posts(self, posts: int) -> None:
        """Return as soon as that many POSTs have been received in all."""
        await self._record.wait_for(posts)

    def _running(self) -> Listener:
        if self._listener is None:
            raise ConfigurationError("the simulator is not running")
        return self._listener

    @property
    def port(self) -> int:
        """The port; 0 before a free one was taken."""
        return self._port

    @property
    def base_url(self) -> str:
        """What a client calls the base URL."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self._port}"

    @property
    def url(self) -> str:
        """Where predictive calls are posted to."""
        path = PREDICTIVE_CALL_PATH.format(channel_id=self._judge.channel_id)
        return self.base_url + path

    def settings(self, **changes: Any) -> PABX:
        """Return what a client needs to reach it.

        Args:
            changes: Fields of ``PABX`` that shall differ.
        """
        settings: dict[str, Any] = {
            "name": "simulator",
            "base_url": self.base_url,
            "channel_id": self._judge.channel_id,
            "api_key": self._judge.api_key,
            "rate": self.rate,
        }
        return PABX(**settings | changes)
