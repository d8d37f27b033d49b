"""Where a live page is served, who may ask for it, and its token."""

import stat
from pathlib import Path

import pytest

from digitro_async import ConfigurationError
from digitro_async.live_page import page_place, page_token


class TestPlace:
    """Where a page is served, and its token."""

    @pytest.mark.parametrize(
        ("text", "host", "port", "is_loopback"),
        [
            ("127.0.0.1:8088", "127.0.0.1", 8088, True),
            ("8088", "127.0.0.1", 8088, True),
            ("localhost:0", "localhost", 0, True),
            ("[::1]:8088", "::1", 8088, True),
            ("0.0.0.0:80", "0.0.0.0", 80, False),
            ("pabx.example:80", "pabx.example", 80, False),
        ],
    )
    def test_places(self, text: str, host: str, port: int, is_loopback: bool) -> None:
        """Address and port are read, and whether others can reach it."""
        place = page_place(text)

        assert (place.host, place.port, place.is_loopback) == (host, port, is_loopback)

    @pytest.mark.parametrize(
        "text", ["", "x", "127.0.0.1", ":80", "1:99999", "a b:1", "http://a:1", "::1:8"]
    )
    def test_no_places(self, text: str) -> None:
        """What names no place is refused."""
        with pytest.raises(ConfigurationError, match="such as 127"):
            page_place(text)

    @pytest.mark.parametrize(
        ("place", "host", "why"),
        [
            ("0.0.0.0:80", "10.1.2.3", ""),
            ("0.0.0.0:80", "[fe80::1]:80", ""),
            ("0.0.0.0:80", "evil.example", "wrong_host"),
            ("0.0.0.0:80", "proxy.example", ""),
            ("pabx.example:80", "PABX.example:80", ""),
            ("127.0.0.1:80", "[::1]", ""),
            ("127.0.0.1:80", "10.1.2.3", "wrong_host"),
        ],
    )
    def test_hosts(self, place: str, host: str, why: str) -> None:
        """A page that others reach is asked for by an address, or a name it knows."""
        found = page_place(place, ("Proxy.example",))

        assert found.why_refused({"Host": host}, is_page=False) == why

    def test_link(self) -> None:
        """A link on another site leads to the page, and to nothing of its parts."""
        place, headers = page_place("8088"), {"Host": "localhost"}
        headers["Sec-Fetch-Site"] = "cross-site"

        assert place.why_refused(headers, is_page=True) == ""
        assert place.why_refused(headers, is_page=False) == "wrong_origin"

    def test_token_file(self, tmp_path: Path) -> None:
        """A token is kept in a file of its owner's alone, and is the same again."""
        path = tmp_path / "token"
        first, again = page_token(path), page_token(path)

        assert first == again
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert len(first.reveal()) >= 40
        assert page_token() != page_token()

    def test_bad_token_files(self, tmp_path: Path) -> None:
        """A file that others may write to, or that holds a short token, is refused."""
        path = tmp_path / "token"
        path.write_text("short")
        path.chmod(0o600)
        with pytest.raises(ConfigurationError, match="must hold 32"):
            page_token(path)
        path.chmod(0o666)
        with pytest.raises(ConfigurationError, match="others may write"):
            page_token(path)
        with pytest.raises(ConfigurationError, match="No such file"):
            page_token(tmp_path / "nowhere" / "token")
