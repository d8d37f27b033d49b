"""Orders over the socket beside a ledger, to a process that dials."""

import asyncio
import contextlib
import json
import os
import socket
import stat
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from campaigns import ScriptedClient, contacts, scripted
from helpers import ScriptedTransport, make_pabx, take_into, until

from digitro_async import CallResult, ConfigurationError, LedgerError, RateLimit
from digitro_async.control import (
    ControlServer,
    RunControl,
    SocketControl,
    find_socket,
)
from digitro_async.ledger import MemoryLedger, State
from digitro_async.privacy import Personal

pytestmark = pytest.mark.skipif(
    not hasattr(socket, "AF_UNIX"), reason="the system has no such sockets"
)


async def echo(order: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the order itself."""
    return {"value": dict(order)}


async def spoken(path: Path, sent: bytes) -> bytes:
    """Return all that is said in answer to some bytes."""
    reader, writer = await asyncio.open_unix_connection(str(path))
    writer.write(sent)
    if not sent.endswith(b"\n"):
        writer.write_eof()
    answer = b""
    with contextlib.suppress(ConnectionError):
        answer = await reader.read()
    writer.close()
    return answer


@pytest.fixture
def run_folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return a folder for sockets, whose path is short."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        monkeypatch.setenv("XDG_RUNTIME_DIR", folder)
        yield Path(folder) / "digitro"


class TestServer:
    """The socket and what goes over it."""

    async def test_it_is_its_owners_alone(self, tmp_path: Path) -> None:
        """The socket stands beside the ledger, and goes with the server."""
        async with ControlServer(tmp_path / "a.db", echo) as server:
            assert server.path == tmp_path / "a.db.control"
            mode = server.path.stat().st_mode
            assert stat.S_ISSOCK(mode)
            assert stat.S_IMODE(mode) == 0o600
            assert find_socket(tmp_path / "a.db") == server.path
        assert not any(tmp_path.iterdir())  # noqa: ASYNC240 - it is empty
        assert find_socket(tmp_path / "a.db") is None

    async def test_a_dead_ones_socket(self, tmp_path: Path) -> None:
        """A socket that a crash left behind is told from a living one, and replaced."""
        left = socket.socket(socket.AF_UNIX)
        left.bind(str(tmp_path / "a.db.control"))
        left.close()
        with pytest.raises(LedgerError) as caught:
            await SocketControl(tmp_path / "a.db").__aenter__()
        assert caught.value.reason == "nobody_dials"

        async with ControlServer(tmp_path / "a.db", echo) as server:
            assert server.path is not None
            reply = await spoken(server.path, b'{"order": "x"}\n')
        assert json.loads(reply) == {"value": {"order": "x"}}

    async def test_somebody_elses_file(self, tmp_path: Path, run_folder: Path) -> None:
        """What is no socket stays as it is, and the socket stands elsewhere."""
        (tmp_path / "a.db.control").write_text("mine")
        async with ControlServer(tmp_path / "a.db", echo) as server:
            assert server.path is not None
            assert server.path.parent == run_folder
            assert stat.S_IMODE(server.path.parent.stat().st_mode) == 0o700
            assert find_socket(tmp_path / "a.db") == server.path
        assert (tmp_path / "a.db.control").read_text() == "mine"

    async def test_long_paths(self, tmp_path: Path, run_folder: Path) -> None:
        """A path that is too long for a socket has one in the runtime folder."""
        folder = tmp_path / ("x" * 120)
        folder.mkdir()
        async with ControlServer(folder / "a.db", echo) as server:
            assert server.path is not None
            assert server.path.parent == run_folder
            assert find_socket(folder / "a.db") == server.path

    async def test_where_none_can_stand(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Where no socket can be made the server goes without, and fails nothing."""

        class Refusing(socket.socket):
            def bind(self, _: Any) -> None:
                raise PermissionError

        monkeypatch.setattr(socket, "socket", Refusing)
        async with ControlServer(tmp_path / "a.db", echo) as server:
            assert server.path is None

    @pytest.mark.parametrize(
        "sent", [b"", b"{", b"[]\n", b"x\n", b"\xff\n", b'{"order": "x"}', b"[" * 9000]
    )
    async def test_what_is_no_order(self, tmp_path: Path, sent: bytes) -> None:
        """Whatever else is sent gets an error or nothing, and the next is served."""
        async with ControlServer(tmp_path / "a.db", echo) as server:
            assert server.path is not None
            answer = await spoken(server.path, sent)
            assert not answer or "error" in json.loads(answer)
            assert b"value" in await spoken(server.path, b"{}\n")

    async def test_too_long(self, tmp_path: Path) -> None:
        """An order that does not end is not kept."""
        async with ControlServer(tmp_path / "a.db", echo) as server:
            assert server.path is not None
            assert await spoken(server.path, b"x" * 500_000 + b"\n") == b""

    async def test_other_users(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Nobody else's order is read, even where the file's mode let it through."""
        async with ControlServer(tmp_path / "a.db", echo) as server:
            assert server.path is not None
            user = os.geteuid() + 1
            monkeypatch.setattr(
                "digitro_async.control._control_server._CREDENTIALS",
                FakeCredentials(user),
            )
            assert await spoken(server.path, b"{}\n") == b""

    async def test_a_fault(self, tmp_path: Path) -> None:
        """A fault of the program is an error of the order, without its text."""

        async def fail(_: object) -> Mapping[str, Any]:
            raise ZeroDivisionError("canary")

        async with ControlServer(tmp_path / "a.db", fail) as server:
            assert server.path is not None
            answer = await spoken(server.path, b"{}\n")
        assert b"unexpected ZeroDivisionError" in answer
        assert b"canary" not in answer


class FakeCredentials:
    """Says of every peer that it is one user."""

    size = 12

    def __init__(self, user: int) -> None:
        self.user = user

    def unpack(self, _: bytes) -> tuple[int, int, int]:
        """Return the process, the user and the group of a peer."""
        return 1, self.user, 1


class TestOrders:
    """Orders to a run that goes on."""

    async def test_pause_and_resume(self, tmp_path: Path) -> None:
        """A run that is paused begins no call, tells so, and goes on when resumed."""
        transport = ScriptedTransport(latency=0.01)
        taken: list[CallResult] = []
        path = tmp_path / "a.db"
        async with MemoryLedger() as ledger:
            pabx = make_pabx(max_in_flight=2, rate=RateLimit(1000))
            campaign, client = scripted(ledger, transport, pabx=pabx)
            await campaign.add(contacts(100))
            run_control = RunControl(client, ledger)
            async with (
                ControlServer(path, run_control.obey),
                SocketControl(path) as control,
                campaign.run() as results,
            ):
                taking = asyncio.create_task(take_into(taken, results))
                await until(lambda: len(transport.attempts) >= 4)
                assert await control.pause() == 1
                await until(lambda: not transport.on_wire)
                begun = len(transport.attempts)
                (state,) = await control.pabx()
                assert (state.code, state.calls, state.per) == ("ordered", 1000, 1.0)
                (worker,) = await control.workers()
                assert (worker.calls, worker.in_flight) == (begun, 0)
                assert worker.limits == {"one": "paused by the operator"}
                assert worker.name.endswith(f":{os.getpid()}")
                (one,) = await control.campaigns()
                assert sum(one.counts.values()) == 100
                assert len(transport.attempts) == begun < 100

                assert await control.resume(pabx="one") == 1
                await taking
        assert len(taken) == len(transport.attempts) == 100

    async def test_rate(self, tmp_path: Path) -> None:
        """A rate that is ordered is in force, and told, until it is taken back."""
        path = tmp_path / "a.db"
        async with MemoryLedger() as ledger:
            client = ScriptedClient(ScriptedTransport(), make_pabx(rate=RateLimit(10)))
            obey = RunControl(client, ledger).obey
            async with ControlServer(path, obey), SocketControl(path) as control:
                await control.set_rate(25, 1.0)
                (state,) = await control.pabx()
                assert (state.calls, state.is_ordered) == (25, True)
                assert client.statistics().pabx["one"].allowed_rate == 25
                await control.set_rate(None, 1.0, pabx="one")
                (state,) = await control.pabx()
                assert (state.calls, state.is_ordered) == (10, False)
                wrong: list[tuple[Any, float]] = [(0, 1.0), ("x", 1.0), (1, 0.1)]
                for calls, per in wrong:
                    with pytest.raises(ConfigurationError):
                        await control.set_rate(calls, per)
                with pytest.raises(ConfigurationError, match="no PABX of that name"):
                    await control.set_rate(1, 1.0, pabx="two")

    async def test_withdraw(self, tmp_path: Path) -> None:
        """A contact is withdrawn by its id, its number, or a text that is one."""
        path = tmp_path / "a.db"
        async with MemoryLedger() as ledger:
            campaign, client = scripted(ledger, ScriptedTransport())
            await campaign.add(contacts(3))
            obey = RunControl(client, ledger).obey
            async with ControlServer(path, obey), SocketControl(path) as control:
                for named in (Personal("C1"), 2, "C3"):
                    assert await control.withdraw(named) is State.SKIPPED
                with pytest.raises(LedgerError) as caught:
                    await control.withdraw(Personal("C9"))
            assert caught.value.reason == "no_such_contact"
            assert (await ledger.counts())[State.SKIPPED] == 3

    async def test_an_end_before_the_reply(self, tmp_path: Path) -> None:
        """A process that ends while it obeys breaks the order off, and that is said."""
        path, begun = tmp_path / "a.db", asyncio.Event()

        async def add(_: Mapping[str, Any]) -> Mapping[str, Any]:
            begun.set()
            await asyncio.Event().wait()
            return {}

        async with MemoryLedger() as ledger:
            obey = RunControl(ScriptedClient(ScriptedTransport()), ledger, add).obey
            async with ControlServer(path, obey):
                adding = asyncio.create_task(SocketControl(path).add({}))
                await begun.wait()
            with pytest.raises(LedgerError, match="ended before it had obeyed"):
                await adding

    async def test_a_list_at_the_end(self, tmp_path: Path) -> None:
        """A list is waited for, and none is taken once the process is to end."""
        path, begun, go_on = tmp_path / "a.db", asyncio.Event(), asyncio.Event()

        async def add(values: Mapping[str, Any]) -> Mapping[str, Any]:
            begun.set()
            await go_on.wait()
            return values

        async with MemoryLedger() as ledger:
            run = RunControl(ScriptedClient(ScriptedTransport()), ledger, add)
            async with ControlServer(path, run.obey), SocketControl(path) as control:
                adding = asyncio.create_task(control.add({"new": 1}))
                await begun.wait()
                ending = asyncio.create_task(run.end())
                await asyncio.sleep(0)
                assert not ending.done()
                go_on.set()
                assert await adding == {"new": 1}
                assert await ending == 1
                with pytest.raises(LedgerError, match="about to end"):
                    await control.add({})
                run.go_on()
                assert await control.add({"new": 2}) == {"new": 2}
                assert await run.end() == 1

    async def test_orders_of_databases(self, tmp_path: Path) -> None:
        """A file has no campaigns beside each other: orders about them are refused."""
        path = tmp_path / "a.db"
        async with MemoryLedger() as ledger:
            client = ScriptedClient(ScriptedTransport())
            obey = RunControl(client, ledger).obey
            async with ControlServer(path, obey), SocketControl(path) as control:
                for act in (
                    control.pause(campaign="a"),
                    control.resume(campaign="a"),
                    control.set_weight("a", 2),
                    control.add({}),
                ):
                    with pytest.raises(ConfigurationError):
                        await act

    @pytest.mark.parametrize(
        "order",
        [
            {},
            {"order": "fly"},
            {"order": ["pause"]},
            {"order": "pause", "pabx": 1},
            {"order": "withdraw"},
            {"order": "withdraw", "number": True},
            {"order": "set_rate", "calls": 1},
            {"order": "add", "values": 1},
        ],
    )
    async def test_wrong_orders(self, order: dict[str, Any]) -> None:
        """What is no order is refused, and changes nothing."""
        async with MemoryLedger() as ledger:
            client = ScriptedClient(ScriptedTransport())
            with pytest.raises(ConfigurationError):
                await RunControl(client, ledger, None).obey(order)
            assert client.statistics().pabx["one"].pause is None
