"""A page of a report has the figures of its ledger, and nothing of anybody."""

import datetime as dt
import re
from pathlib import Path

import pytest
from filled_ledgers import fill
from ledgers import NOW, accept, claim, contacts, intend, lose, open_intents
from report_pages import make_large_ledger, number_in, read_page

from digitro_async import PABX, RateLimit
from digitro_async.ledger import (
    LedgerReader,
    SQLiteLedger,
    State,
    ledger_address,
    open_ledger_reader,
)
from digitro_async.reports import (
    AttemptOutcome,
    CampaignReading,
    CampaignView,
    report_page,
)

UTC = dt.UTC
SECTIONS = [
    "The list",
    "Attempts",
    "Rate, and what held it back",
    "Ends of calls",
    "Time to the answer",
    "By PABX",
    "By reason",
]


def view_of(reader: LedgerReader, *pabx: PABX) -> CampaignView:
    """Return the view of a ledger."""
    return CampaignReading("a ledger", pabx, zone=UTC).read(reader, NOW + 60)


def pabx_with_rate(name: str, base_url: str, calls: int) -> PABX:
    """Return a PABX with a cap."""
    return PABX(name, base_url, 1, "key", rate=RateLimit(calls))


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a ledger of 3,000 contacts."""
    path = tmp_path_factory.mktemp("report") / "large.db"
    make_large_ledger(path, 3_000)
    return path


async def test_figures_are_those_of_the_ledger(tmp_path: Path) -> None:
    """States, attempts, ends and lists of a page are what the ledger counts."""
    await fill(tmp_path / "l.db")
    with open_ledger_reader(tmp_path / "l.db") as reader:
        page = read_page(report_page(view_of(reader)))
        counts, ends = reader.counts(), reader.count_ends()
        steps = len([*reader.steps()])

    shown = page.column("Contacts by state", "contacts")
    assert {name: number_in(count) for name, count in shown.items()} == {
        state.value: count for state, count in counts.items() if count
    }
    assert page.column("Attempts", "attempts") == {"accepted": "4", "unknown": "2"}
    assert page.column("Ends of calls", "contacts") == {"answered": "1"}
    assert sum(ends.dispositions.values()) == 1
    assert steps == 12
    lists = page.tables["Lists that were put in"]
    assert [row[0:1] + row[2:] for row in lists[1:]] == [
        ["1", "8", "0", "3", "yes"],
        ["2", "0", "0", "0", "no"],
    ]
    assert page.headings[0] == "Report: a ledger"
    assert page.headings[1 : len(SECTIONS) + 1] == SECTIONS
    assert page.headings[-1] == "What this can't tell"


def test_sums_agree(large: Path) -> None:
    """Tables by time, by PABX and by reason add up to the same attempts."""
    with open_ledger_reader(large) as reader:
        view = view_of(reader)
        counts = reader.counts()
    page = read_page(report_page(view))
    by_outcome = {
        name: number_in(count)
        for name, count in page.column("Attempts", "attempts").items()
    }

    assert sum(by_outcome.values()) == 2_700
    for outcome, count in by_outcome.items():
        times = page.column("Attempts over time, in figures", outcome)
        places = page.column("Attempts by PABX", outcome)
        assert sum(map(number_in, times.values())) == count
        assert sum(map(number_in, places.values())) == count
    _, *reasons = page.tables["Why attempts were not accepted"]
    assert sum(number_in(row[-1]) for row in reasons) == 54
    assert counts[State.ACCEPTED] == by_outcome["accepted"]
    ends = sum(map(number_in, page.column("Ends of calls", "contacts").values()))
    assert ends == sum(view.ends.values()) == counts[State.ACCEPTED]
    bars = page.column("Time to the answer", "attempts")
    assert sum(map(number_in, bars.values())) == 2_673


def test_formulas_are_stated(large: Path) -> None:
    """Each share of the list stands beside its formula and both of its counts."""
    with open_ledger_reader(large) as reader:
        view = view_of(reader)
    _, *rows = read_page(report_page(view)).tables["How far the list is"]
    shown = {row[0].partition(" ")[0]: row for row in rows}

    assert shown["Penetration"][1:] == ["90.0 %", "2,700 / 3,000"]
    assert "contacts with at least one attempt / all contacts" in rows[0][0]
    assert shown["Reached"][1:] == ["10.0 %", "270 / 2,700"]
    assert shown["Abandoned"][1:] == ["50.0 %", "270 / 540"]
    assert shown["Unknown"][1:] == ["1.0 %", "27 / 2,700"]


def test_rate_against_the_cap(large: Path) -> None:
    """The cap is drawn where it is known of all PABX, once for those of one address."""
    pabx = [pabx_with_rate(name, "http://h", 60) for name in ("matriz", "filial")]
    with open_ledger_reader(large) as reader:
        view, without = view_of(reader, *pabx), view_of(reader, pabx[0])
    page, text = read_page(report_page(view)), report_page(without)

    assert view.timeline.cap == 60
    assert 'class="cap-line"' in report_page(view)
    assert page.column("Attempts by PABX", "cap a second") == {
        "filial": "60",
        "matriz": "60",
    }
    assert without.timeline.cap is None
    assert 'class="cap-line"' not in text
    assert "it was not named to this report" in text


def test_what_held_attempts_back(large: Path) -> None:
    """The longest time without an attempt is told, and what came before it."""
    with open_ledger_reader(large) as reader:
        page = read_page(report_page(view_of(reader)))
    _, row = page.tables["The longest times without an attempt"]

    assert row[1:] == ["1 h 30 min", "were accepted"]


@pytest.mark.parametrize("count", [0, 3])
async def test_little_ledgers(tmp_path: Path, count: int) -> None:
    """A ledger without an attempt has a page that says so."""
    async with SQLiteLedger(tmp_path / "l.db") as ledger:
        await ledger.add(contacts(count))
    with open_ledger_reader(tmp_path / "l.db") as reader:
        view = view_of(reader)
    page = read_page(report_page(view))

    assert view.contacts == count
    assert "No attempt was made yet." in page.texts
    assert "No end of a call is recorded." in page.texts


def test_a_page_loads_and_runs_nothing(large: Path) -> None:
    """A page has no script, no style attribute, and no address but its own parts."""
    with open_ledger_reader(large) as reader:
        page = report_page(view_of(reader))
    tags = read_page(page).tags
    names = {tag for tag, _ in tags}
    addresses = [
        value
        for _, given in tags
        for name, value in given.items()
        if name in {"href", "src", "action", "data", "srcset", "xlink:href"}
    ]

    assert not names & {"script", "link", "img", "iframe", "form", "object", "base"}
    assert not any(name.startswith(("on", "style")) for _, of in tags for name in of)
    assert all(value and value.startswith("#") for value in addresses)
    assert "http://" not in page
    assert "https://" not in page
    policy = next(
        of["content"] for tag, of in tags if tag == "meta" and "http-equiv" in of
    )
    assert re.fullmatch(
        r"default-src 'none'; style-src 'sha256-[\w+/=]+'; base-uri 'none'; "
        r"form-action 'none'",
        policy or "",
    )


def test_a_page_can_be_read_aloud(large: Path) -> None:
    """Every table has a caption and heads, every drawing a name or is left out."""
    with open_ledger_reader(large) as reader:
        page = read_page(report_page(view_of(reader)))
    ids = [of["id"] for _, of in page.tags if "id" in of]
    named = [
        one for _, of in page.tags for one in (of.get("aria-labelledby") or "").split()
    ]

    assert len(ids) == len(set(ids))
    assert set(named) <= set(ids)
    assert all(page.tables)
    for tag, of in page.tags:
        if tag == "svg":
            assert of.get("aria-hidden") == "true" or of.get("role") == "img"
        if tag == "th":
            assert of["scope"] in {"row", "col"}


async def test_what_people_wrote_is_escaped(tmp_path: Path) -> None:
    """Text of a ledger that looks like HTML is shown as it is."""
    name = "<b>&\"'</b>\x1b"
    path = tmp_path / "l.db"
    async with SQLiteLedger(path) as ledger:
        await ledger.add(contacts(2))
        await claim(ledger, 2)
        await intend(ledger, 1, name, NOW)
        await accept(ledger, 1, "7", pabx=name)
        await intend(ledger, 2, "one", NOW)
        await lose(ledger, 2, "<script>alert(1)</script>")
    with open_ledger_reader(path) as reader:
        reading = CampaignReading(ledger_address("<i>x.db"), zone=UTC)
        page = report_page(reading.read(reader, NOW + 60))

    assert "<b>" not in page
    assert "<i>" not in page
    assert "<script" not in page
    assert "\x1b" not in page
    assert "&lt;b&gt;&amp;&quot;&#x27;&lt;/b&gt;\\x1b" in page
    assert "another_reason" in page


async def test_a_ledger_that_grows(tmp_path: Path) -> None:
    """A reading that is repeated shows what came since, as a new one does."""
    path = tmp_path / "l.db"
    reading = CampaignReading("l", zone=UTC)
    async with SQLiteLedger(path) as ledger:
        first, second, _ = await open_intents(ledger, 3)
        await accept(ledger, first, "7")
        with open_ledger_reader(path) as reader:
            before = reading.read(reader, NOW + 60)
            await lose(ledger, second)
            after = reading.read(reader, NOW + 60)
            anew = CampaignReading("l", zone=UTC).read(reader, NOW + 60)

    assert before.attempts[AttemptOutcome.ACCEPTED] == 1
    assert after == anew
    assert after != before
    assert "0483281" not in repr(after)
