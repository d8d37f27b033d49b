"""Rules are tried out over a database that is only read, as over a ledger's file."""

import asyncio
import contextlib
import io
import json
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from command_line import (
    Capture,
    Ran,
    folder,
    number,
    pabx_with_config,
    run_here,
    write_contacts,
)
from helpers import until
from ledgers import LEASE, NOW, OWNER, accept, contacts, intend, new_contact
from postgres_server import database, needs_postgres
from psycopg import sql
from schedules import ALL_KINDS

from digitro_async import LedgerError
from digitro_async.ledger import (
    AttemptPlan,
    PostgresLedger,
    PostgresLedgerReader,
    ledger_address,
)
from digitro_async.ledger.transfer import copy_ledger
from digitro_async.ledger.transfer._rehearsed_campaign import RehearsedCampaign
from digitro_async.privacy import Personal
from digitro_async.testing import FakePABX

__all__ = ["folder", "pabx_with_config"]  # fixtures

pytestmark = needs_postgres

RULES = """
[[hours]]
name = "always"
week = { all = ["00:00-24:00"] }
[[cap]]
name = "once"
most = 1
clock = "lifetime"
"""
AT = "2026-12-01T12:00-03:00"
CAMPAIGN = ("--campaign", "june")
READER = "only_reads"
READS = (
    "CREATE ROLE only_reads LOGIN",
    "GRANT USAGE ON SCHEMA digitro TO only_reads",
    "GRANT SELECT ON ALL TABLES IN SCHEMA digitro TO only_reads",
)


@pytest.fixture
def address() -> Iterator[str]:
    """Return the address of an empty database."""
    with database() as one:
        yield one


@pytest.fixture
def reading(address: str) -> Iterator[str]:
    """Return its address for a role that may read the tables, and nothing else."""
    superuser = address.replace("//digitro@", "//postgres@")
    with contextlib.closing(psycopg.connect(superuser, autocommit=True)) as server:
        for statement in READS:
            server.execute(statement.encode())
        yield address.replace("//digitro@", f"//{READER}@")
        server.execute("DROP OWNED BY only_reads")
        server.execute("DROP ROLE only_reads")


@pytest.fixture(autouse=True)
def files(folder: Path) -> None:
    """Write a list of six, another one of which half is known, and rules."""
    (folder / "rules.toml").write_text(RULES)
    write_contacts(folder / "c.csv", 6)
    head, *rows = write_contacts(folder / "more.csv", 9).read_text().splitlines()
    some = [rows[one] for one in (1, 4, 7, 8)]
    (folder / "more.csv").write_text("\n".join([head, *some, ""]))


def kept(address: str) -> dict[str, str]:
    """Return a digest of every table of a database."""
    found = {}
    with contextlib.closing(psycopg.connect(address)) as server:
        tables = server.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'digitro'"
        ).fetchall()
        for (name,) in tables:
            query = sql.SQL(
                "SELECT md5(string_agg(one::text, '/' ORDER BY one::text))"
                " FROM digitro.{} AS one"
            ).format(sql.Identifier(str(name)))
            [(digest,)] = server.execute(query).fetchall()
            found[str(name)] = str(digest)
    return found


def answers(capsys: Capture, *ledger: str) -> list[Ran]:
    """Return what each command says that asks the rules about a ledger."""
    ruled = ("--rules", "rules.toml")
    ran = [
        run_here(capsys, "dial", *ledger, *ruled, "--dry-run", "--format", form)
        for form in ("table", "csv", "json")
    ]
    check = ("contacts", "check", *ledger, *ruled, "--at", AT)
    ran += [run_here(capsys, *check), run_here(capsys, *check, "--format", "json")]
    with_list = ("dial", "more.csv", *ledger, *ruled, "--dry-run")
    ran += [run_here(capsys, *with_list, "--format", "csv")]
    explain = ("contacts", "explain", *ruled, *ledger, "--at", AT, "--format", "json")
    return ran + [run_here(capsys, *explain, number(one)) for one in (0, 3, 5)]


def test_the_same_as_over_a_file(
    pabx: FakePABX,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
    address: str,
    reading: str,
) -> None:
    """Who may only read the tables gets each answer that a file gives, and no more."""
    file = ("--ledger", "c.db")
    run_here(capsys, "dial", "c.csv", *file, "--limit", "2")  # notes no numbers
    run_here(capsys, "dial", *file, "--rules", "rules.toml", "--limit", "1")
    monkeypatch.setattr("sys.stdin", io.StringIO(number(3)))
    run_here(capsys, "campaign", "block", *file)
    at = ("--at", "2030-12-01T12:00-03:00")
    run_here(capsys, "campaign", "call-back", "--id", "C4", *at, *file)
    over_file = answers(capsys, *file)
    copy_ledger("c.db", address, campaign="june")
    before = kept(address)
    over_database = answers(capsys, "--ledger", reading, *CAMPAIGN)

    for one, other in zip(over_file, over_database, strict=True):
        assert (other.code, other.out) == (
            one.code,
            one.out.replace('"campaign": ""', '"campaign": "june"'),
        )
    assert "refused                  1" in over_file[0].out
    assert "callback" in over_file[0].out
    assert kept(address) == before
    table = run_here(
        *(capsys, "dial", "more.csv", "--ledger", reading, *CAMPAIGN),
        *("--rules", "rules.toml", "--dry-run"),
    )
    assert "  duplicate     2" in table.out
    assert "pending before  3 in " in table.out


async def called(address: str, campaign: str, one: int, *, scheme: str = "") -> None:
    """Call a number, by the rules of a scheme or without any."""
    async with PostgresLedger(address, campaign) as ledger:
        await ledger.add([new_contact(1, destination=Personal(number(one)))])
        if scheme:
            await ledger.schedule.claim(1, OWNER, LEASE, now=NOW, kinds=ALL_KINDS)
            plan = AttemptPlan(number=1, place=0, key=one)  # not the key by our rules
            await ledger.schedule.plan(OWNER, [plan], hold_numbers=True)
        else:
            await ledger.claim(1, OWNER, LEASE)
        await intend(ledger, 1, "one", NOW)
        await accept(ledger, 1, f"of {campaign}")
        if scheme:
            await ledger.schedule.note_keys(lambda _: one, scheme=scheme)


def rows_of_dry_run(capsys: Capture, *words: str) -> list[tuple[str, ...]]:
    """Return contact, answer and reason of each row of a dry run by rules."""
    ruled = ("--rules", "rules.toml", "--dry-run", "--format", "json")
    ran = run_here(capsys, "dial", *words, *ruled)
    assert ran.out, ran.err
    rows = json.loads(ran.out)
    return [(one["contact"], one["answer"], one["reason"]) for one in rows]


@pytest.mark.parametrize("is_there", [True, False])
def test_other_campaigns(
    pabx: FakePABX, capsys: Capture, address: str, reading: str, *, is_there: bool
) -> None:
    """Attempts of other campaigns count, also where nobody noted their numbers."""
    asyncio.run(called(address, "plain", 0))
    asyncio.run(called(address, "ruled", 1, scheme="1 21"))
    if is_there:
        run_here(capsys, "campaign", "add", "c.csv", "--ledger", address, *CAMPAIGN)
    before = kept(address)
    rows = rows_of_dry_run(capsys, "c.csv", "--ledger", reading, *CAMPAIGN)
    explained = run_here(
        *(capsys, "contacts", "explain", number(1), "--rules", "rules.toml"),
        *("--ledger", reading, "--campaign", "plain", "--at", AT),
    )

    assert rows == [
        ("#1", "never", "attempt_cap"),
        ("#2", "never", "attempt_cap"),
        *((f"#{one}", "now", "") for one in range(3, 7)),
    ]
    assert explained.code == 1
    assert "of ruled" in explained.out
    assert kept(address) == before


def test_a_contact_of_another_campaign(
    folder: Path, pabx: FakePABX, capsys: Capture, address: str
) -> None:
    """Who has the same number in another campaign is another contact, as in a run."""
    counts = 'counts = "contact"\nmost = 2'
    (folder / "rules.toml").write_text(RULES.replace("most = 1", counts))
    for campaign in ("plain", "other"):
        asyncio.run(called(address, campaign, 0))
    explained = run_here(
        *(capsys, "contacts", "explain", number(0), "--rules", "rules.toml"),
        *("--ledger", address, "--campaign", "plain", "--at", AT),
    )

    assert explained.code == 0, explained.out
    assert "of other" in explained.out


def test_blocks_of_the_database(
    pabx: FakePABX, capsys: Capture, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    """Blocked numbers count in a campaign that is not there, and none is made."""
    other = ("--ledger", address, "--campaign", "other")
    run_here(capsys, "campaign", "add", "more.csv", *other)
    monkeypatch.setattr("sys.stdin", io.StringIO(number(2)))
    assert run_here(capsys, "campaign", "block", *other).code == 0
    rows = rows_of_dry_run(capsys, "c.csv", "--ledger", address, *CAMPAIGN)
    with PostgresLedgerReader(address, "other"):
        pass
    with pytest.raises(LedgerError), PostgresLedgerReader(address, "june"):
        pass

    assert [row for row in rows if row[1] != "now"] == [("#3", "never", "blocked")]


def test_an_empty_database(pabx: FakePABX, capsys: Capture) -> None:
    """A database in which no ledger was yet is one in which nobody was called."""
    with database(migrated=False) as address:
        rows = rows_of_dry_run(capsys, "c.csv", "--ledger", address)
        continued = run_here(
            *(capsys, "contacts", "check", "--ledger", address),
            *("--rules", "rules.toml"),
        )

        assert kept(address) == {}
    assert {row[1] for row in rows} == {"now"}
    assert continued.code == 2
    assert "there is no campaign" in continued.err


async def test_while_others_dial(
    folder: Path, pabx: FakePABX, capsys: Capture, address: str
) -> None:
    """Whom another owner has claimed is asked about; whoever is called is not."""
    words = ("--ledger", address, *CAMPAIGN)
    async with PostgresLedger(address, "june") as ledger:
        await ledger.add(contacts(4))
        await ledger.claim(2, OWNER, LEASE)
        await intend(ledger, 1, "one", NOW)
        before = kept(address)
        rows = await asyncio.to_thread(rows_of_dry_run, capsys, *words)

        assert kept(address) == before
    assert rows == [(f"#{one}", "now", "") for one in (2, 3, 4)]


async def test_given_up(tmp_path: Path, address: str) -> None:
    """Who gives up a rehearsal waits no more for a server that gives no answer."""
    async with PostgresLedger(address, "june") as ledger:
        await ledger.add(contacts(4))
    found = ledger_address(address, campaign="june")
    with psycopg.connect(address) as other:
        other.execute("LOCK TABLE digitro.person IN ACCESS EXCLUSIVE MODE")
        campaign = RehearsedCampaign(found, tmp_path / "copy.db")
        opening = asyncio.ensure_future(campaign.__aenter__())
        await until(lambda: is_waited_for(address))
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening  # the lock is held all the while


def is_waited_for(address: str) -> bool:
    """Whether somebody waits for a lock."""
    with contextlib.closing(psycopg.connect(address)) as server:
        [(count,)] = server.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            " AND datname = current_database() AND state = 'active'"
            " AND client_port IS NOT NULL"
        ).fetchall()
    return bool(count)


def test_a_campaign_that_was_moved(
    pabx: FakePABX, capsys: Capture, address: str
) -> None:
    """Nobody would be called in it, so rules are not asked about it."""
    run_here(capsys, "campaign", "add", "c.csv", "--ledger", address)
    copy_ledger(address, "moved.db")
    words = ("--rules", "rules.toml", "--dry-run", "--ledger", address)
    ran = run_here(capsys, "dial", *words)
    lost = run_here(capsys, "contacts", "explain", number(0), *words[:2], *words[3:])

    assert ran.code == 2
    assert "was moved to" in ran.err
    assert lost.code == 0  # its attempts are there to be read
