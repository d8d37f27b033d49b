"""Rules files: what they may say, and how errors tell where they are wrong."""

import datetime as dt
import subprocess
import sys
import tomllib
from importlib import resources
from pathlib import Path

import pytest
from rule_values import moment, planned, wall

from digitro_async.call_events import Disposition
from digitro_async.config import RULE_PRESETS, load_rule_preset, load_rules
from digitro_async.errors import ConfigurationError
from digitro_async.rules import (
    ALLOW,
    BlockFile,
    CapClock,
    Counted,
    Defer,
    GateReason,
    MissedCallback,
    NextNumber,
    Refuse,
)

WHOLE = """
home_area = "48"

[[block]]
file = "blocked.txt"
name = "ours"
reason = "asked"

[[hours]]
name = "office"
week = { mon-fri = ["08:00-12:00", "13:00-18:00"], sat = ["22:00-02:00"] }
states = ["SC", "PR"]
holidays = "state"
on_holidays = ["10:00-11:00"]

[holidays]
of_library = false
file = "days.txt"

[[holidays.own]]
day = 2026-12-01
state = "SC"

[[spacing]]
name = "two hours"
least = "2h"
counts = "contact"

[[cap]]
name = "three in a day and a night"
most = 3
clock = "rolling"
hours = 24
all_campaigns = false

[recall]
most_attempts = 4

[recall.busy]
after = ["10m", "1h"]
most = 2

[recall.no_answer]
after = 90
most = 1
number = "next"

[callbacks]
early = "5m"
late = "15m"
missed = "close"

[mix]
fresh = 3
recalls = 1

[stop]
answered = 500
at = 2026-12-24T18:00:00-03:00

[[stop.shares]]
ends = ["abandoned"]
among = ["answered"]
share = 0.03

[originating]
rotate = true

[[originating.number]]
number = "4832817000"
areas = ["48"]
most_per_day = 400

[short_calls]
stop_calls = 90000
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a block file and a file of holidays."""
    (tmp_path / "blocked.txt").write_text("48987654321\nx\n")
    (tmp_path / "days.txt").write_text("# ours\n2026-12-02;;all\n2026-12-03;PR\n")
    return tmp_path


def load(folder: Path, text: str = WHOLE) -> object:
    """What a file with a text is read to."""
    (folder / "rules.toml").write_text(text, encoding="utf-8")
    return load_rules(folder / "rules.toml")


def test_everything(folder: Path) -> None:
    """Every table of a file becomes the rule that it says."""
    (folder / "rules.toml").write_text(WHOLE)
    rules, [reading] = load_rules(folder / "rules.toml")

    assert reading.bad_count == 1
    assert str(reading.bad_rows[0]).startswith(f"{folder / 'blocked.txt'}:2: number:")
    assert rules.hours[0].week[5] == ((1320, 1560),)
    assert rules.spacings[0].least == 7200.0
    assert rules.spacings[0].counts is Counted.CONTACT
    assert rules.caps[0].clock is CapClock.ROLLING
    assert rules.recall is not None
    assert rules.recall.rules[Disposition.BUSY].after == (600.0, 3600.0)
    assert rules.recall.rules[Disposition.NO_ANSWER].number is NextNumber.NEXT
    assert rules.callbacks.missed is MissedCallback.CLOSE
    assert rules.mix.fresh == 3
    assert rules.stop.at == moment("2026-12-24 18:00")
    assert rules.stop.shares[0].share == 0.03
    assert rules.originating is not None
    assert rules.short_calls is not None
    assert (rules.short_calls.stop_calls, rules.short_calls.stop_share) == (90000, 0.85)


def test_the_gates_of_a_file(folder: Path) -> None:
    """The gates keep the lists, hours and holidays of the file."""
    (folder / "rules.toml").write_text(WHOLE)
    rules, _ = load_rules(folder / "rules.toml")
    gates = rules.gates()

    blocked = gates.ask(planned("98765-4321"), moment("2026-11-30 09:00"))
    assert blocked is not None
    [block] = [one for one in rules.block_lists if isinstance(one, BlockFile)]
    assert block.name == "ours"
    answer = gates.ask(planned("048987654321"), moment("2026-11-30 09:00"))
    assert answer == Refuse(GateReason.BLOCKED, "ours")
    free = planned("048987654322")
    assert gates.ask(free, moment("2026-11-30 09:00")) is ALLOW
    later = gates.ask(free, moment("2026-11-30 18:00"))
    assert isinstance(later, Defer)
    assert wall(later.until) == "2026-12-01 10:00:00"
    assert gates.ask(planned("011987654321"), moment("2026-11-30 03:00")) is ALLOW


WRONG = [
    ('presets = ["none"]', "1: presets: there is no such preset (valid: recall-common"),
    ('presets = "short-calls"', "1: presets: must be a list"),
    ('\nhome_area = "20"', "2: home_area: must be an area code"),
    ("[capp]\nmost = 1", "1: capp: there is no such option; did you mean cap?"),
    ("[cap]\nmost = 1", "1: cap: must be a list of tables: write [[cap]]"),
    ("[[cap]]\nmost = 1\nclock = 'day'", "1: cap[0]: name is missing"),
    ('[[cap]]\nname = "x"\nmost = 0\nclock = "day"', "3: cap[0].most: must be a whole"),
    (
        '[[cap]]\nname = "x"\nmost = 1\nclock = "dai"',
        "4: cap[0].clock: no such word; did",
    ),
    ('[[cap]]\nname = "x"\n\n[[cap]]\nnam = "y"', "1: cap[0]: most is missing"),
    (
        '[[spacing]]\nname = "x"\nleast = "1h"\n[[spacing]]\nname = "y"\nlest = 5',
        "6: spacing[1].lest: there is no such option; did you mean least?",
    ),
    (
        '[[spacing]]\nname = "x"\nleast = "1 week"',
        "3: spacing[0].least: must be a time",
    ),
    ('[[spacing]]\nname = "x"\nleast = 0', "3: spacing[0].least: must be a number"),
    (
        '[[hours]]\nname = "x"\nweek = { mon = ["9-12"] }',
        "3: hours[0].week: must have spans such as",
    ),
    (
        '[[hours]]\nname = "x"\nweek = { mon = ["09:00-12:00"] }\nstates = ["S"]',
        "4: hours[0].states: no such state; did you mean",
    ),
    ("[recall]\n", "1: recall: most_attempts is missing"),
    (
        "[recall]\nmost_attempts = 3\n[recall.bussy]\nmost = 1",
        "3: recall.bussy: there is no such option; did you mean busy?",
    ),
    (
        '[recall]\nmost_attempts = 3\n[recall.busy]\nafter = ["1h", "x"]\nmost = 1',
        "4: recall.busy.after: must be a time",
    ),
    ("[callbacks]\nmissed = 'never'", "2: callbacks.missed: no such word"),
    ("[mix]\nfresh = 0", "2: mix.fresh: must be a whole number above 0"),
    ("[stop]\nat = 2026-12-24T18:00:00", "2: stop.at: must be a time such as"),
    (
        "[stop]\n[[stop.shares]]\nends = ['x']\nshare = 0.1",
        "3: stop.shares[0].ends: no such word",
    ),
    ("[originating]\nnumber = []", "2: originating.number: must name a number"),
    (
        "[[originating.number]]\nnumber = '48'\nareas = ['4']",
        "3: originating.number[0].areas: each must be an area code",
    ),
    ("[short_calls]\nstop_share = 2", "2: short_calls.stop_share: must be a number"),
    ("[[holidays.own]]\nday = 'x'", "2: holidays.own[0].day: must be a day"),
    ("holidays = 1", "1: holidays: must be a table"),
    ("[[block]]\nfile = 'gone.txt'", "block gone: "),
    ("[holidays]\nfile = 'gone.txt'", "gone.txt: can't be read: No such file"),
    ("[cap", "is no valid TOML"),
    (
        "[[holidays.own]]\nday = 2026-12-01\nstate = 'UF'",
        "3: holidays.own[0].state: is no state such as SP",
    ),
    (
        "[[cap]]\nname = 'x'\nmost = 1\nclock = 'day'\nstates = ['SP', 'UF']",
        "5: cap[0].states: no such state",
    ),
    ("[[stop.shares]]\nends = ['busy']", "1: stop.shares[0]: share is missing"),
    (
        "[stop]\nshares = [{ ends = ['busy'], share = 0 }]",
        "2: stop.shares[0].share: must be a number above 0",
    ),
    ("[[block]]\nfile = 5", "2: block[0].file: must name a file"),
    ("[[block]]\nfile = 'a'\nreason = ['b']", "3: block[0].reason: must be printable"),
    (
        "[[block]]\nfile = 'a'\nmay_shrink_to = 5",
        "3: block[0].may_shrink_to: must be a number from 0 to 1",
    ),
    ("[holidays]\nfile = []", "2: holidays.file: must name a file"),
    ("[short_calls]\nzone = 'x'", "2: short_calls.zone: can't be used"),
    (
        '[[hours]]\nname = "x"\nweek = { all = [] }',
        "3: hours[0].week: has no open time",
    ),
]


@pytest.mark.parametrize(("text", "problem"), WRONG, ids=[text for text, _ in WRONG])
def test_where_it_is_wrong(folder: Path, text: str, problem: str) -> None:
    """An error names the file, the line and the field, and what could be meant."""
    with pytest.raises(ConfigurationError) as caught:
        load(folder, text)

    assert problem in str(caught.value)
    assert str(folder) in str(caught.value)


HOURS = '[[hours]]\nname = "x"\nweek = { all = ["09:00-18:00"] }\n'


@pytest.mark.parametrize("scope", ["national", "state"])
def test_holidays_without_their_library(
    folder: Path, monkeypatch: pytest.MonkeyPatch, scope: str
) -> None:
    """Hours that keep holidays are refused as they are read, where none are known."""
    monkeypatch.setitem(sys.modules, "holidays", None)

    with pytest.raises(ConfigurationError, match=r"digitro-async\[contacts\]"):
        load(folder, f'{HOURS}holidays = "{scope}"')
    load(folder, f'{HOURS}holidays = "none"')
    load(folder, f'{HOURS}holidays = "{scope}"\n[holidays]\nof_library = false')


FIELDS = {
    "block": ("file", "name", "reason", "may_shrink_to"),
    "hours": ("name", "week", "states", "campaigns", "holidays", "on_holidays"),
    "holidays": ("file", "optional", "of_library", "own"),
    "holidays.own": ("day", "state", "name"),
    "spacing": ("name", "least", "counts", "all_campaigns", "assumed"),
    "cap": ("name", "most", "clock", "hours", "counts", "all_campaigns", "states"),
    "recall": ("most_attempts", "busy"),
    "recall.busy": ("after", "most", "number", "gives_up_number"),
    "callbacks": ("early", "late", "missed", "most_moves"),
    "mix": ("fresh", "recalls"),
    "stop": ("at", "calls", "answered", "reached_share", "shares"),
    "stop.shares": ("ends", "among", "share", "least"),
    "originating": ("number", "rotate"),
    "originating.number": ("number", "areas", "most_per_day"),
    "short_calls": ("short_seconds", "stop_calls", "stop_share", "zone"),
}
NEVER = (
    "[[]]",
    "{ x = 1 }",
    "[5]",
    "-1",
    "nan",
    "00:00:00",
    "[{ x = [] }]",
    '"\\u0000"',
)


@pytest.mark.parametrize("value", NEVER)
def test_a_value_of_a_wrong_form(folder: Path, value: str) -> None:
    """Whatever stands in a field, the error is one of the file, and names the place."""
    lists = {"block", "hours", "spacing", "cap"}
    inner = {"holidays.own", "stop.shares", "originating.number"}
    for table, fields in FIELDS.items():
        shown = f"[[{table}]]" if table in lists | inner else f"[{table}]"
        for field in fields:
            with pytest.raises(ConfigurationError) as caught:
                load(folder, f"{shown}\n{field} = {value}\n")
            said = str(caught.value)
            assert "rules.toml:1: " in said or "rules.toml:2: " in said


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("2026-13-01", ":1: day: is no day"),
        ("2026-12-01;XX", ":1: state: is no state such as SP"),
        ("# ours\n\n2026-12-01;UF;x", ":3: state: is no state such as SP"),
        ("2026-12-01;SP;x;y", ":1: has more than three fields"),
    ],
)
def test_wrong_holidays(folder: Path, line: str, problem: str) -> None:
    """A holiday that can't be read is an error: it would be a day of calls."""
    (folder / "days.txt").write_text(line)
    with pytest.raises(ConfigurationError, match=problem):
        load(folder)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """A rules file that is missing is an error, and never no rules."""
    with pytest.raises(ConfigurationError, match=r"gone\.toml: can't be read"):
        load_rules(tmp_path / "gone.toml")


@pytest.mark.parametrize("name", RULE_PRESETS)
def test_presets(name: str) -> None:
    """Each preset loads, names its sources and its date, and says what it is not."""
    folder = resources.files("digitro_async.rules") / "presets"
    text = (folder / f"{name}.toml").read_text(encoding="utf-8")
    [source] = load_rule_preset(name).presets

    assert text.startswith("# NOT LEGAL ADVICE")
    assert source.sources
    assert dt.date.fromisoformat(source.date) <= dt.date(2100, 1, 1)
    assert tomllib.loads(text)["about"]["title"]


def test_every_preset_is_named() -> None:
    """There is no preset that can't be asked for."""
    folder = resources.files("digitro_async.rules") / "presets"
    files = {file.name for file in folder.iterdir()}

    assert files == {f"{name}.toml" for name in RULE_PRESETS}


def test_rules_are_laid_over_presets(folder: Path) -> None:
    """Lists follow those of presets; a table takes the place of theirs."""
    (folder / "rules.toml").write_text(
        'presets = ["telecom-code", "recall-common"]\n[recall]\nmost_attempts = 2\n'
        'machine = false\n[recall.busy]\nafter = "1h"\nmost = 1\n'
        '[[cap]]\nname = "ours"\nmost = 1\nclock = "day"\n'
    )
    rules, _ = load_rules(folder / "rules.toml")

    assert [cap.name for cap in rules.caps] == ["telecom code: 2 a day", "ours"]
    assert rules.recall is not None
    assert rules.recall.most_attempts == 2
    assert Disposition.MACHINE not in rules.recall.rules
    assert rules.recall.rules[Disposition.BUSY].most == 1
    assert Disposition.NO_ANSWER in rules.recall.rules
    assert [one.name for one in rules.presets] == ["telecom-code", "recall-common"]


def test_who_has_no_rules_loads_none() -> None:
    """Settings are loaded without the rules, and rules without their libraries."""
    program = (
        "import sys, digitro_async.config as c; c.load_config\n"
        "assert not [m for m in sys.modules if m.startswith('digitro_async.rules')]\n"
        "c.load_rules\n"
        "assert not {'holidays', 'phonenumbers', 'aiohttp'} & set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )

    assert done.stderr == ""
