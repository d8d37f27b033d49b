"""Compares the tables of the pages with what they describe."""

import importlib.util
import inspect
import logging
import re
import shlex
import tomllib
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest
from cyclopts import App
from pages import (
    ROOT,
    blocks_of,
    headings_of,
    read,
    rows_under,
    text_under,
    ticked,
    without_blocks,
)

import digitro_async
from digitro_async import (
    PABX,
    DigitroClient,
    DigitroError,
    DispatchItem,
    EventKind,
    Limit,
    Outcome,
    PauseSettings,
    RateLimit,
    RetrySettings,
    Secret,
    testing,
)
from digitro_async.cli import _results
from digitro_async.cli._app import app as digitro
from digitro_async.cli._exit import Exit
from digitro_async.config import load_config
from digitro_async.contacts import (
    ENCODINGS,
    GENERAL_WORDS,
    ContactRow,
    RejectCode,
    RejectsFile,
    open_contacts,
)
from digitro_async.numbers import number_form
from digitro_async.observe import LEVELS, QUIET_KINDS
from digitro_async.testing import FaultPlan

COMMANDS = [name for name in digitro if not name.startswith("-")]


def all_errors(base: type[DigitroError] = DigitroError) -> list[type[DigitroError]]:
    """Return every error class of the package but the base of all."""
    found = []
    for error in base.__subclasses__():
        if error.__module__ == "digitro_async.errors":
            found += [error, *all_errors(error)]
    return found


def test_outcome_table() -> None:
    """The table names every outcome, and every error class beside its own."""
    table = {cells[0]: ticked(cells[3]) for cells in rows_under("errors", "Outcomes")}
    built: dict[str, list[str]] = {
        **{f"`{outcome.value}`": [] for outcome in Outcome},
        "no outcome": [],
    }
    for error in all_errors():
        key = "no outcome" if error.outcome is None else f"`{error.outcome.value}`"
        built[key].append(error.__name__)

    assert {key: sorted(names) for key, names in table.items()} == {
        key: sorted(names) for key, names in built.items()
    }


def test_exit_codes() -> None:
    """The table of exit codes is whole."""
    assert [int(cells[0]) for cells in rows_under("command-line", "Exit codes")] == [
        *Exit
    ]


def test_file_columns() -> None:
    """The columns of both files are named, in order."""
    named = [
        name
        for row in rows_under("contact-files", "Results file")
        for name in ticked(row[0])
    ]
    rejects = text_under("contact-files", "Rejects file").rpartition("has")[2]

    assert named == list(_results._COLUMNS)
    assert ticked(rejects) == list(RejectsFile._header)


def test_extras() -> None:
    """The table of extras names those that a user may want, and they exist."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras = project["project"]["optional-dependencies"]
    named = [
        name for row in rows_under("README", "Two commands") for name in ticked(row[0])
    ]

    assert named == list(extras)


def test_pauses_table() -> None:
    """The table of pauses shows the defaults of the settings."""
    pause, retry = PauseSettings(), RetrySettings()
    shown = {
        reason: " ".join(row[1:])
        for row in rows_under("settings", "Pauses")
        for reason in ticked(row[0])
    }

    assert f"{pause.unknown_run} unknown calls in a row" in shown["unknown_run"]
    unknown = f"more than {pause.unknown_budget} of the last {pause.unknown_window:,} "
    assert unknown in shown["unknown_budget"]
    assert f"{pause.not_sent_run} attempts in a row" in shown["not_sent_run"]
    assert f"{pause.rejected_run} rejected calls" in shown["rejected_run"]
    assert f"after {pause.first_pause:.0f} s:" in shown["unknown_run"]
    assert f"up to {pause.max_pause:.0f} s" in shown["unknown_run"]
    assert f"`max_retry_after` ({retry.max_retry_after:.0f} s)" in shown["throttled"]
    assert f"`base_delay` ({retry.base_delay} s)" in shown["throttled"]
    assert f"`max_delay` ({retry.max_delay:.0f} s)" in shown["throttled"]


def test_limits_table() -> None:
    """The table of limits names every one."""
    shown = [ticked(row[0])[0] for row in rows_under("dispatch", "Statistics")]

    assert sorted(shown) == sorted(one.value for one in Limit)


def test_events_table() -> None:
    """The table of events has every kind, with the level of its log line."""
    levels = {
        name: row[2].partition(",")[0]
        for row in rows_under("dispatch", "Events")
        for name in ticked(row[0])
    }

    assert levels == {
        kind.value: logging.getLevelName(level) for kind, level in LEVELS.items()
    }
    assert [*LEVELS] == [kind for kind in EventKind if kind not in QUIET_KINDS]


def test_kinds_for_observers_alone() -> None:
    """The table has every kind that observers alone are told of, in order."""
    shown = [ticked(cells[0])[0] for cells in rows_under("telemetry", "What happens")]

    assert [name for name in shown if name in {*EventKind}] == [
        kind.value for kind in EventKind if kind in QUIET_KINDS
    ]


def test_every_command_is_described() -> None:
    """There is a heading for every command, and for nothing else."""
    headings = re.findall(r"(?m)^## `digitro (\w+)`$", read("command-line"))

    assert sorted(headings) == sorted(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_is_described(command: str) -> None:
    """The table of a command has its options, and no others."""
    heading = f"`digitro {command}`"
    named = [
        name
        for cells in rows_under("command-line", heading)
        for name in ticked(cells[0])
    ]
    options, positional = [], []
    shown = (
        one for one in subcommand(command).assemble_argument_collection() if one.show
    )
    for argument in shown:
        if argument.field_info.kind is inspect.Parameter.KEYWORD_ONLY:
            options.append(argument.names[0])
        else:
            positional.append(argument.names[0].removeprefix("--").upper())

    assert named == options
    assert set(positional) <= set(ticked(text_under("command-line", heading)))


def subcommand(name: str) -> App:
    """Return a command of ``digitro``."""
    found: App = digitro[name]
    return found


def test_command_lines() -> None:
    """Every command line shown is one that ``digitro`` takes."""
    lines = [
        line
        for block in (
            *blocks_of("command-line", "Commands", "console"),
            *blocks_of("campaigns", "A campaign that survives", "console"),
            *blocks_of("backup", "A ledger in a file", "console"),
            *blocks_of("workers", "Many machines", "console"),
            *blocks_of("first-day", "One call to your own phone", "console"),
            *blocks_of("report", "Report", "console"),
            *blocks_of("security", "Forgetting persons", "console"),
        )
        for line in block.splitlines()
    ]
    shown = set()
    for line in lines:
        name, *tokens = shlex.split(line)
        assert name == "digitro"
        digitro.parse_args(tokens, exit_on_error=False, print_error=False)
        shown.add(tokens[0])

    assert shown == {*COMMANDS, "--version"}


def test_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The configuration file is read, and only what it says differs from defaults."""
    monkeypatch.setenv("DIGITRO_API_KEY", "key")
    monkeypatch.setenv("DIGITRO_DEVICE_PASSWORD", "password")
    file = tmp_path / "digitro.toml"
    file.write_text(
        blocks_of("settings", "Configuration file", "toml")[0], encoding="utf-8"
    )

    config = load_config(file)

    [pabx] = config.pabx
    assert pabx == PABX(
        "matriz",
        "https://pabx.example.com",
        channel_id=1,
        api_key=Secret("key"),
        rate=RateLimit(50),
    )
    assert config.call == {
        "device": "1125000",
        "device_password": Secret("password"),
        "route": "0",
    }
    assert config.retry == type(config.retry)()
    assert config.pause == type(config.pause)()


def test_contact_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings of contact files are read behind those of the example."""
    monkeypatch.setenv("DIGITRO_API_KEY", "key")
    monkeypatch.setenv("DIGITRO_DEVICE_PASSWORD", "password")
    file = tmp_path / "digitro.toml"
    text = blocks_of("settings", "Configuration file", "toml")[0]
    text += blocks_of("settings", "Contact files", "toml")[0]
    file.write_text(text, encoding="utf-8")

    found = load_config(file).contacts

    assert found.number_form == number_form("local:48,0ddd")
    assert found.area_code == "48"
    assert [*found.map] == ["destination", "destination2", "user_data"]


def test_fault_plan(tmp_path: Path) -> None:
    """The fault plan is read."""
    file = tmp_path / "faults.toml"
    file.write_text(
        blocks_of("command-line", "`digitro simulate`", "toml")[0], encoding="utf-8"
    )

    plan = FaultPlan.load(file)

    assert [fault.kind.value for fault in plan.faults] == [
        "lose_answer",
        "throttle_429",
    ]


async def test_contact_file(tmp_path: Path, digitro_client: DigitroClient) -> None:
    """The contacts are read, and can be called."""
    file = tmp_path / "contacts.csv"
    file.write_text(
        blocks_of("contact-files", "Contact file", "csv")[0], encoding="utf-8"
    )
    defaults = {"device": "1125000", "device_password": "4567"}

    with open_contacts(file, defaults=defaults) as opened:
        contacts = [row for row in opened if isinstance(row, ContactRow)]
        assert (len(contacts), opened.rejected) == (2, 0)

    items = [
        DispatchItem(call=contact.build_call(defaults), key=contact.id)
        for contact in contacts
    ]
    async with digitro_client.dispatch(items) as results:
        assert {result.key async for result in results} == {"C0000001", "C0000002"}


def test_reject_codes() -> None:
    """The table of reject codes has each of them, in the order of the code."""
    rows = rows_under("contact-files", "Reject codes")

    assert [row[0].strip("`") for row in rows] == [code.value for code in RejectCode]


def test_words_about_contact_files() -> None:
    """The encodings, and the general words, are those that the code knows."""
    encodings = ticked(text_under("contact-files", "Encoding"))
    general = ticked(text_under("contact-files", "Header and columns"))

    assert set(ENCODINGS) <= set(encodings)
    assert set(GENERAL_WORDS) <= set(general)


def test_set_up() -> None:
    """The commands of contributors use extras and tests that exist."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    groups = project["dependency-groups"]
    [set_up] = blocks_of("contributing", "Set-up", "console")
    [checks] = blocks_of("contributing", "Before you hand in a change", "console")
    lines = [*set_up.splitlines(), *checks.splitlines()]

    assert len(set_up.splitlines()) == 2
    assert re.findall(r"--group (\w+)", set_up) == ["dev"]
    assert [
        name for row in rows_under("contributing", "Groups") for name in ticked(row[0])
    ] == list(groups)
    assert all(".venv/bin/" in line for line in lines)
    assert missing_files(set_up + checks) == []


@pytest.mark.usefixtures("checkout")
def test_long_checks() -> None:
    """The table of long checks names programs that exist, each with its minutes."""
    first, *_ = text_under("contributing", "Long checks").partition("Which one")
    rows = [line.strip("| ").split(" | ") for line in first.splitlines() if "`" in line]
    commands = " ".join(row[0] for row in rows)

    assert len(rows) == 12
    assert missing_files(commands) == []
    assert all(re.fullmatch(r"\d+( to \d+ each)?", row[1]) for row in rows)
    for module in re.findall(r"-m (benchmarks[.\w]*)", commands):
        assert importlib.util.find_spec(module) is not None


def missing_files(commands: str) -> list[str]:
    """Return the files under tests that commands name and that are not there."""
    named = re.findall(r"tests/[\w*/]+\.py", commands)
    return [name for name in named if not list(ROOT.glob(name))]


def test_glossary_has_one_meaning_for_each_word() -> None:
    """No word stands in two rows of the tables of nouns."""
    nouns = [
        row[0]
        for heading in headings_of("glossary")
        if heading not in {"Glossary", "Verbs", "Words that are not used"}
        for row in rows_under("glossary", heading)
    ]

    assert len(nouns) > 100
    assert [word for word, times in Counter(nouns).items() if times > 1] == []


@pytest.mark.parametrize(
    "module", [digitro_async, testing], ids=lambda one: one.__name__
)
def test_glossary_has_every_public_name(module: ModuleType) -> None:
    """Each public name is in the glossary, and each error in its own table."""
    words = set(re.findall(r"\w+", " ".join(ticked(without_blocks("glossary")))))
    errors = {error.__name__ for error in all_errors()}

    assert [name for name in module.__all__ if name not in words | errors] == []
