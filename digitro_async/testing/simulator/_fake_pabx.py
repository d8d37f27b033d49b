"""A simulated PABX: a real HTTP server with a record of every call it received."""

import asyncio
import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, ClassVar

from digitro_async.control_commands import COMMAND_NAMES, problem_of_path
from digitro_async.errors import ConfigurationError
from digitro_async.event_settings import EventChannelSettings
from digitro_async.models import PABX, PredictiveCall
from digitro_async.protocol._names import PREDICTIVE_CALL_PATH
from digitro_async.settings import RateLimit
from digitro_async.testing._listening import ListeningServer
from digitro_async.testing.simulator._call_script import CallScript
from digitro_async.testing.simulator._event_delivery import EventDelivery
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
from digitro_async.testing.simulator._simulated_events import SimulatedEvents

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
        faults: The rules by which it misbehaves, its event channel too.
        events: How its event channel is opened and what its events look like; None for
            no event channel. With it, ``channel_id`` is the id of the first channel
            that a client opens, and none is open before.
        call_script: What becomes of calls, told by events.
        event_delivery: How its event channel behaves where ``events`` says nothing.
        record_path: File to which a line of JSON is added for every POST, passwords
            masked; readable by its owner only.
        keep_record: Whether ``calls`` and ``event_side.courses`` are kept; False for
            millions of calls.
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
        events: EventChannelSettings | None = None,
        call_script: CallScript | None = None,
        event_delivery: EventDelivery | None = None,
        record_path: str | Path | None = None,
        keep_record: bool = True,
        seed: int = 0,
        idle_timeout: float = 75.0,
        answers: Mapping[str, Any] | None = None,
    ) -> None:
        _check(idle_timeout, rate, throttle=throttle)
        bodies = _bodies_of({} if answers is None else answers)
        super().__init__(host, port)
        self.rate = rate
        self._idle_timeout = idle_timeout
        self._listener: HTTPListener | None = None
        record = None if record_path is None else Path(record_path)
        self._received = ReceivedCalls(keep=keep_record, path=record)
        decisions = (faults or FaultPlan()).decisions()
        self._channel_id = channel_id
        self._event_settings = events
        self._events = _event_side(
            events,
            call_script,
            event_delivery,
            first_id=channel_id,
            keep=keep_record,
            faults=decisions,
            count_fault=self._received.count_fault,
        )
        self._validator = RequestValidator(
            open_channels=self._events.open_ids if self._events else {channel_id},
            dead_id_status=self._events.dead_id_status if self._events else 404,
            api_key=api_key,
            forbidden_keys=forbidden_keys,
            device_passwords=device_passwords,
            other_paths=[name for name in bodies if name not in COMMAND_NAMES],
        )
        self._handler = RequestHandler(
            self._validator,
            self._received,
            faults=decisions,
            events=self._events,
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
        if self._events is not None:
            self._events.close()
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
        if self._events is not None:
            self._events.faults = self._handler.faults

    async def wait_for_posts(self, posts: int) -> None:
        """Wait until that many POSTs have been received in all."""
        await self._received.wait_for(posts)

    @property
    def url(self) -> str:
        """The URL that predictive calls are posted to, over its newest channel."""
        channel_id = self._channel_id
        if self._events is not None and self._events.open_ids:
            channel_id = max(self._events.open_ids)
        path = PREDICTIVE_CALL_PATH.format(channel_id=channel_id)
        return self.base_url + path

    def settings(self, **changes: Any) -> PABX:
        """Return the settings of a client for this simulator.

        With events they say how its channel is opened, and give no channel id.

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
            "channel_id": self._channel_id,
            "api_key": self._validator.api_key,
            "rate": self.rate,
        }
        if self._event_settings is not None:
            settings |= {"channel_id": None, "events": self._event_settings}
        return PABX(**settings | changes)

    @property
    def event_side(self) -> SimulatedEvents:
        """Its event channels, and its own record of what became of calls.

        Raises:
            ConfigurationError: If it has no event channel.
        """
        if self._events is None:
            raise ConfigurationError("the simulator has no events: give it some")
        return self._events

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


def _check(idle_timeout: float, rate: RateLimit | None, *, throttle: bool) -> None:
    if not is_seconds(idle_timeout) or not idle_timeout:
        raise ConfigurationError("idle_timeout must be seconds above 0")
    if throttle and rate is None:
        raise ConfigurationError("throttle needs a rate")


def _event_side(
    settings: EventChannelSettings | None,
    script: CallScript | None,
    delivery: EventDelivery | None,
    **shared: Any,
) -> SimulatedEvents | None:
    if settings is not None:
        script, delivery = script or CallScript(), delivery or EventDelivery()
        return SimulatedEvents(settings, script, delivery, **shared)
    if script is not None or delivery is not None:
        raise ConfigurationError("call_script and event_delivery need events")
    return None
