import json
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from simulated_calls import JSON, body_without, post

from digitro_async.errors import ConfigurationError
from digitro_async.settings import RateLimit
from digitro_async.testing import (
    FakePABX,
    Fault,
    FaultKind,
    FaultPlan,
    OverCap,
    ReceivedCall,
)
from digitro_async.testing.simulator._received_calls import ReceivedCalls


@pytest.fixture
async def pabx() -> AsyncIterator[FakePABX]:
    """Start a simulator."""
    async with FakePABX() as running:
        yield running


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """Open a plain client."""
    async with aiohttp.ClientSession() as opened:
        yield opened


class TestRecord:
    """The simulator's record of received calls."""

    async def test_lines(self, session: aiohttp.ClientSession, tmp_path: Path) -> None:
        """Every POST is a line of JSON in a file that only its owner can read."""
        path = tmp_path / "calls.jsonl"
        path.write_text("")
        path.chmod(0o644)
        async with FakePABX(record_path=path) as pabx:
            await post(session, pabx)
            await post(session, pabx, CPD=1)
            first, second = map(json.loads, path.read_text().splitlines())

        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert first["placed"] is True
        assert first["destination"] == "04832817000"
        assert first["call_id"] == pabx.calls[0].call_id
        assert (second["status"], second["placed"]) == (400, False)

    async def test_passwords(
        self, session: aiohttp.ClientSession, tmp_path: Path
    ) -> None:
        """Passwords are masked in the file, and nulls stay nulls."""
        path = tmp_path / "calls.jsonl"
        async with FakePABX(record_path=path) as pabx:
            await post(session, pabx, SENHA=None, SENHA_DISPOSITIVO="canary")

        fields = json.loads(path.read_text())["fields"]

        assert (fields["SENHA_DISPOSITIVO"], fields["SENHA"]) == ("***", None)

    async def test_added_to(
        self, session: aiohttp.ClientSession, tmp_path: Path
    ) -> None:
        """A later simulator adds to the file."""
        for _ in range(2):
            async with FakePABX(record_path=tmp_path / "calls.jsonl") as pabx:
                await post(session, pabx)

        assert len((tmp_path / "calls.jsonl").read_text().splitlines()) == 2

    async def test_repr(self, pabx: FakePABX, session: aiohttp.ClientSession) -> None:
        """Neither the simulator's nor a call's repr shows a number or the key."""
        await post(session, pabx)

        shown = repr(pabx) + repr(pabx.calls) + repr(pabx.settings())

        assert "04832817000" not in shown
        assert "Fulano" not in shown
        assert "demo-key" not in shown

    async def test_counters_only(self, session: aiohttp.ClientSession) -> None:
        """Without a record there are counts and windows, and no calls."""
        async with FakePABX(keep_record=False) as pabx:
            await post(session, pabx)

        assert (pabx.posts, pabx.accepted, pabx.worst_window()) == (1, 1, 1)
        with pytest.raises(ConfigurationError, match="keep_record"):
            _ = pabx.calls

    async def test_summary(self, session: aiohttp.ClientSession) -> None:
        """The summary counts by status and by fault."""
        plan = FaultPlan([Fault("error_500_after_placing", at=2)])
        async with FakePABX(faults=plan, rate=RateLimit(2, 60.0)) as pabx:
            await post(session, pabx)
            await post(session, pabx)
            await post(session, pabx, CPD=1)
            summary = pabx.summary()

        assert (summary.received, summary.accepted, summary.placed) == (3, 1, 2)
        assert summary.by_status == {200: 1, 500: 1, 400: 1}
        assert summary.by_fault == {FaultKind.ERROR_500_AFTER_PLACING: 1}
        assert (summary.connections, summary.worst_window) == (1, 3)
        assert summary.over_cap == 1


def record_at(times: list[float]) -> ReceivedCalls:
    """Record a call at each of these times."""
    record = ReceivedCalls(keep=False, path=None)
    for at in times:
        call = ReceivedCall(
            ordinal=1,
            at=at,
            wall=at,
            connection=1,
            channel=1,
            destination=None,
            fields={},
            status=200,
            call_id=None,
            fault=None,
            placed=True,
        )
        record.add(call)
    return record


class TestCap:
    """The simulator's report about the cap."""

    def test_half_open(self) -> None:
        """Two calls exactly a window apart are never in one window."""
        assert record_at([0.0, 1.0]).windows(1.0) == [1, 1]
        assert record_at([0.0, 0.999]).windows(1.0) == [1, 2]

    @given(st.lists(st.integers(0, 40), max_size=30), st.integers(1, 20))
    def test_worst_window(self, moments: list[int], per: int) -> None:
        """The fullest window is the one that trying every beginning finds."""
        times = [float(moment) for moment in sorted(moments)]

        tried = [sum(t <= u < t + per for u in times) for t in times]

        worst = max(record_at(times).windows(float(per)), default=0)

        assert worst == max(tried, default=0)

    def test_over_cap(self) -> None:
        """Every call that comes too early is listed with its window's count."""
        record = record_at([0.0, 0.1, 0.2, 1.15, 5.0])

        assert record.over_cap(RateLimit(2)) == [OverCap(0.2, 3)]
        assert record.over_cap(RateLimit(1)) == [
            OverCap(0.1, 2),
            OverCap(0.2, 3),
            OverCap(1.15, 2),
        ]
        assert record.over_cap(None) == []

    async def test_checked_not_enforced(self, session: aiohttp.ClientSession) -> None:
        """A cap alone refuses nothing and reports what broke it."""
        async with FakePABX(rate=RateLimit(1, 60.0)) as pabx:
            statuses = [(await post(session, pabx))[0] for _ in range(2)]

        assert statuses == [200, 200]
        assert [violation.calls for violation in pabx.over_cap] == [2]

    async def test_throttle(self, session: aiohttp.ClientSession) -> None:
        """An enforced cap answers 429 and says when to come back."""
        async with FakePABX(rate=RateLimit(1, 60.0), throttle=True) as pabx:
            await post(session, pabx)
            async with session.post(
                pabx.url, data=body_without(), headers=JSON
            ) as answer:
                after = int(answer.headers["Retry-After"])

        assert (answer.status, pabx.placed) == (429, 1)
        assert 55 <= after <= 60

    async def test_throttle_ends(self, session: aiohttp.ClientSession) -> None:
        """An enforced cap lets calls through again after its window."""
        async with FakePABX(rate=RateLimit(1, 0.01), throttle=True) as pabx:
            await post(session, pabx)
            while pabx.accepted < 2:
                await post(session, pabx)

        assert pabx.calls[-1].at - pabx.calls[0].at >= 0.01
