"""Text that a PABX writes anywhere in an answer is open in no object made of it."""

import asyncio
import json
from typing import Any

import pytest
from helpers import PREDICTIVE_CALL, make_pabx
from leak_places import Watch
from leaks import CANARIES, DIALLED, call_with_canaries
from test_transports import go
from ways import WAYS

from digitro_async import DigitroClient, DigitroError, LedgerError, ThrottledError
from digitro_async.dispatch._admission import Admission
from digitro_async.dispatch._repeated_ids import LONGEST_REMEMBERED
from digitro_async.ledger import SQLiteLedger
from digitro_async.privacy import Personal
from digitro_async.protocol import Observation, classify, decode_answer, error_of
from digitro_async.protocol._decoding import MAX_CALL_ID, UnreadableBodyError
from digitro_async.settings import PauseSettings, RetrySettings
from digitro_async.testing import HostileConnection, HostilePABX

NUMBER = CANARIES["destination"].text
SHORTER = NUMBER.lstrip("0")  # twelve digits, which are seconds to whoever reads them
NAME = CANARIES["name"].text
LATIN = NAME.encode("latin-1")
EVERYTHING = "; ".join(CANARIES[name].text for name in DIALLED)


def answer(status: str, headers: bytes = b"", body: bytes = b"") -> bytes:
    """Return the bytes of an answer."""
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n".encode("latin-1")
    return head + headers + b"\r\n" + body


ANSWERS: dict[str, bytes] = {
    **{
        f"retry after {form!r}": answer(
            "429 Slow", b"Retry-After: %b\r\n" % form.encode("latin-1")
        )
        for form in (NUMBER, SHORTER, f"{NUMBER}.5", f"Mon, {NUMBER} GMT", NAME)
    },
    "retry after on a 503": answer("503 Busy", b"Retry-After: %b\r\n" % LATIN),
    **{
        f"reason {status}": answer(f"{status} {NUMBER} {NAME}")
        for status in (200, 204, 302, 400, 401, 403, 404, 429, 500, 503, 999)
    },
    "headers": answer(
        "500 No",
        b"".join(
            b"%b: %b %b\r\n" % (name, NUMBER.encode(), LATIN)
            for name in (b"Set-Cookie", b"Location", b"Server", b"WWW-Authenticate")
        )
        + b"X-%b: 1\r\n" % NUMBER.encode(),
    ),
    "redirect": answer("307 Go", b"Location: http://h/%b?%b\r\n" % ((LATIN,) * 2)),
    "body": answer("400 Bad", b"", EVERYTHING.encode()),
    "no json": answer("200 OK", b"", EVERYTHING.encode()),
    "other json": answer("200 OK", b"", json.dumps({"x": EVERYTHING}).encode()),
    "long id": answer(
        "200 OK", b"", json.dumps({"ID_CHAMADA": EVERYTHING * 40}).encode()
    ),
    "twice the id": answer(
        "200 OK",
        b"",
        b'{"ID_CHAMADA": "%b", "ID_CHAMADA": "2"}' % NUMBER.encode(),
    ),
    "status line": f"HTTP/1.1 {NUMBER} {NAME}\r\n\r\n".encode("latin-1"),
    "version": f"HTTP/{NUMBER} 200 OK\r\n\r\n".encode(),
    "no http": EVERYTHING.encode() + b"\r\n\r\n",
    "length": b"HTTP/1.1 200 OK\r\nContent-Length: -%b\r\n\r\n" % NUMBER.encode(),
    "encoding": answer("200 OK", b"Transfer-Encoding: %b\r\n" % NUMBER.encode()),
    "chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    + f"x{NUMBER}\r\n".encode(),
    "header": answer("200 OK", b"%b\r\n" % LATIN),
    "interim": f"HTTP/1.1 103 {NUMBER}\r\nX: {NAME}\r\n\r\n".encode("latin-1") * 20,
    "half": answer("400 Bad", b"", EVERYTHING.encode())[:-4],
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ANSWERS)
async def test_no_answer_is_repeated(
    name: str, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither an error nor what it is made of shows what the PABX wrote."""
    go(way, monkeypatch)

    async def reply(line: HostileConnection) -> None:
        await line.read_request()
        line.send(ANSWERS[name])

    async with HostilePABX(reply) as server:
        one = make_pabx(base_url=server.base_url)
        retry = RetrySettings(max_attempts=1)
        with Watch() as watch:
            watch.listen_to(asyncio.get_running_loop())
            async with DigitroClient(one, retry=retry) as client:
                with pytest.raises(DigitroError) as caught:
                    await client.make_predictive_call(call_with_canaries())
                watch.take("error", caught.value)
                watch.see("vars", repr(vars(caught.value)))
                watch.take("statistics", client.statistics())

    assert watch.leaks() == []


@pytest.mark.parametrize("text", [NUMBER, SHORTER, "86401", "00000000099999"])
def test_waits_are_a_day_at_most(text: str) -> None:
    """A number that is no wait is not shown as seconds."""
    seen = Observation(True, 429, b"", None, Personal(text))
    error = error_of(classify(seen, PREDICTIVE_CALL), seen, pabx="one", attempts=1)

    assert isinstance(error, ThrottledError)
    assert error.retry_after in (None, 86_400.0)
    assert text not in f"{vars(error)} {seen!r}"


def test_an_observation_shows_no_header() -> None:
    """The observation of an attempt shows neither body nor header, wrapped or not."""
    assert NUMBER not in repr(Observation(True, 429, NUMBER.encode(), None, NUMBER))


class TestLongIds:
    """Call ids have a bound, and what is remembered of them has one too."""

    @pytest.mark.parametrize("char", ["x", "漢", "\\u00e9", '\\"'])
    def test_bound(self, char: str) -> None:
        """A call id of a thousand characters is one; a longer one is none."""
        body = '{"ID_CHAMADA": "%s"}'
        longest = decode_answer((body % (char * MAX_CALL_ID)).encode())
        with pytest.raises(UnreadableBodyError) as caught:
            decode_answer((body % (char * (MAX_CALL_ID + 1))).encode())

        assert len(longest.call_id) == MAX_CALL_ID == 1024
        assert caught.value.args == ("oversized_call_id",)

    def test_memory(self) -> None:
        """Long ids are told apart as short ones are, and take no more room."""
        admission = Admission(make_pabx(), RetrySettings(), PauseSettings())
        ids = [
            f"{number:04}".rjust(size, "x")
            for size in (64, 65, 1024)
            for number in range(300)
        ]
        fresh = [admission.standing.is_repeated(one) for one in ids]
        again = [admission.standing.is_repeated(one) for one in ids]
        known: Any = admission.standing.is_repeated
        kept = known.__self__._ids

        assert (set(fresh), set(again)) == ({False}, {True})
        assert max(map(len, kept)) == LONGEST_REMEMBERED
        assert admission.standing.is_repeated("\ud800" * 100) is False
        assert admission.standing.is_repeated("\ud800" * 100) is True


async def test_long_id_leaves_the_call_unknown() -> None:
    """A call whose id is too long to be one is unknown, with a reason."""
    body = json.dumps({"ID_CHAMADA": "x" * 60_000}).encode()

    async def reply(line: HostileConnection) -> None:
        await line.read_request()
        line.send(answer("200 OK", b"", body))
        await line.wait_for_end()

    async with (
        HostilePABX(reply) as server,
        DigitroClient(make_pabx(base_url=server.base_url)) as client,
    ):
        with pytest.raises(DigitroError) as caught:
            await client.make_predictive_call(call_with_canaries())

    assert caught.value.may_have_dialed
    assert caught.value.reason == "oversized_call_id"


async def test_ambiguous_contacts_are_not_repeated(tmp_path: Any) -> None:
    """Who can't be told apart is not named by the error."""
    async with SQLiteLedger(tmp_path / "a.db", synchronous="OFF") as ledger:
        with Watch() as watch:
            for name in (EVERYTHING, Personal(EVERYTHING), int(SHORTER)):
                with pytest.raises(LedgerError) as caught:
                    await ledger.reconcile(name, accepted=True, evidence="x", now=0.0)
                watch.take("error", caught.value.with_traceback(None))

    assert watch.leaks() == []
