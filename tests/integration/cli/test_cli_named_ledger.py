"""The one way in which every command takes a ledger: a path, an address, a variable."""

from pathlib import Path

import pytest
from command_line import Capture, folder, run_here

from digitro_async.cli._named_ledger import (
    NamedLedger,
    ledger_words,
)
from digitro_async.errors import ConfigurationError
from digitro_async.ledger import ledger_address

__all__ = ["folder"]  # a fixture

SERVER = "postgresql://u:canary@h:5433/db?sslmode=require&sslpassword=canary"
COMMANDS = [
    *("status", "results", "check", "dial c.csv"),
    "reconcile C1 accepted --evidence e",
]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("words", COMMANDS)
class TestEveryCommand:
    """Each command that takes a ledger."""

    def test_two_ways_at_once(self, words: str, capsys: Capture) -> None:
        """It takes a ledger by its address or by a variable, and not by both."""
        both = ("--ledger", "a.db", "--ledger-env", "LEDGER")
        ran = run_here(capsys, *words.split(), *both)

        assert ran.code == 2
        assert "--ledger and --ledger-env don't go together" in ran.err
        assert not Path("a.db").exists()

    def test_variable_that_is_not_set(self, words: str, capsys: Capture) -> None:
        """A variable that holds nothing is said, and what was given is not repeated."""
        ran = run_here(capsys, *words.split(), "--ledger-env", "canary_name")

        assert ran.code == 2
        assert "--ledger-env: the environment variable it names is not set" in ran.err

    def test_address_in_place_of_a_variable(self, words: str, capsys: Capture) -> None:
        """An address that is given as the name of a variable is not repeated."""
        ran = run_here(capsys, *words.split(), "--ledger-env", SERVER)

        assert ran.code == 2
        assert "--ledger-env must be the name of an environment variable" in ran.err

    @pytest.mark.parametrize("password", ["a@canary", "a/canary", "1/canary@x"])
    def test_sign_that_is_not_escaped(
        self, words: str, capsys: Capture, password: str
    ) -> None:
        """What libpq would take for a host is shown nowhere: signs are escaped."""
        address = f"postgresql://u:{password}@h/db"
        ran = run_here(capsys, *words.split(), "--ledger", address)

        assert ran.code == 2
        assert "--ledger: the address of a database is" in ran.err
        assert "canary" not in ran.out + ran.err

    def test_campaign_of_a_file(self, words: str, capsys: Capture) -> None:
        """A file holds one campaign, so none is named."""
        named = ("--ledger", "a.db", "--campaign", "spring")
        ran = run_here(capsys, *words.split(), *named)

        assert ran.code == 2
        assert "--campaign: a ledger's file holds one campaign" in ran.err
        assert not Path("a.db").exists()


class TestWords:
    """Words that name a ledger, as they are printed for the next command."""

    @pytest.mark.parametrize(
        ("named", "words"),
        [
            (NamedLedger(ledger="my a.db"), "--ledger 'my a.db'"),
            (NamedLedger(ledger="sqlite:///a.db"), "--ledger a.db"),
            (
                NamedLedger(ledger="postgresql://u@h/db", campaign="a b"),
                "--ledger postgresql://u@h/db --campaign 'a b'",
            ),
            (
                NamedLedger(ledger=SERVER),
                f"--ledger '{SERVER.replace('canary', '***')}'",
            ),
        ],
    )
    def test_given(self, named: NamedLedger, words: str) -> None:
        """A path and an address are named again as they are, without passwords."""
        assert ledger_words(named.address()) == words
        assert "canary" not in repr(named) + repr(named.address())

    def test_variable(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A variable is named, and not what it holds."""
        monkeypatch.setenv("LEDGER", SERVER)
        named = NamedLedger(ledger_env="LEDGER", campaign="spring")

        assert ledger_words(named.address()) == "--ledger-env LEDGER --campaign spring"

    def test_wrong_variable(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """What a variable holds is checked as the option is."""
        monkeypatch.setenv("LEDGER", "mysql://u:canary@h/db")
        with pytest.raises(ConfigurationError, match=r"^--ledger-env: ") as caught:
            NamedLedger(ledger_env="LEDGER").address()

        assert "canary" not in str(caught.value)


class TestMasking:
    """Addresses as they are shown."""

    @pytest.mark.parametrize(
        "address",
        [
            "postgresql://u:canary@h/db",
            "postgresql://u:canary?canary@h/db",
            "postgresql://u:canary:canary@h/db?connect_timeout=5",
            "postgresql://h/db?password=canary",
            "postgresql://h/db?user=u&passw%6frd=canary",
            "postgresql://h/db?password=canary&application_name=a@b",
            "postgresql://u:canary@h1:1,h2:2/db?PASSWORD=canary",
            "postgres://:canary@/db",
        ],
    )
    def test_no_password_is_shown(self, address: str) -> None:
        """Wherever a password stands in an address, it is masked in every text."""
        found = ledger_address(address)

        assert "canary" not in found.shown + str(found) + repr(found)
        assert found.server is not None
        assert found.server.reveal() == address

    @pytest.mark.parametrize(
        "address",
        ["postgresql://u@h:5433/db?sslmode=require", "postgresql:///db?host=/run/pg"],
    )
    def test_the_rest_is_shown(self, address: str) -> None:
        """An address without a password is shown as it is."""
        assert ledger_address(address).shown == address

    @pytest.mark.parametrize("name", ["", " a", "a ", "a\nb", "x" * 65])
    def test_names_of_campaigns(self, name: str) -> None:
        """A name that would be mistaken for another one is refused."""
        with pytest.raises(ConfigurationError) as caught:
            ledger_address("postgresql://u@h/db", campaign=name)

        assert caught.value.reason == "campaign_name"
