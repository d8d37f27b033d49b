import asyncio

import aiohttp
import pytest
from simulated_events import (
    DIALECT,
    SUBSCRIBED,
    ChannelReader,
    all_become,
    all_left,
    dialect,
)
from virtual_time import virtual_time

from digitro_async.call_events import Disposition
from digitro_async.event_settings import ChannelRequest
from digitro_async.testing import (
    EventDelivery,
    FakePABX,
)

D = Disposition


class TestChannel:
    """How a channel is opened, used and closed."""

    async def test_opening_event(self) -> None:
        """A channel is open from its first event on, which gives its id."""
        async with FakePABX(events=DIALECT, channel_id=7) as pabx:
            async with ChannelReader(pabx) as channel:
                opened = await channel.event()
                over_it, _ = await channel.call(7)
                over_another, _ = await channel.call(8)

            assert opened == ("EVENTO_DE_ABERTURA_DE_CANAL", {"CANAL": {"ID": 7}})
            assert (over_it, over_another) == (200, 404)
            assert pabx.event_side.channels.opened == 1

    async def test_no_channel_before(self) -> None:
        """Commands find no channel before one is opened, nor after it was left."""
        delivery = EventDelivery(dead_id_status=410)
        async with (
            FakePABX(events=DIALECT, event_delivery=delivery) as pabx,
            aiohttp.ClientSession() as session,
        ):
            before = await session.post(pabx.url, headers={"x-api-key": "demo-key"})
            async with ChannelReader(pabx) as channel:
                await channel.event()
            await all_left(pabx)
            after = await session.post(pabx.url, headers={"x-api-key": "demo-key"})

        assert (before.status, after.status) == (410, 410)

    async def test_key_and_headers_are_checked(self) -> None:
        """A request for a channel needs the key, and the headers of the settings."""
        async with FakePABX(events=SUBSCRIBED) as pabx:
            url = f"{pabx.base_url}/sse/open?format=json"
            async with aiohttp.ClientSession() as session:
                keyless = await session.get(url, headers={"Accept": "text/x"})
            async with ChannelReader(pabx, "/sse/open?format=json") as channel:
                without_header = channel.status

        assert (keyless.status, without_header) == (401, 400)

    async def test_licences(self) -> None:
        """No more channels are open than there are licences, and one left is free."""
        delivery = EventDelivery(max_channels=2, refused_status=409)
        async with FakePABX(events=DIALECT, event_delivery=delivery) as pabx:
            async with ChannelReader(pabx) as first, ChannelReader(pabx) as second:
                await first.event()
                await second.event()
                async with ChannelReader(pabx) as third:
                    assert third.status == 409
            await all_left(pabx)
            async with ChannelReader(pabx) as fourth:
                assert await fourth.event() == (
                    "EVENTO_DE_ABERTURA_DE_CANAL",
                    {"CANAL": {"ID": 3}},
                )

            assert pabx.event_side.channels.refused == 1
            assert pabx.event_side.channels.most_open == 2

    @virtual_time
    async def test_licence_is_kept(self) -> None:
        """A licence that is given back late lets nobody in before."""
        delivery = EventDelivery(kept_licence=30)
        async with FakePABX(events=DIALECT, event_delivery=delivery) as pabx:
            async with ChannelReader(pabx) as channel:
                await channel.event()
            await all_left(pabx)
            async with ChannelReader(pabx) as early:
                assert early.status == 403
            await asyncio.sleep(31)
            async with ChannelReader(pabx) as late:
                assert late.status == 200

    async def test_closing(self) -> None:
        """A channel that is closed ends with its event, and its id is dead."""
        async with (
            FakePABX(events=DIALECT) as pabx,
            ChannelReader(pabx) as channel,
        ):
            await channel.event()
            wrong, _ = await channel.post("/eventos/9/fecha", {})
            closed, _ = await channel.post("/eventos/1/fecha", {})
            told = await channel.event()
            end = await channel.frame()
            dead, _ = await channel.call(1)

            assert (wrong, closed, dead) == (404, 200, 404)
            assert told == ("EVENTO_DE_FECHAMENTO", {"CANAL": {"ID": 1}})
            assert end == b""
            assert pabx.event_side.channels.closed == 1

    @virtual_time
    async def test_heartbeats(self) -> None:
        """Heartbeats come in each of their forms."""
        forms = {
            "empty": b"data: {}",
            "comment": b": heartbeat",
            "named": b"event: PULSO\ndata: {}",
        }
        for form, frame in forms.items():
            delivery = EventDelivery(heartbeat=15, heartbeat_form=form)
            async with (
                FakePABX(events=DIALECT, event_delivery=delivery) as pabx,
                ChannelReader(pabx) as channel,
            ):
                await channel.frame()
                assert [await channel.frame() for _ in range(3)] == [frame] * 3

    async def test_chosen_id(self) -> None:
        """Where the path of the request gives the id, the channel has that one."""
        settings = dialect(
            open=ChannelRequest(path="/abre?channel_id={channel_id}"),
            chosen_ids=(1, 9999),
        )
        async with (
            FakePABX(events=settings) as pabx,
            ChannelReader(pabx, "/abre?channel_id=4711") as channel,
            ChannelReader(pabx, "/abre?channel_id=4711") as same,
        ):
            assert await channel.event() == (
                "EVENTO_DE_ABERTURA_DE_CANAL",
                {"CANAL": {"ID": 4711}},
            )
            assert same.status == 403


class TestSubscription:
    """The step between the opening of a channel and its events."""

    PATH = "/sse/open?format=json"
    ACCEPT = {"Accept": "text/x"}  # noqa: RUF012 - nobody changes it
    BODY = {"subscription": {"channel_id": 1, "events": ["all"]}}  # noqa: RUF012

    async def test_events_need_a_subscription(self) -> None:
        """Events come once a subscription is made, and its answer says how long."""
        script = all_become(D.BUSY, setup=0, dial=0)
        async with (
            FakePABX(events=SUBSCRIBED, call_script=script) as pabx,
            ChannelReader(pabx, self.PATH, self.ACCEPT) as channel,
        ):
            await channel.event()
            await channel.call(1, IDENTIDADE_DESTINO="04832817001")
            malformed, _ = await channel.post("/sse/subscribe", {"subscription": {}})
            status, answer = await channel.post("/sse/subscribe", self.BODY)
            await channel.call(1, IDENTIDADE_DESTINO="04832817002")
            _, first = await channel.event()

        assert (malformed, status) == (400, 200)
        assert answer["response"]["expires"] == 3600
        assert first["DESTINO"] == "04832817002"

    @virtual_time
    async def test_expiry(self) -> None:
        """A channel ends with its subscription, unless that is renewed in time."""
        delivery = EventDelivery(expires=100, unsubscribed=60)
        async with (
            FakePABX(events=SUBSCRIBED, event_delivery=delivery) as pabx,
            ChannelReader(pabx, self.PATH, self.ACCEPT) as channel,
        ):
            loop = asyncio.get_running_loop()
            await channel.event()
            await channel.post("/sse/subscribe", self.BODY)
            await asyncio.sleep(90)
            await channel.post("/sse/subscribe", self.BODY)
            name, _ = await channel.event()

            assert name == "EVENTO_DE_FECHAMENTO"
            assert loop.time() == pytest.approx(190, abs=1)
            assert pabx.event_side.channels.dropped == 1

    @virtual_time
    async def test_a_channel_without_subscription_ends(self) -> None:
        """A channel that nothing is subscribed to ends after its time."""
        async with (
            FakePABX(events=SUBSCRIBED) as pabx,
            ChannelReader(pabx, self.PATH, self.ACCEPT) as channel,
        ):
            while await channel.frame():
                pass

            assert asyncio.get_running_loop().time() == pytest.approx(60, abs=1)
            assert pabx.event_side.channels.dropped == 1
