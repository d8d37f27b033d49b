"""Reads ``digitro.toml`` for commands and programs."""

from digitro_async.config._config import Config, load_config
from digitro_async.config._event_tables import EVENT_PRESETS, load_event_preset
from digitro_async.config._location import read_text

__all__ = ["EVENT_PRESETS", "Config", "load_config", "load_event_preset", "read_text"]
