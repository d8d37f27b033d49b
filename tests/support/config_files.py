"""Configuration files that tests write and load."""

from pathlib import Path

import pytest

from digitro_async.config import Config, load_config
from digitro_async.errors import ConfigurationError

__all__ = ["CANARY", "MINIMAL", "WHOLE", "load", "problem_of"]

CANARY = "canary-4711"

MINIMAL = """\
[[pabx]]
name = "matriz"
base_url = "http://127.0.0.1:8089"
channel_id = 1
api_key = "canary-4711"
"""

WHOLE = """\
[[pabx]]
name = "matriz"
base_url = "http://127.0.0.1:8089/"
channel_id = 1
api_key = "canary-4711"
rate = { calls = 50, per = 2.0 }
max_in_flight = 70
unset_fields = "omit"

[pabx.pool]
reuse = false

[pabx.timeouts]
total = 12.5

[[pabx]]
base_url = "https://pabx.example"
channel_id = 2
api_key = "other-canary-4711"
tls = { fingerprint = "%s" }

[call]
device = "1125000"
device_password = "canary-4711"
route = "3"

[retry]
max_attempts = 1

[pause]
unknown_run = 4
""" % ("ab" * 32)


def load(folder: Path, text: str | bytes, *, can_resume: bool = False) -> Config:
    """Load a configuration that holds the text, as commands do."""
    path = folder / "digitro.toml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return load_config(path, can_resume=can_resume)


def problem_of(folder: Path, text: str | bytes) -> str:
    """Return what is wrong with a configuration, as it follows the file's folder."""
    with pytest.raises(ConfigurationError) as caught:
        load(folder, text)
    error: BaseException | None = caught.value
    problem = str(error)
    while error is not None:
        assert CANARY not in repr(error)
        error = error.__cause__ or error.__context__
    assert CANARY not in problem
    assert "Traceback" not in problem
    return problem.removeprefix(f"{folder}/")
