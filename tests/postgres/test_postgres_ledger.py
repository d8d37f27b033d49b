"""What a ledger in PostgreSQL promises beyond the contract of every ledger."""

import asyncio
from collections import Counter
from collections.abc import Iterator

import pytest
from ledgers import (
    NOW,
    OWNER,
    accept,
    claim,
    contacts,
    intend,
    open_intents,
    settle,
    shown_by,
    some,
    states,
)
from postgres_server import PASSWORD, database, needs_postgres, shared_server

from digitro_async import ConfigurationError, LedgerError, LedgerInUseError
from digitro_async.ledger import (
    ClaimOwner,
    PostgresLedger,
    PostgresLedgerReader,
    State,
    Step,
    open_ledger,
    open_ledger_reader,
)
from digitro_async.ledger._codes import STATES

pytestmark = needs_postgres

ONE, OTHER = ClaimOwner("one"), ClaimOwner("other")


@pytest.fixture
def address() -> Iterator[str]:
    """Make a database."""
    with database() as made:
        yield made


def name_in(address: str) -> str:
    """Return the name of a database."""
    return address.rpartition("/")[2]


def execute(address: str, statement: str) -> None:
    """Execute a statement as the superuser."""
    with shared_server().connect(name_in(address), "postgres") as connection:
        connection.execute(statement.encode())


def counted(address: str) -> dict[State, int]:
    """Return how many contacts are in each state, having looked at each."""
    with shared_server().connect(name_in(address)) as connection:
        rows = connection.execute("SELECT state FROM digitro.contact").fetchall()
    return dict(Counter(STATES[int(str(state))] for (state,) in rows))


class TestManyOwners:
    """Several processes use one campaign at once."""

    async def test_claims_of_two_ledgers(self, address: str) -> None:
        """Two that claim at the same time get different contacts, and none waits."""
        async with PostgresLedger(address) as one, PostgresLedger(address) as other:
            await one.add(contacts(200))
            pages = await asyncio.gather(
                *(claim(one, 10, ONE) for _ in range(10)),
                *(claim(other, 10, OTHER) for _ in range(10)),
            )
            numbers = [contact.number for page in pages for contact in page]

            assert sorted(numbers) == list(range(1, 201))

    async def test_calls_of_two_ledgers(self, address: str) -> None:
        """Each begins the calls that it claimed, and no others."""
        async with PostgresLedger(address) as one, PostgresLedger(address) as other:
            await one.add(contacts(4))
            await claim(one, 2, ONE)
            await claim(other, 2, OTHER)
            begun = await asyncio.gather(
                *(intend(one, number, "p", NOW, ONE) for number in (1, 2, 3)),
                *(intend(other, number, "p", NOW, OTHER) for number in (2, 3, 4)),
                return_exceptions=True,
            )

            assert [result is None for result in begun] == [
                *(True, True, False),
                *(False, True, True),
            ]

    async def test_a_ledger_that_closes(self, address: str) -> None:
        """One that closes gives back what it left open, and nothing of the other."""
        async with PostgresLedger(address) as one:
            await one.add(contacts(4))
            await claim(one, 2, ONE)
            async with PostgresLedger(address) as other:
                await claim(other, 2, OTHER)
                await intend(other, 3, "p", NOW, OTHER)

            assert await states(one) == {
                1: State.CLAIMED,
                2: State.CLAIMED,
                3: State.UNKNOWN,
                4: State.PENDING,
            }

    async def test_one_dials_where_caps_are_not_shared(self, address: str) -> None:
        """A second process does not dial beside one that shares no caps."""
        async with PostgresLedger(address) as one, PostgresLedger(address) as other:
            await one.begin_run(ONE, one)
            with pytest.raises(LedgerInUseError, match="another process") as caught:
                await other.begin_run(OTHER, other)
            await one.end_run(ONE, holds_slots=True)
            await other.begin_run(OTHER, other)

            assert caught.value.reason == "running"

    async def test_slots_of_who_dialled_meanwhile(self, address: str) -> None:
        """Nobody holds the slots of calls that another process made since."""
        async with PostgresLedger(address) as one, PostgresLedger(address) as other:
            for _ in range(2):
                await one.begin_run(ONE, one)
                await one.end_run(ONE, holds_slots=True)
            assert await one.begin_run(ONE, one)
            await one.end_run(ONE, holds_slots=True)
            await open_intents(other, 1, OTHER)

            assert not await one.begin_run(ONE, one)

    async def test_many_dial_where_caps_are_shared(self, address: str) -> None:
        """Where the database shares the caps, everybody may dial."""
        one = PostgresLedger(address, shares_caps=True)
        async with one, PostgresLedger(address, shares_caps=True) as other:
            assert await one.begin_run(ONE, one)
            assert await other.begin_run(OTHER, other)

    async def test_nobody_dials_beside_those_who_share(self, address: str) -> None:
        """Who shares no caps does not dial beside those who do, nor they beside it."""
        one = PostgresLedger(address, shares_caps=True)
        async with one, PostgresLedger(address) as alone:
            await one.begin_run(ONE, one)
            with pytest.raises(LedgerInUseError, match="start workers"):
                await alone.begin_run(OTHER, alone)
            await one.end_run(ONE, holds_slots=True)
            await alone.begin_run(OTHER, alone)
            with pytest.raises(LedgerInUseError, match="by workers alone"):
                await one.begin_run(ONE, one)
            await alone.end_run(OTHER, holds_slots=True)
            await one.begin_run(ONE, one)

    async def test_a_run_that_is_cancelled_as_it_begins(self, address: str) -> None:
        """Whoever is cancelled as it takes the lock gives it back."""
        async with PostgresLedger(address) as one, PostgresLedger(address) as other:
            beginning = asyncio.ensure_future(one.begin_run(ONE, one))
            await asyncio.sleep(0)
            beginning.cancel()
            await asyncio.wait([beginning])
            assert beginning.cancelled()
            await one.set_setting("behind", "it")
            await other.begin_run(OTHER, other)
            await other.end_run(OTHER, holds_slots=True)
            await one.begin_run(ONE, one)

    async def test_campaigns(self, address: str) -> None:
        """Campaigns of one database know nothing of each other's contacts."""
        one = PostgresLedger(address, "spring")
        async with one, PostgresLedger(address, "autumn") as other:
            assert [new.new for new in await one.add(contacts(3))] == [True] * 3
            assert [new.new for new in await other.add(contacts(2))] == [True] * 2
            await claim(one, 9)
            assert [one.number for one in await claim(other, 9, OTHER)] == [1, 2]
            await intend(other, 1, "p", NOW, OTHER)
            await accept(other, 1, "7", owner=OTHER)
            with PostgresLedgerReader(address, "autumn") as reader:
                counts = some(reader.counts())

            assert some(await one.counts()) == {State.CLAIMED: 3}
            assert counts == {State.CLAIMED: 1, State.ACCEPTED: 1}
            assert (one.campaign, other.campaign) == ("spring", "autumn")


class TestCounting:
    """Counts are kept, not made."""

    async def test_counts_are_those_of_the_contacts(self, address: str) -> None:
        """Whatever happened, each state has as many contacts as are counted for it."""
        async with PostgresLedger(address) as ledger, PostgresLedger(address) as other:
            await ledger.add(contacts(30))
            await claim(ledger, 20)
            await asyncio.gather(*(intend(ledger, n, "p", NOW) for n in range(1, 16)))
            await accept(ledger, 1, "1", pabx="p")
            await accept(ledger, 2, "1", pabx="p")
            await settle(ledger, 3, Step.REJECT, "p", NOW, reason="x")
            await settle(ledger, 4, Step.NOT_PLACED, "p", NOW, reason="x")
            await claim(other, 3, OTHER)
            await other.withdraw(30, reason="asked", now=NOW)
            await ledger.recover(OWNER)

            assert some(await ledger.counts()) == counted(address)


class TestOpening:
    """A server that can't keep a ledger is refused, and nothing private is shown."""

    @pytest.mark.parametrize("value", ["off", "local"])
    async def test_commits_that_are_not_synced(self, address: str, value: str) -> None:
        """A server that says that a call is noted before it is can't keep a ledger."""
        setting = f"SET synchronous_commit = {value}"
        execute(address, f"ALTER DATABASE {name_in(address)} {setting}")
        with pytest.raises(LedgerError, match="synchronous_commit") as caught:
            await PostgresLedger(address).__aenter__()

        assert caught.value.reason == "unsafe_server"
        with PostgresLedgerReader(await made_before(address)) as reader:
            assert some(reader.counts()) == {}

    async def test_commits_of_the_role(self, address: str) -> None:
        """So it is where the role alone is set so, in this database."""
        execute(
            address,
            f"ALTER ROLE digitro IN DATABASE {name_in(address)}"
            " SET synchronous_commit = off",
        )
        with pytest.raises(LedgerError, match="ALTER ROLE"):
            await PostgresLedger(address).__aenter__()

    async def test_a_wrong_password(self, address: str) -> None:
        """A password that is wrong is not shown by the error."""
        wrong = "canary-w0rd"
        url = shared_server().address(name_in(address), "secretive", wrong)
        errors = []
        for opening in (open_ledger(url).__aenter__(), reading(url)):
            with pytest.raises(LedgerError, match="refuses the user or the pass") as c:
                await opening
            errors.append(c.value)

        assert not [error for error in errors if wrong in shown_by(error)]
        assert [error.__context__ for error in errors] == [None, None]

    async def test_a_password_with_odd_signs(self, address: str) -> None:
        """A password may have every sign, with escapes, and is never shown."""
        execute(address, "ALTER ROLE secretive SUPERUSER")
        url = shared_server().address(name_in(address), "secretive", PASSWORD)
        async with open_ledger(url, campaign="a b") as ledger:
            await ledger.add(contacts(1))
            with open_ledger_reader(url, campaign="a b") as reader:
                shown = f"{ledger!r} {reader!r}"

        assert "campaign a b at 127.0.0.1" in shown
        assert "canary" not in shown

    @pytest.mark.parametrize("place", ["127.0.0.1:1/db", "no-such-host.invalid/db"])
    async def test_nobody_there(self, place: str) -> None:
        """A server that is not there is told so, and no password with it."""
        with pytest.raises(LedgerError, match="look at the address") as caught:
            await open_ledger(f"postgresql://u:canary@{place}").__aenter__()

        assert caught.value.reason == "unusable"
        assert "canary" not in shown_by(caught.value)

    async def test_no_such_database(self) -> None:
        """A database that is not there is not made."""
        with pytest.raises(LedgerError, match="no such database"):
            await PostgresLedger(shared_server().address("nowhere")).__aenter__()

    @pytest.mark.parametrize("migrated", [False, True])
    def test_reading_what_is_not_there(self, migrated: bool) -> None:
        """A reader makes neither a schema nor a campaign."""
        with database(migrated=migrated) as made, pytest.raises(LedgerError) as caught:
            PostgresLedgerReader(made, "nobody's").__enter__()

        assert caught.value.reason == "no_ledger"

    @pytest.mark.parametrize(
        "url", ["postgresql://u:canary@[h/db", "nonsense canary", "x://canary"]
    )
    def test_no_address(self, url: str) -> None:
        """What is no address is refused without repeating it."""
        with pytest.raises(ConfigurationError, match="%-escapes") as caught:
            PostgresLedger(url)

        assert "canary" not in shown_by(caught.value)

    @pytest.mark.parametrize("given", [{"timeout": 0.5}, {"patience": -1.0}])
    def test_settings(self, given: dict[str, float]) -> None:
        """Limits that nobody can mean are refused."""
        with pytest.raises(ConfigurationError, match="timeout of a ledger"):
            PostgresLedger(
                "postgresql://h/d",
                timeout=given.get("timeout", 5.0),
                patience=given.get("patience", 5.0),
            )

    async def test_entered_twice(self, address: str) -> None:
        """A ledger is entered once."""
        ledger = PostgresLedger(address)
        async with ledger:
            pass
        with pytest.raises(LedgerError, match="entered once"):
            await ledger.__aenter__()


async def made_before(address: str) -> str:
    """Return the address of a database whose campaign is there, synced or not."""
    execute(
        address,
        "INSERT INTO digitro.campaign (name, identity_key) VALUES ('default', '')",
    )
    return address


async def reading(url: str) -> None:
    """Open a reader."""
    with open_ledger_reader(url):
        pass
