from pathlib import Path

import pytest
from config_files import CANARY, MINIMAL, problem_of

from digitro_async.config import _location

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
    "settings of no command": (
        MINIMAL + '[pabx.commands."canary 4711"]\nbody = "any"\n',
        (
            "digitro.toml:6: pabx[0].commands: the name of a table: command is neither "
            "*, a command nor the path of one (commands: predictive_call, "
            "queue_redirect, dtmf_detection, password_change)"
        ),
    ),
    "settings of a command with a wrong value": (
        MINIMAL + '[pabx.commands.dtmf_detection]\nbody = "canary"\n',
        (
            "digitro.toml:7: pabx[0].commands.dtmf_detection.body: "
            "must be one of object, json, any"
        ),
    ),
    "settings of a command with an unknown option": (
        MINIMAL + "[pabx.commands.dtmf_detection]\ncommand = 1\n",
        (
            "digitro.toml:7: pabx[0].commands.dtmf_detection.command: "
            "there is no such option"
        ),
    ),
    "settings of a command that are no table": (
        MINIMAL + '[pabx.commands]\ndtmf_detection = "canary"\n',
        "digitro.toml:7: pabx[0].commands.dtmf_detection: must be a table",
    ),
    "settings of commands that are no tables": (
        MINIMAL + 'commands = "canary"\n',
        (
            "digitro.toml:6: pabx[0].commands: must be tables, such as "
            "[pabx.commands.dtmf_detection]"
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
        (
            "digitro.toml:7: pabx[0].tls.ca_file: can't be used: "
            "it holds no certificate in PEM"
        ),
    ),
    "no such certificate": (
        MINIMAL + "[pabx.tls]\nca_file = 'none.pem'\n",
        "digitro.toml:7: pabx[0].tls.ca_file: can't be used: No such file or directory",
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
            "not set or empty: export it"
        ),
    ),
    "variable without a name": (
        MINIMAL.replace("api_key", "api_key_env").replace(CANARY, f"{CANARY}é\\u0000"),
        (
            "digitro.toml:5: pabx[0].api_key_env: the environment variable it names is "
            "not set or empty: export it"
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
    """A mistake is reported with its place, and without the text that stands there."""
    assert problem_of(tmp_path, text).partition(" (valid: ")[0] == problem


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("cal = 1", "pabx, call, retry, pause, events, contacts, rules, "),
        (
            "[[pabx]]\nkey = 1\napi_key = 'x'",
            "name, base_url, channel_id, api_key, api_key_env, api_key_file, rate, ",
        ),
        ("[retry]\ntimes = 1", "max_attempts, base_delay, max_delay, "),
        ("[call]\nnumber = '1'", "device, device_password, device_password_env, "),
    ],
)
def test_unknown_name_is_told_with_those_that_are_valid(
    tmp_path: Path, text: str, valid: str
) -> None:
    """A name that is none of a table's is reported with all that are."""
    whole = text if "[[pabx]]" in text else f"{text}\n{MINIMAL}"
    problem = problem_of(tmp_path, whole).partition(" (valid: ")[2]

    assert problem.startswith(valid)
