"""What a client tells of itself, and that nothing of it harms a call."""

import asyncio
import contextvars
import functools
import logging
import time
from collections.abc import Callable
from typing import Any
from unittest import mock

import attrs
import pytest
from dispatch_scene import make_dispatcher
from helpers import (
    API_KEY,
    LOST,
    NOT_SENT,
    ScriptedTransport,
    accepted,
    answered,
    make_call,
    make_pabx,
)
from virtual_time import virtual_time

from digitro_async import (
    ClientEvent,
    ConfigurationError,
    DigitroClient,
    Dispatcher,
    EventKind,
    LedgerError,
    Outcome,
    PauseSettings,
    RetrySettings,
)

SOON = PauseSettings(unknown_run=1, not_sent_run=1, first_pause=10)
ONCE = RetrySettings(max_attempts=1)
PAUSED, RESUMED = EventKind.PAUSED, EventKind.RESUMED
VIOLATION, MISSING = EventKind.PROTOCOL_VIOLATION, EventKind.CHANNEL_MISSING


def listening(
    transport: ScriptedTransport, events: list[ClientEvent], **settings: Any
) -> Dispatcher:
    """Return a dispatcher that is paused soon, and whose events are kept."""
    chosen: dict[str, Any] = {"pause": SOON, "retry": ONCE} | settings
    return make_dispatcher(transport, on_event=events.append, **chosen)


async def submit(dispatcher: Dispatcher, count: int = 1, **options: Any) -> None:
    """Submit calls one after another, and let events be told."""
    for _ in range(count):
        await dispatcher.submit(make_call(), wait_while_paused=True, **options)
    await asyncio.sleep(0)


def shown(events: list[ClientEvent]) -> list[tuple[str, str, str]]:
    """Return kind, reason and cause of each event."""
    return [(event.kind.value, event.reason, event.cause) for event in events]


class TestEvents:
    """Which events there are, and when."""

    @virtual_time
    async def test_a_pause_and_its_end(self) -> None:
        """A pause, each probe that fails and the end of the pause are told once."""
        events: list[ClientEvent] = []
        dispatcher = listening(ScriptedTransport([LOST, NOT_SENT, LOST]), events)
        await submit(dispatcher, 5)

        assert shown(events) == [
            ("paused", "unknown_run", "connection_lost"),
            ("probe_failed", "unknown_run", "connect_failed"),
            ("probe_failed", "unknown_run", "connection_lost"),
            ("resumed", "unknown_run", ""),
        ]
        assert [event.retry_after for event in events] == [10, 20, 40, None]
        assert {event.pabx for event in events} == {"one"}
        assert {event.address for event in events} == {"127.0.0.1:9"}
        assert all(abs(event.time - time.time()) < 60 for event in events)
        assert events[0].text.startswith("PABX one is paused: ")
        assert events[0].text.endswith("; next try in 10 s")
        assert "connection_lost" in events[2].text

    @virtual_time
    async def test_by_hand(self) -> None:
        """A pause by hand and its end are told, and nothing where nothing changes."""
        events: list[ClientEvent] = []
        dispatcher = listening(ScriptedTransport(), events)
        dispatcher.resume()
        dispatcher.pause(reason="lunch")
        dispatcher.pause(reason="lunch")
        dispatcher.resume("one")
        await submit(dispatcher, 3)

        assert shown(events) == [("paused", "lunch", ""), ("resumed", "lunch", "")]
        assert "until resume()" in events[0].text

    @virtual_time
    async def test_another_cause(self) -> None:
        """A pause that gets another cause is told again, with that."""
        events: list[ClientEvent] = []
        dispatcher = listening(ScriptedTransport([LOST, answered(401)]), events)
        await submit(dispatcher, 2)

        assert shown(events) == [
            ("paused", "unknown_run", "connection_lost"),
            ("paused", "status_401", "status_401"),
        ]
        assert events[1].retry_after is None

    @virtual_time
    async def test_a_channel_that_is_not_found(self) -> None:
        """A channel that the PABX does not know is a pause that says what helps."""
        events: list[ClientEvent] = []
        dispatcher = listening(ScriptedTransport([answered(404)]), events)
        await submit(dispatcher)
        dispatcher.set_channel_id(7)
        await submit(dispatcher)

        assert [event.kind for event in events] == [PAUSED, MISSING, RESUMED]
        assert {event.reason for event in events} == {"status_404"}
        assert "set_channel_id" in events[1].text

    @pytest.mark.parametrize("is_expected", [True, False])
    def test_no_channel(self, is_expected: bool) -> None:
        """A PABX without a channel is told of once, where a call first needs it."""

        @virtual_time
        async def run() -> None:
            events: list[ClientEvent] = []
            pabx = attrs.evolve(make_pabx(), channel_id=None)
            dispatcher = listening(ScriptedTransport(), events, pabx=pabx)
            if is_expected:
                dispatcher.set_channel_id(None)
            await submit(dispatcher, 3, max_wait=1)
            dispatcher.set_channel_id(7)
            await submit(dispatcher)

            assert [event.kind for event in events] == [PAUSED, MISSING, RESUMED]
            assert {event.reason for event in events} == {"no_channel"}

        run()

    @virtual_time
    async def test_a_call_id_twice(self) -> None:
        """Each breach of the protocol is told, with its code and without the id."""
        events: list[ClientEvent] = []
        transport = ScriptedTransport(decide=lambda _: accepted("77001"))
        pause = PauseSettings(unknown_run=9)
        dispatcher = listening(transport, events, pause=pause)
        await submit(dispatcher, 4)

        assert (
            shown(events)
            == [("protocol_violation", "repeated_call_id", "repeated_call_id")] * 3
        )
        assert len(events) == dispatcher.statistics().pabx["one"].alarms
        assert "77001" not in repr(events)

    @virtual_time
    async def test_a_ledger(self) -> None:
        """The end of a ledger is told by its code alone: its text may be anybody's."""
        events: list[ClientEvent] = []
        dispatcher = listening(ScriptedTransport(), events)
        for reason in ("disk_full", "of 04832817000!", ""):
            dispatcher.report_ledger(LedgerError("of 04832817000", reason=reason))
        dispatcher.report_ledger(None)
        await asyncio.sleep(0)

        assert shown(events) == [
            ("ledger_failed", "disk_full", ""),
            ("ledger_failed", "failed", ""),
            ("ledger_failed", "failed", ""),
        ]
        assert "0483" not in repr(events)

    @virtual_time
    async def test_calls_that_end_well(self) -> None:
        """Nothing is told of calls that were accepted, rejected or cancelled."""
        events: list[ClientEvent] = []
        transport = ScriptedTransport([answered(400)], latency=1)
        dispatcher = listening(transport, events, pause=PauseSettings())
        await submit(dispatcher, 3)
        task = asyncio.create_task(submit(dispatcher))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])

        assert events == []

    def test_before_the_loop(self) -> None:
        """An event before any loop runs is told at once."""
        events: list[ClientEvent] = []
        listening(ScriptedTransport(), events).pause(reason="early")

        assert shown(events) == [("paused", "early", "")]


class TestFunctions:
    """The functions of programs, good and bad."""

    @pytest.mark.parametrize("bad", [5, "text", [], object()])
    def test_no_function(self, bad: Any) -> None:
        """Whatever can't be called is refused."""
        with pytest.raises(ConfigurationError, match="on_event must be a function"):
            DigitroClient(make_pabx(), on_event=bad)

    def test_what_must_be_awaited(self) -> None:
        """A function that would have to be awaited is refused in all its forms."""

        async def tell(event: ClientEvent) -> None:
            raise AssertionError(event)

        async def generate(event: ClientEvent) -> Any:
            yield event

        class Object:
            async def __call__(self, event: ClientEvent) -> None:
                raise AssertionError(event)

            async def method(self, event: ClientEvent) -> None:
                raise AssertionError(event)

        partial = functools.partial(tell)
        one = Object()
        for bad in (tell, generate, one, one.method, partial, mock.AsyncMock()):
            with pytest.raises(ConfigurationError, match="coroutine function"):
                DigitroClient(make_pabx(), on_event=bad)

    @pytest.mark.parametrize("error", [ValueError, asyncio.CancelledError])
    def test_one_that_raises(
        self, error: type[BaseException], caplog: pytest.LogCaptureFixture
    ) -> None:
        """An error of the function is logged once, by its place, and harms no call."""
        caplog.set_level(logging.ERROR, "digitro_async")

        def fail(event: ClientEvent) -> None:
            raise error(f"04832817000 {event}")

        @virtual_time
        async def run() -> None:
            loop = asyncio.get_running_loop()
            loop.set_exception_handler(lambda *_: None)
            dispatcher = make_dispatcher(
                ScriptedTransport([LOST, LOST]), pause=SOON, on_event=fail
            )
            await submit(dispatcher, 4)

            assert dispatcher.statistics().outcomes[Outcome.ACCEPTED] == 2

        run()

        texts = [one.getMessage() for one in caplog.records if one.name != "asyncio"]
        assert len(texts) == (error is ValueError)
        assert all("ValueError at test_client_events.py:" in text for text in texts)
        assert all("0483" not in text for text in texts)

    @virtual_time
    async def test_one_that_returns_a_coroutine(self) -> None:
        """A coroutine that a function returns is closed, and complained of."""
        made: list[Any] = []

        async def tell() -> None:
            raise AssertionError

        def tell_later(_: ClientEvent) -> Any:
            made.append(tell())
            return made[-1]

        dispatcher = make_dispatcher(
            ScriptedTransport([LOST]), pause=SOON, on_event=tell_later
        )
        await submit(dispatcher, 2)

        assert [one.cr_frame for one in made] == [None, None]

    async def test_one_that_is_slow(self, caplog: pytest.LogCaptureFixture) -> None:
        """A function that keeps the loop busy is complained of once."""
        caplog.set_level(logging.ERROR, "digitro_async")

        def wait(_: ClientEvent) -> None:
            ends = time.monotonic() + 0.51
            while time.monotonic() < ends:
                pass

        dispatcher = make_dispatcher(ScriptedTransport(), on_event=wait)
        dispatcher.pause()
        dispatcher.resume()
        await submit(dispatcher)

        [record] = [one for one in caplog.records if one.name == "digitro_async"]
        assert "took longer than 0.5 s" in record.getMessage()

    @virtual_time
    async def test_one_that_acts(self) -> None:
        """A function may resume what it is told is paused: no call is in the midst."""

        def resume(event: ClientEvent) -> None:
            if event.kind is PAUSED:
                dispatcher.resume(event.pabx)

        transport = ScriptedTransport([LOST] * 3)
        dispatcher = make_dispatcher(transport, pause=SOON, on_event=resume)
        await submit(dispatcher, 4)

        assert asyncio.get_running_loop().time() == 0
        assert len(transport.attempts) == 4

    @virtual_time
    async def test_its_context(self) -> None:
        """An event is told in the context of the client, not of a call."""
        request: contextvars.ContextVar[str] = contextvars.ContextVar("request")
        seen = []
        dispatcher = make_dispatcher(
            ScriptedTransport([LOST]),
            pause=SOON,
            on_event=lambda _: seen.append(request.get("none")),
        )
        request.set("of one call")
        await submit(dispatcher)

        assert seen == ["none"]


def raising(_: logging.LogRecord) -> bool:
    """Fail as a filter of a program may."""
    raise ValueError


class TestLog:
    """What is in the log."""

    @pytest.mark.parametrize(
        ("level", "names"),
        [
            (logging.INFO, ["WARNING", "INFO", "INFO"]),
            (logging.WARNING, ["WARNING"]),
        ],
    )
    def test_levels(
        self, level: int, names: list[str], caplog: pytest.LogCaptureFixture
    ) -> None:
        """Pauses are warnings, the rest of them is information, the event with each."""
        caplog.set_level(level, "digitro_async")
        virtual_time(self._pause)()
        records = [one for one in caplog.records if one.name == "digitro_async"]

        assert [record.levelname for record in records] == names
        assert all(
            vars(record)["client_event"].text == record.getMessage()
            for record in records
        )
        assert API_KEY not in caplog.text

    async def _pause(self) -> None:
        transport = ScriptedTransport([LOST, LOST])
        await submit(make_dispatcher(transport, pause=SOON), 3)

    @pytest.mark.parametrize(
        "listen", [lambda one: one.addFilter(raising), lambda _: None]
    )
    def test_a_logger_that_fails(self, listen: Callable[[Any], None]) -> None:
        """A filter of the program that raises harms no call."""
        logger = logging.getLogger("digitro_async")
        listen(logger)
        try:
            virtual_time(self._pause)()
        finally:
            logger.removeFilter(raising)
