"""Any call, key, channel and address -> the very same at a strict server, or an error.

In full: ``python -m pytest -m long tests/fuzz/test_fuzz_*.py``. Other inputs are tried
with another ``DIGITRO_FUZZ_SEED``; a failure shows the seed of the very call.
"""

import asyncio
import json
import os
import random
import re
import unicodedata
from collections import Counter
from typing import Any
from urllib.parse import urlsplit

import pytest
from helpers import WIRE_NAMES, RawServer, make_call
from mutations import ODD_TEXTS, odd_text, spoil
from strict_server import BadRequestError, Received, StrictServer, read_request

from digitro_async import (
    PABX,
    AnyDestination,
    ConfigurationError,
    DigitroClient,
    InvalidCallError,
    Personal,
    PredictiveCall,
    Secret,
    UnsetFields,
)
from digitro_async.protocol import build_request, encode_call

SEED = int(os.environ.get("DIGITRO_FUZZ_SEED", "1"))
REQUIRED = ("device", "device_password", "route", "destination")
SECRET = ("device_password", "account_password")
PERSONAL = ("destination", "user_data", "caller_id")
KEY = "a-key"
LONGEST = 16_384
BATCH = 250  # requests to one server by one client
AT_ONCE = 8

NOT_TEXT: tuple[Any, ...] = (0, 1, -1, 1.5, True, b"1", ["1"], {}, ("1",), float("nan"))
INJECTED = (
    *("\r\nx-api-key: other", "\r\n\r\nPOST / HTTP/1.1", "\n", '", "ROTA": "1', "\\"),
    *('"}', "a" * LONGEST, "a" * (LONGEST + 1), "😀" * 5000, "04832817000", "José"),
)


def odd_value(chance: random.Random) -> Any:
    """Return anything that somebody may put into a field."""
    if chance.random() < 0.01:
        return chance.choice(NOT_TEXT)
    if chance.random() < 0.05:
        return chance.choice(INJECTED)
    if chance.random() < 0.6:
        return str(chance.randrange(10**11))
    return odd_text(chance)


def odd_fields(chance: random.Random) -> dict[str, Any]:
    """Return the fields of a call, most of them left out."""
    names = {*REQUIRED, *chance.sample([*WIRE_NAMES], k=chance.randrange(5))}
    if chance.random() < 0.02:
        names.discard("route")
    fields: dict[str, Any] = {name: str(chance.randrange(10**6)) for name in names}
    for name in chance.sample(sorted(names), k=chance.choice((0, 1, 1, 2))):
        fields[name] = odd_value(chance)
    if isinstance(fields["destination"], str) and chance.random() < 0.8:
        fields["destination"] = AnyDestination(fields["destination"])
    for name in names & {*SECRET, *PERSONAL}:
        if isinstance(fields[name], str) and chance.random() < 0.2:
            kind: Any = Secret if name in SECRET else Personal
            fields[name] = kind(fields[name])
    return fields


def is_sendable(name: str, value: Any) -> bool:
    """Whether a value may stand in a field, told without the package."""
    if value is None:
        return name not in REQUIRED
    text = value.reveal() if isinstance(value, Secret | Personal) else value
    if not isinstance(text, str) or len(text) > LONGEST:
        return False
    if name == "destination" and not isinstance(text, AnyDestination):
        return len(text) <= 32 and bool(re.fullmatch(r"[+*#]*[0-9][0-9+*#]*", text))
    allowed = "\t\r\n" if name == "user_data" else ""
    bad = any(
        unicodedata.category(char) in {"Cc", "Cs"} and char not in allowed
        for char in text
    )
    return not bad and (bool(text) or name not in REQUIRED)


def meant_pairs(fields: dict[str, Any], unset: UnsetFields) -> list[tuple[str, Any]]:
    """Return names and values that a call means on the wire, in their order."""
    pairs = []
    for name, wire_name in WIRE_NAMES.items():
        value = fields.get(name, "0" if name == "route" else None)
        if isinstance(value, Secret | Personal):
            value = value.reveal()
        if value is not None or unset is UnsetFields.NULL:
            pairs.append((wire_name, value))
    return pairs


def check_clear(error: InvalidCallError) -> None:
    """Check that an error names the field, says what is wrong, and shows no value."""
    field, _, problem = str(error.args[0]).partition(" ")

    assert field in WIRE_NAMES
    assert re.fullmatch(r"(is|has|holds|may|must) [a-z0-9 ,+*#()-]+", problem)


async def send_calls(first: int, count: int) -> Counter[str]:
    """Send the calls of ``count`` seeds, and check each request that arrives."""
    chance = random.Random(first)
    unset = chance.choice(list(UnsetFields))
    prefix = chance.choice(("", "/", "/proxy", "/a.b/c-d/~e_f"))
    channel = chance.choice((0, 1, 12345, 2**31, 10**30))
    key = "".join(chr(chance.randrange(33, 127)) for _ in range(chance.choice((1, 40))))
    strict = StrictServer()
    found: Counter[str] = Counter()
    seeds = iter(range(first, first + count))

    async def admission() -> None:
        for seed in seeds:
            fields = odd_fields(random.Random(seed))
            sendable = all(is_sendable(*item) for item in fields.items())
            try:
                call = PredictiveCall(**fields)
            except InvalidCallError as error:
                assert not sendable, f"seed {seed}"
                check_clear(error)
                found["invalid"] += 1
                continue
            assert sendable, f"seed {seed}: {fields}"
            accepted = await client.make_predictive_call(call)
            number = int(accepted.call_id.removeprefix("number "))
            received = strict.received[number - 1]
            meant = meant_pairs(fields, unset)
            if unset is UnsetFields.OMIT:  # see the test of their order below
                assert dict(received.pairs) == dict(meant), f"seed {seed}"
            else:
                assert received.pairs == meant, f"seed {seed}"
            found["sent"] += 1

    async with RawServer(strict) as server:
        pabx = PABX("one", server.base_url + prefix, channel, key, unset_fields=unset)
        async with DigitroClient(pabx) as client, asyncio.TaskGroup() as admissions:
            for _ in range(AT_ONCE):
                admissions.create_task(admission())
    assert strict.bad == []
    assert len(strict.received) == found["sent"]
    path = f"{prefix.rstrip('/')}/requests/{channel}/chamada-preditiva"
    assert {(one.path, one.host, one.key) for one in strict.received} == {
        (path, f"127.0.0.1:{server.port}", key)
    }
    return found


async def send_batches(first: int, count: int) -> Counter[str]:
    """Send calls until ``count`` have arrived."""
    found: Counter[str] = Counter()
    while found["sent"] < count:
        found += await send_calls(first + found.total(), BATCH)
    return found


async def test_calls() -> None:
    """Five thousand calls arrive letter by letter, and what can't is never sent."""
    found = await send_batches(SEED * 10**9, 5000)

    assert found["sent"] >= 5000
    assert found["invalid"] > 500


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("part", range(10))
async def test_more_calls(part: int) -> None:
    """So do a hundred thousand, ten thousand at a time."""
    found = await send_batches(SEED * 10**9 + (part + 1) * 10**6, 10_000)

    assert found["sent"] >= 10_000


def test_order_where_fields_are_left_out() -> None:
    """The fields that are sent stand in the documented order, as it promises."""
    fields = dict.fromkeys(WIRE_NAMES, "1")
    body = encode_call(PredictiveCall(**fields), UnsetFields.OMIT)

    assert list(json.loads(body)) == list(WIRE_NAMES.values())


KEYS = (
    *("a b", "a\r\nx-api-key: b", "\x00", "é", "\u00a0", " a", "a\t", "", "a" * 5000),
    *(None, 1, b"a", ["a"], Personal("a")),
)
CHANNELS = (
    *("1", "7%0d%0a", "1/../../admin", 1.0, True, -1, None, b"1", 2**70, "\u0661"),
    *(float("nan"), [1], " 1", 0, 1),
)
URLS = (
    *("http://127.0.0.1:{}", "HTTP://127.0.0.1:{}/", "http://127.0.0.1:{}/a/b"),
    *("http://LOCALHOST:{}/", "http://[::1]:{}", "https://pabx.example:{}/x"),
)
URL_PIECES = (
    *(b"@", b"?", b"#", b"%2f", b"\\", b"//", b"/..", b"/./", b":", b"[", b"]", b" "),
    *(b"\r\n", b"\t", b"\0", "é".encode(), "\u2100".encode(), b"user:pw@", b"127.1"),
    *(b"0x7f", b"a", b".", b"-", b"_", b":80", b":99999", b"::", b";", b"%0d%0a"),
)


def odd_pabx(chance: random.Random, port: int) -> dict[str, Any]:
    """Return what somebody may make a PABX of."""
    url = chance.choice(URLS).format(port).encode()
    if chance.random() < 0.6:
        url = spoil(chance, url, URL_PIECES)
    key: Any = odd_text(chance, KEY) if chance.random() < 0.2 else KEY
    if chance.random() < 0.1:
        key = chance.choice(KEYS)
    return {
        "name": odd_text(chance, "matriz") if chance.random() < 0.1 else "matriz",
        "base_url": url.decode("utf-8", "surrogateescape"),
        "channel_id": chance.choice(CHANNELS) if chance.random() < 0.2 else 7,
        "api_key": key,
    }


def check_address(url: str, base_url: str, channel: int) -> None:
    """Check that an address goes where its base says, however it is read."""
    parts, base = urlsplit(url), urlsplit(base_url)
    assert re.fullmatch(r"[!-~]+", url)
    assert (parts.scheme, parts.hostname, parts.port) == (
        base.scheme,
        base.hostname,
        base.port,
    )
    suffix = f"/requests/{channel}/chamada-preditiva"
    assert url.lower() == base_url.lower().rstrip("/") + suffix
    assert parts.username is parts.password is None
    assert not parts.query
    assert not parts.fragment
    segments = parts.path.split("/")[1:]
    assert all(re.fullmatch(r"[A-Za-z0-9\-._~:]+", segment) for segment in segments)
    assert not {".", ".."} & {*segments}


def is_usable(given: dict[str, Any]) -> bool:
    """Whether all but the address of a PABX may be used, told without the package."""
    key, channel, name = given["api_key"], given["channel_id"], given["name"]
    return (
        isinstance(key, str)
        and bool(re.fullmatch(r"[!-~]+", key))
        and (channel is None or (type(channel) is int and channel >= 0))
        and name.isprintable()
        and 0 < len(name) <= 64
        and not name.isspace()
    )


async def make_pabxs(first: int, count: int) -> Counter[str]:
    """Make the PABX of ``count`` seeds, and call those at the test's server."""
    strict = StrictServer()
    found: Counter[str] = Counter()
    async with RawServer(strict) as server:
        for seed in range(first, first + count):
            given = odd_pabx(random.Random(seed), server.port)
            try:
                found[await make_one(given, strict, server.port)] += 1
            except BaseException as error:
                error.add_note(f"seed {seed}: {given!r}")
                raise
    assert strict.bad == []
    assert len(strict.received) == found["called"]
    return found


async def make_one(given: dict[str, Any], strict: StrictServer, port: int) -> str:
    """Make a PABX and call it, or see it refused."""
    try:
        pabx = PABX(**given)
        path = build_request(make_call(), pabx.channel_id).path
    except ConfigurationError as error:
        written = str(error.args[0])
        assert re.match(r"(name|base_url|channel_id|api_key) \w", written)
        text = given["base_url"]
        plain = text in {one.format(port) for one in URLS}
        assert not (plain and is_usable(given) and given["channel_id"] is not None)
        return "refused"
    assert is_usable(given)
    url = pabx.base_url + path
    check_address(url, given["base_url"], given["channel_id"])
    if urlsplit(url).netloc != f"127.0.0.1:{port}" or not url.startswith("http:"):
        return "elsewhere"  # only its address is looked at
    call = PredictiveCall(device="1", device_password="2", destination="3")
    async with DigitroClient(pabx) as client:
        await client.make_predictive_call(call)
    received = strict.received[-1]
    assert received.key == given["api_key"]
    assert received.path == urlsplit(url).path
    return "called"


async def test_settings() -> None:
    """A thousand keys, channels and addresses are used as given, or refused."""
    found = await make_pabxs(SEED * 10**9, 1000)

    assert min(found["called"], found["refused"], found["elsewhere"]) > 100


@pytest.mark.long
@pytest.mark.timeout(900)
async def test_more_settings() -> None:
    """So are thirty thousand."""
    found = await make_pabxs(SEED * 10**9 + 10**6, 30_000)

    assert found.total() == 30_000


HEAD = (
    b"POST /requests/1/chamada-preditiva HTTP/1.1\r\nHost: h\r\nx-api-key: k\r\n"
    b"Content-Type: application/json\r\nContent-Length: 2"
)


def test_a_strict_server_takes_a_good_request() -> None:
    """The strict reader reads what is right."""
    path = "/requests/1/chamada-preditiva"

    assert read_request(HEAD, b"{}") == Received(path, "h", "k", [])


@pytest.mark.parametrize(
    ("old", "new", "body"),
    [
        (b"", b"", b"{} "),
        (b"", b"", b"[]"),
        (b"POST", b"PUT", b"{}"),
        (b"/requests", b"x /requests", b"{}"),
        (b"HTTP/1.1", b"HTTP/1.0", b"{}"),
        (b"Host: h\r\n", b"", b"{}"),
        (b"Host: h", b"Host: h\r\nHost: h", b"{}"),
        (b"Host: h", b"Host: h\r\nX-Api-Key: other", b"{}"),
        (b"Host: h", b"Host: h\r\nCookie: a=b", b"{}"),
        (b"Host: h", b"Host: h\r\n folded", b"{}"),
        (b"Host: h", b"Host: h\xe9", b"{}"),
        (b"Length: 2", b"Length: 9", b'{"a": 1}\n'),
        (b"Length: 2", b"Length: 19", b'{"a": "1","a": "2"}'),
        (b"Length: 2", b"Length: +2", b"{}"),
    ],
)
def test_a_strict_server_refuses_the_rest(old: bytes, new: bytes, body: bytes) -> None:
    """The strict reader refuses a second header, another method, unequal lengths."""
    with pytest.raises(BadRequestError):
        read_request(HEAD.replace(old, new) if old else HEAD, body)


def test_odd_texts_are_odd() -> None:
    """Among the odd texts are some that may be sent and some that may not."""
    sendable = [is_sendable("account", text) for text in ODD_TEXTS]

    assert 10 < sum(sendable) < len(sendable) - 10
