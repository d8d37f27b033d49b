"""A simulated PABX: a real HTTP server with a record of every call it received."""

import asyncio
import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, ClassVar

from digitro_async.control_commands import COMMAND_NAMES, problem_of_path
from digitro_async.errors import ConfigurationError
from digitro_async.models import PABX, PredictiveCall
from digitro_async.protocol._names import PREDICTIVE_CALL_PATH
from digitro_async.settings import RateLimit
from digitro_async.testing._listening import ListeningServer
from digitro_async.testing.simulator._fault_plan import FaultPlan
from digitro_async.testing.simulator._http_server import HTTPListener
from digitro_async.testing.simulator._received_calls import (
    OverCap,
    ReceivedCall,
    ReceivedCalls,
    Summary,
)
from digitro_async.testing.simulator._request_handler import (
    RequestHandler,
    ResponseTime,
    is_seconds,
)
from digitro_async.testing.simulator._request_validator import RequestValidator

__all__ = ["FakePABX"]


def _bodies_of(answers: Mapping[str, Any]) -> dict[str, bytes]:
    """Return the bodies of answers to commands, by their names or paths.

    Raises:
        ConfigurationError: If a name is neither, or an answer is no JSON.
    """
    bodies: dict[str, bytes] = {}
    for name, answer in answers.items():
        is_known = name in COMMAND_NAMES
        if name == PredictiveCall.command or (not is_known and problem_of_path(name)):
            raise ConfigurationError(
                "answers must be by the names of commands that are no calls, or paths"
            )
        try:
            bodies[name] = json.dumps(answer, allow_nan=False).encode()
        except (TypeError, ValueError):
            bodies[name] = b""
        if not bodies[name]:
            raise ConfigurationError("answers must be JSON")
    return bodies


class FakePABX(ListeningServer):
    """Speaks the vendor's documented wire strictly, on a real port.

    ::

        async with FakePABX(latency=0.02) as pabx:
            async with DigitroClient(pabx.settings()) as client:
                await client.make_predictive_call(call)
            assert pabx.accepted == 1

    The vendor documents the path, the ``x-api-key`` header, the 13 text fields, the
    200 and its ``ID_CHAMADA``, path and fields of three further commands, and that 400,
    401, 403 and 500 exist. All else is a GUESS of this simulator: 404 for another
    channel or path, 405 for another method, 413 for a body over 1 MiB, 429, 403 for a
    wrong device password, which mistake gets 400, every error body, and the meaning of
    the parts of a call id. A changed password changes nothing here.

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
        faults: The rules by which it misbehaves.
        record_path: File to which a line of JSON is added for every POST, passwords
            masked; readable by its owner only.
        keep_record: Whether ``calls`` is kept; False for millions of calls.
        seed: Seed of the latency's chance.
        idle_timeout: Seconds after which a connection without requests is closed.
        answers: Answers to commands that are no calls: JSON by the name of a command,
            or by its path as ``client.command`` takes it. A path that no page of the
            vendor shows is known only where it stands here. The documented commands
            are answered with an empty object otherwise; for ``queue_redirect`` that is
            a GUESS.

    Attributes:
        host: Address it listens on.
        rate: Cap that is checked.

    Raises:
        ConfigurationError: If a value can't be used.
    """

    _TITLE: ClassVar = "simulator"

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        channel_id: int = 1,
        api_key: str = "demo-key",
        forbidden_keys: Collection[str] = (),
        device_passwords: Mapping[str, str] | None = None,
        latency: ResponseTime = 0.0,
        rate: RateLimit | None = None,
        throttle: bool = False,
        faults: FaultPlan | None = None,
        record_path: str | Path | None = None,
        keep_record: bool = True,
        seed: int = 0,
        idle_timeout: float = 75.0,
        answers: Mapping[str, Any] | None = None,
    ) -> None:
        if not is_seconds(idle_timeout) or not idle_timeout:
            raise ConfigurationError("idle_timeout must be seconds above 0")
        if throttle and rate is None:
            raise ConfigurationError("throttle needs a rate")
        bodies = _bodies_of({} if answers is None else answers)
        super().__init__(host, port)
        self.rate = rate
        self._idle_timeout = idle_timeout
        self._listener: HTTPListener | None = None
        self._received = ReceivedCalls(
            keep=keep_record, path=None if record_path is None else Path(record_path)
        )
        self._validator = RequestValidator(
            channel_id=channel_id,
            api_key=api_key,
            forbidden_keys=forbidden_keys,
            device_passwords=device_passwords,
            other_paths=[name for name in bodies if name not in COMMAND_NAMES],
        )
        self._handler = RequestHandler(
            self._validator,
            self._received,
            faults=(faults or FaultPlan()).decisions(),
            latency=latency,
            seed=seed,
            cap=rate if throttle else None,
            answers=bodies,
        )

    def __repr__(self) -> str:
        return f"<FakePABX {self.host}:{self._port} posts={self.posts}>"

    async def _open(self) -> int:
        """Open the record's file and begin to listen."""
        self._received.open()
        listener = HTTPListener(self._handler, self._idle_timeout)
        try:
            port = await listener.listen(self.host, self._port)
        except OSError:
            self._received.close()
            raise
        self._listener = listener
        return port

    async def _close(self) -> None:
        """End every connection within a second."""
        await self._running().aclose()
        self._received.close()
        self._listener = None

    async def serve_forever(self) -> None:
        """Start if it is not running, serve until cancelled, and close."""
        if not self._is_running:
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
        """Follow another plan from the next request on; ordinals go on counting."""
        self._handler.faults = (faults or FaultPlan()).decisions()

    async def wait_for_posts(self, posts: int) -> None:
        """Wait until that many POSTs have been received in all."""
        await self._received.wait_for(posts)

    @property
    def url(self) -> str:
        """The URL that predictive calls are posted to."""
        path = PREDICTIVE_CALL_PATH.format(channel_id=self._validator.channel_id)
        return self.base_url + path

    def settings(self, **changes: Any) -> PABX:
        """Return the settings of a client for this simulator.

        Args:
            changes: Fields of ``PABX`` with other values.

        Raises:
            ConfigurationError: If it was not started, so that it has no port yet.
            WrongLoopError: If its event loop does not run while that of the client
                does, so that it could not answer.
        """
        self._check_has_port()
        settings: dict[str, Any] = {
            "name": "simulator",
            "base_url": self.base_url,
            "channel_id": self._validator.channel_id,
            "api_key": self._validator.api_key,
            "rate": self.rate,
        }
        return PABX(**settings | changes)

    @property
    def calls(self) -> list[ReceivedCall]:
        """Every POST received, in order.

        Raises:
            ConfigurationError: If ``keep_record`` is off.
        """
        return self._received.calls

    @property
    def posts(self) -> int:
        """POSTs received whole."""
        return self._received.posts

    @property
    def accepted(self) -> int:
        """POSTs answered with a whole and true 200."""
        return self._received.accepted

    @property
    def placed(self) -> int:
        """POSTs whose phone would have rung, whatever was answered."""
        return self._received.placed

    @property
    def record_problem(self) -> str:
        """Why the file at ``record_path`` lacks POSTs; empty where it has them all."""
        return self._received.file_problem

    @property
    def connections(self) -> int:
        """TCP connections accepted."""
        return self._handler.connections

    @property
    def over_cap(self) -> list[OverCap]:
        """POSTs that came while the cap was used up; empty without a cap."""
        return self._received.over_cap(self.rate)

    def windows(self, per: float = 1.0) -> list[int]:
        """Count for each POST those in the window that ends with it.

        A window is half-open: of two POSTs ``per`` seconds apart only one is in it.

        Args:
            per: Length of the window in seconds.
        """
        return self._received.windows(per)

    def worst_window(self, per: float = 1.0) -> int:
        """Return the most POSTs in any sliding window.

        Args:
            per: Length of the window in seconds.
        """
        return max(self.windows(per), default=0)

    def summary(self) -> Summary:
        """Return the counts so far."""
        return self._received.summary(self.rate, self.connections)

    def _running(self) -> HTTPListener:
        if self._listener is None:
            raise ConfigurationError("the simulator is not running; start it first")
        return self._listener
