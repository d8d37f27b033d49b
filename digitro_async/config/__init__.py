"""Reads ``digitro.toml`` for commands and programs."""

from digitro_async.config._config import Config, load_config

__all__ = ["Config", "load_config"]
