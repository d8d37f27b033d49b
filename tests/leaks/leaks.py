"""Canaries, and the forms in which one may lie in a text.

A canary is a made-up secret or number that stands nowhere else. ``find`` tells which of
them a text holds, also where somebody encoded, escaped, cut or reversed it on the way.
"""

import base64
import html
import json
import re
from collections.abc import Callable, Collection, Iterator
from typing import Any, NamedTuple
from urllib.parse import quote, quote_plus

from digitro_async import PredictiveCall

__all__ = [
    "CANARIES",
    "DIALLED",
    "FORMS",
    "KEYS",
    "Canary",
    "Hit",
    "call_with_canaries",
    "find",
    "user_data",
]


class Canary(NamedTuple):
    """Something that must not be seen.

    Attributes:
        name: What it is.
        text: Itself. Its first and its last eight characters are plain, so that what
            was cut is found too; between them stand those that get escaped.
    """

    name: str
    text: str


CANARIES = {
    name: Canary(name, text)
    for name, text in {
        "api_key": "Kx9cQz4w+/=%&Jv7pYm2Ts",
        "device_password": "Wd3kHm8T\"\\&<' nG5sQ2vB",
        "account_password": "Ap6rLf1Z>#;%çé bR9xMz4K",
        "destination": "0489977316452",
        "caller_id": "0113381957264",
        "cpf": "864.159.273-05",
        "name": "Zulmirah da Conceição Quèsabia",
        "user_data": 'Vx7pedid o «42» & "ouro"+/\\ Nq3umero',
    }.items()
}
KEYS = ("api_key", "device_password", "account_password")
"""Those that no file of ours may hold."""
DIALLED = ("destination", "caller_id", "cpf", "name", "user_data")
"""Those that are data about a person."""
API_KEY = CANARIES["api_key"].text


def user_data() -> str:
    """Return the text that travels with a call: tax number, name and more."""
    return ";".join(CANARIES[name].text for name in ("cpf", "name", "user_data"))


def call_with_canaries(**fields: Any) -> PredictiveCall:
    """Return a call in which all canaries stand but the key."""
    given = {name: CANARIES[name].text for name in (*KEYS[1:], *DIALLED[:2])}
    return PredictiveCall(
        **{"device": "1125000", "account": "77", "user_data": user_data(), **given}
        | fields
    )


def _both_cases(encode: Callable[[str], str]) -> Callable[[str], list[str]]:
    """Write the hexadecimal digits of escapes small and large."""

    def both(text: str) -> list[str]:
        encoded = encode(text)
        lower = re.sub(r"(?i)%[0-9a-f]{2}", lambda found: found[0].lower(), encoded)
        return [encoded, lower]

    return both


def _base64(text: str, *, url_safe: bool) -> list[str]:
    """Encode the text as it stands at each of three places in something longer."""
    encode = base64.urlsafe_b64encode if url_safe else base64.b64encode
    data = text.encode()
    found = []
    for before in range(3):
        after = -(before + len(data)) % 3
        whole = encode(b"x" * before + data + b"x" * after).decode()
        begin = -(-before * 8 // 6)
        end = (before + len(data)) * 8 // 6
        found.append(whole[begin:end])
    return found


def _each_byte(text: str, shape: str) -> list[str]:
    """Escape every byte."""
    data = text.encode()
    return [
        "".join(shape % byte for byte in data),
        "".join(shape.replace("x", "X") % byte for byte in data).replace("\\X", "\\x"),
    ]


def _json(text: str) -> list[str]:
    plain = json.dumps(text)[1:-1]
    units = text.encode("utf-16-be")
    pairs = [units[i : i + 2].hex() for i in range(0, len(units), 2)]
    return [
        plain,
        plain.replace("/", "\\/"),
        json.dumps(plain)[1:-1],
        json.dumps(text, ensure_ascii=False)[1:-1],
        "".join(f"\\u{pair}" for pair in pairs),
        "".join(f"\\u{pair.upper()}" for pair in pairs),
    ]


def _python(text: str) -> list[str]:
    data = text.encode()
    shown = repr(data)[2:-1]
    return [
        shown,
        repr(shown)[1:-1],
        repr(text.encode("latin-1"))[2:-1],
        repr(text)[1:-1],
        ascii(text)[1:-1],
        repr(repr(text))[1:-1].strip("'\""),
        *_each_byte(text, "\\x%02x"),
    ]


_ENCODINGS: dict[str, Callable[[str], list[str]]] = {
    "raw": lambda text: [text, html.escape(text)],
    "url": lambda text: [
        *_both_cases(lambda t: quote(t, safe=""))(text),
        *_both_cases(quote)(text),
        *_both_cases(lambda t: quote(t, safe="", encoding="latin-1"))(text),
        *_each_byte(text, "%%%02x"),
    ],
    "form": _both_cases(quote_plus),
    "base64": lambda text: _base64(text, url_safe=False),
    "base64url": lambda text: _base64(text, url_safe=True),
    "json": _json,
    "bytes": _python,
    "hex": lambda text: [
        written
        for bare in [text.encode().hex()]
        for lower in (bare, text.encode().hex(" "), text.encode().hex(":"))
        for written in (lower, lower.upper())
    ],
    "reversed": lambda text: [text[::-1]],
}

FORMS = (*_ENCODINGS, "beginning", "end", "last digits")


def written_as(canary: Canary, form: str) -> list[str]:
    """Return all that a canary may look like in a form, none where it has no such."""
    text = canary.text
    digits = re.sub(r"\D", "", text)
    is_number = len(digits) >= len(re.sub(r"[.\-]", "", text))
    if form == "beginning":
        return [] if is_number else [text[:8]]
    if form == "end":
        return [] if is_number else [text[-8:]]
    if form == "last digits":
        tail = digits[-8:]
        return [one for _, one in _encoded(tail)] if is_number else []
    bare = [digits] if is_number else []
    return [one for t in [text, *bare] for one in _ENCODINGS[form](t)]


def _encoded(text: str) -> Iterator[tuple[str, str]]:
    for form, encode in _ENCODINGS.items():
        for written in encode(text):
            yield form, written


class Hit(NamedTuple):
    """A canary that was seen, and in which form."""

    canary: str
    form: str


_NEEDLES = [
    (Hit(canary.name, form), written)
    for canary in CANARIES.values()
    for form in FORMS
    for written in dict.fromkeys(written_as(canary, form))
]
_BYTE_NEEDLES = [
    *((hit, written.encode()) for hit, written in _NEEDLES),
    *(  # as the oldest protocol of pickle writes it
        (
            Hit(canary.name, "bytes"),
            canary.text.replace("\\", "\\u005c").encode("raw_unicode_escape"),
        )
        for canary in CANARIES.values()
    ),
]


def find(text: str | bytes, names: Collection[str] = tuple(CANARIES)) -> set[Hit]:
    """Return the canaries of those names that a text holds."""
    if isinstance(text, bytes):
        return {h for h, one in _BYTE_NEEDLES if one in text and h.canary in names}
    return {hit for hit, one in _NEEDLES if one in text and hit.canary in names}
