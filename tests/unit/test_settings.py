import math
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digitro_async.errors import ConfigurationError
from digitro_async.settings import (
    PauseSettings,
    PoolSettings,
    RateLimit,
    RetrySettings,
    TimeoutSettings,
    TLSSettings,
    UnsetFields,
)

COUNTS: list[tuple[Any, str]] = [
    (RateLimit, "calls"),
    (PoolSettings, "max_connections"),
    (RetrySettings, "max_attempts"),
    (RetrySettings, "cost"),
    (PauseSettings, "unknown_run"),
    (PauseSettings, "unknown_window"),
    (PauseSettings, "not_sent_run"),
    (PauseSettings, "rejected_run"),
]
SECONDS: list[tuple[Any, str]] = [
    (RateLimit, "per"),
    (RateLimit, "counted_within"),
    (PoolSettings, "idle_seconds"),
    (TimeoutSettings, "total"),
    (TimeoutSettings, "connect"),
    (TimeoutSettings, "sock_connect"),
    (TimeoutSettings, "sock_read"),
    (PauseSettings, "first_pause"),
    (PauseSettings, "max_pause"),
]
FLOORS: list[tuple[Any, str]] = [
    (PoolSettings, "rest"),
    (RetrySettings, "base_delay"),
    (RetrySettings, "max_delay"),
    (RetrySettings, "max_retry_after"),
    (RetrySettings, "quota"),
    (PauseSettings, "unknown_budget"),
    (PauseSettings, "unknown_share"),
]
OPTIONAL = {(PoolSettings, "rest"), (RateLimit, "counted_within")}
NEVER = [-1, -0.5, math.nan, math.inf, -math.inf, True, False, "1", b"1", [1]]
FINGERPRINT = bytes(range(32))


def make(cls: Any, field: str, value: Any) -> Any:
    """Make settings with one field given."""
    needed = {"calls": 1} if cls is RateLimit else {}
    return cls(**{**needed, field: value})


@pytest.mark.parametrize("value", [*NEVER, 0, 1.5, 1.0])
@pytest.mark.parametrize(("cls", "field"), COUNTS)
def test_counts_are_whole_and_above_zero(cls: Any, field: str, value: Any) -> None:
    """A count takes nothing but a whole number above zero."""
    with pytest.raises(
        ConfigurationError, match=f"^{field} must be a whole number above 0$"
    ):
        make(cls, field, value)


@pytest.mark.parametrize("value", [*NEVER, 0, 0.0, None])
@pytest.mark.parametrize(
    ("cls", "field"), [one for one in SECONDS if one not in OPTIONAL]
)
def test_seconds_are_above_zero(cls: Any, field: str, value: Any) -> None:
    """A time takes nothing but a finite number of seconds above zero."""
    with pytest.raises(
        ConfigurationError, match=f"^{field} must be a number of seconds above 0$"
    ):
        make(cls, field, value)


@pytest.mark.parametrize("value", [*NEVER, 0, 0.0])
def test_the_time_of_counting_is_above_zero(value: Any) -> None:
    """A PABX counts a call some time after it was sent, or nothing is known of that."""
    assert RateLimit(1).counted_within is None
    with pytest.raises(
        ConfigurationError, match=r"^counted_within must be a number of seconds"
    ):
        RateLimit(1, counted_within=value)


@pytest.mark.parametrize("value", [*NEVER, None])
@pytest.mark.parametrize(
    ("cls", "field"), [one for one in FLOORS if one not in OPTIONAL]
)
def test_amounts_are_not_negative(cls: Any, field: str, value: Any) -> None:
    """An amount takes nothing but a finite number of zero or more."""
    with pytest.raises(
        ConfigurationError, match=f"^{field} must be a number of 0 or more$"
    ):
        make(cls, field, value)


@pytest.mark.parametrize("value", [1, 10**9])
@pytest.mark.parametrize(("cls", "field"), COUNTS)
def test_counts_are_kept(cls: Any, field: str, value: int) -> None:
    """A usable count is kept as it is."""
    assert getattr(make(cls, field, value), field) == value


@pytest.mark.parametrize("value", [1, 0.001, 1e9])
@pytest.mark.parametrize(("cls", "field"), SECONDS)
def test_seconds_are_kept(cls: Any, field: str, value: float) -> None:
    """A usable time is kept as it is."""
    assert getattr(make(cls, field, value), field) == value


@pytest.mark.parametrize(("cls", "field"), FLOORS)
def test_amounts_may_be_zero(cls: Any, field: str) -> None:
    """Zero is a usable amount."""
    assert getattr(make(cls, field, 0), field) == 0


@pytest.mark.parametrize("value", NEVER)
def test_rest_is_not_negative(value: Any) -> None:
    """A rest is no number but a finite one of zero or more."""
    with pytest.raises(ConfigurationError, match=r"^rest must be a number of 0"):
        PoolSettings(rest=value)


def test_every_number_is_checked() -> None:
    """No setting that is a number is missing from the tables above."""
    numbers = {
        (cls, field.name)
        for cls in (
            RateLimit,
            PoolSettings,
            TimeoutSettings,
            RetrySettings,
            PauseSettings,
        )
        for field in attrs.fields(cls)
        if field.type not in (bool, "bool")
    }

    assert numbers == {*COUNTS, *SECONDS, *FLOORS}


@pytest.mark.parametrize(
    "made",
    [
        RateLimit(50),
        PoolSettings(),
        TimeoutSettings(),
        TLSSettings(),
        RetrySettings(),
        PauseSettings(),
    ],
)
def test_settings_are_frozen_values(made: Any) -> None:
    """Settings can't be changed, and equal ones are one key in a mapping."""
    field = attrs.fields(type(made))[0].name

    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        setattr(made, field, None)
    assert {made: 1}[attrs.evolve(made)] == 1


def test_documented_defaults() -> None:
    """The defaults are those that the documentation promises."""
    assert RateLimit(50) == RateLimit(calls=50, per=1.0)
    assert PoolSettings() == PoolSettings(
        reuse=True, idle_seconds=10.0, max_connections=None, rest=None
    )
    assert TimeoutSettings() == TimeoutSettings(
        total=30.0, connect=10.0, sock_connect=5.0, sock_read=30.0
    )
    assert RetrySettings() == RetrySettings(
        max_attempts=3,
        base_delay=0.5,
        max_delay=20.0,
        max_retry_after=300.0,
        quota=500,
        cost=5,
    )
    assert PauseSettings() == PauseSettings(
        unknown_run=10,
        unknown_budget=10,
        unknown_window=1000,
        not_sent_run=5,
        rejected_run=20,
        first_pause=5.0,
        max_pause=60.0,
        wait_for_resume=False,
    )
    assert TLSSettings() == TLSSettings(ca_file=None, fingerprint=None)


@pytest.mark.parametrize(
    "value",
    [
        FINGERPRINT,
        FINGERPRINT.hex(),
        FINGERPRINT.hex().upper(),
        FINGERPRINT.hex(":"),
    ],
)
def test_fingerprint_forms(value: str | bytes) -> None:
    """A fingerprint is taken as bytes or as hex with or without colons."""
    assert TLSSettings(fingerprint=value).fingerprint == FINGERPRINT


@pytest.mark.parametrize(
    "value", ["", b"", "00" * 31, "00" * 33, b"0" * 31, "zz" * 32, "é", "0", 7, [0]]
)
def test_wrong_fingerprints(value: Any) -> None:
    """A fingerprint that is no SHA-256 is refused without being shown."""
    with pytest.raises(ConfigurationError) as caught:
        TLSSettings(fingerprint=value)

    assert str(caught.value) == "fingerprint must be a SHA-256: 64 hex digits"
    assert caught.value.__context__ is None


@given(st.binary(min_size=32, max_size=32))
def test_fingerprints_round_trip(value: bytes) -> None:
    """Any 32 bytes are a fingerprint, however they are written."""
    assert TLSSettings(fingerprint=value.hex(":")) == TLSSettings(fingerprint=value)


def test_ca_file_becomes_a_path() -> None:
    """The file of the certificate authority may be given as text."""
    assert TLSSettings(ca_file="a/b.pem").ca_file == Path("a", "b.pem")


def test_unset_fields_names() -> None:
    """The two ways of writing an unset field are these words."""
    assert [str(way) for way in UnsetFields] == ["null", "omit"]
