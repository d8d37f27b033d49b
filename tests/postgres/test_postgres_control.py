"""Orders through a database, to workers that share it."""

import contextlib
from collections.abc import Iterator

import pytest
from helpers import ScriptedTransport, make_pabx, until
from ledgers import contacts
from postgres_server import PASSWORD, database, needs_postgres

from digitro_async import ConfigurationError, Dispatcher, LedgerError, RateLimit
from digitro_async.control import PostgresControl, worker_facts
from digitro_async.ledger import LedgerAddress, State, ledger_address, open_ledger
from digitro_async.privacy import Personal
from digitro_async.workers import PostgresBeats, WorkerBeat, WorkerSettings

pytestmark = needs_postgres

SETTINGS = WorkerSettings(beat=0.2, timeout=30.0, lease=120.0)


@pytest.fixture
def address() -> Iterator[LedgerAddress]:
    """Make a database."""
    with database() as made:
        yield ledger_address(made)


def code_of(dispatcher: Dispatcher) -> str:
    """Return why the one PABX of a dispatcher is paused."""
    return dispatcher.statistics().pabx["one"].paused


async def test_a_worker_that_ended(address: LedgerAddress) -> None:
    """A worker that ended in order is told apart from one that is alive."""
    assert address.server is not None
    dispatcher = Dispatcher(make_pabx(rate=RateLimit(10)), ScriptedTransport())
    store = PostgresBeats(address.server, timeout=30.0)
    async with PostgresControl(address) as control:
        async with WorkerBeat(store, dispatcher, SETTINGS, name="host:1"):
            (alive,) = await control.workers()
        (ended,) = await control.workers()

    assert (alive.is_alive, alive.has_ended) == (True, False)
    assert (ended.is_alive, ended.has_ended) == (False, True)


async def test_orders_reach_every_worker(address: LedgerAddress) -> None:
    """A pause and a rate are all workers', and told with who they are."""
    assert address.server is not None
    workers = [
        Dispatcher(make_pabx(rate=RateLimit(10)), ScriptedTransport()) for _ in range(2)
    ]
    async with contextlib.AsyncExitStack() as stack:
        for number, one in enumerate(workers):
            store = PostgresBeats(address.server, timeout=30.0)
            beat = WorkerBeat(store, one, SETTINGS, name=f"host:{number}")
            beat.about.update(worker_facts(one.statistics()))
            await stack.enter_async_context(beat)
        control = await stack.enter_async_context(PostgresControl(address))

        assert await control.pause() == 1
        await until(lambda: [code_of(one) for one in workers] == ["ordered"] * 2)
        assert not any(one.needs_resume for one in workers)
        told = await control.workers()
        assert [(one.name, one.is_alive) for one in told] == [
            ("host:0", True),
            ("host:1", True),
        ]
        assert [(one.calls, one.in_flight) for one in told] == [(0, 0)] * 2
        assert told[0].limits == {"one": "idle"}
        (state,) = await control.pabx()
        assert (state.name, state.code, state.calls) == ("one", "ordered", 10)
        assert state.seconds is not None

        assert await control.resume(pabx="one") == 1
        await until(lambda: [code_of(one) for one in workers] == [""] * 2)
        await control.set_rate(4, 1.0, pabx="one")
        (state,) = await control.pabx()
        assert (state.code, state.calls, state.is_ordered) == ("", 4, True)
        await control.set_rate(None, 1.0)
        (state,) = await control.pabx()
        assert (state.calls, state.is_ordered) == (10, False)
        for wrong in (
            control.pause(pabx="nobody"),
            control.resume(campaign="nobody"),
            control.set_weight("nobody", 2.0),
            control.set_rate(1, 0.01),
        ):
            with pytest.raises(ConfigurationError):
                await wrong


async def test_campaigns(address: LedgerAddress) -> None:
    """Campaigns are counted, weighed, paused, and lose contacts, each by its name."""
    spring = ledger_address(address, campaign="spring")
    for one, count in ((spring, 3), (address, 2)):
        async with open_ledger(one) as ledger:
            await ledger.add(contacts(count))
    async with PostgresControl(spring) as control:
        await control.set_weight("spring", 3.0)
        assert await control.pause(campaign="spring") == 1
        assert await control.withdraw(Personal("C2")) is State.SKIPPED
        assert await control.withdraw(2) is State.SKIPPED
        with pytest.raises(LedgerError, match="no such contact"):
            await control.withdraw(Personal("C9"))
        found = {one.name: one for one in await control.campaigns()}
        await control.resume(campaign="spring")
        with pytest.raises(ConfigurationError):
            await control.add({})
        after = {one.name: one for one in await control.campaigns()}

    assert dict(found["spring"].counts) == {"pending": 2, "skipped": 1}
    assert dict(found["default"].counts) == {"pending": 2}
    assert (found["spring"].weight, found["default"].weight) == (3.0, 1.0)
    assert (found["spring"].paused, found["default"].paused) == ("ordered", "")
    assert after["spring"].paused == ""


async def test_what_is_no_ledger(address: LedgerAddress) -> None:
    """A database without a ledger, and none, are said without what leads there."""
    with database(migrated=False) as empty, pytest.raises(LedgerError) as caught:
        await PostgresControl(ledger_address(empty)).__aenter__()
    assert "the database holds no ledger" in str(caught.value)
    assert PASSWORD not in str(caught.value)

    nowhere = ledger_address("postgresql://u:canary@127.0.0.1:1/db")
    with pytest.raises(LedgerError) as caught:
        await PostgresControl(nowhere).__aenter__()
    assert "canary" not in str(caught.value) + repr(caught.value.__cause__)
    with pytest.raises(ConfigurationError):
        PostgresControl(ledger_address("a.db"))
