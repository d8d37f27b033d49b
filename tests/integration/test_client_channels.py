"""A client opens the event channel of its PABX, uses its id and follows it."""

import asyncio
import logging
from typing import Any

import attrs
import pytest
from helpers import make_call
from simulated_events import DIALECT, SUBSCRIBED, all_become, dialect

from digitro_async import (
    PABX,
    CallEvent,
    ChannelEvent,
    ChannelNotFoundError,
    ChannelOpened,
    ConfigurationError,
    DigitroClient,
    Disposition,
    EventChannelSettings,
    EventKind,
    Gap,
    PABXPausedError,
    RateWaitTimeoutError,
    RejectedError,
    SessionManager,
    load_event_preset,
)
from digitro_async.events import EventChannels
from digitro_async.testing import (
    EventDelivery,
    EventFaultKind,
    FakePABX,
    Fault,
    FaultPlan,
)

QUICK = {"first_backoff": 0.01, "max_backoff": 0.05, "refused_backoff": 0.05}


async def until(condition: Any, *values: object) -> None:
    """Wait until a condition is true of some values."""
    while not condition(*values):  # noqa: ASYNC110 - of another server
        await asyncio.sleep(0.002)


def has_opened(fake: FakePABX, channels: int) -> bool:
    """Whether the simulator has opened so many channels."""
    return fake.event_side.channels.opened >= channels


def quick(settings: EventChannelSettings = DIALECT, **changes: Any) -> Any:
    """Return settings whose back-offs are short."""
    return attrs.evolve(settings, **{**QUICK, **changes})


async def test_a_call_without_a_channel_id() -> None:
    """Where no id is given, the channel is opened, and its id used by calls."""
    async with FakePABX(events=DIALECT, channel_id=4711) as fake:
        async with DigitroClient(fake.settings()) as client:
            accepted = await client.make_predictive_call(make_call())
            events = client.call_events()
            fake.event_side.drop_channels()

        assert accepted.call_id
        assert "/4711/" in fake.url
        assert fake.posts == fake.accepted == 1
        assert fake.event_side.channels.opened == 1
        assert fake.event_side.open_ids == set()
        assert [one async for one in events] == []


async def test_a_channel_is_closed_with_its_client() -> None:
    """Closing the client closes the channel by the request that is set for that."""
    async with FakePABX(events=DIALECT) as fake:
        async with DigitroClient(fake.settings()) as client:
            await client.make_predictive_call(make_call())
        await until(lambda: not fake.event_side.channels.open)

        assert fake.event_side.channels.most_open == 1


@pytest.mark.parametrize("preset", ["interact-cti", "neo"])
async def test_presets_of_sister_products(preset: str) -> None:
    """The documented sister products run the same call, and tell of its end."""
    settings = quick(load_event_preset(preset))
    script = all_become(Disposition.ENDED, talk=0.01, ring=0.01, dial=0.01, setup=0.01)
    async with (
        FakePABX(events=settings, call_script=script) as fake,
        DigitroClient(fake.settings()) as client,
    ):
        accepted = await client.make_predictive_call(make_call())
        end = await client.call_end(accepted.call_id)

    assert end.disposition is Disposition.ENDED


async def test_subscription_of_a_client() -> None:
    """A channel that wants a subscription gets one before the first call."""
    script = all_become(Disposition.BUSY, setup=0.01, dial=0.01, ring=0.01)
    async with (
        FakePABX(events=quick(SUBSCRIBED), call_script=script) as fake,
        DigitroClient(fake.settings()) as client,
    ):
        accepted = await client.make_predictive_call(make_call())
        end = await client.call_end(accepted.call_id)

    assert end.disposition is Disposition.BUSY


async def test_a_dropped_channel_is_followed() -> None:
    """After a drop calls go over the new id, and programs are told of the gap."""
    told: list[CallEvent | Gap] = []
    async with FakePABX(events=quick(), call_script=all_become(D.BUSY)) as fake:
        async with DigitroClient(fake.settings()) as client:
            events = client.call_events()
            for number in range(5):
                await client.make_predictive_call(make_call())
                if number < 4:
                    fake.event_side.drop_channels()
                    await until(has_opened, fake, number + 2)
        told += [one async for one in events]

        assert fake.accepted >= 5
        assert fake.posts == fake.accepted
        assert fake.event_side.channels.most_open == 1
    gaps = [one for one in told if isinstance(one, Gap)]
    assert [gap.reason for gap in gaps] == ["channel_lost"] * 4


D = Disposition


async def test_a_run_without_trouble_warns_of_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Neither the opening of a channel nor its closing with the client is an event."""
    caplog.set_level(logging.INFO, "digitro_async")
    kinds: list[str] = []
    async with FakePABX(events=DIALECT) as fake:
        async with DigitroClient(
            fake.settings(), on_event=lambda event: kinds.append(event.kind)
        ) as client:
            await client.make_predictive_call(make_call())
        await asyncio.sleep(0)

    assert kinds == []
    assert [one.getMessage() for one in caplog.records] == []


async def test_a_channel_that_can_not_be_opened_warns_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The first failure is a warning with its reason, and further ones are not."""
    caplog.set_level(logging.INFO, "digitro_async")
    refusing = FaultPlan([Fault(EventFaultKind.REFUSE_CHANNEL)])

    def told() -> list[tuple[int, str]]:
        texts = [(one.levelno, one.getMessage()) for one in caplog.records]
        return [one for one in texts if "could not be opened (status_" in one[1]]

    async with (
        FakePABX(events=quick(), faults=refusing) as fake,
        DigitroClient(fake.settings()),
    ):
        await until(lambda: len(told()) >= 3)

    assert [level for level, _ in told()[:3]] == [logging.WARNING, *[logging.INFO] * 2]


async def test_calls_wait_for_a_channel_and_fail_clearly() -> None:
    """Without a channel a call fails after ``max_wait``, and says why."""
    refusing = FaultPlan([Fault(EventFaultKind.REFUSE_CHANNEL)])
    kinds: list[str] = []
    async with FakePABX(events=quick(), faults=refusing) as fake:
        async with DigitroClient(
            fake.settings(), on_event=lambda event: kinds.append(event.kind)
        ) as client:
            with pytest.raises(RateWaitTimeoutError) as caught:
                await client.make_predictive_call(make_call(), max_wait=0.05)
            await until(lambda: EventKind.CHANNEL_MISSING in kinds)
            waiting = asyncio.ensure_future(client.make_predictive_call(make_call()))
            fake.set_faults(None)
            accepted = await waiting

        assert caught.value.reason == "no_channel"
        assert "No event channel opened" in str(caught.value)
        assert "digitro events listen" in str(caught.value)
        assert accepted.call_id
        assert fake.posts == 1
        assert fake.event_side.channels.refused >= 1


@pytest.mark.parametrize("status", [404, 410])
async def test_a_dead_id_is_replaced(status: int) -> None:
    """An answer that says that the id is dead opens another channel; calls wait."""
    settings = quick(dead_id_statuses=[404, 410], read_timeout=None)
    delivery = EventDelivery(dead_id_status=status, max_channels=9, heartbeat=None)
    async with FakePABX(events=settings, event_delivery=delivery) as fake:
        async with DigitroClient(fake.settings()) as client:
            await client.make_predictive_call(make_call())
            client.set_channel_id(99_999)  # as if the PABX had forgotten the other
            with pytest.raises(ChannelNotFoundError) as caught:
                await client.make_predictive_call(make_call())
            client.set_channel_id(None)
            opened = fake.event_side.channels.opened
            fake.event_side.drop_channels()
            await client.make_predictive_call(make_call())

        assert caught.value.status == status
        assert not caught.value.may_have_dialed
        assert fake.event_side.channels.opened > opened


async def test_ids_that_are_all_dead_pause_the_pabx() -> None:
    """Where no id is any good, the fault is another one: somebody has to look."""
    settings = quick(read_timeout=None)
    async with FakePABX(events=settings) as fake:
        async with DigitroClient(fake.settings()) as client:
            for number in range(4):
                await until(has_opened, fake, number + 1)
                await until(lambda: not client.statistics().pabx["simulator"].paused)
                fake.set_faults(FaultPlan([Fault("status", status=404)]))
                with pytest.raises(ChannelNotFoundError):
                    await client.make_predictive_call(make_call())
                fake.set_faults(None)
            with pytest.raises(PABXPausedError):
                await client.make_predictive_call(make_call())

        assert fake.event_side.channels.opened == 4


async def test_an_id_that_is_given_is_kept() -> None:
    """Where an id is given too, the channel is read and commands keep that id."""
    delivery = EventDelivery(max_channels=2)
    async with FakePABX(events=quick(), event_delivery=delivery, channel_id=5) as fake:
        async with (
            DigitroClient(fake.settings()) as first,
            DigitroClient(fake.settings(channel_id=5)) as second,
        ):
            await first.make_predictive_call(make_call())
            await second.make_predictive_call(make_call())
            await until(lambda: fake.event_side.channels.open == 2)

        assert fake.accepted == 2


async def test_pabx_at_one_address_share_a_channel() -> None:
    """Two PABX at one address with one key hold one channel, as licences are few."""
    async with FakePABX(events=quick()) as fake:
        several = [fake.settings(name="a"), fake.settings(name="b")]
        async with DigitroClient(several) as client:
            await client.make_predictive_call(make_call(), pabx="a")
            await client.make_predictive_call(make_call(), pabx="b")

        assert fake.accepted == 2
        assert fake.event_side.channels.opened == 1


async def test_a_client_that_is_not_entered() -> None:
    """A client that is used without ``async with`` opens no channel, and says so."""
    async with FakePABX(events=quick()) as fake:
        client = DigitroClient(fake.settings())
        with pytest.raises(ConfigurationError, match="channel_id"):
            await client.make_predictive_call(make_call())
        await client.aclose()

        assert fake.event_side.channels.opened == 0


async def test_a_shared_manager_that_is_closed_first() -> None:
    """A manager that is closed under a client ends its channel without an error."""
    async with FakePABX(events=quick()) as fake:
        sessions = SessionManager()
        async with DigitroClient(fake.settings(), sessions=sessions) as client:
            await client.make_predictive_call(make_call())
            await sessions.aclose()
            fake.event_side.drop_channels()
            await asyncio.sleep(0.05)

        assert fake.event_side.channels.opened == 1


async def test_observers_are_told_in_order(caplog: pytest.LogCaptureFixture) -> None:
    """Each observer is told every event but heartbeats, whatever another one raises."""
    told: list[ChannelEvent] = []
    ids: list[int | None] = []

    def broken(event: ChannelEvent) -> None:
        raise KeyError("canary-4711")

    async with (
        FakePABX(events=dialect(), channel_id=3) as fake,
        SessionManager() as one,
    ):
        channels = EventChannels(
            [fake.settings(), PABX("other", "http://127.0.0.1:9", 1, "key")],
            one,
            lambda channel_id, _: ids.append(channel_id),
            [broken, told.append],
        )
        channels.start(lambda *_: None)
        await until(lambda: told)
        await channels.aclose()

    assert isinstance(told[0], ChannelOpened)
    assert ids == [3]
    assert caplog.text.count("raised KeyError") == 1
    assert "canary" not in caplog.text


async def test_mistyped_path_says_nothing_of_the_channel() -> None:
    """A path that is not there is rejected, and the channel stays as it is."""
    async with (
        FakePABX(events=DIALECT) as fake,
        DigitroClient(fake.settings()) as client,
    ):
        await client.make_predictive_call(make_call(1))
        with pytest.raises(RejectedError, match="no_such_command"):
            await client.command("finaliza", {})
        await client.make_predictive_call(make_call(2))

    assert fake.event_side.channels.opened == 1
