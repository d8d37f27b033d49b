import asyncio
import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Self

import pytest
import uvloop

from digitro_async.errors import ConfigurationError
from digitro_async.protocol._names import DOCUMENTED_CALL
from digitro_async.testing import FakePABX, Fault, FaultKind, FaultPlan
from digitro_async.testing.simulator._fault_kinds import Stage
from digitro_async.testing.simulator._faults import FaultDecisions

BODY = json.dumps(DOCUMENTED_CALL).encode()
REQUEST = (
    "POST /requests/1/chamada-preditiva HTTP/1.1\r\nHost: x\r\nx-api-key: demo-key\r\n"
    f"Content-Type: application/json\r\nContent-Length: {len(BODY)}\r\n\r\n"
).encode() + BODY


class Line:
    """A raw connection to the simulator."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def __aenter__(self) -> Self:
        self.reader, self.writer = await asyncio.open_connection(
            "127.0.0.1", self._port
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.transport.abort()

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        """Read a whole answer."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("ascii")
        first, *rest = head.rstrip().split("\r\n")
        headers = dict(line.split(": ", 1) for line in rest)
        body = await self.reader.readexactly(int(headers["Content-Length"]))
        return int(first.split()[1]), headers, body

    async def ask(self) -> tuple[int, dict[str, str], bytes]:
        """Send the documented call and read the answer."""
        self.writer.write(REQUEST)
        return await self.answer()


async def one_answer(fault: Fault) -> tuple[int, dict[str, str], bytes, FakePABX]:
    """Ask a simulator at which this fault befalls every call."""
    async with FakePABX(faults=FaultPlan([fault])) as pabx, Line(pabx.port) as line:
        return *await line.ask(), pabx


class TestDecisions:
    """Which call a rule befalls."""

    @staticmethod
    def befallen(fault: Fault, calls: int = 10) -> list[int]:
        """List the calls that a rule befalls."""
        decisions = FaultPlan([fault]).decisions()
        return [n for n in range(1, calls + 1) if decisions.choose(Stage.CALL, n, "1")]

    @pytest.mark.parametrize(
        ("conditions", "befallen"),
        [
            ({}, [1, 2, 3, 4, 5]),
            ({"at": 3}, [3]),
            ({"at": [2, 4, 9]}, [2, 4]),
            ({"times": 2}, [1, 2]),
            ({"at": (2, 3, 4), "times": 2}, [2, 3]),
            ({"destination": "1", "times": 1}, [1]),
            ({"destination": "2"}, []),
            ({"probability": 0}, []),
            ({"probability": 1}, [1, 2, 3, 4, 5]),
        ],
    )
    def test_conditions(self, conditions: dict[str, Any], befallen: list[int]) -> None:
        """Every condition that is given must hold."""
        assert self.befallen(Fault("stall", **conditions), 5) == befallen

    def test_chance(self) -> None:
        """A probability is kept on the average."""
        count = len(self.befallen(Fault("stall", probability=0.3), 10_000))

        assert 2_800 < count < 3_200

    def test_seed(self) -> None:
        """The same seed decides the same, another one differently."""

        def decide(seed: int) -> list[bool]:
            plan = FaultPlan([Fault("stall", probability=0.5)], seed=seed)
            decisions = plan.decisions()
            return [decisions.choose(Stage.CALL, n) is not None for n in range(64)]

        assert decide(1) == decide(1)
        assert decide(1) != decide(2)

    def test_first_rule_wins(self) -> None:
        """Of several rules that hold the first one decides."""
        first, second = Fault("stall", at=1), Fault("error_503")
        decisions = FaultDecisions([first, second], seed=0)

        assert decisions.choose(Stage.CALL, 1) is first
        assert decisions.choose(Stage.CALL, 2) is second
        assert decisions.choose(Stage.CONNECT, 1) is None

    def test_private(self) -> None:
        """A rule's repr does not show the number it is for."""
        assert "04832817000" not in repr(Fault("stall", destination="04832817000"))


class TestMapping:
    """Plans made of plain values and files."""

    def test_whole(self) -> None:
        """Plain values make the plan that code would make."""
        plan = FaultPlan.from_mapping(
            {
                "seed": 7,
                "fault": [
                    {"kind": "lose_answer", "probability": 0.05},
                    {"kind": "throttle_429", "at": [3, 4], "retry_after": 2},
                ],
            }
        )

        assert plan == FaultPlan(
            [
                Fault(FaultKind.LOSE_ANSWER, probability=0.05),
                Fault(FaultKind.THROTTLE_429, at=[3, 4], retry_after=2),
            ],
            seed=7,
        )

    @pytest.mark.parametrize(
        ("rule", "message"),
        [
            ({"kind": "boom"}, "fault 2: kind is not one of reset_on_connect"),
            ({"kind": []}, "fault 2: kind is not one of"),
            ({}, "fault 2: kind is missing"),
            (3, "fault 2: must be a table"),
            ({"kind": "stall", "when": 1}, "fault 2: unknown field 'when'"),
            ({"kind": "stall", "at": 0}, "fault 2: at must hold whole numbers"),
            ({"kind": "stall", "at": []}, "fault 2: at must hold whole numbers"),
            ({"kind": "stall", "at": True}, "fault 2: at must hold whole numbers"),
            ({"kind": "stall", "at": 1.5}, "fault 2: at must hold whole numbers"),
            ({"kind": "stall", "probability": 2}, "fault 2: probability must be"),
            ({"kind": "stall", "probability": "1"}, "fault 2: probability must be"),
            ({"kind": "stall", "times": 0}, "fault 2: times must be"),
            ({"kind": "stall", "placed": 1}, "fault 2: placed must be true or false"),
            ({"kind": "stall", "destination": 1}, "fault 2: destination must be text"),
            ({"kind": "status"}, "fault 2: status is required"),
            ({"kind": "status", "status": 99}, "fault 2: status must be"),
            ({"kind": "stall", "status": 500}, "fault 2: status means nothing to"),
            ({"kind": "stall", "size": 5}, "fault 2: size means nothing to stall"),
            ({"kind": "slow_answer", "pause": -1}, "fault 2: pause must be"),
            (
                {"kind": "redirect", "location": "/\r\nX: y"},
                "fault 2: location must be printable",
            ),
            (
                {"kind": "reset_on_connect", "destination": "1"},
                "fault 2: destination is not known",
            ),
            (
                {"kind": "reset_before_reading", "placed": True},
                "fault 2: placed can't be true",
            ),
        ],
    )
    def test_wrong_rule(self, rule: Any, message: str) -> None:
        """A wrong rule is named by its number and field."""
        with pytest.raises(ConfigurationError) as caught:
            FaultPlan.from_mapping({"fault": [{"kind": "stall"}, rule]})

        assert str(caught.value).startswith(message)

    @pytest.mark.parametrize(
        ("data", "message"),
        [
            ({"faults": []}, "unknown setting 'faults'"),
            ({"fault": {}}, "fault must be a list"),
            ({"seed": "x"}, "seed must be a whole number"),
        ],
    )
    def test_wrong_plan(self, data: dict[str, Any], message: str) -> None:
        """A plan with settings that are unknown or of a wrong kind is refused."""
        with pytest.raises(ConfigurationError, match=message):
            FaultPlan.from_mapping(data)

    def test_wrong_values(self) -> None:
        """A plan takes faults and nothing else."""
        with pytest.raises(ConfigurationError, match="Fault values"):
            FaultPlan(["stall"])

    def test_load(self, tmp_path: Path) -> None:
        """A TOML file makes a plan."""
        path = tmp_path / "plan.toml"
        path.write_text('seed = 3\n[[fault]]\nkind = "stall"\nat = 2\n')

        assert FaultPlan.load(path) == FaultPlan([Fault("stall", at=2)], seed=3)

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (b'[[fault]]\nkind = "x"\n', r"plan\.toml: fault 1: kind is not one of"),
            (b"[[fault]", r"plan\.toml: not TOML: "),
            (b"\xff", r"plan\.toml: not TOML: "),
            (None, r"plan\.toml: No such file"),
        ],
    )
    def test_load_wrong(
        self, tmp_path: Path, content: bytes | None, message: str
    ) -> None:
        """A file that can't be used is named together with what is wrong."""
        path = tmp_path / "plan.toml"
        if content is not None:
            path.write_bytes(content)

        with pytest.raises(ConfigurationError, match=message):
            FaultPlan.load(path)


class TestEarly:
    """Faults before anything is read."""

    @pytest.mark.parametrize("kind", ["reset_on_connect", "reset_before_reading"])
    @pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
    def test_reset(
        self, kind: str, run: Callable[[Coroutine[Any, Any, None]], None]
    ) -> None:
        """The connection is reset and the call is not received."""

        async def check() -> None:
            plan = FaultPlan([Fault(kind, at=1)])
            async with FakePABX(faults=plan) as pabx:
                with pytest.raises(ConnectionResetError):
                    async with Line(pabx.port) as line:
                        await line.ask()
                async with Line(pabx.port) as line:
                    assert (await line.ask())[0] == 200
                assert (pabx.posts, pabx.connections) == (1, 2)
                assert pabx.summary().by_fault == {kind: 1}

        run(check())

    async def test_close(self) -> None:
        """The connection ends in good order and the call is not received."""
        plan = FaultPlan([Fault("close_before_reading")])
        async with FakePABX(faults=plan) as pabx, Line(pabx.port) as line:
            line.writer.write(REQUEST)

            assert await line.reader.read() == b""
            assert pabx.posts == 0

    async def test_answer_before_reading(self) -> None:
        """The answer comes before the request, which is never read."""
        plan = FaultPlan([Fault("answer_before_reading")])
        async with FakePABX(faults=plan) as pabx, Line(pabx.port) as line:
            line.writer.write(REQUEST[:20])
            status, headers, body = await line.answer()
            line.writer.write(REQUEST[20:])
            line.writer.write_eof()

            assert (status, headers["Connection"]) == (200, "close")
            assert json.loads(body)["ID_CHAMADA"]
            assert await line.reader.read() == b""
        assert pabx.posts == 0

    async def test_unasked_answer(self) -> None:
        """An answer lies on the connection before anything is asked."""
        plan = FaultPlan([Fault("unasked_answer")])
        async with FakePABX(faults=plan) as pabx, Line(pabx.port) as line:
            unasked = await line.answer()

            assert unasked[0] == 200
            assert pabx.posts == 0
            assert await line.ask() != unasked
            assert pabx.posts == 1

    async def test_on_a_kept_connection(self) -> None:
        """Requests are counted across connections and also on a kept one."""
        plan = FaultPlan([Fault("close_before_reading", at=2)])
        async with FakePABX(faults=plan) as pabx, Line(pabx.port) as line:
            await line.ask()
            line.writer.write(REQUEST)

            assert await line.reader.read() == b""
            assert (pabx.posts, pabx.connections) == (1, 1)


class TestNoAnswer:
    """Faults that answer nothing that can be read."""

    @pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
    def test_reset(self, run: Callable[[Coroutine[Any, Any, None]], None]) -> None:
        """The call is read, not placed, and the connection is reset."""

        async def check() -> None:
            plan = FaultPlan([Fault("reset_after_reading")])
            async with FakePABX(faults=plan) as pabx, Line(pabx.port) as line:
                with pytest.raises(ConnectionResetError):
                    await line.ask()

            (call,) = pabx.calls
            assert (call.status, call.call_id, call.placed) == (None, None, False)

        run(check())

    async def test_lost(self) -> None:
        """The call is placed and the connection ends without an answer."""
        plan = FaultPlan([Fault("lose_answer")])
        async with FakePABX(faults=plan) as pabx, Line(pabx.port) as line:
            line.writer.write(REQUEST)

            assert await line.reader.read() == b""

        (call,) = pabx.calls
        assert (call.status, call.placed) == (None, True)
        assert call.call_id is not None

    @pytest.mark.parametrize("placed", [True, False])
    async def test_stall(self, placed: bool) -> None:
        """The call is placed or not, as told, and nothing is answered."""
        plan = FaultPlan([Fault("stall", placed=placed)])
        async with FakePABX(faults=plan) as pabx, Line(pabx.port) as line:
            line.writer.write(REQUEST)
            await pabx.wait_for_posts(1)
            await pabx.aclose()
            with pytest.raises(asyncio.IncompleteReadError):
                await line.answer()

        assert pabx.calls[0].placed is placed

    async def test_not_http(self) -> None:
        """What comes back is not HTTP."""
        plan = FaultPlan([Fault("not_http")])
        async with FakePABX(faults=plan) as pabx, Line(pabx.port) as line:
            line.writer.write(REQUEST)
            got = await line.reader.read()

        assert got
        assert not got.startswith(b"HTTP/")
        assert pabx.calls[0].status is None


class TestStatuses:
    """Faults that answer another status."""

    @pytest.mark.parametrize(
        ("fault", "status", "placed"),
        [
            (Fault("error_500_after_placing"), 500, True),
            (Fault("error_503"), 503, False),
            (Fault("throttle_429"), 429, False),
            (Fault("redirect"), 302, False),
            (Fault("redirect", status=308), 308, False),
            (Fault("status", status=418), 418, False),
            (Fault("status", status=799, placed=True), 799, True),
            (Fault("status", status=204), 204, False),
        ],
    )
    async def test_status(self, fault: Fault, status: int, placed: bool) -> None:
        """The status goes over the wire and into the record."""
        got, _, _, pabx = await one_answer(fault)

        assert (got, pabx.calls[0].status) == (status, status)
        assert (pabx.placed, pabx.accepted) == (int(placed), 0)

    @pytest.mark.parametrize(
        ("fault", "name", "value"),
        [
            (Fault("throttle_429", retry_after=2), "Retry-After", "2"),
            (Fault("error_503", retry_after="soon"), "Retry-After", "soon"),
            (Fault("redirect"), "Location", "/elsewhere"),
            (Fault("redirect", location="http://x/"), "Location", "http://x/"),
        ],
    )
    async def test_headers(self, fault: Fault, name: str, value: str) -> None:
        """Retry-After and Location are sent as given."""
        _, headers, _, _ = await one_answer(fault)

        assert headers[name] == value

    async def test_only_right_calls(self) -> None:
        """A call that is refused anyway is not befallen."""
        plan = FaultPlan([Fault("lose_answer")])
        async with (
            FakePABX(faults=plan, api_key="other") as pabx,
            Line(pabx.port) as line,
        ):
            assert (await line.ask())[0] == 401

        assert pabx.summary().by_fault == {}


class TestBadAnswers:
    """Faults that answer a 200 that is not the documented one."""

    @pytest.mark.parametrize(
        ("kind", "call_id"),
        [
            ("null_call_id", None),
            ("numeric_call_id", 80724104619),
            ("empty_call_id", ""),
            ("repeated_call_id", "08/07/24 10:46:19 010A 0974/00"),
        ],
    )
    async def test_call_id(self, kind: str, call_id: object) -> None:
        """The 200 carries a call id that can't be right, and the call is placed."""
        status, _, body, pabx = await one_answer(Fault(kind))

        assert (status, json.loads(body)) == (200, {"ID_CHAMADA": call_id})
        assert (pabx.placed, pabx.accepted) == (1, 0)

    async def test_repeated(self) -> None:
        """A repeated call id is the one of the call before."""
        plan = FaultPlan([Fault("repeated_call_id", at=2)])
        async with FakePABX(faults=plan) as pabx, Line(pabx.port) as line:
            first, second, third = [(await line.ask())[2] for _ in range(3)]

        assert first == second != third
        assert pabx.calls[0].call_id == pabx.calls[1].call_id

    async def test_garbage(self) -> None:
        """A body that claims to be JSON is not."""
        _, headers, body, _ = await one_answer(Fault("garbage_200"))

        assert headers["Content-Type"] == "application/json"
        with pytest.raises(ValueError, match="codec"):
            json.loads(body)

    async def test_html(self) -> None:
        """A page of HTML comes with 200, and the call is not placed."""
        status, headers, _, pabx = await one_answer(Fault("html_200"))

        assert (status, headers["Content-Type"]) == (200, "text/html")
        assert pabx.placed == 0

    async def test_deep(self) -> None:
        """The call id is nested too deep to be read."""
        _, _, body, _ = await one_answer(Fault("deep_json", size=50_000))

        assert body.count(b"[") == body.count(b"]") == 50_000

    async def test_half(self) -> None:
        """The answer ends in the middle of its body."""
        plan = FaultPlan([Fault("half_answer")])
        async with FakePABX(faults=plan) as pabx, Line(pabx.port) as line:
            line.writer.write(REQUEST)
            head, _, body = (await line.reader.read()).partition(b"\r\n\r\n")

        (length,) = [line for line in head.split(b"\r\n") if b"Length" in line]
        assert 0 < len(body) < int(length.split()[1])
        assert pabx.placed == 1

    async def test_twice(self) -> None:
        """A second answer that nobody asked for follows on the same connection."""
        plan = FaultPlan([Fault("answer_twice")])
        async with FakePABX(faults=plan) as pabx, Line(pabx.port) as line:
            first = await line.ask()

            assert await line.answer() == first
            assert (pabx.posts, pabx.accepted) == (1, 1)

    async def test_slow(self) -> None:
        """A slow answer is the right one in the end, on a connection that lives."""
        plan = FaultPlan([Fault("slow_answer", pause=0, at=1)])
        async with FakePABX(faults=plan) as pabx, Line(pabx.port) as line:
            await line.ask()
            await line.ask()

        assert (pabx.accepted, pabx.connections) == (2, 1)

    async def test_huge(self) -> None:
        """A huge answer has all the bytes it promises."""
        _, _, body, _ = await one_answer(Fault("huge_answer", size=3_000_000))

        assert len(body) == 3_000_000

    async def test_huge_by_itself(self) -> None:
        """A huge answer is more than 64 MiB, and ends when the client leaves."""
        plan = FaultPlan([Fault("huge_answer")])
        async with FakePABX(faults=plan) as pabx, Line(pabx.port) as line:
            line.writer.write(REQUEST)
            head = await line.reader.readuntil(b"\r\n\r\n")

        assert b"Content-Length: 67108865\r\n" in head


class TestPlans:
    """Plans as a whole."""

    async def test_another_plan(self) -> None:
        """Another plan takes over at once, and ordinals go on counting."""
        plan = FaultPlan([Fault("error_503")])
        async with FakePABX(faults=plan) as pabx, Line(pabx.port) as line:
            statuses = [(await line.ask())[0]]
            pabx.set_faults(FaultPlan([Fault("status", status=418, at=2)]))
            statuses += [(await line.ask())[0], (await line.ask())[0]]
            pabx.set_faults(None)
            statuses.append((await line.ask())[0])

        assert statuses == [503, 418, 200, 200]

    @pytest.mark.parametrize("kind", FaultKind)
    async def test_every_kind_ends(self, kind: FaultKind) -> None:
        """Whatever goes wrong, the simulator closes and the next one is not hurt."""
        details: dict[str, Any] = {"status": 500} if kind is FaultKind.STATUS else {}
        fault = Fault(kind, **details)
        async with FakePABX(faults=FaultPlan([fault])) as pabx:
            async with Line(pabx.port) as line:
                line.writer.write(REQUEST)
                if kind.traits.reads:
                    await pabx.wait_for_posts(1)
                    assert pabx.calls[0].fault is kind
                    assert pabx.calls[0].placed is fault.places
            await asyncio.wait_for(pabx.aclose(), 1.0)
