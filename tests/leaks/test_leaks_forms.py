"""A text that must not be shown is found in every form that it may be written in."""

import base64
import binascii
import json
import pickle
import re
import reprlib
import urllib.parse
from collections.abc import Callable
from functools import partial

import pytest
from leaks import CANARIES, FORMS, Hit, find, written_as

NUMBERS = ("destination", "caller_id", "cpf")


def in_base64(encode: Callable[[bytes], bytes], before: bytes, text: str) -> bytes:
    """Encode the text as it stands behind something."""
    return encode(before + text.encode() + b"!")


WRITERS: dict[str, list[Callable[[str], str | bytes]]] = {
    "raw": [str, str.encode, "a {} b".format],
    "url": [
        lambda text: "https://h/?a=" + urllib.parse.quote(text, safe=""),
        lambda text: re.sub(
            "%..", lambda found: found[0].lower(), urllib.parse.quote(text, safe="")
        ),
        lambda text: "".join(f"%{byte:02x}" for byte in text.encode()),
    ],
    "form": [
        lambda text: urllib.parse.urlencode({"a": text, "b": "c"}),
        lambda text: urllib.parse.quote_plus(text).encode(),
    ],
    "base64": [
        partial(in_base64, base64.b64encode, b"x" * before) for before in range(7)
    ],
    "base64url": [
        partial(in_base64, base64.urlsafe_b64encode, b"\xff" * before)
        for before in range(7)
    ],
    "json": [
        lambda text: json.dumps({"a": [text]}),
        lambda text: json.dumps({"a": text}, ensure_ascii=False),
        lambda text: json.dumps({"a": json.dumps({"b": text})}),
        lambda text: "".join(f"\\u{ord(char):04X}" for char in text),
    ],
    "bytes": [
        lambda text: repr({"a": text.encode()}),
        lambda text: repr([text]),
        ascii,
        lambda text: "".join(f"\\x{byte:02x}" for byte in text.encode()),
        lambda text: pickle.dumps(text, 0),
    ],
    "hex": [
        lambda text: f"body {text.encode().hex()} end",
        lambda text: binascii.hexlify(text.encode()).upper(),
        lambda text: text.encode().hex(" "),
    ],
    "reversed": [lambda text: text[::-1], lambda text: f"<{text}>"[::-1]],
    "beginning": [lambda text: text[:9] + "...", lambda text: repr(text)[:12]],
    "end": [lambda text: "***" + text[-8:], reprlib.repr],
    "last digits": [
        lambda text: "*****" + digits_of(text)[-8:],
        lambda text: base64.b64encode(digits_of(text)[-8:].encode()),
        lambda text: digits_of(text)[-8:][::-1],
        lambda text: digits_of(text)[-8:].encode().hex(),
    ],
}


def digits_of(text: str) -> str:
    """Return the digits of a text."""
    return "".join(char for char in text if char.isdigit())


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", CANARIES)
def test_every_form_is_found(name: str, form: str) -> None:
    """Each canary is found in each form, by that form, whoever wrote it."""
    canary = CANARIES[name]
    parts = {"beginning": False, "end": False, "last digits": True}
    if form in parts and parts[form] is not (name in NUMBERS):
        assert written_as(canary, form) == []
        return
    missed = [
        written
        for write in WRITERS[form]
        for written in [write(canary.text)]
        if Hit(name, form) not in find(written)
        and not (form == "end" and canary.text[-8:] not in str(written))
    ]

    assert missed == []


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_are_found_without_punctuation(name: str) -> None:
    """The bare digits of a number are found in every form too."""
    digits = digits_of(CANARIES[name].text)

    for text in (digits, digits[::-1], digits.encode().hex(), json.dumps([digits])):
        assert {hit.canary for hit in find(text)} == {name}


def test_harmless_texts() -> None:
    """A text that is no canary is not taken for one, so a hit is one."""
    harmless = "Secret('***') 04832817000 Kx9 55 Wd3kHm8 1125000 2026-01-01T00:00:00"

    assert find(harmless) == find(harmless.encode()) == set()
    assert find(f"x{CANARIES['api_key'].text}", ["cpf"]) == set()
