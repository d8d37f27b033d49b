import json
from pathlib import Path

import pytest
from config_files import CANARY, MINIMAL, WHOLE, load, problem_of
from hypothesis import example, given
from hypothesis import strategies as st

import digitro_async
from digitro_async.config import load_config
from digitro_async.errors import ConfigurationError
from digitro_async.privacy import Personal, Secret
from digitro_async.settings import RateLimit, UnsetFields


def _text_of(value: object) -> object:
    return value.reveal() if isinstance(value, Secret | Personal) else value


def _must_not_be_called(**_: object) -> None:
    raise AssertionError


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
