"""The settings of event channels in ``digitro.toml``, and the presets that ship."""

from pathlib import Path
from typing import Any

import pytest
from config_files import MINIMAL, load, problem_of

from digitro_async import (
    CallEndSettings,
    CallPhase,
    ChannelRequest,
    ConfigurationError,
    Disposition,
    EventChannelSettings,
    Subscription,
    load_event_preset,
)
from digitro_async.config import EVENT_PRESETS

ONE = MINIMAL.replace("channel_id = 1\n", "")

EVENTS = """\
[pabx.events]
open = "/canal"
opened_names = "EVENTO_DE_ABERTURA_DE_CANAL"
id_fields = ["channelID", "canal.id"]
call_phases = { EVENTO_FIM = "ended" }
dispositions = { OCUPADO = "busy" }
close = { method = "POST", path = "/fecha/{channel_id}", body = { a = 1 } }
read_timeout = 90

[pabx.events.subscription]
request = { method = "POST", path = "/assina", body = { id = "{channel_id}" } }
expires_field = "response.expires"
"""


def test_a_whole_table(tmp_path: Path) -> None:
    """Every value of the table becomes a setting of its PABX."""
    [pabx] = load(tmp_path, ONE + EVENTS).pabx

    assert pabx.channel_id is None
    assert pabx.events == EventChannelSettings(
        open=ChannelRequest(path="/canal"),
        opened_names=("EVENTO_DE_ABERTURA_DE_CANAL",),
        id_fields=("channelID", "canal.id"),
        call_phases={"EVENTO_FIM": CallPhase.ENDED},
        dispositions={"OCUPADO": Disposition.BUSY},
        close=ChannelRequest(method="POST", path="/fecha/{channel_id}", body={"a": 1}),
        read_timeout=90,
        subscription=Subscription(
            request=ChannelRequest(
                method="POST", path="/assina", body={"id": "{channel_id}"}
            ),
            expires_field="response.expires",
        ),
    )


def test_calls_at_once(tmp_path: Path) -> None:
    """The cap on calls in progress and the rules for their ends are settings, too."""
    rules = "max_in_progress = 30\ncall_ends = { gap_timeout = 60.0 }\n"
    [pabx] = load(tmp_path, ONE + rules + EVENTS).pabx

    assert pabx.max_in_progress == 30
    assert pabx.call_ends == CallEndSettings(gap_timeout=60.0)


def test_a_preset_and_what_is_laid_over_it(tmp_path: Path) -> None:
    """A preset is the beginning of a table; tables inside of it are laid over, too."""
    text = ONE + (
        '[pabx.events]\npreset = "interact-cti"\nid_fields = "outro"\n'
        'open = "/outro?channel_id={channel_id}"\n'
        'subscription.request.body.subscription.agents = "200"\n'
        'call_phases.on_call_hold = "ended"\n'
    )
    [pabx] = load(tmp_path, text).pabx
    preset = load_event_preset("interact-cti")
    events = pabx.events

    assert events is not None
    assert events.id_fields == ("outro",)
    assert events.open == ChannelRequest(path="/outro?channel_id={channel_id}")
    assert events.call_phases == {**preset.call_phases, "on_call_hold": "ended"}
    assert events.close == preset.close
    assert events.subscription is not None
    assert preset.subscription is not None
    body: Any = events.subscription.request.body
    assert body["subscription"]["agents"] == "200"
    assert body["subscription"]["expires"] == 3600


def test_one_table_for_every_pabx(tmp_path: Path) -> None:
    """The table ``[events]`` counts for each PABX that has none of its own."""
    other = ONE.replace("matriz", "filial") + '[pabx.events]\npreset = "neo"\n'
    shared = '[events]\npreset = "pabx"\nopen = "/canal"\n'

    first, second = load(tmp_path, ONE + other + shared).pabx

    assert first.events == load_event_preset("pabx", open="/canal")
    assert second.events == load_event_preset("neo")


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        (
            "open = 5",
            "digitro.toml:6: pabx[0].events.open: must be a path, or a table with",
        ),
        (
            'open = "canal"',
            "digitro.toml:6: pabx[0].events.open.path: must be a path: it",
        ),
        (
            'preset = "neu"',
            "pabx[0].events.preset: there is no such preset; did you mean neo",
        ),
        ("preset = 1", "pabx[0].events.preset: there is no such preset"),
        ('preset = "pabx"', "digitro.toml:5: pabx[0].events: open is missing"),
        (
            'opend_names = "x"',
            "opend_names: there is no such option; did you mean opened_names?",
        ),
        (
            'open = { pth = "/x" }',
            "events.open.pth: there is no such option; did you mean path?",
        ),
        ('open = { path = "/x", body = 1 }', "events.open.body: must be the members"),
        ('open = { path = "/x y" }', "events.open.path: must be visible ASCII"),
        (
            'open = { path = "/x", method = "get" }',
            "events.open.method: must be one of GET",
        ),
        (
            'open = { path = "/x", headers = { a = "b\\n" } }',
            "events.open.headers: must be",
        ),
        ("id_fields = [1]", "events.id_fields: must be a name, or a list of names"),
        ("opened_names = []", "events.opened_names: must hold at least one name"),
        (
            'call_phases = { x = "over" }',
            "call_phases: must give each name one of started",
        ),
        (
            'dispositions = { x = "engaged" }',
            "dispositions: must give each name one of answ",
        ),
        ("call_phases = 1", "events.call_phases: must be a table of names"),
        (
            "read_timeout = 0",
            "events.read_timeout: must be a number of seconds above 0",
        ),
        (
            "dead_id_statuses = [500]",
            "dead_id_statuses: must be statuses from 400 to 499",
        ),
        ("chosen_ids = [9, 1]", "events.chosen_ids: must be two whole numbers"),
        (
            "chosen_ids = [1, 9]",
            "events.chosen_ids: and {channel_id} in the path of open",
        ),
        ("subscription = { expires = 1 }", "events.subscription: request is missing"),
        (
            'subscription = { request = "x" }',
            "events.subscription.request.path: must be a path",
        ),
        (
            'subscription = { request = "/x", renewal_share = 1 }',
            "events.subscription.renewal_share: must be a share between 0 and 1",
        ),
        ('base_url = "canary-4711"', "events.base_url: "),
        (
            "max_event_bytes = 0",
            "events.max_event_bytes: must be a whole number above 0",
        ),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, table: str, problem: str) -> None:
    """An error names the file, the line and the field, and what is meant."""
    needed = '\nopen = "/canal"\nopened_names = "opened"\n'
    for line in table.split("\n"):
        name = line.partition(" ")[0]
        needed = "\n".join(
            one for one in needed.split("\n") if not one.startswith(f"{name} ")
        )
    if "preset" in table:
        needed = ""

    assert problem in problem_of(tmp_path, f"{ONE}[pabx.events]\n{table}{needed}")


def test_the_table_itself(tmp_path: Path) -> None:
    """A table that is none is told with its place."""
    assert "events: must be a table" in problem_of(tmp_path, f"events = 1\n{ONE}")
    assert "events: must be a table" in problem_of(tmp_path, f"{ONE}events = 1\n")


def test_presets_in_programs() -> None:
    """Programs load the presets, and their errors name the field."""
    assert EVENT_PRESETS == ("pabx", "interact-cti", "neo", "simulator")
    assert load_event_preset("pabx", open="/x").opened_names == (
        "EVENTO_DE_ABERTURA_DE_CANAL",
    )
    assert load_event_preset("interact-cti").chosen_ids == (1, 9999)
    assert load_event_preset("neo").subscription is not None
    with pytest.raises(ConfigurationError, match=r"^events: open is missing"):
        load_event_preset("pabx")
    with pytest.raises(ConfigurationError, match=r"events\.opne: there is no such"):
        load_event_preset("pabx", opne="/x")
    with pytest.raises(ConfigurationError, match="did you mean neo"):
        load_event_preset("neoo")


@pytest.mark.parametrize("preset", EVENT_PRESETS)
def test_presets_say_where_they_come_from(preset: str) -> None:
    """Each preset is dated and names its sources, and marks what is a guess."""
    import tomllib
    from importlib import resources

    folder = resources.files("digitro_async.config") / "event_presets"
    text = (folder / f"{preset}.toml").read_text(encoding="utf-8")
    about = tomllib.loads(text)["about"]

    assert about["date"].startswith("2026-11-")
    assert len(about["sources"]) > 2
    assert "VERIFIED" in text
    assert "INFERRED" in text
