"""Reads ``digitro.toml`` for commands and programs."""

from digitro_async.config._config import Config, load_config
from digitro_async.config._location import read_text

__all__ = ["Config", "load_config", "read_text"]
