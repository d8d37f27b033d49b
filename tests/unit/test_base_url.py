from typing import Any
from urllib.parse import urlsplit

import pytest
from helpers import make_call
from hypothesis import example, given
from hypothesis import strategies as st
from yarl import URL

from digitro_async._common.base_url import check_base_url
from digitro_async.errors import ConfigurationError
from digitro_async.models import PABX
from digitro_async.protocol import build_request

LONGEST_HOST = ".".join(["a" * 63, "b" * 63, "c" * 63, "d" * 61])

GOOD = {
    "http://pabx": "http://pabx",
    "http://pabx/": "http://pabx",
    "http://pabx///": "http://pabx",
    "https://pabx.example.com.br": "https://pabx.example.com.br",
    "http://pabx:8089": "http://pabx:8089",
    "http://pabx:1": "http://pabx:1",
    "http://pabx:65535": "http://pabx:65535",
    "http://127.0.0.1:8089/": "http://127.0.0.1:8089",
    "http://[::1]": "http://[::1]",
    "http://[::1]:8089": "http://[::1]:8089",
    "http://[FE80::1]": "http://[fe80::1]",
    "http://[::ffff:10.0.0.1]:80": "http://[::ffff:10.0.0.1]:80",
    "https://proxy/digitro": "https://proxy/digitro",
    "https://proxy/a/B-c_d.e~f:g/": "https://proxy/a/B-c_d.e~f:g",
    "http://my_pabx-1": "http://my_pabx-1",
    "http://1pabx.x1": "http://1pabx.x1",
    "http://0xpabx": "http://0xpabx",
    "http://pabx/...": "http://pabx/...",
    "HTTP://PABX/Prefix": "http://pabx/Prefix",
    "Https://Pabx.Example": "https://pabx.example",
    f"http://{LONGEST_HOST}": f"http://{LONGEST_HOST}",
}

TRICKS = [
    # no address at all
    "",
    "pabx",
    "pabx:8089",
    "//pabx",
    "/pabx",
    "http:",
    "http:pabx",
    "http:/pabx",
    "http://",
    "http:///",
    "http:///path",
    "http://.",
    "http://:80",
    # other schemes
    "ftp://pabx",
    "file:///etc/passwd",
    "ws://pabx",
    "httpx://pabx",
    "unix:/run/pabx",
    "javascript:alert",
    # a user name, which makes two programs see two hosts
    "http://user@pabx",
    "http://user:secret@pabx",
    "http://pabx@other",
    "http://pabx%40other",
    "http://pabx:80@other",
    # query, fragment, parameters
    "http://pabx?a=b",
    "http://pabx/?",
    "http://pabx#x",
    "http://pabx/#",
    "http://pabx/;x",
    # paths that mean another path
    "http://pabx/../admin",
    "http://pabx/a/..",
    "http://pabx/./a",
    "http://pabx/.",
    "http://pabx/%2e%2e/admin",
    "http://pabx/a%2fb",
    "http://pabx//admin",
    "http://pabx/a//b",
    "http://pabx/a[b]",
    "http://pabx/a[",
    "http://pabx/a]",
    "http://pabx/{channel_id}",
    # backslashes, white space, controls
    "http:\\\\pabx",
    "http://pabx\\@other",
    "http://pabx/a\\b",
    " http://pabx",
    "http://pabx ",
    "http://pa bx",
    "http://pabx\n",
    "http://pabx\r\nx-evil: 1",
    "http://pa\tbx",
    "ht\ntp://pabx",
    "http://pabx\x00",
    "http://pabx\x7f",
    # letters that only look right
    "http://\uff50abx",
    "http://pábx",
    "http://pabx。com",
    "http://pabx\u200b",
    "http://ⅰⅱⅲ",
    "http://pabx:\uff18\uff10",
    "http://\ud800",
    # numbers that some programs read as another address
    "http://127.1",
    "http://127.0.1",
    "http://2130706433",
    "http://0177.0.0.1",
    "http://127.0.0.01",
    "http://0x7f.1",
    "http://0x7f.0.0.1",
    "http://0x7f000001",
    "http://0X7F.1",
    "http://1.2.3.0x4",
    "http://1.2.3.0x",
    "http://256.0.0.1",
    "http://1.2.3.4.5",
    "http://1.2.3",
    "http://1.2.3.4.",
    "http://pabx.1",
    # brackets
    "http://[::1",
    "http://::1",
    "http://[::1]]",
    "http://[::1]x",
    "http://[::1]x:80",
    "http://[::1]80",
    "http://x[::1]",
    "http://[::1][::2]",
    "http://[]",
    "http://[::g]",
    "http://[127.0.0.1]",
    "http://[v1.a]",
    "http://[pabx]",
    "http://[fe80::1%25eth0]",
    "http://[fe80::1%eth0]",
    # ports
    "http://pabx:",
    "http://pabx:/a",
    "http://pabx:0",
    "http://pabx:00",
    "http://pabx:080",
    "http://pabx:65536",
    "http://pabx:99999999999999999999",
    "http://pabx:-1",
    "http://pabx:+80",
    "http://pabx:8_0",
    "http://pabx:http",
    "http://pabx:80:80",
    "http://[::1]:",
    "http://[::1]:0",
    # names no host can have
    "http://-pabx",
    "http://pabx-",
    "http://pabx.-x",
    "http://.pabx",
    "http://pabx.",
    "http://pa..bx",
    f"http://{'a' * 64}",
    f"http://{LONGEST_HOST}a",
    f"http://{'.'.join(['abc'] * 64)}",
]


@pytest.mark.parametrize(("given_url", "kept"), GOOD.items())
def test_plain_addresses_are_kept(given_url: str, kept: str) -> None:
    """A plain address is kept, its scheme and host in lower case, without a slash."""
    assert check_base_url(given_url) == kept


@pytest.mark.parametrize("url", TRICKS)
def test_tricks_are_refused(url: str) -> None:
    """A URL that two programs could read differently is refused without being shown."""
    with pytest.raises(ConfigurationError) as caught:
        check_base_url(url)

    assert str(caught.value).startswith("base_url ")
    assert not url or url not in str(caught.value)
    assert caught.value.__context__ is None


@pytest.mark.parametrize("url", [None, 8089, b"http://pabx", ["http://pabx"]])
def test_only_text_is_an_address(url: Any) -> None:
    """Nothing but text is an address."""
    with pytest.raises(ConfigurationError, match=r"^base_url must be text$"):
        check_base_url(url)


addresses = st.one_of(
    st.text(),
    st.from_regex(r"\A(?i:https?)://[a-z0-9A-Z.:\[\]_-]{1,20}(/[a-z.:~-]{0,4}){0,3}\Z"),
    st.from_regex(r"\Ahttps?://\[[0-9a-f:.]{2,12}\](:[0-9]{0,6})?/?\Z"),
    st.from_regex(r"\Ahttps?://([0-9x]{1,3}\.){1,4}[0-9x]{1,3}(:[0-9]{1,5})?\Z"),
)


@given(addresses)
@example("http://[::1]:80/a")
@example("HTTP://PABX:80")
def test_everyone_reads_an_accepted_address_alike(url: str) -> None:
    """Any text is refused, or the HTTP library sends to its very host and path."""
    try:
        kept = check_base_url(url)
    except ConfigurationError:
        return

    pabx = PABX("matriz", url, 7, "key")
    sent_to = URL(pabx.base_url + build_request(make_call(), 7).path, encoded=True)
    read = urlsplit(kept)

    assert pabx.base_url == kept
    assert check_base_url(kept) == kept
    assert sent_to.host == read.hostname
    assert sent_to.scheme == read.scheme
    assert sent_to.port == (read.port or {"http": 80, "https": 443}[read.scheme])
    assert sent_to.raw_path == f"{read.path}/requests/7/chamada-preditiva"
    assert (sent_to.user, sent_to.password) == (None, None)
    assert (sent_to.raw_query_string, sent_to.raw_fragment) == ("", "")
