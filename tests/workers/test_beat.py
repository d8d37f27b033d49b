"""A worker's signs of life: what it tells, and what it does by the answers."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from helpers import ScriptedTransport, make_call, make_pabx
from postgres_server import PASSWORD, database, needs_postgres, shared_server
from virtual_time import virtual_time

from digitro_async import (
    PABX,
    ConfigurationError,
    Dispatcher,
    NotSentError,
    RateLimit,
    RateWaitTimeoutError,
)
from digitro_async.workers import (
    BeatLostError,
    PostgresBeats,
    WorkerBeat,
    WorkerSettings,
)

SETTINGS = WorkerSettings(beat=1.0, timeout=3.0, lease=10.0)


class ScriptedStore:
    """A database that gives a worker all slots, as long as it answers.

    Attributes:
        reports: The reports that it got.
        enrolled: Workers that were entered.
        slots: Slots that it gives, of each cap.
        is_mute: Whether it gives no answer.
        knows: Number of the worker that it knows.
        left: What the worker told when it left.
    """

    def __init__(self, slots: int = 5) -> None:
        self.reports: list[Mapping[str, Any]] = []
        self.sequences: list[int] = []
        self.enrolled = 0
        self.slots, self.target = slots, slots
        self.is_mute = self.is_closed = False
        self.knows: int | None = None
        self.left: Mapping[str, Any] | None = None

    async def enroll(self, name: str, lease: float, about: Any, pabx: Any) -> int:
        """Enter a worker."""
        self._answer()
        assert (name, lease, pabx["one"]) == ("me", 10.0, "127.0.0.1:9")
        self.enrolled += 1
        self.knows = self.enrolled
        return self.enrolled

    async def beat(
        self, number: int, sequence: int, report: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Give slots."""
        self._answer()
        if number != self.knows:
            return {"state": "gone"}
        self.reports.append(report)
        self.sequences.append(sequence)
        caps = [
            {
                **{name: one[name] for name in ("address", "per")},
                "slots": self.slots,
                "target": self.target,
                "shares": {"": 1},
            }
            for one in report["caps"]
        ]
        campaigns = [{"name": "a", "weight": 2.0, "paused": "lunch"}]
        return {
            "state": "ok",
            "caps": caps,
            "pauses": [],
            "owned": True,
            "campaigns": campaigns,
        }

    async def leave(self, number: int, report: Mapping[str, Any]) -> None:
        """Let a worker go."""
        self._answer()
        self.left = report

    async def aclose(self) -> None:
        """Close nothing."""
        self.is_closed = True

    def _answer(self) -> None:
        if self.is_mute:
            raise BeatLostError("it is mute")


def sharing(store: ScriptedStore, *more: PABX) -> tuple[Dispatcher, WorkerBeat]:
    """Return a dispatcher whose caps are shared, in virtual time."""
    pabx = [make_pabx(rate=RateLimit(5)), *more]
    dispatcher = Dispatcher(pabx, ScriptedTransport())
    clock = asyncio.get_running_loop().time
    beat = WorkerBeat(store, dispatcher, SETTINGS, name="me", clock=clock)
    return dispatcher, beat


@virtual_time
async def test_it_tells_once_a_second() -> None:
    """Each report says what the worker has and does, and has a number of its own."""
    store = ScriptedStore()
    _, beat = sharing(store)
    beat.about["host"] = "there"
    beat.owner = ("owner", 30.0)
    async with beat:
        await asyncio.sleep(3.5)
        assert (beat.number, beat.count, beat.missed) == (1, 4, 0)
        assert beat.last_heard == 3.0
        assert beat.is_owner
        assert beat.campaigns["a"].is_paused
        assert beat.campaigns["a"].weight == 2.0

    assert store.sequences == [1, 2, 3, 4]
    first, second = store.reports[:2]
    assert first["about"] == {"host": "there"}
    assert (first["owner"], first["owner_lease"]) == ("owner", 30.0)
    assert [one["holds"] for one in (*first["caps"], *second["caps"])] == [0, 5]
    assert first["caps"][0]["waiting"] == 0
    assert second["caps"][0] == {
        "address": "127.0.0.1:9",
        "per": 1.0,
        "most": 5,
        "holds": 5,
        "used": 0,
        "waiting": 0,
        "after": 121.0,
        "needs": {"": 0},
    }
    assert store.left == {
        "taken": [{"address": "127.0.0.1:9", "per": 1.0, "seconds": []}]
    }
    assert store.is_closed


@virtual_time
async def test_it_asks_more_often_while_slots_move() -> None:
    """Where slots are on their way to it, the next report comes sooner."""
    store = ScriptedStore(slots=2)
    store.target = 5
    _, beat = sharing(store)
    async with beat:
        await asyncio.sleep(1.1)
        assert beat.count == 5
        store.slots = 5
        await asyncio.sleep(2.0)
        assert beat.count <= 8


@virtual_time
async def test_caps_that_are_not_used_are_told_of_once() -> None:
    """Of many caps some are told at a time, and later those alone that are used."""
    store = ScriptedStore(slots=0)
    several = [
        make_pabx(f"p{port}", f"http://127.0.0.1:{port}", rate=RateLimit(5))
        for port in range(1000, 1250)
    ]
    dispatcher, beat = sharing(store, *several)
    async with beat:
        await asyncio.sleep(3.1)
        assert [len(one["caps"]) for one in store.reports] == [200, 51, 0, 0]

        store.slots = store.target = 1
        calling = dispatcher.submit(make_call(), pabx="p1007", max_wait=5.0)
        assert (await calling).error is None
        await asyncio.sleep(1.0)
        assert [one["address"] for one in store.reports[-1]["caps"]] == [
            "127.0.0.1:1007"
        ]


@virtual_time
async def test_it_asks_at_once_where_calls_wait_without_a_slot() -> None:
    """A call to a PABX that no slot is allotted for waits no whole second for one."""
    store = ScriptedStore(slots=0)
    dispatcher, beat = sharing(store)
    async with beat:
        await asyncio.sleep(0.1)
        store.slots = store.target = 1
        result = await dispatcher.submit(make_call(), max_wait=0.5)

        assert result.error is None
        assert store.reports[-1]["caps"][0]["needs"] == {"": 1}


@virtual_time
async def test_a_mute_database_stops_the_calls() -> None:
    """Without answers calls go on until the lease ends, and then none starts."""
    store = ScriptedStore()
    dispatcher, beat = sharing(store)
    async with beat:
        await asyncio.sleep(5.5)
        store.is_mute = True
        await asyncio.sleep(6.0)
        assert (await dispatcher.submit(make_call())).error is None
        await asyncio.sleep(4.0)
        result = await dispatcher.submit(make_call(), max_wait=1.0)
        assert isinstance(result.error, RateWaitTimeoutError)
        assert beat.problem == "it is mute"

        store.is_mute = False
        await asyncio.sleep(1.1)
        assert (await dispatcher.submit(make_call())).error is None
        store.is_mute = True  # it can't be told that the worker leaves

    assert store.is_closed
    result = await dispatcher.submit(make_call(), max_wait=1.0)
    assert isinstance(result.error, NotSentError)


@virtual_time
async def test_a_lost_lease_makes_another_worker() -> None:
    """A worker that the database forgot enrolls at once, and begins without slots."""
    store = ScriptedStore()
    dispatcher, beat = sharing(store)
    async with beat:
        assert (await dispatcher.submit(make_call())).error is None
        store.knows = None
        await asyncio.sleep(1.1)

        assert (beat.number, beat.missed, store.enrolled) == (2, 0, 2)
        assert store.sequences == [1, 1]
        assert store.reports[-1]["caps"][0]["holds"] == 0
        assert (await dispatcher.submit(make_call())).error is None


async def test_orders_are_asked_for() -> None:
    """What is ordered for a campaign is known once a report about it was answered."""
    store = ScriptedStore()
    _, beat = sharing(store)
    assert beat.orders_for("a") is None
    assert beat.orders_for("b") is None
    await beat.beat()

    assert {"a", "b"} <= set(store.reports[-1]["campaigns"])
    assert beat.orders_for("b") is None  # the database has no such campaign
    orders = beat.orders_for("a")
    assert orders is not None
    assert orders.paused == "lunch"


@virtual_time
async def test_the_next_answer_is_a_round_trip() -> None:
    """Who waits for a sign of life has one with the next answer, and none without."""
    store = ScriptedStore()
    _, beat = sharing(store)
    loop = asyncio.get_running_loop()
    async with beat:
        await beat.next_answer()
        assert loop.time() == 1.0
        store.is_mute = True
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(beat.next_answer(), 5.0)
        store.is_mute = False
        await beat.next_answer()


def test_a_lease_outlasts_a_lost_answer() -> None:
    """A lease that one lost answer would end is refused."""
    with pytest.raises(ConfigurationError, match="twice beat and timeout"):
        WorkerSettings(beat=2.0, timeout=3.0, lease=9.9)


def test_liveness_goes_by_the_same_times() -> None:
    """What ends a process that is cut off has its times from the same settings."""
    liveness = WorkerSettings(beat=1.0, timeout=2.0, misses=7).liveness

    assert (liveness.every, liveness.answer, liveness.misses) == (1.0, 3.0, 7)


@needs_postgres
async def test_what_the_database_refuses_is_told_without_its_address() -> None:
    """A database that can't be reached, or used, is told of without secrets."""
    nowhere = "postgresql://secretive:canary@127.0.0.1:1/none"
    with pytest.raises(BeatLostError, match="nothing listens there") as caught:
        await PostgresBeats(nowhere, timeout=30.0).beat(1, 1, {})
    assert "canary" not in str(caught.value)

    with database() as url:
        store = PostgresBeats(url, timeout=30.0)
        with pytest.raises(BeatLostError, match="PostgreSQL's error 22012"):
            await store._ask("SELECT 1 / 0", ())
        assert await store.enroll("one", 10.0, {}, {}) == 1
        assert await store.beat(7, 1, {}) == {"state": "gone"}
        await store.leave(1, {"taken": []})
        await store.aclose()
        await store.aclose()


@needs_postgres
async def test_a_database_that_loses_commits_is_refused() -> None:
    """Where commits may be lost, slots could be allotted twice: nothing is asked."""
    with database() as url:
        store = PostgresBeats(
            f"{url}?options=-c%20synchronous_commit%3Doff", timeout=30.0
        )
        with pytest.raises(BeatLostError, match="synchronous_commit is off"):
            await store.enroll("one", 10.0, {}, {})


@needs_postgres
async def test_a_lost_connection_is_made_anew() -> None:
    """After the server ended its connection the store makes another one."""
    with database() as url:
        store = PostgresBeats(url, timeout=30.0)
        number = await store.enroll("one", 60.0, {}, {})
        shared_server().connect("postgres", "postgres").execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE usename = 'digitro' AND datname = %s",
            (url.rpartition("/")[2],),
        ).connection.close()
        report: dict[str, Any] = {"caps": [], "pauses": [], "campaigns": []}
        with pytest.raises(BeatLostError):
            await store.beat(number, 1, report)
        assert (await store.beat(number, 2, report))["state"] == "ok"
        await store.aclose()


@needs_postgres
async def test_a_mute_server_is_given_up() -> None:
    """A statement that takes too long ends in time, and so does its connection."""
    with database() as url:
        store = PostgresBeats(url, timeout=0.4)
        with pytest.raises(BeatLostError):
            await store._ask("SELECT pg_sleep(60)", ())
        await store.aclose()
        assert PASSWORD not in repr(store)
