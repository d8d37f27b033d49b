"""What stands under ``deploy/`` names commands, options and codes that there are."""

import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from places import ROOT
from postgres_server import PostgresServer, needs_postgres

from digitro_async.cli._app import COMMANDS, app
from digitro_async.cli._exit import Exit

DEPLOY = ROOT / "deploy"
UNIT = DEPLOY / "systemd" / "digitro-worker@.service"
RECIPE = DEPLOY / "container" / "Containerfile"
COMPOSE = DEPLOY / "container" / "compose.yaml"

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())


def unit_lines() -> Iterator[tuple[str, str]]:
    """Yield the settings of the unit."""
    for line in UNIT.read_text().splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            yield name, value


def unit(name: str) -> list[str]:
    """Return the values of a setting of the unit."""
    return [value for one, value in unit_lines() if one == name]


def check_command(words: list[str]) -> None:
    """See to it that ``digitro`` takes these words."""
    assert words[0] in COMMANDS
    app.parse_args(words, exit_on_error=False, print_error=False)


def compose() -> dict[str, Any]:
    """Return what the compose file says."""
    said: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())
    return said


class TestUnit:
    """The systemd unit."""

    def test_its_command(self) -> None:
        """The command line is one that the program takes, with options and without."""
        [line] = unit("ExecStart")
        program, *words = shlex.split(line)
        assert program.endswith("/digitro")
        assert words.pop() == "$DIGITRO_OPTIONS"

        check_command(words)
        check_command([*words, "--campaign", "summer"])

    def test_its_exit_codes(self) -> None:
        """What is for people to look at is not begun again; a lost database is."""
        [kept] = unit("RestartPreventExitStatus")
        [fine] = unit("SuccessExitStatus")

        # A database that is not up yet after a boot is exit code 2.
        assert set(map(int, kept.split())) == {Exit.INCOMPLETE, Exit.PAUSED}
        assert int(fine) == Exit.INTERRUPTED
        assert str(Exit.DATABASE_LOST.value) in UNIT.read_text()
        assert unit("Restart") == ["on-failure"]

    def test_its_secrets(self) -> None:
        """Each credential that is named is loaded, and no secret is in a variable."""
        loaded = {value.partition(":")[0] for value in unit("LoadCredential")}
        named = re.findall(r"(?:%d|\$\{CREDENTIALS_DIRECTORY\})/([\w.-]+)", text(UNIT))

        assert set(named) <= loaded
        assert loaded == {"digitro.toml", "api-key", "device-password", "pgpass"}
        assert not [one for one in unit("Environment") if "PASSWORD" in one]

    def test_the_watchdog_is_slower_than_the_process(self) -> None:
        """A process that can end itself does so first."""
        from digitro_async.workers import LivenessSettings

        [seconds] = unit("WatchdogSec")

        assert unit("Type") == ["notify"]
        assert float(seconds) > 1.5 * LivenessSettings().longest

    @pytest.mark.skipif(
        shutil.which("systemd-analyze") is None, reason="needs systemd-analyze"
    )
    def test_systemd_takes_it(self, tmp_path: Path) -> None:
        """The manager knows every setting, and finds the service well shut off."""
        program = Path(sys.executable).with_name("digitro")
        here = tmp_path / UNIT.name.replace("@", "@one")
        changed = text(UNIT).replace("/opt/digitro/bin/digitro", str(program))
        here.write_text(changed.replace("/etc/digitro", str(tmp_path)))
        said = subprocess.run(
            ["systemd-analyze", "verify", "--man=no", str(here)],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        rating = subprocess.run(
            ["systemd-analyze", "security", "--offline=true", str(here)],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

        assert [line for line in said.stderr.splitlines() if here.name in line] == []
        found = re.search(r"exposure level for \S+: ([\d.]+)", rating.stdout)
        if found is None:
            pytest.skip("this systemd rates no file")
        assert float(found[1]) < 3.0


def text(path: Path) -> str:
    """Return a file's text without comments."""
    lines = path.read_text().splitlines()
    return "\n".join(line for line in lines if not line.lstrip().startswith("#"))


class TestContainer:
    """The recipe of the container, and the compose file."""

    def test_its_steps(self) -> None:
        """Every instruction is one that there is; the last user is not root."""
        joined = text(RECIPE).replace("\\\n", " ")
        steps = [line.split(maxsplit=1) for line in joined.splitlines() if line.strip()]

        known = {"FROM", "WORKDIR", "COPY", "RUN", "USER", "STOPSIGNAL"}
        assert {name for name, _ in steps} <= {*known, "ENTRYPOINT", "CMD"}
        users = [value for name, value in steps if name == "USER"]
        assert users
        assert not users[-1].startswith(("0", "root"))
        assert steps[-2] == ["ENTRYPOINT", '["digitro"]']
        assert "digitro" in PROJECT["project"]["scripts"]

    def test_what_it_takes(self) -> None:
        """It takes files that there are, and extras of the project."""
        for line in text(RECIPE).splitlines():
            if line.startswith("COPY"):
                *sources, _ = line.split()[1:]
                assert all((ROOT / one).exists() for one in sources), line
        extras = set(PROJECT["project"]["optional-dependencies"])
        asked = re.findall(r"\[([\w,]+)\]\"", text(RECIPE))
        assert asked
        assert all(set(one.split(",")) <= extras for one in asked)

    def test_its_workers(self) -> None:
        """The command of the workers is one that the program takes."""
        worker = compose()["services"]["worker"]
        check_command(worker["command"])

        assert worker["read_only"] is True
        assert worker["cap_drop"] == ["ALL"]
        build = worker["build"]
        folder = COMPOSE.parent / build["context"]
        assert (folder / build["dockerfile"]).resolve() == RECIPE

    def test_its_secrets(self) -> None:
        """Every secret and volume that a service names is declared, and no more."""
        said = compose()
        used = [name for one in said["services"].values() for name in one["secrets"]]

        assert sorted(used) == sorted(said["secrets"])
        assert set(said["volumes"]) == {"ledger"}

    def test_its_database(self) -> None:
        """The database is one that a ledger may be in."""
        command = compose()["services"]["database"]["command"]

        assert {"-csynchronous_commit=on", "-cfsync=on", "-cfull_page_writes=on"} <= {
            *command
        }


class TestDatabase:
    """What is advised for PostgreSQL's own files."""

    @needs_postgres
    def test_postgresql_takes_them(self) -> None:
        """A server starts with every setting, and understands each line of access."""
        lines = text(DEPLOY / "postgresql" / "digitro.conf").splitlines()
        pairs = (line.partition(" = ") for line in lines if line)
        wanted = {name: value.strip("'") for name, _, value in pairs}
        server = PostgresServer(**wanted)
        try:
            hba = server.folder / "data" / "pg_hba.conf"
            advised = (DEPLOY / "postgresql" / "pg_hba.conf").read_text()
            hba.write_text(hba.read_text() + advised)
            with server.connect("postgres", "postgres") as connection:
                bad = connection.execute(
                    "SELECT line_number, error FROM pg_hba_file_rules"
                    " WHERE error IS NOT NULL AND error NOT LIKE '%SSL%'"
                ).fetchall()
                names = connection.execute(
                    "SELECT name FROM pg_settings WHERE name = ANY(%s)"
                    " AND source = 'configuration file'",
                    (list(wanted),),
                ).fetchall()
        finally:
            server.remove()

        assert bad == []
        assert {name for (name,) in names} == set(wanted)


def test_it_is_part_of_the_source() -> None:
    """What is handed out as source has it."""
    assert "/deploy" in PROJECT["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
