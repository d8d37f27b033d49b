"""The configuration of a dial, with all that can be checked before its first call."""

from collections.abc import Sequence
from pathlib import Path

from digitro_async.cli._open_files import check_descriptors
from digitro_async.cli._output import print_error
from digitro_async.config import Config, load_config
from digitro_async.errors import ConfigurationError
from digitro_async.models import PABX

__all__ = ["check_channels", "load_run_config"]


def load_run_config(path: Path) -> Config:
    """Return a configuration with which, and by this process, lists can be dialled.

    Raises:
        ConfigurationError: If it can't be used, no PABX has a channel, or not enough
            files can be opened.
    """
    config = load_config(path, can_resume=False)
    check_channels(path, config.pabx)
    check_descriptors(config.pabx)
    return config


def check_channels(path: Path, pabx: Sequence[PABX]) -> None:
    """Refuse PABX without a channel, unless ``events`` says how one is opened.

    Args:
        path: The configuration file.
        pabx: All PABX that may be used.

    Raises:
        ConfigurationError: If none has a channel.
    """
    without = [
        one.name for one in pabx if one.channel_id is None and one.events is None
    ]
    names = ", ".join(without)
    if len(without) == len(pabx):
        raise ConfigurationError(
            f"{path}: channel_id is missing ({names}): give it, or an [events] table by"
            " which the channel is opened"
        )
    if without:
        print_error(f"{path}: {names} gets no calls, as its channel_id is missing")
