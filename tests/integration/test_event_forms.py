from typing import Any

import pytest
from simulated_events import (
    DIALECT,
    ChannelReader,
    all_become,
    dialect,
)

from digitro_async.call_events import Disposition
from digitro_async.errors import ConfigurationError
from digitro_async.testing import (
    CallScript,
    EventDelivery,
    FakePABX,
)

D = Disposition


class TestForms:
    """The forms of events."""

    XML = dialect(
        id_fields="*.CANAL.ID",
        name_fields="*",
        call_id_fields="*.ID",
        destination_fields="*.DESTINO",
        disposition_fields="*.CAUSA",
        time_fields=(),
    )

    async def first_frames(
        self, settings: Any, delivery: EventDelivery
    ) -> tuple[bytes, bytes]:
        """Return the opening event, and the last of a call that ends busy."""
        script = all_become(D.BUSY, setup=0, dial=0)
        async with (
            FakePABX(
                events=settings, call_script=script, event_delivery=delivery
            ) as pabx,
            ChannelReader(pabx) as channel,
        ):
            opened = await channel.frame()
            await channel.call(1)
            await channel.frame()
            return opened, await channel.frame()

    async def test_xml(self) -> None:
        """Events may be XML, named by their root element."""
        delivery = EventDelivery(form="xml", name_in_data=True)
        opened, ended = await self.first_frames(self.XML, delivery)

        assert opened == (
            b"data: <EVENTO_DE_ABERTURA_DE_CANAL><CANAL><ID>1</ID></CANAL>"
            b"</EVENTO_DE_ABERTURA_DE_CANAL>"
        )
        assert ended.startswith(b"data: <EVENTO_FIM><ID>")
        assert ended.endswith(b"<CAUSA>OCUPADO</CAUSA></EVENTO_FIM>")

    async def test_xml_under_a_name(self) -> None:
        """Events in XML may be named by server-sent events, too."""
        opened, _ = await self.first_frames(self.XML, EventDelivery(form="xml"))

        assert opened.startswith(b"event: EVENTO_DE_ABERTURA_DE_CANAL\ndata: <EVENTO")

    async def test_id_as_text_and_name_in_data(self) -> None:
        """The id may be text, and the name may stand in the data."""
        delivery = EventDelivery(id_as_text=True, name_in_data=True)
        opened, _ = await self.first_frames(DIALECT, delivery)

        assert opened == (
            b'data: {"CANAL": {"ID": "1"}, "NOME": "EVENTO_DE_ABERTURA_DE_CANAL"}'
        )

    @pytest.mark.parametrize(
        ("settings", "delivery"),
        [
            ({"name_fields": ()}, {"name_in_data": True}),
            ({"heartbeat_names": ()}, {"heartbeat_form": "named"}),
            ({}, {"form": "xml"}),
        ],
    )
    def test_a_form_that_the_settings_lack(
        self, settings: dict[str, Any], delivery: dict[str, Any]
    ) -> None:
        """A form that needs names needs settings that give them."""
        with pytest.raises(ConfigurationError, match="need"):
            FakePABX(
                events=dialect(**settings), event_delivery=EventDelivery(**delivery)
            )


class TestSettings:
    """What can't be used is refused, and named."""

    @pytest.mark.parametrize(
        ("values", "text"),
        [
            ({"shares": {"answered": 0}}, "shares must hold one above 0"),
            ({"shares": {"answered": -1}}, "shares must be numbers"),
            ({"shares": {"eaten": 1}}, "a disposition must be one of"),
            ({"shares": 1}, "shares must give"),
            ({"numbers": {"1": "eaten"}}, "a disposition must be one of"),
            ({"numbers": 1}, "numbers must give"),
            ({"ring": -1}, "ring must be seconds"),
            ({"talk": (2, 1)}, "talk must be seconds"),
            ({"dial": "1"}, "dial must be seconds"),
            ({"seed": 1.5}, "seed must be"),
        ],
    )
    def test_scripts(self, values: dict[str, Any], text: str) -> None:
        """A script that can't be used says which field is wrong."""
        with pytest.raises(ConfigurationError, match=text):
            CallScript(**values)

    @pytest.mark.parametrize(
        ("values", "text"),
        [
            ({"form": "yaml"}, "form must be one of json, xml"),
            ({"heartbeat_form": "song"}, "heartbeat_form must be one of"),
            ({"heartbeat": 0}, "heartbeat must be"),
            ({"max_channels": 0}, "max_channels must be"),
            ({"refused_status": 99}, "refused_status must be"),
            ({"dead_id_status": True}, "dead_id_status must be"),
        ],
    )
    def test_deliveries(self, values: dict[str, Any], text: str) -> None:
        """A delivery that can't be used says which field is wrong."""
        with pytest.raises(ConfigurationError, match=text):
            EventDelivery(**values)

    def test_events_are_needed(self) -> None:
        """A script without events is refused, and there is no event side then."""
        with pytest.raises(ConfigurationError, match="need events"):
            FakePABX(call_script=CallScript())
        with pytest.raises(ConfigurationError, match="has no events"):
            _ = FakePABX().event_side

    def test_times_may_be_functions(self) -> None:
        """Seconds may be drawn by a function of the program's own."""
        script = CallScript(ring=lambda chance: 5 + chance.random(), talk=[1, 2])

        assert script.talk == (1, 2)
