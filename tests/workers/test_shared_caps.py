"""Workers that share a PABX by a database keep its cap together, and its pauses."""

import asyncio
import contextlib
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator

import psycopg
import pytest
from helpers import until
from places import SUPPORT
from postgres_server import database, needs_postgres
from sharing import SharingWorker, sharing_worker

from digitro_async import PauseSettings, RateLimit
from digitro_async.testing import FakePABX, Fault, FaultPlan

pytestmark = needs_postgres


@pytest.fixture
def url() -> Iterator[str]:
    """Return the address of a database."""
    with database() as address:
        yield address


@contextlib.asynccontextmanager
async def workers(
    url: str, pabx: FakePABX, count: int, pause: PauseSettings | None = None
) -> AsyncIterator[list[SharingWorker]]:
    """Yield workers that share the cap of a PABX."""
    settings = pabx.settings(name="one", rate=pabx.rate, max_in_flight=50)
    async with contextlib.AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(sharing_worker(url, settings, pause=pause))
            for _ in range(count)
        ]


def address_of(pabx: FakePABX) -> str:
    """Return the address of a PABX, as caps are known by it."""
    return f"{pabx.host}:{pabx.port}"


async def ask(url: str, statement: bytes, *values: object) -> list[tuple[object, ...]]:
    """Run a statement and return its rows."""
    opening = psycopg.AsyncConnection.connect(url, autocommit=True)
    async with await opening as connection:
        cursor = await connection.execute(statement, values)
        return [] if cursor.description is None else await cursor.fetchall()


async def add_campaigns(url: str) -> None:
    """Add two campaigns, "small" with weight 1 and "large" with weight 3."""
    statement = b"INSERT INTO digitro.campaign (name, identity_key) VALUES (%s, 'k')"
    await ask(url, statement, "small")
    await ask(url, statement, "large")
    await ask(url, b"SELECT digitro.set_weight('large', 3)")


async def alive(url: str) -> list[int]:
    """Return the numbers of the workers whose lease lasts."""
    rows = await ask(url, b"SELECT number FROM digitro.workers() WHERE is_alive")
    return [int(str(number)) for (number,) in rows]


async def until_alive(url: str, condition: Callable[[list[int]], bool]) -> None:
    """Wait until the workers whose lease lasts are as they should be."""
    async with asyncio.timeout(60):
        while not condition(await alive(url)):  # noqa: ASYNC110 - a database tells nobody
            await asyncio.sleep(0.02)


@contextlib.contextmanager
def child_of(url: str, pabx: FakePABX) -> Iterator[subprocess.Popen[bytes]]:
    """Start a process that sends at most 200 calls a second together with others."""
    script = [sys.executable, str(SUPPORT / "sharing.py"), url, pabx.base_url, "200"]
    with subprocess.Popen(script) as child:
        try:
            yield child
        finally:
            child.kill()


async def test_hungry_workers_get_equal_parts(url: str) -> None:
    """Three that have calls to send share the slots; one that ends leaves its own."""
    async with FakePABX(rate=RateLimit(100)) as pabx:
        address = address_of(pabx)
        async with workers(url, pabx, 3) as three:
            for one in three:
                one.dial()
            await until(
                lambda: sorted(one.slots(address) for one in three) == [33, 33, 34]
            )
            await three[2].stop()
            await until(
                lambda: sorted(one.slots(address) for one in three[:2]) >= [48, 48]
            )

        assert pabx.over_cap == []


async def test_a_killed_and_a_stopped_worker_keep_the_cap(url: str) -> None:
    """No second holds more than the cap while one is killed and one stands still."""
    async with (
        FakePABX(rate=RateLimit(200)) as pabx,
        contextlib.AsyncExitStack() as end,
    ):
        children = [end.enter_context(child_of(url, pabx)) for _ in range(3)]
        await until_alive(url, lambda numbers: len(numbers) == 3)
        await pabx.wait_for_posts(300)
        first = set(await alive(url))
        children[0].kill()
        children[1].send_signal(signal.SIGSTOP)
        await until_alive(url, lambda numbers: len(numbers) <= 1)
        posts = pabx.posts
        children[1].send_signal(signal.SIGCONT)
        await until_alive(url, lambda numbers: bool(set(numbers) - first))
        await pabx.wait_for_posts(posts + 100)

    assert pabx.over_cap == []


async def test_campaigns_share_by_weight(url: str) -> None:
    """Of two campaigns with weights 1 and 3 the second gets three quarters."""
    await add_campaigns(url)
    async with FakePABX(rate=RateLimit(100)) as pabx:
        settings = pabx.settings(name="one", max_in_flight=50)
        async with (
            sharing_worker(url, settings, campaigns=("small",)) as small,
            sharing_worker(url, settings, campaigns=("large",)) as large,
        ):
            small.dial("small")
            large.dial("large")
            address = address_of(pabx)
            await until(
                lambda: (small.slots(address), large.slots(address)) == (25, 75)
            )
            assert small.beat.campaigns["small"].weight == 1
            await large.stop()
            await until(lambda: small.slots(address) >= 95)
            await ask(url, b"SELECT digitro.pause_campaign('small', 'lunch', 'joe')")
            await until(lambda: small.beat.campaigns["small"].paused == "lunch")

        assert pabx.over_cap == []


async def test_campaigns_of_one_worker_share_by_weight(url: str) -> None:
    """Of two campaigns in one process that with weight 3 gets three turns in four."""
    await add_campaigns(url)
    async with FakePABX(rate=RateLimit(100)) as pabx:
        settings = pabx.settings(name="one", max_in_flight=50)
        names = ("small", "large")
        async with sharing_worker(url, settings, campaigns=names) as worker:
            small, large = worker.dial("small"), worker.dial("large")
            beats = worker.beat.count
            await until(lambda: worker.beat.count > beats + 3)
            before = small.intents, large.intents
            await until(lambda: small.intents >= before[0] + 25)
            # More than 25 where the loop was late, and three times as many in any case.
            few, many = small.intents - before[0], large.intents - before[1]

    assert 2 * few <= many <= 4 * few


async def test_a_changed_rate_reaches_every_worker(url: str) -> None:
    """An operator's rate lowers and raises the slots of all."""
    async with FakePABX(rate=RateLimit(100)) as pabx:
        address = address_of(pabx)
        async with workers(url, pabx, 2) as both:
            for one in both:
                one.dial()

            def slots() -> list[int]:
                return [one.slots(address) for one in both]

            await until(lambda: slots() == [50, 50])
            await ask(url, b"SELECT digitro.set_rate('one', 10, 1, 'joe')")
            await until(lambda: slots() == [5, 5])
            await ask(url, b"SELECT digitro.set_rate('one', 1200, 60, 'joe')")
            await until(lambda: slots() == [10, 10])
            await ask(url, b"SELECT digitro.set_rate(NULL, NULL, NULL, 'joe')")
            await until(lambda: slots() == [50, 50])

        assert pabx.over_cap == []


async def test_the_operator_pauses_and_resumes_all(url: str) -> None:
    """A pause by hand holds for every worker until it is resumed for all."""
    async with FakePABX(rate=RateLimit(100)) as pabx, workers(url, pabx, 2) as both:
        both[0].dial()
        await pabx.wait_for_posts(5)
        await ask(url, b"SELECT digitro.pause('one', 'operator', 'joe')")
        await until(lambda: all(one.paused() == "operator" for one in both))
        status = both[0].client.statistics().pabx["one"].pause
        assert status is not None
        assert status.text == "paused by hand (joe)"

        await ask(url, b"SELECT digitro.resume('one', 'joe')")
        await until(lambda: not any(one.paused() for one in both))
        await pabx.wait_for_posts(pabx.posts + 5)


async def test_a_set_up_that_one_finds_wrong_pauses_all(url: str) -> None:
    """A 401 that one worker gets pauses the PABX for all, until it is resumed."""
    async with FakePABX(rate=RateLimit(100)) as pabx, workers(url, pabx, 3) as three:
        pabx.set_faults(FaultPlan([Fault("status", status=401)]))
        three[0].dial()
        await until(lambda: all(one.paused() == "status_401" for one in three))
        status = three[2].client.statistics().pabx["one"].pause
        assert status is not None
        assert status.text == "a call answered 401: the api key is not taken (worker)"

        pabx.set_faults(None)
        await ask(url, b"SELECT digitro.resume('one', 'joe')")
        await until(lambda: not any(one.paused() for one in three))
        await pabx.wait_for_posts(pabx.posts + 5)


async def test_one_worker_alone_probes_for_all(url: str) -> None:
    """While a PABX loses answers one worker tries it, and its good probe frees all."""
    pause = PauseSettings(
        unknown_run=3, first_pause=0.2, max_pause=0.4, wait_for_resume=True
    )
    async with FakePABX(rate=RateLimit(100)) as pabx:
        pabx.set_faults(FaultPlan([Fault("lose_answer")]))
        async with workers(url, pabx, 3, pause) as three:

            def attempts() -> list[int]:
                return [one.client.statistics().pabx["one"].attempts for one in three]

            for one in three:
                one.dial()
            await until(lambda: all(one.paused() for one in three))
            await until(
                lambda: sum(one.client.statistics().in_flight for one in three) <= 1
            )
            before = attempts()
            await until(lambda: sum(attempts()) >= sum(before) + 3)
            grown = [now > then for now, then in zip(attempts(), before, strict=True)]

            pabx.set_faults(None)
            await until(lambda: not any(one.paused() for one in three))

        assert sum(grown) == 1


async def test_a_rest_that_one_is_asked_for_holds_for_all(url: str) -> None:
    """A throttle that one worker gets makes the others rest, too."""
    async with FakePABX(rate=RateLimit(100)) as pabx, workers(url, pabx, 2) as both:
        pabx.set_faults(FaultPlan([Fault("status", status=429, at=1)]))
        both[0].dial()
        await until(lambda: both[1].paused() == "throttled")
        await ask(url, b"SELECT digitro.resume('one', 'joe')")
        await until(lambda: not any(one.paused() for one in both))
