"""Reads ``digitro.toml`` and ``rules.toml`` for commands and programs."""

from typing import TYPE_CHECKING

from digitro_async._common.lazy_names import lazy_names
from digitro_async.config._config import Config, load_config
from digitro_async.config._event_tables import EVENT_PRESETS, load_event_preset
from digitro_async.config._location import read_text
from digitro_async.config._retention_settings import RetentionSettings
from digitro_async.config._rules_settings import RulesSettings

if TYPE_CHECKING:
    from digitro_async.config._rules_file import (
        RULE_PRESETS,
        load_rule_preset,
        load_rules,
    )
else:
    # The rules are loaded where a program asks for them: most do not.
    __getattr__ = lazy_names("digitro_async.config", "_rules_file")

__all__ = [
    "EVENT_PRESETS",
    "RULE_PRESETS",
    "Config",
    "RetentionSettings",
    "RulesSettings",
    "load_config",
    "load_event_preset",
    "load_rule_preset",
    "load_rules",
    "read_text",
]
