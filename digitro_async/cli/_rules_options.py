"""Options of the commands that dial by rules."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import attrs
from cyclopts import Parameter

from digitro_async._common.time_texts import seconds_of
from digitro_async.cli._arguments import Switch
from digitro_async.config import Config
from digitro_async.errors import ConfigurationError

if TYPE_CHECKING:
    from digitro_async.rules import CallingRules

__all__ = ["RULES_AS_CONFIGURED", "HeedOptions", "HeededRules"]


@attrs.frozen(kw_only=True)
class HeededRules:
    """The rules by which contacts are called, and how long is waited for their hours.

    Attributes:
        rules: Rules file: who is called when, how often, and again. By default that of
            the table rules in the configuration file, if it has one.
        no_rules: Apply no rules, whatever the configuration file says. Contacts that
            wait for a time stay as they are.
        wait: Longest time to wait for contacts that are due later, such as 90s, 15m or
            2h; without limit by default.
        no_wait: End when no contact is left that may be called now. The next run calls
            the others.
    """

    rules: Path | None = None
    no_rules: Switch = False
    wait: str | None = None
    no_wait: Switch = False

    def check(self) -> None:
        """Refuse options that do not go together.

        Raises:
            ConfigurationError: If there are such options.
        """
        if self.rules is not None and self.no_rules:
            raise ConfigurationError("--rules and --no-rules don't go together")
        if self.wait is not None and self.no_wait:
            raise ConfigurationError("--wait and --no-wait don't go together")
        if self.no_rules and (self.wait is not None or self.no_wait):
            raise ConfigurationError("--wait is about rules: leave --no-rules out")

    def file(self, config: Config) -> Path | None:
        """Return the rules file, None where no rules are applied."""
        if self.no_rules:
            return None
        if self.rules is not None:
            return self.rules
        return None if config.rules is None else config.rules.file

    def load(self, config: Config) -> "CallingRules | None":
        """Return the rules, None where none are applied.

        Raises:
            ConfigurationError: If they can't be used.
        """
        self.check()
        file = self.file(config)
        if file is None:
            if self.wait is not None or self.no_wait:
                raise ConfigurationError(
                    "--wait and --no-wait are about rules: name them with --rules"
                )
            return None
        # Loaded here, as most dials apply none.
        from digitro_async.cli._loaded_rules import rules_of  # noqa: PLC0415

        return rules_of(file)

    def seconds(self, config: Config) -> float | None:
        """Return how long is waited for who is called later; None for any time.

        Raises:
            ConfigurationError: If that is no time.
        """
        if self.no_wait:
            return 0.0
        if self.wait is None:
            return None if config.rules is None else config.rules.wait
        try:
            return seconds_of(self.wait)
        except ConfigurationError as error:
            problem = str(error)
        raise ConfigurationError(f"--wait {problem}")


HeedOptions = Annotated[HeededRules, Parameter(name="*")]
RULES_AS_CONFIGURED = HeededRules()
