import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import uvloop
from simulated_calls import REQUEST, RawClient

from digitro_async.testing import FakePABX, Fault, FaultKind, FaultPlan
from digitro_async.testing.simulator import _injection


async def one_answer(fault: Fault) -> tuple[int, dict[str, str], bytes, FakePABX]:
    """Ask a simulator that injects this fault into every call."""
    async with (
        FakePABX(faults=FaultPlan([fault])) as pabx,
        RawClient(pabx.port) as line,
    ):
        return *await line.ask(), pabx


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
                    async with RawClient(pabx.port) as line:
                        await line.ask()
                async with RawClient(pabx.port) as line:
                    assert (await line.ask())[0] == 200
                assert (pabx.posts, pabx.connections) == (1, 2)
                assert pabx.summary().by_fault == {kind: 1}

        run(check())

    async def test_close(self) -> None:
        """The connection ends in good order and the call is not received."""
        plan = FaultPlan([Fault("close_before_reading")])
        async with FakePABX(faults=plan) as pabx, RawClient(pabx.port) as line:
            line.writer.write(REQUEST)

            assert await line.reader.read() == b""
            assert pabx.posts == 0

    async def test_answer_before_reading(self) -> None:
        """The answer comes before the request, which is never read."""
        plan = FaultPlan([Fault("answer_before_reading")])
        async with FakePABX(faults=plan) as pabx, RawClient(pabx.port) as line:
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
        async with FakePABX(faults=plan) as pabx, RawClient(pabx.port) as line:
            unasked = await line.answer()

            assert unasked[0] == 200
            assert pabx.posts == 0
            assert await line.ask() != unasked
            assert pabx.posts == 1

    async def test_on_a_kept_connection(self) -> None:
        """Requests are counted across connections and also on a kept one."""
        plan = FaultPlan([Fault("close_before_reading", at=2)])
        async with FakePABX(faults=plan) as pabx, RawClient(pabx.port) as line:
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
            async with FakePABX(faults=plan) as pabx, RawClient(pabx.port) as line:
                with pytest.raises(ConnectionResetError):
                    await line.ask()

            (call,) = pabx.calls
            assert (call.status, call.call_id, call.placed) == (None, None, False)

        run(check())

    async def test_lost(self) -> None:
        """The call is placed and the connection ends without an answer."""
        plan = FaultPlan([Fault("lose_answer")])
        async with FakePABX(faults=plan) as pabx, RawClient(pabx.port) as line:
            line.writer.write(REQUEST)

            assert await line.reader.read() == b""

        (call,) = pabx.calls
        assert (call.status, call.placed) == (None, True)
        assert call.call_id is not None

    @pytest.mark.parametrize("placed", [True, False])
    async def test_stall(self, placed: bool) -> None:
        """The call is placed or not, as told, and nothing is answered."""
        plan = FaultPlan([Fault("stall", placed=placed)])
        async with FakePABX(faults=plan) as pabx, RawClient(pabx.port) as line:
            line.writer.write(REQUEST)
            await pabx.wait_for_posts(1)
            await pabx.aclose()
            with pytest.raises(asyncio.IncompleteReadError):
                await line.answer()

        assert pabx.calls[0].placed is placed

    async def test_not_http(self) -> None:
        """The answer is not HTTP."""
        plan = FaultPlan([Fault("not_http")])
        async with FakePABX(faults=plan) as pabx, RawClient(pabx.port) as line:
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
        """A call that is refused anyway gets no fault."""
        plan = FaultPlan([Fault("lose_answer")])
        async with (
            FakePABX(faults=plan, api_key="other") as pabx,
            RawClient(pabx.port) as line,
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
        async with FakePABX(faults=plan) as pabx, RawClient(pabx.port) as line:
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
        async with FakePABX(faults=plan) as pabx, RawClient(pabx.port) as line:
            line.writer.write(REQUEST)
            head, _, body = (await line.reader.read()).partition(b"\r\n\r\n")

        (length,) = [line for line in head.split(b"\r\n") if b"Length" in line]
        assert 0 < len(body) < int(length.split()[1])
        assert pabx.placed == 1

    async def test_twice(self) -> None:
        """A second answer that nobody asked for follows on the same connection."""
        plan = FaultPlan([Fault("answer_twice")])
        async with FakePABX(faults=plan) as pabx, RawClient(pabx.port) as line:
            first = await line.ask()

            assert await line.answer() == first
            assert (pabx.posts, pabx.accepted) == (1, 1)

    async def test_slow(self) -> None:
        """A slow answer is the right one in the end, on a connection that lives."""
        plan = FaultPlan([Fault("slow_answer", pause=0, at=1)])
        async with FakePABX(faults=plan) as pabx, RawClient(pabx.port) as line:
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
        async with FakePABX(faults=plan) as pabx, RawClient(pabx.port) as line:
            line.writer.write(REQUEST)
            head = await line.reader.readuntil(b"\r\n\r\n")

        assert b"Content-Length: 67108865\r\n" in head


class TestPlans:
    """Plans as a whole."""

    async def test_another_plan(self) -> None:
        """Another plan takes over at once, and ordinals go on counting."""
        plan = FaultPlan([Fault("error_503")])
        async with FakePABX(faults=plan) as pabx, RawClient(pabx.port) as line:
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
            async with RawClient(pabx.port) as line:
                line.writer.write(REQUEST)
                if kind.traits.reads:
                    await pabx.wait_for_posts(1)
                    assert pabx.calls[0].fault is kind
                    assert pabx.calls[0].placed is fault.places
            async with asyncio.timeout(60):
                await pabx.aclose()

    def test_every_kind_is_injected(self) -> None:
        """A kind that answers 200, or nothing that can be read, says what it does."""
        injected = {*_injection._EARLY, *_injection._CALL}

        for kind in FaultKind:
            is_early = kind in _injection._EARLY
            assert is_early is not kind.traits.reads
            assert (
                kind in injected
                or kind.traits.status not in {None, 200}
                or ("status" in kind.traits.required)
            )
