import pickle
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from models_made import CANARY, FIELDS, make_pabx

from digitro_async.errors import ConfigurationError
from digitro_async.models import PABX
from digitro_async.privacy import Personal, Secret
from digitro_async.settings import (
    PoolSettings,
    RateLimit,
    TimeoutSettings,
    TLSSettings,
    UnsetFields,
)

fields = pytest.mark.parametrize("field", FIELDS)


class TestPABX:
    """A telephone exchange as the user describes it."""

    @pytest.mark.parametrize(
        "value",
        [
            "",
            " ",
            "a b",
            "key ",
            "key\r\nx-evil: 1",
            "key\n",
            "key\r",
            "key\0",
            "key\t",
            "key\x7f",
            "chavé",
            "key\u2028",
            "\ud800",
            "😀",
        ],
    )
    def test_api_keys_that_could_forge_headers(self, value: str) -> None:
        """A key is visible ASCII, so that it stays one header's value."""
        with pytest.raises(ConfigurationError) as caught:
            make_pabx(api_key=value)

        assert str(caught.value) == (
            "api_key must be visible ASCII without spaces or line breaks"
        )

    @pytest.mark.parametrize("value", [None, 7, b"key", Personal("key"), ["key"]])
    def test_api_keys_are_text(self, value: Any) -> None:
        """Nothing but text, plain or secret, is an api key."""
        with pytest.raises(ConfigurationError, match=r"^api_key must be visible ASCII"):
            make_pabx(api_key=value)

    @given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1))
    def test_every_visible_key_is_kept_and_hidden(self, key: str) -> None:
        """Any visible ASCII is a key, wrapped at once."""
        assert make_pabx(api_key=key).api_key == Secret(key)
        assert make_pabx(api_key=Secret(key)) == make_pabx(api_key=key)

    def test_the_api_key_never_shows(self) -> None:
        """The key is in no text of the PABX."""
        pabx = make_pabx(api_key=CANARY)

        assert CANARY not in f"{pabx} {pabx!r} {attrs.asdict(pabx)}"

    @pytest.mark.parametrize(
        "value", ["", " ", "a\nb", "a\0", "\u2028", "\ud800", "a" * 65, None, 7, b"a"]
    )
    def test_wrong_names(self, value: Any) -> None:
        """A name is one short printable line, fit for logs and labels."""
        with pytest.raises(ConfigurationError, match=r"^name must be printable text"):
            make_pabx(name=value)

    @pytest.mark.parametrize("value", ["a", "Matriz São José #2", "a" * 64])
    def test_names(self, value: str) -> None:
        """A usable name is kept as it is."""
        assert make_pabx(name=value).name == value

    @pytest.mark.parametrize(
        "value", [-1, True, False, "1", "7/../../admin", 1.0, b"1", [1], "1\r\n"]
    )
    def test_wrong_channels(self, value: Any) -> None:
        """A channel is a whole number, so that it stays one segment of the path."""
        with pytest.raises(
            ConfigurationError,
            match=r"^channel_id must be a whole number of 0 or more$",
        ):
            make_pabx(channel_id=value)

    @pytest.mark.parametrize("value", [None, 0, 1, 2**63])
    def test_channels(self, value: int | None) -> None:
        """A channel may be zero, large, or not known yet."""
        assert make_pabx(channel_id=value).channel_id == value

    @pytest.mark.parametrize(
        ("field", "kind"),
        [
            ("rate", RateLimit),
            ("pool", PoolSettings),
            ("timeouts", TimeoutSettings),
            ("tls", TLSSettings),
        ],
    )
    @pytest.mark.parametrize("value", [50, "50", {"calls": 50}, (50, 1.0), object])
    def test_settings_of_the_wrong_kind(
        self, field: str, kind: type, value: Any
    ) -> None:
        """Settings are refused when the PABX is made, not when it is used."""
        with pytest.raises(
            ConfigurationError, match=f"^{field} must be a {kind.__name__}$"
        ):
            make_pabx(**{field: value})

    @pytest.mark.parametrize("field", ["pool", "timeouts", "tls"])
    def test_settings_that_can_not_be_none(self, field: str) -> None:
        """Only the rate may be None, which means no cap."""
        assert make_pabx(rate=None).rate is None
        with pytest.raises(ConfigurationError, match=f"^{field} must be a "):
            make_pabx(**{field: None})

    @pytest.mark.parametrize("value", [0, -1, None, 1.5, True, "100"])
    def test_wrong_max_in_flight(self, value: Any) -> None:
        """At least one call must fit on the wire."""
        with pytest.raises(ConfigurationError, match=r"^max_in_flight must be a whole"):
            make_pabx(max_in_flight=value)

    @pytest.mark.parametrize("value", ["NULL", "", None, 1, True, [], {}])
    def test_wrong_unset_fields(self, value: Any) -> None:
        """There are two ways to write unset fields and no third."""
        with pytest.raises(
            ConfigurationError, match=r"^unset_fields must be null or omit$"
        ):
            make_pabx(unset_fields=value)

    @pytest.mark.parametrize("value", ["null", "omit", *UnsetFields])
    def test_unset_fields(self, value: str) -> None:
        """The way unset fields are written may be given by its word."""
        assert make_pabx(unset_fields=value).unset_fields is UnsetFields(value)

    def test_defaults(self) -> None:
        """By default there is no cap and room for 100 calls on the wire."""
        assert make_pabx() == PABX(
            "matriz",
            "http://pabx",
            1,
            Secret("key"),
            rate=None,
            max_in_flight=100,
            pool=PoolSettings(),
            timeouts=TimeoutSettings(),
            tls=TLSSettings(),
            unset_fields=UnsetFields.NULL,
        )

    def test_pabx_are_values(self) -> None:
        """Equal PABX are one key in a mapping, and none can be changed or pickled."""
        pabx = make_pabx(channel_id=None)

        assert {pabx: 1}[make_pabx(channel_id=None)] == 1
        assert attrs.evolve(pabx, channel_id=1) == make_pabx()
        assert hash(attrs.evolve(pabx, channel_id=1)) == hash(make_pabx())
        assert pabx != make_pabx()
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            pabx.name = "filial"  # type: ignore[misc]
        with pytest.raises(TypeError, match="can't be pickled"):
            pickle.dumps(pabx)
