"""Any bytes of a configuration file -> settings, or an error that shows no secret.

In full: ``python -m pytest -m long tests/fuzz/test_fuzz_*.py``. Other inputs are tried
with another ``DIGITRO_FUZZ_SEED``; a failure shows the seed of the very file.
"""

import os
import random
import re
import tomllib
from collections import Counter
from pathlib import Path

import pytest
from mutations import ODD_BYTES, odd_text, spoil

from digitro_async.config import Config, load_config
from digitro_async.errors import ConfigurationError

SEED = int(os.environ.get("DIGITRO_FUZZ_SEED", "1"))
SECRETS = ("815264730912", "926375841023", "637481592035", "748592603146")
SHORTEST = 4  # characters of a secret in a row that nobody may see

WHOLE = f"""\
[[pabx]]
name = "matriz"
base_url = "http://127.0.0.1:8089/"
channel_id = 1
api_key = "{SECRETS[0]}"
rate = {{ calls = 50, per = 2.0 }}
max_in_flight = 70
unset_fields = "omit"

[pabx.pool]
reuse = false

[pabx.timeouts]
total = 12.5

[[pabx]]
name = "filial"
base_url = 'https://filial:8443/prefix'
channel_id = 2
api_key_env = "FUZZED_KEY"
tls = {{ fingerprint = "{"ab" * 32}" }}

[call]
device = "1125000"
device_password = "{SECRETS[1]}"
account_password_file = "password.txt"
route = "0"

[retry]
max_attempts = 5
[pause]
wait_for_resume = false
first_pause = 1e1
"""
PIECES = (
    *ODD_BYTES,
    *(
        b'"""',
        b"'''",
        b"[[pabx]]\n",
        b"[pabx]\n",
        b"[call]\n",
        b"[",
        b"]]",
        b"= ",
        b".",
    ),
    *(b"true", b"1979-05-27T07:32:00Z", b"1e400", b"inf", b"nan", b"0x7f", b"1_0"),
    *(b"[1, 2]", b"{ a = 1 }", b"[" * 3000, b'"\\u0000"', b'"\\ud800"', b'"\\x"'),
    *(b"api_key = ", b"api_key_file = ", b"rate = ", b"channel_id = ", b"ca_file = "),
    *(
        b"device_password = ",
        b"destination = ",
        b"a." * 3000,
        b"wait_for_resume = true",
    ),
    *(secret.encode() for secret in SECRETS),
    *(b'"' + secret.encode() + b'"' for secret in SECRETS),
    *(b"\n" + secret.encode() + b" = 1\n" for secret in SECRETS[:2]),
    *(b"\n[%b]\n" % secret.encode() * 2 for secret in SECRETS[:2]),
)
LINES = WHOLE.splitlines(keepends=True)


def config_file(chance: random.Random) -> bytes:
    """Return the bytes of a configuration file, spoilt or not."""
    if chance.random() < 0.03:
        return chance.randbytes(chance.randrange(100))
    lines = LINES[:]
    for _ in range(chance.choice((0, 0, 0, 1, 1, 2, 5))):
        at = chance.randrange(len(lines))
        kind = chance.randrange(5)
        if kind == 0:
            del lines[at]
        elif kind == 1:
            lines.insert(chance.randrange(len(lines)), lines[at])
        elif kind == 2:
            name = lines[at].partition("=")[0]
            value = chance.choice(
                ("1", "-1", "0.0", "1e999", "nan", "true", "[]", "{}")
            )
            lines[at] = f"{name}= {value}\n"
        elif kind == 3:
            name, equals, value = lines[at].partition("=")
            lines[at] = f"{value.strip()} {equals} {name.strip()}\n"
        else:
            name = lines[at].partition("=")[0]
            text = odd_text(chance, chance.choice(SECRETS))
            written = text.encode("utf-8", "replace").decode()
            lines[at] = f'{name}= "{written}"\n'
    encoding = chance.choice((*("utf-8",) * 8, "utf-8-sig", "cp1252", "utf-16"))
    return spoil(chance, "".join(lines).encode(encoding, "replace"), PIECES)


def pieces_of(secret: str) -> set[str]:
    """Return every piece of a secret that is long enough to tell something."""
    return {secret[i : i + SHORTEST] for i in range(len(secret) - SHORTEST + 1)}


FORBIDDEN = re.compile("|".join(sorted(set().union(*map(pieces_of, SECRETS)))))


def check_shown(shown: str) -> None:
    """Check that what is shown holds nothing of a secret."""
    assert not FORBIDDEN.search(shown)


def check_file(path: Path, content: bytes) -> str:
    """Load a file, and check what it comes to."""
    path.write_bytes(content)
    error: ConfigurationError | None = None
    try:
        config = load_config(path)
    except ConfigurationError as found:
        error = found
    if error is None:
        check_config(config, tomllib.loads(content.decode("utf-8-sig")))
        return "loaded"
    said = str(error)
    place = re.match(r":(\d+): |: ", said.removeprefix(str(path)))
    assert said.startswith(str(path))
    assert place is not None
    if place[1]:
        assert 1 <= int(place[1]) <= content.count(b"\n") + 1
    assert said.isprintable()
    assert error.__cause__ is error.__context__ is None
    check_shown(said.removeprefix(str(path))[place.end() :])
    check_shown(repr(error).replace(str(path), ""))
    return "refused with a line" if place[1] else "refused"


def check_config(config: Config, data: dict[str, object]) -> None:
    """Check that the settings are those that the file says, by its TOML alone."""
    tables = data["pabx"]
    assert isinstance(tables, list)
    for i, (pabx, table) in enumerate(zip(config.pabx, tables, strict=True)):
        key = SECRETS[2] if "api_key_env" in table else table.get("api_key")
        if "api_key_file" not in table:
            assert pabx.api_key.reveal() == key
        assert pabx.name == table.get("name", f"pabx{i + 1}" if i else "pabx")
        assert pabx.channel_id == table.get("channel_id")
        assert pabx.base_url.lower() == table["base_url"].rstrip("/").lower()
        assert pabx.max_in_flight == table.get("max_in_flight", 100)
        assert (pabx.rate and pabx.rate.calls) == table.get("rate", {}).get("calls")
    call = data.get("call", {})
    assert isinstance(call, dict)
    for name, value in call.items():
        if not name.endswith("_file") and not name.endswith("_env"):
            text = config.call[name]
            assert (text if isinstance(text, str) else text.reveal()) == value
    others = [{**table, "api_key": ""} for table in tables]
    if not FORBIDDEN.search(f"{others} {data.get('retry')} {data.get('pause')}"):
        check_shown(repr(config))  # where a secret stands in no place but its own


def check_files(folder: Path, first: int, count: int) -> Counter[str]:
    """Check the files of ``count`` seeds, and count their results."""
    (folder / "password.txt").write_text(SECRETS[3])
    found: Counter[str] = Counter()
    for seed in range(first, first + count):
        content = config_file(random.Random(seed))
        try:
            found[check_file(folder / "digitro.toml", content)] += 1
        except BaseException as error:
            error.add_note(f"seed {seed}: {content.decode('utf-8', 'replace')}")
            raise
    return found


def test_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand spoilt files are what their TOML says, or refused with no secret."""
    monkeypatch.setenv("FUZZED_KEY", SECRETS[2])
    found = check_files(tmp_path, SEED * 10**9, 1000)

    assert found.total() == 1000
    assert found["loaded"] > 100
    assert found["refused with a line"] > 300


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("part", range(5))
def test_more_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: int) -> None:
    """So are fifty thousand, ten thousand at a time."""
    monkeypatch.setenv("FUZZED_KEY", SECRETS[2])
    found = check_files(tmp_path, SEED * 10**9 + (part + 1) * 10**6, 10_000)

    assert found.total() == 10_000


@pytest.mark.parametrize("secret", SECRETS)
def test_a_shown_secret_is_noticed(secret: str) -> None:
    """An error with a piece of a secret in it fails this test."""
    check_shown(f"digitro.toml:3: api_key: {secret[:3]}")
    for i in (0, 5):
        with pytest.raises(AssertionError):
            check_shown(f"digitro.toml:3: api_key: {secret[i : i + 4]} is not known")
