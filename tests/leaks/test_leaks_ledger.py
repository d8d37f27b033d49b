"""A ledger shows nobody, holds people in its data columns alone, and keys nowhere."""

import asyncio
import contextlib
import csv
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from leak_places import Watch
from leaks import API_KEY, CANARIES, KEYS, find, user_data
from ledgers import ENDS
from test_leaks import at, watched

from digitro_async import (
    Campaign,
    ConfigurationError,
    DigitroClient,
    DigitroError,
    LedgerError,
    PauseSettings,
    RetrySettings,
    open_ledger,
)
from digitro_async.contacts import RejectedRow, open_contacts
from digitro_async.ledger import SQLiteLedger, open_ledger_reader
from digitro_async.ledger.sqlite import _jobs
from digitro_async.testing import FakePABX, Fault, FaultKind, FaultPlan

DEFAULTS = {
    "device": "1125000",
    **{name: CANARIES[name].text for name in ("device_password", "account_password")},
}
DATA_COLUMNS = {"person.destination", "person.fields", "person.id"}
NEVER = PauseSettings(unknown_run=99, not_sent_run=99, wait_for_resume=False)
K = FaultKind


def write_contacts(path: Path, **more: str) -> Path:
    """Write three contacts with canaries, and three rows that are none."""
    columns = ["id", "destination", "user_data", "caller_id", *more]
    number, caller = (CANARIES[name].text for name in ("destination", "caller_id"))
    rows = [[f"C{i}", number, user_data(), caller, *more.values()] for i in range(3)]
    bad = ["B", number, user_data(), caller, *more.values()]
    rows += [[*bad[:1], f"{number} ramal", *bad[2:]], [*bad, number]]
    rows += [[*bad[:2], f"{user_data()}\x1b", *bad[3:]]]
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, delimiter=";").writerows([columns, *rows])
    return path


def columns_with(path: Path, names: Any = tuple(CANARIES)) -> set[str]:
    """Return the columns of a database in which canaries stand."""
    found = set()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        tables = connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table'"
        )
        for (table,) in tables.fetchall():
            rows = connection.execute(f'SELECT * FROM "{table}"')
            heads = [head for head, *_ in rows.description]
            for row in rows:
                for head, value in zip(heads, row, strict=True):
                    text = value if isinstance(value, bytes) else str(value)
                    if find(text, names):
                        found.add(f"{table}.{head}")
    return found


def bytes_of(path: Path) -> Iterator[bytes]:
    """Yield what is in the files of a ledger."""
    for end in (*ENDS, ".lock"):
        with contextlib.suppress(FileNotFoundError):
            yield Path(f"{path}{end}").read_bytes()


async def dial(watch: Watch, path: Path, pabx: FakePABX, contacts: Path) -> list[Any]:
    """Put contacts into a ledger and dial them, taking all that is shown meanwhile."""
    ended: list[Any] = []

    def take(name: str) -> Callable[[Any], None]:
        return lambda one: watch.take(name, one)

    client = DigitroClient(
        at(pabx.base_url),
        pause=NEVER,
        retry=RetrySettings(max_attempts=2, base_delay=0.01),
    )
    try:
        async with open_ledger(path) as ledger, client:
            campaign = Campaign(ledger, client, call=DEFAULTS)
            with open_contacts(contacts, defaults=DEFAULTS) as opened:
                watch.take("contacts", opened)
                await campaign.add(opened, rejected=take("rejected"))
            watch.take("campaign", campaign)
            watch.take("ledger", ledger)
            watch.take("page", [entry async for entry in ledger.entries()])
            run = campaign.run()
            watch.take("run", run)
            async with run as results:
                async for result in results:
                    ended.append(result)
                    watch.take_tasks()
            assert not any(find(held, KEYS) for held in bytes_of(path))
    except (DigitroError, TypeError) as error:
        ended.append(error)
    for one in ended:
        watch.take("end", one)
    return ended


@pytest.mark.parametrize(
    "fault",
    [
        Fault(K.SLOW_ANSWER),
        Fault(K.LOSE_ANSWER),
        Fault(K.STALL),
        Fault(K.THROTTLE_429, at=1, retry_after=0),
        Fault(K.REPEATED_CALL_ID),
        Fault(K.STATUS, status=401),
        Fault(K.STATUS, status=422),
        Fault(K.RESET_ON_CONNECT),
    ],
    ids=lambda fault: f"{fault.kind} {fault.status}",
)
async def test_campaigns(fault: Fault, tmp_path: Path) -> None:
    """A campaign shows nobody; its ledger has people where they belong, and no key."""
    path = tmp_path / "ledger.db"
    contacts = write_contacts(tmp_path / "c.csv")
    async with (
        watched() as watch,
        FakePABX(api_key=API_KEY, faults=FaultPlan([fault])) as pabx,
    ):
        ended = await dial(watch, path, pabx, contacts)
        with open_ledger_reader(path) as reader:
            watch.take("reader", reader)
            watch.take("read", list(reader.entries()))

    assert ended
    assert columns_with(path) == DATA_COLUMNS - {"person.id"}
    assert not any(find(held, KEYS) for held in bytes_of(path))
    assert path.stat().st_mode & 0o777 == 0o600


async def test_a_column_of_passwords(tmp_path: Path) -> None:
    """A password is in a ledger only where the contact file has a column for it."""
    path = tmp_path / "ledger.db"
    own = {"device_password": CANARIES["account_password"].text}
    contacts = write_contacts(tmp_path / "c.csv", **own)
    async with watched() as watch, FakePABX(api_key=API_KEY) as pabx:
        client = DigitroClient(at(pabx.base_url))
        async with open_ledger(path) as ledger, client:
            campaign = Campaign(ledger, client, call=DEFAULTS)
            with open_contacts(contacts, defaults=DEFAULTS) as opened:
                await campaign.add(
                    row for row in opened if not isinstance(row, RejectedRow)
                )
            async with campaign.run() as results:
                for result in [result async for result in results]:
                    watch.take("end", result)

    assert columns_with(path, KEYS) == {"person.fields"}
    assert not any(find(held, KEYS[:2]) for held in bytes_of(path))


async def test_a_default_that_is_missing(tmp_path: Path) -> None:
    """The error about a field that nobody gave shows no other field."""
    contacts = write_contacts(tmp_path / "c.csv")
    async with watched() as watch, FakePABX(api_key=API_KEY) as pabx:
        client = DigitroClient(at(pabx.base_url))
        async with open_ledger(tmp_path / "ledger.db") as ledger, client:
            with open_contacts(contacts, defaults=DEFAULTS) as opened:
                await Campaign(ledger, client, call=DEFAULTS).add(opened)
            lacking = Campaign(ledger, client, call={"device": "1125000"})
            with pytest.raises(ConfigurationError) as caught:
                async with lacking.run() as results:
                    await anext(results)
            watch.take("end", caught.value)


# --- broken ledgers -----------------------------------------------------------------

RAISES = "CREATE TRIGGER t BEFORE {} BEGIN SELECT RAISE({}, '{}'); END"
TEXT = "; ".join(canary.text.replace("'", "''") for canary in CANARIES.values())


async def make_ledger(path: Path) -> None:
    """Make an empty ledger."""
    async with SQLiteLedger(path, synchronous="OFF"):
        pass


def spoil(path: Path, *statements: str) -> None:
    """Do something to a ledger that no ledger does."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def overwrite(path: Path) -> None:
    """Write canaries over all pages but the first."""
    size = path.stat().st_size
    path.write_bytes(path.read_bytes()[:4096] + TEXT.encode() * (size // len(TEXT)))


def make_folder(path: Path) -> None:
    """Put a folder where the ledger was."""
    path.unlink()
    path.mkdir()


BROKEN: dict[str, Callable[[Path], object]] = {
    "not a database": lambda path: path.write_text(TEXT * 99, encoding="utf-8"),
    "damaged": overwrite,
    "import fails": lambda path: spoil(
        path, RAISES.format("INSERT ON person", "ABORT", TEXT)
    ),
    "import ends the transaction": lambda path: spoil(
        path, RAISES.format("INSERT ON person", "ROLLBACK", TEXT)
    ),
    "intent fails": lambda path: spoil(
        path, RAISES.format("INSERT ON event WHEN new.step = 3", "ABORT", TEXT)
    ),
    "event fails": lambda path: spoil(
        path, RAISES.format("INSERT ON event", "FAIL", TEXT)
    ),
    "claim fails": lambda path: spoil(
        path, RAISES.format("UPDATE ON contact", "ABORT", TEXT)
    ),
    "no table": lambda path: spoil(path, "DROP TABLE event"),
    "odd values": lambda path: spoil(path, "PRAGMA user_version = 999"),
    "a folder": lambda path: (
        path.rename(f"{path}.old").parent.joinpath(path.name).mkdir()
    ),
}


@pytest.mark.parametrize("how", BROKEN)
async def test_broken_ledgers(how: str, tmp_path: Path) -> None:
    """The text of SQLite about a broken ledger, values included, gets no further."""
    path = tmp_path / "ledger.db"
    await make_ledger(path)
    BROKEN[how](path)
    contacts = write_contacts(tmp_path / "c.csv")
    async with watched() as watch, FakePABX(api_key=API_KEY) as pabx:
        ended = await dial(watch, path, pabx, contacts)
        with contextlib.suppress(LedgerError), open_ledger_reader(path) as reader:
            watch.take("read", list(reader.entries()))

    assert isinstance(ended[-1], LedgerError)


async def test_a_seeded_database_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The text of SQLite would be found, if it were in an error."""
    path = tmp_path / "ledger.db"
    await make_ledger(path)
    BROKEN["import fails"](path)
    contacts = write_contacts(tmp_path / "c.csv")
    monkeypatch.setattr(_jobs, "bad_value", lambda error: LedgerError(str(error)))
    with Watch() as watch:
        async with FakePABX(api_key=API_KEY) as pabx:
            await dial(watch, path, pabx, contacts)

    assert "end: error: api_key as raw" in watch.leaks()


@pytest.mark.parametrize("name", CANARIES)
async def test_a_seeded_ledger(name: str, tmp_path: Path) -> None:
    """A value in a column where it does not belong is found there."""
    path = tmp_path / "ledger.db"
    await make_ledger(path)
    text = CANARIES[name].text.replace("'", "''")
    spoil(path, f"INSERT INTO setting VALUES ('a', '{text}')")

    assert columns_with(path) == {"setting.value"}
    assert {hit.canary for held in bytes_of(path) for hit in find(held)} == {name}


SPOILT = {
    "fields that are not JSON": (f"UPDATE person SET fields = '{TEXT}'",),
    "fields of another kind": ("UPDATE person SET fields = '[7]'",),
    "a number that is not UTF-8": (
        f"UPDATE person SET destination = CAST(X'{TEXT.encode().hex()}ff' AS TEXT)",
    ),
    "an id that is not UTF-8": (
        f"UPDATE person SET id = CAST(X'{TEXT.encode().hex()}ff' AS TEXT)",
    ),
    "no such state": ("UPDATE contact SET state = 99",),
    "a call that can't be made": (
        "UPDATE person SET destination = destination || x'1b'",
    ),
}


@pytest.mark.parametrize("how", SPOILT)
async def test_spoilt_contacts(how: str, tmp_path: Path) -> None:
    """Contacts that somebody has spoilt in a ledger are shown by no error."""
    path = tmp_path / "ledger.db"
    contacts = write_contacts(tmp_path / "c.csv")
    async with watched() as watch, FakePABX(api_key=API_KEY) as pabx:
        await dial(watch, path, pabx, contacts)
        spoil(path, "UPDATE contact SET state = 1", *SPOILT[how])
        ended = await dial(watch, path, pabx, contacts)
        with contextlib.suppress(LedgerError), open_ledger_reader(path) as reader:
            watch.take("read", list(reader.entries()))
        watch.take("ended", ended)


@contextlib.asynccontextmanager
async def locked(path: Path) -> AsyncIterator[None]:
    """Keep a ledger locked by another program."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


async def test_a_locked_ledger(tmp_path: Path) -> None:
    """A ledger that another program is writing to shows nobody."""
    path = tmp_path / "ledger.db"
    contacts = write_contacts(tmp_path / "c.csv")
    async with watched() as watch, FakePABX(api_key=API_KEY) as pabx:
        ledger = SQLiteLedger(path, synchronous="OFF", busy_timeout=0.0)
        async with ledger, DigitroClient(at(pabx.base_url)) as client:
            campaign = Campaign(ledger, client, call=DEFAULTS)
            with open_contacts(contacts, defaults=DEFAULTS) as opened:
                async with locked(path):
                    with pytest.raises(LedgerError) as caught:
                        await campaign.add(opened)
            watch.take("end", caught.value)
            second = SQLiteLedger(path)
            with pytest.raises(LedgerError) as caught:
                await second.__aenter__()
            watch.take("end", caught.value)


async def test_what_can_not_be_stored(tmp_path: Path) -> None:
    """A value that SQLite can't take is not in the error that says so.

    It is in the frames of the methods that it was handed to, as an argument.
    """
    async with watched() as watch, open_ledger(tmp_path / "ledger.db") as ledger:
        for name in ("set_setting", "get_setting"):
            given = [f"{TEXT}\udc81"] * (2 if name == "set_setting" else 1)
            with pytest.raises(LedgerError) as caught:
                await getattr(ledger, name)(*given)
            watch.take(name, caught.value.with_traceback(None))
        with pytest.raises(LedgerError) as caught:
            await ledger.reconcile(f"{TEXT}", accepted=True, evidence=TEXT, now=0.0)
        watch.take("reconcile", caught.value.with_traceback(None))
        watch.take_tasks()
        await asyncio.sleep(0)
