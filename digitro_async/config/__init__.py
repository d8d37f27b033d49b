"""``digitro.toml``: PABX, defaults of every call, retry and pause settings."""

from digitro_async.config._config import Config, load_config

__all__ = ["Config", "load_config"]
