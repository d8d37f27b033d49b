import json
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import digitro_async
from digitro_async import LeanSessionManager
from digitro_async.cli._client import open_client
from digitro_async.config import Config, _location, load_config
from digitro_async.errors import ConfigurationError
from digitro_async.privacy import Personal, Secret
from digitro_async.settings import RateLimit, UnsetFields

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


def _text_of(value: object) -> object:
    return value.reveal() if isinstance(value, Secret | Personal) else value


def _must_not_be_called(**_: object) -> None:
    raise AssertionError


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


class TestGood:
    """Files that can be used."""

    def test_everything_that_can_be_set_is_set(self, tmp_path: Path) -> None:
        """Every table of a file ends in the settings it is meant for."""
        config = load(tmp_path, WHOLE)
        first, second = config.pabx

        assert first.name == "matriz"
        assert first.base_url == "http://127.0.0.1:8089"
        assert first.channel_id == 1
        assert first.api_key.reveal() == CANARY
        assert first.rate == RateLimit(50, 2.0)
        assert first.max_in_flight == 70
        assert first.unset_fields is UnsetFields.OMIT
        assert first.pool.reuse is False
        assert first.timeouts.total == 12.5
        assert second.name == "pabx2"
        assert second.tls.fingerprint == b"\xab" * 32
        assert config.call["route"] == "3"
        assert config.retry.max_attempts == 1
        assert config.pause.unknown_run == 4
        assert CANARY not in repr(config)

    def test_little_is_needed(self, tmp_path: Path) -> None:
        """A PABX's address, channel and key are enough."""
        config = load(tmp_path, MINIMAL)

        assert config.pabx[0].rate is None
        assert config.call == {}

    def test_channel_may_come_later(self, tmp_path: Path) -> None:
        """A file without a channel id gives a PABX without one."""
        config = load(tmp_path, MINIMAL.replace("channel_id = 1\n", ""))

        assert config.pabx[0].channel_id is None

    def test_programs_may_wait_for_resume(self, tmp_path: Path) -> None:
        """A program, where somebody can resume, may wait for that."""
        text = MINIMAL + "[pause]\nwait_for_resume = true\n"
        config = load(tmp_path, text, can_resume=True)

        assert config.pause.wait_for_resume

    def test_private_texts_are_wrapped(self, tmp_path: Path) -> None:
        """Defaults of calls are wrapped as a call wraps them, and show nothing."""
        text = f"""{MINIMAL}[call]
device = "1"
device_password = "{CANARY}"
account_password = "{CANARY}"
user_data = "{CANARY}"
caller_id = "{CANARY}"
"""
        config = load(tmp_path, text)

        assert config.call == {
            "device": "1",
            "device_password": Secret(CANARY),
            "account_password": Secret(CANARY),
            "user_data": Personal(CANARY),
            "caller_id": Personal(CANARY),
        }
        assert CANARY not in f"{dict(config.call)}"

    async def test_public_name(self, tmp_path: Path) -> None:
        """A program opens a client with the public names alone."""
        (tmp_path / "digitro.toml").write_text(WHOLE)
        config = digitro_async.load_config(str(tmp_path / "digitro.toml"))

        assert isinstance(config, digitro_async.Config)
        async with digitro_async.DigitroClient(
            config.pabx, retry=config.retry, pause=config.pause
        ) as client:
            assert set(client.statistics().pabx) == {"matriz", "pabx2"}

    @pytest.mark.parametrize("lean", [True, False])
    async def test_transport(self, tmp_path: Path, lean: bool) -> None:
        """The lean transport is used where the file asks for it."""
        config = load(tmp_path, f"lean = {str(lean).lower()}\n{MINIMAL}")
        async with open_client(config) as client:
            sessions = client._sessions

        assert config.lean is lean
        assert isinstance(sessions, LeanSessionManager) is lean
        assert sessions.closed

    @pytest.mark.parametrize("mark", [b"\xef\xbb\xbf", b""])
    @pytest.mark.parametrize("end", [b"\r\n", b"\n"])
    def test_byte_order_mark_and_line_ends_are_as_an_editor_likes_them(
        self, tmp_path: Path, mark: bytes, end: bytes
    ) -> None:
        """A byte order mark and Windows line ends change nothing."""
        content = mark + MINIMAL.encode().replace(b"\n", end)

        assert load(tmp_path, content).pabx[0].name == "matriz"

    @pytest.mark.parametrize("where", ["api_key", "device_password"])
    def test_secrets_come_from_the_environment(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
    ) -> None:
        """A secret can stand in an environment variable."""
        monkeypatch.setenv("DIGITRO_TEST", "from-environment")
        text = MINIMAL + f'[call]\ndevice_password = "{CANARY}"\n'
        text = text.replace(f'{where} = "{CANARY}"', f'{where}_env = "DIGITRO_TEST"')
        config = load(tmp_path, text)
        found = {
            "api_key": config.pabx[0].api_key.reveal(),
            "device_password": _text_of(config.call["device_password"]),
        }

        assert found.pop(where) == "from-environment"
        assert list(found.values()) == [CANARY]

    @pytest.mark.parametrize("content", [b"from-file", b"\xef\xbb\xbffrom-file\r\n"])
    def test_secrets_come_from_files_beside_the_configuration(
        self, tmp_path: Path, content: bytes
    ) -> None:
        """A secret can stand in a file, whose name is taken from the configuration's folder."""  # noqa: E501
        (tmp_path / "key").write_bytes(content)
        config = load(
            tmp_path, MINIMAL.replace(f'api_key = "{CANARY}"', 'api_key_file = "key"')
        )

        assert config.pabx[0].api_key.reveal() == "from-file"

    def test_certificate_authority_is_found_beside_the_configuration(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A ca_file is looked for beside the configuration, and not loaded yet."""
        monkeypatch.setattr("ssl.create_default_context", _must_not_be_called)
        (tmp_path / "ca.pem").write_bytes(b"# \xe9\n-----BEGIN CERTIFICATE-----\n")
        config = load(tmp_path, MINIMAL + 'tls = { ca_file = "ca.pem" }\n')

        assert config.pabx[0].tls.ca_file == tmp_path / "ca.pem"


BAD = {
    "no table": ("", "digitro.toml: there is no [[pabx]] table"),
    "empty list": ("pabx = []", "digitro.toml: there is no [[pabx]] table"),
    "single brackets": (
        "[pabx]\nname = 'x'",
        "digitro.toml:1: pabx: must be a table in double brackets: [[pabx]]",
    ),
    "no table in the list": (
        "\npabx = [5]",
        "digitro.toml:2: pabx[0]: must be a table",
    ),
    "unknown table": (
        MINIMAL + "\n[cal]\ndevice = '1'\n",
        "digitro.toml:7: cal: there is no such option; did you mean call?",
    ),
    "empty unknown table": (
        MINIMAL + "[colour]\n",
        "digitro.toml:6: colour: there is no such option",
    ),
    "unknown option": (
        MINIMAL + "max_inflight = 5\n",
        (
            "digitro.toml:6: pabx[0].max_inflight: there is no such option; "
            "did you mean max_in_flight?"
        ),
    ),
    "unknown option below": (
        MINIMAL + "rate = { call = 5 }\n",
        (
            "digitro.toml:6: pabx[0].rate.call: there is no such option; "
            "did you mean calls?"
        ),
    ),
    "no yes or no": (
        'lean = "canary-4711"\n' + MINIMAL,
        "digitro.toml:1: lean: must be true or false",
    ),
    "value as a name": (
        MINIMAL + '[call]\n"canary-4711" = "device"\n',
        "digitro.toml:7: call: there is no such option",
    ),
    "number as a name": (
        MINIMAL + '[call]\n04832817000 = "destination"\n',
        "digitro.toml:7: call: there is no such option",
    ),
    "destination for every call": (
        MINIMAL + '[call]\ndestination = "04832817000"\n',
        (
            "digitro.toml:7: call.destination: there is no such option; "
            "did you mean destination_detection?"
        ),
    ),
    "no api key": (
        MINIMAL.replace("api_key", "#"),
        (
            "digitro.toml:1: pabx[0]: api_key is missing; "
            "give it, api_key_env or api_key_file"
        ),
    ),
    "no address": (
        MINIMAL.replace("base_url", "#"),
        "digitro.toml:1: pabx[0]: base_url is missing",
    ),
    "wrong address": (
        MINIMAL.replace("http://", "http://canary-4711@"),
        (
            "digitro.toml:3: pabx[0].base_url: may hold only letters, digits and "
            "-._~:/[] (no user name, query, fragment or percent signs)"
        ),
    ),
    "number as a key": (
        MINIMAL.replace('"canary-4711"', "4711"),
        "digitro.toml:5: pabx[0].api_key: must be text, in quotes",
    ),
    "empty key": (
        MINIMAL.replace(CANARY, ""),
        "digitro.toml:5: pabx[0].api_key: is empty",
    ),
    "key with a line break": (
        MINIMAL.replace(CANARY, f"{CANARY}\\n"),
        (
            "digitro.toml:5: pabx[0].api_key: must be visible ASCII without spaces or "
            "line breaks"
        ),
    ),
    "text as a channel": (
        MINIMAL.replace("= 1", '= "canary-4711"'),
        "digitro.toml:4: pabx[0].channel_id: must be a whole number of 0 or more",
    ),
    "number as a rate": (
        MINIMAL + "rate = 50\n",
        (
            "digitro.toml:6: pabx[0].rate: must be a table, such as "
            "{ calls = 50, per = 1.0 }"
        ),
    ),
    "no calls in a rate": (
        MINIMAL + "[pabx.rate]\nper = 1\n",
        "digitro.toml:6: pabx[0].rate: calls is missing",
    ),
    "zero rate": (
        MINIMAL + "[pabx.rate]\nper = 1\ncalls = 0\n",
        "digitro.toml:8: pabx[0].rate.calls: must be a whole number above 0",
    ),
    "number beyond all floats": (
        MINIMAL + f"rate = {{ calls = 1, per = 1{'0' * 400} }}\n",
        "digitro.toml:6: pabx[0].rate.per: must not be above 1,000,000,000",
    ),
    "text as a switch": (
        MINIMAL + '[pabx.pool]\nreuse = "canary-4711"\n',
        "digitro.toml:7: pabx[0].pool.reuse: must be true or false",
    ),
    "number as a file": (
        MINIMAL + "[pabx.tls]\nca_file = 5\n",
        "digitro.toml:6: pabx[0].tls: a value has the wrong form",
    ),
    "no certificate": (
        MINIMAL + "[pabx.tls]\nca_file = 'digitro.toml'\n",
        "digitro.toml:7: pabx[0].tls.ca_file: is not a PEM file that can be read",
    ),
    "no such certificate": (
        MINIMAL + "[pabx.tls]\nca_file = 'none.pem'\n",
        "digitro.toml:7: pabx[0].tls.ca_file: is not a PEM file that can be read",
    ),
    "same name twice": (
        MINIMAL + MINIMAL,
        "digitro.toml:7: pabx[1].name: another PABX has this name",
    ),
    "second table": (
        MINIMAL + MINIMAL.replace("channel_id = 1", "channel_id = -1"),
        "digitro.toml:9: pabx[1].channel_id: must be a whole number of 0 or more",
    ),
    "call is no table": (
        "call = 5\n" + MINIMAL,
        "digitro.toml:1: call: must be a table",
    ),
    "number in a call": (
        MINIMAL + "[call]\ndevice = 1125000\n",
        "digitro.toml:7: call.device: must be text, in quotes",
    ),
    "control character in a call": (
        MINIMAL + '[call]\ndevice = "canary-4711\\u0007"\n',
        "digitro.toml:7: call.device: holds a control character",
    ),
    "empty device": (
        MINIMAL + '[call]\ndevice = ""\n',
        "digitro.toml:7: call.device: is empty",
    ),
    "retry out of range": (
        MINIMAL + "[retry]\nmax_attempts = 0\n",
        "digitro.toml:7: retry.max_attempts: must be a whole number above 0",
    ),
    "retry is no table": (
        "retry = 3\n" + MINIMAL,
        "digitro.toml:1: retry: must be a table",
    ),
    "waiting for somebody": (
        MINIMAL + "[pause]\nwait_for_resume = true\n",
        (
            "digitro.toml:7: pause.wait_for_resume: must be false: "
            "nobody can resume from a command line"
        ),
    ),
    "two sources": (
        MINIMAL + 'api_key_env = "canary-4711"\n',
        (
            "digitro.toml:6: pabx[0].api_key_env: give only one of api_key, "
            "api_key_env, api_key_file"
        ),
    ),
    "variable not set": (
        MINIMAL.replace("api_key", "api_key_env"),
        (
            "digitro.toml:5: pabx[0].api_key_env: the environment variable it names is "
            "not set or empty"
        ),
    ),
    "variable without a name": (
        MINIMAL.replace("api_key", "api_key_env").replace(CANARY, f"{CANARY}é\\u0000"),
        (
            "digitro.toml:5: pabx[0].api_key_env: the environment variable it names is "
            "not set or empty"
        ),
    ),
    "file missing": (
        MINIMAL.replace("api_key", "api_key_file"),
        (
            "digitro.toml:5: pabx[0].api_key_file: the file it names can't be read: "
            "No such file or directory"
        ),
    ),
    "file with a NUL in its name": (
        MINIMAL.replace("api_key", "api_key_file").replace(CANARY, f"{CANARY}\\u0000"),
        (
            "digitro.toml:5: pabx[0].api_key_file: the file it names can't be read: "
            "that is no file name"
        ),
    ),
    "number as a file's name": (
        MINIMAL.replace("api_key", "api_key_file").replace(f'"{CANARY}"', "4711"),
        "digitro.toml:5: pabx[0].api_key_file: must be text, in quotes",
    ),
    "not TOML": (
        MINIMAL + "rate 50\n",
        "digitro.toml:6: it is not TOML: expected '=' after a key in a key/value pair",
    ),
    "not TOML, with a value in the parser's text": (
        "[canary-4711]\n[canary-4711]\n",
        "digitro.toml:2: it is not TOML",
    ),
    "not TOML at the end": (
        MINIMAL + 'name = """canary-4711\n\n',
        "digitro.toml:8: it is not TOML: unterminated string",
    ),
    "too deep": (
        "a = " + "[" * 50_000,
        "digitro.toml: it is not TOML (RecursionError)",
    ),
    "not UTF-8": (
        MINIMAL.encode().replace(b"canary", b"canary\xe9"),
        "digitro.toml: can't be read: it is not UTF-8 text",
    ),
    "too large": (
        b"#" * (_location.MOST_BYTES + 1),
        "digitro.toml: can't be read: it is larger than a mebibyte",
    ),
    "field in a text of many lines": (
        '[call]\nroute = """\ndevice = 5\n"""\ndevice = 5\n' + MINIMAL,
        "digitro.toml:5: call.device: must be text, in quotes",
    ),
}


@pytest.mark.parametrize(("text", "problem"), BAD.values(), ids=BAD)
def test_error_names_file_line_and_field_and_no_value(
    tmp_path: Path, text: str | bytes, problem: str
) -> None:
    """What is wrong is said with its place, and without what stands there."""
    assert problem_of(tmp_path, text) == problem


@pytest.mark.parametrize("content", ["", " \n", "\ufeff"])
def test_secret_file_must_hold_something(tmp_path: Path, content: str) -> None:
    """A secret's file that is empty is an error."""
    (tmp_path / "key").write_text(content)
    text = MINIMAL.replace(f'api_key = "{CANARY}"', 'api_key_file = "key"')

    assert problem_of(tmp_path, text) == (
        "digitro.toml:5: pabx[0].api_key_file: the file it names is empty"
    )


def test_wrong_secret_from_a_file_is_not_shown(tmp_path: Path) -> None:
    """A secret of two lines is an error that shows neither."""
    (tmp_path / "key").write_text(f"{CANARY}\n{CANARY}\n")
    text = MINIMAL.replace(f'api_key = "{CANARY}"', 'api_key_file = "key"')

    assert problem_of(tmp_path, text) == (
        "digitro.toml:1: pabx[0].api_key: must be visible ASCII without spaces or "
        "line breaks"
    )


@pytest.mark.parametrize(
    ("name", "problem"),
    [("none.toml", "No such file or directory"), (".", "Is a directory")],
)
def test_file_that_cannot_be_opened_is_an_error(
    tmp_path: Path, name: str, problem: str
) -> None:
    """A configuration that can't be opened is named with the reason."""
    with pytest.raises(ConfigurationError, match=problem):
        load_config(tmp_path / name)


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.just(CANARY),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["calls", "per", "reuse", "x"]), inner)
    ),
    max_leaves=4,
)
_fields = st.sampled_from(
    (
        *("name", "base_url", "channel_id", "api_key", "api_key_env", "api_key_file"),
        *("rate", "max_in_flight", "pool", "timeouts", "tls", "unset_fields", "x"),
    )
)


def _as_toml(value: object) -> str:
    if isinstance(value, dict):
        inner = ", ".join(f"{name} = {_as_toml(one)}" for name, one in value.items())
        return f"{{ {inner} }}"
    if isinstance(value, list):
        return f"[{', '.join(map(_as_toml, value))}]"
    if isinstance(value, float):
        return repr(value).replace("e+", "e")
    return "nan" if value is None else json.dumps(value)


@given(st.dictionaries(_fields, _values), st.sampled_from(["call", "retry", "pause"]))
def test_any_values_make_a_configuration_or_an_error(
    tmp_path_factory: pytest.TempPathFactory, fields: dict[str, object], table: str
) -> None:
    """Whatever the fields hold, nothing but a ConfigurationError is raised."""
    folder = tmp_path_factory.getbasetemp()
    lines = [f"{name} = {_as_toml(value)}\n" for name, value in fields.items()]
    body = "".join(lines)
    for text in (f"[[pabx]]\n{body}", f"{MINIMAL}[{table}]\n{body}"):
        _load_or_fail(folder, text.encode())


@given(st.binary(max_size=200), st.integers(0, len(MINIMAL)), st.integers(0, 60))
@example(b'"""', 5, 0)
@example(b"\0", 0, 0)
def test_any_bytes_make_a_configuration_or_an_error(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, at: int, cut: int
) -> None:
    """Whatever bytes a file holds, nothing but a ConfigurationError is raised."""
    whole = MINIMAL.encode()
    for text in (content, whole[:at] + content + whole[at + cut :]):
        _load_or_fail(tmp_path_factory.getbasetemp(), text)


def _load_or_fail(folder: Path, text: bytes) -> None:
    try:
        load(folder, text)
    except ConfigurationError as error:
        assert CANARY not in repr(error)  # noqa: PT017 - there may be none
