"""``digitro init``: a configuration file that is used as it is."""

import os
import re
import stat
from pathlib import Path

import attrs
import pytest
from command_line import Capture, folder, run_here

from digitro_async import (
    PABX,
    PauseSettings,
    PoolSettings,
    RetrySettings,
    TimeoutSettings,
    load_config,
)
from digitro_async.calls import OWN_FIELDS
from digitro_async.webhook import new_webhook_secret

__all__ = ["folder"]  # fixtures


@pytest.fixture(autouse=True)
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the secrets that the file names."""
    for name in ("API_KEY", "DEVICE_PASSWORD", "ACCOUNT_PASSWORD"):
        monkeypatch.setenv(f"DIGITRO_{name}", "canary")


def written(capsys: Capture) -> str:
    """Return the text of a new file."""
    assert run_here(capsys, "init").code == 0
    return Path("digitro.toml").read_text()


def test_it_loads_as_it_is_and_only_its_owner_may_read_it(
    folder: Path, capsys: Capture
) -> None:
    """The file is a configuration whose every setting has its default."""
    before = os.umask(0)
    try:
        ran = run_here(capsys, "init")
    finally:
        os.umask(before)
    config = load_config("digitro.toml", can_resume=False)

    assert (ran.code, ran.err) == (0, "")
    assert stat.S_IMODE(Path("digitro.toml").stat().st_mode) == 0o600
    assert "digitro check\n" in ran.out
    assert config.retry == RetrySettings()
    assert config.pause == PauseSettings()
    assert config.pabx[0].pool == PoolSettings()
    assert config.pabx[0].timeouts == TimeoutSettings()
    assert dict(config.call).keys() == {"device", "device_password"}


def test_every_setting_in_it_is_one(
    folder: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each line that is a comment is a setting that can be used, with its default."""
    monkeypatch.setenv("DIGITRO_WEBHOOK_SECRET", new_webhook_secret().reveal())
    text = written(capsys)
    lines = text.replace('# tls = { ca_file = "authority.pem" }\n', "")
    used = re.sub(r"^# (?=[a-z_]+ = |\[\w+\]$)", "", lines, flags=re.MULTILINE)
    Path("used.toml").write_text(used)
    config = load_config("used.toml", can_resume=False)

    assert used.count("\n# ") < lines.count("\n# ") - 20
    assert config.retry == RetrySettings()
    assert config.pause == PauseSettings()
    assert config.pabx[0].timeouts == TimeoutSettings()
    assert config.pabx[0].pool == PoolSettings(max_connections=100, rest=0.1)
    assert set(config.call) == set(OWN_FIELDS)
    for kind in (PABX, RetrySettings, PauseSettings, PoolSettings, TimeoutSettings):
        names = {field.name for field in attrs.fields(kind)} - {"wait_for_resume"}
        tables = {"pool", "timeouts"}
        for name in names:
            place = (
                rf"^\[pabx\.{name}\]" if name in tables else rf"^(# )?{name}(_env)? = "
            )
            assert re.search(place, text, re.MULTILINE), name


def test_nothing_is_overwritten(folder: Path, capsys: Capture) -> None:
    """A file that is there, or a link, is left as it is."""
    Path("digitro.toml").write_text("canary")
    Path("link.toml").symlink_to("nowhere.toml")
    over = [
        run_here(capsys, "init", *words) for words in ((), ("--config", "link.toml"))
    ]

    assert [ran.code for ran in over] == [2, 2]
    assert all("is there already and is not overwritten" in ran.err for ran in over)
    assert Path("digitro.toml").read_text() == "canary"
    assert not Path("nowhere.toml").exists()


def test_another_name_is_in_the_commands_to_go_on_with(
    folder: Path, capsys: Capture
) -> None:
    """What is to be typed next names the file that was written."""
    ran = run_here(capsys, "init", "--config", "my own.toml")
    nowhere = run_here(capsys, "init", "--config", "no/folder.toml")

    assert "digitro check --config 'my own.toml'\n" in ran.out
    assert (nowhere.code, nowhere.out) == (2, "")
    assert "can't be written: No such file or directory" in nowhere.err
