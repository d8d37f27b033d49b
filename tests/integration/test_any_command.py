"""The way of a call takes any row of the command table: here of a made-up command."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import attrs
import pytest
from campaigns import CALL, contacts, run
from helpers import make_call, make_pabx
from ledgers import SHELVES
from ways import WAYS

from digitro_async import (
    Campaign,
    DigitroClient,
    InvalidCallError,
    Outcome,
    RetrySettings,
    Secret,
)
from digitro_async.calls import Call, call_class
from digitro_async.ledger import State
from digitro_async.models import CommandAccepted
from digitro_async.protocol import (
    COMMANDS,
    Command,
    Evidence,
    WireField,
    build_request,
    decode_object,
)
from digitro_async.testing import HostileConnection, HostilePABX


def wrap(text: str | Secret) -> Secret:
    """Wrap a password."""
    return Secret(text) if isinstance(text, str) else text


@call_class
@attrs.frozen(kw_only=True, slots=False)
class RingBell(Call):
    """A command that no PABX has."""

    command: ClassVar[str] = "ring_bell"

    bell: str
    password: Secret | None = attrs.field(default=None, converter=wrap)


ROW = Command(
    name="ring_bell",
    path="/requests/{channel_id}/toca-sino",
    fields=(
        WireField("bell", "SINO", is_required=True),
        WireField("password", "SENHA_SINO", is_secret=True),
    ),
    read=lambda body: CommandAccepted(decode_object(body)),
)


@pytest.fixture(autouse=True)
def _row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(COMMANDS, ROW.name, ROW)


@pytest.fixture(params=WAYS.values())
def manager(request: pytest.FixtureRequest) -> Any:
    """Each way to send."""
    return request.param


class BellTower(HostilePABX):
    """Answers every request with the same object, and keeps what it read.

    Args:
        body: The body of its answers.
    """

    def __init__(self, body: bytes = b"{}") -> None:
        super().__init__(self.answer)
        self.requests: list[bytes] = []
        self.body = body

    async def answer(self, connection: HostileConnection) -> None:
        """Answer all requests of one connection."""
        while request := await connection.read_request():
            self.requests.append(request)
            body = self.body
            if b"/chamada-preditiva" in request:
                body = b'{"ID_CHAMADA": "%d"}' % len(self.requests)
            length = b"Content-Length: %d\r\n\r\n" % len(body)
            connection.send(b"HTTP/1.1 200 OK\r\n" + length + body)


def lines_of(requests: list[bytes]) -> Iterator[str]:
    """Yield the first line of each request."""
    return (request.partition(b"\r\n")[0].decode() for request in requests)


async def test_it_goes_the_way_of_a_call(manager: Any) -> None:
    """Its path and fields reach the PABX, and its answer comes back as its own."""
    async with BellTower(b'{"VEZES": 3}') as tower, manager() as sessions:
        pabx = make_pabx(base_url=tower.base_url)
        async with DigitroClient(pabx, sessions=sessions) as client:
            result = await client.dispatcher.submit(
                RingBell(bell="9", password="canary")
            )

    assert (result.outcome, result.attempts) == (Outcome.ACCEPTED, 1)
    assert result.accepted == CommandAccepted({"VEZES": 3})
    assert result.call_id is None
    [request] = tower.requests
    assert request.startswith(b"POST /requests/1/toca-sino HTTP/1.1\r\n")
    assert json.loads(request.partition(b"\r\n\r\n")[2]) == {
        "SINO": "9",
        "SENHA_SINO": "canary",
    }


async def test_one_pool_serves_every_command(manager: Any) -> None:
    """Requests for other commands and calls take turns on one connection."""
    calls = [RingBell(bell="1"), make_call(), RingBell(bell="2"), make_call()] * 3
    async with BellTower() as tower, manager() as sessions:
        pabx = make_pabx(base_url=tower.base_url, max_in_flight=1)
        async with (
            DigitroClient(pabx, sessions=sessions) as client,
            client.dispatch(calls) as results,
        ):
            taken = [(result.outcome, result.call_id) async for result in results]

    assert tower.connections == 1
    bell, call = "toca-sino", "chamada-preditiva"
    assert list(lines_of(tower.requests)) == [
        f"POST /requests/1/{path} HTTP/1.1" for path in [bell, call] * 6
    ]
    ids = [None if number % 2 else str(number) for number in range(1, 13)]
    assert taken == [(Outcome.ACCEPTED, call_id) for call_id in ids]


async def test_one_pool_serves_every_channel(manager: Any) -> None:
    """Requests over any number of channels share one connection."""
    requests = [build_request(RingBell(bell="1"), channel) for channel in range(150)]
    async with BellTower() as tower, manager() as sessions:
        pabx = make_pabx(base_url=tower.base_url)
        for request in requests:
            seen = await sessions.exchange(pabx, request, Evidence())
            assert (seen.status, seen.body) == (200, b"{}")

    assert tower.connections == 1
    assert list(lines_of(tower.requests)) == [
        f"POST /requests/{channel}/toca-sino HTTP/1.1" for channel in range(150)
    ]


@pytest.mark.parametrize(
    ("body", "reason"), [(b"[]", "not_an_object"), (b"{", "not_json")]
)
async def test_its_answer_is_read_by_its_row(body: bytes, reason: str) -> None:
    """An answer that the row can't read leaves the outcome unknown."""
    async with BellTower(body) as tower:
        pabx = make_pabx(base_url=tower.base_url)
        once = RetrySettings(max_attempts=1)
        async with DigitroClient(pabx, retry=once) as client:
            result = await client.dispatcher.submit(RingBell(bell="9"))

    assert result.outcome is Outcome.UNKNOWN
    assert result.error is not None
    assert result.error.reason == reason


async def test_without_a_row_it_is_no_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """A class that names no row of the table is refused before anything is counted."""
    monkeypatch.delitem(COMMANDS, ROW.name)
    async with DigitroClient(make_pabx()) as client:
        result = await client.dispatcher.submit(RingBell(bell="9"))

        assert client.statistics().attempts == 0
    assert result.outcome is Outcome.INVALID


def test_its_texts_are_checked_and_masked() -> None:
    """Its fields are checked as those of any call, and its password is masked."""
    bell = RingBell(bell="9", password="canary")

    assert bell.password == Secret("canary")
    assert "canary" not in repr(bell)
    assert bell == RingBell(bell="9", password=Secret("canary"))
    for wrong, problem in (("", "is empty"), ("\n", "control"), (9, "must be text")):
        with pytest.raises(InvalidCallError, match=f"^bell .*{problem}"):
            RingBell(bell=wrong)  # type: ignore[arg-type]  # that is what is refused


@pytest.mark.parametrize("kind", SHELVES)
async def test_a_ledger_records_it(kind: str, tmp_path: Path) -> None:
    """A command whose answer has no call id is recorded as accepted, each time."""

    class Bells(Campaign):
        def _build_call(self, contact: Any) -> Any:
            return RingBell(bell=contact.destination.reveal())

    async with BellTower() as tower, SHELVES[kind](tmp_path).ledger() as ledger:
        pabx = make_pabx(base_url=tower.base_url)
        async with DigitroClient(pabx) as client:
            campaign = Bells(ledger, client, call=CALL)
            await campaign.add(contacts(3))
            results = await run(campaign)
            counts = await ledger.counts()

    assert [result.outcome for result in results] == [Outcome.ACCEPTED] * 3
    assert counts[State.ACCEPTED] == len(tower.requests) == 3
