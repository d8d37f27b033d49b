"""Bytes that were spoilt by chance; the same seed spoils them the same way."""

import json
import random
from collections.abc import Callable, Sequence
from typing import Any

__all__ = [
    "ODD_BYTES",
    "ODD_TEXTS",
    "good_answer",
    "odd_text",
    "spoil",
    "spoilt_answer",
]

ODD_BYTES = (
    *(
        b"\0",
        b"\n",
        b"\r",
        b"\r\n",
        b"\r\n\r\n",
        b"\t",
        b" ",
        b"\x0b",
        b"\x1a",
        b"\x7f",
    ),
    *(b'"', b"'", b"\\", b"{", b"}", b"[", b"]", b":", b",", b";", b"=", b"#", b"/"),
    *(b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\xed\xa0\x80", b"\xc0\x80", b"\xe1"),
    *(b"\xf4\x90\x80\x80", b"\xc2\xa0", b"\xc2\x85", b"\xe2\x80\xa8", b"\x81", b"\xff"),
    *(b"0", b"-0", b"-1", b"9" * 25, b"1" + b"0" * 400, b"1e999", b"4,83E+10", b"0x1"),
    *(b"null", b"true", b"NaN", b"Infinity", b"-Infinity", b"None", b"x" * 70),
)
"""Pieces that a reader of text stumbles over."""

ODD_TEXTS = (
    *("", " ", "\u00a0", "\u2003", "\u200b", "\u2028", "\u0085", "\u001f", "\t", "\n"),
    *("\0", "\u0001", "\u007f", "\u009f", "\ufeff", "\ufffe", "\uffff", "\ufffd"),
    *('"', "\\", '\\"', "/", "\\u0041", "{", "[[[[", "}", "]", ",", ":", "#", "%0d%0a"),
    *("é", "e\u0301", "ÇÃÕ", "ß", "İ", "\u202e", "😀", "\U0010ffff", "\U000e0041"),
    *("\ud800", "\udfff", "\ud83d\ude00", "null", "NaN", "ID_CHAMADA", "0", "1e999"),
)
"""Texts that a reader or writer of text stumbles over, halves of pairs among them."""


def spoil(chance: random.Random, whole: bytes, pieces: Sequence[bytes]) -> bytes:
    """Return the bytes with as many changes as chance will have it, often none.

    Args:
        chance: What decides.
        whole: The bytes.
        pieces: What may be put in.
    """
    spoilt = bytearray(whole)
    for _ in range(chance.choice((0, 0, 1, 1, 1, 2, 3, 8))):
        at = chance.randrange(len(spoilt) + 1)
        until = min(len(spoilt), at + chance.choice((1, 1, 2, 5, 20)))
        kind = chance.randrange(8)
        if kind == 0 and at < len(spoilt):
            spoilt[at] ^= 1 << chance.randrange(8)
        elif kind == 1:
            spoilt[at:until] = chance.randbytes(until - at)
        elif kind == 2:
            del spoilt[at:until]
        elif kind == 3:
            spoilt[at:at] = spoilt[at:until] * chance.choice((1, 1, 2, 40))
        elif kind == 4:
            del spoilt[chance.choice((at, at, -1)) :]
        elif kind == 5:
            other = chance.randrange(len(spoilt) + 1)
            spoilt[other:other] = spoilt[at:until]
        else:
            replaced = at if kind == 6 else until
            spoilt[at:replaced] = chance.choice(pieces)
    return bytes(spoilt)


def odd_text(chance: random.Random, ordinary: str = "04832817000") -> str:
    """Return a text of a few parts, ordinary and odd."""
    parts = (*ODD_TEXTS, *(ordinary,) * 20, chr(chance.randrange(0x110000)))
    return "".join(chance.choices(parts, k=chance.choice((1, 1, 1, 2, 3, 9))))


def good_answer(chance: random.Random, call_id: str) -> bytes:
    """Return an answer that keeps the contract, in one of the ways to write it."""
    more = {f"k{i}": chance.choice(_HARMLESS) for i in range(chance.randrange(4))}
    pairs = [*more.items(), ("ID_CHAMADA", call_id)]
    chance.shuffle(pairs)
    return _written(chance, dict(pairs)).encode()


_HARMLESS: tuple[Any, ...] = (
    *("ok", "", "João 😀", "\\", '"', "[", "\u2028", "\x00", None, True, [], {}, [[]]),
    *(0, -1, 2**63, -(2**64), 10**25, 1.5, -0.0, 1.7976931348623157e308, 5e-324),
    {"ID_CHAMADA": "another's", "y": [1, {"z": "ID_CHAMADA"}]},
)


def _written(chance: random.Random, value: Any) -> str:
    separators = chance.choice(((",", ":"), (", ", ": "), (" ,\n", "\t: ")))
    indent = chance.choice((None, None, None, 4))
    ascii_only = chance.random() < 0.5
    return chance.choice(("", "", " ", "\r\n\t")) + json.dumps(
        value,
        ensure_ascii=ascii_only,
        separators=separators,
        indent=indent,
    )


def spoilt_answer(
    chance: random.Random, call_id: str = "08/07/24 10:46:19 0/00"
) -> bytes:
    """Return the body of an answer: good, spoilt, or no answer at all."""
    if chance.random() < 0.05:
        return chance.randbytes(chance.randrange(200))
    made = chance.choice(_MAKERS)(chance, call_id)
    if chance.random() < 0.02:
        made += b" " * (65_536 - len(made) + chance.choice((-1, 0, 1, 9)))
    return spoil(chance, made, _ANSWER_PIECES)


_ANSWER_PIECES = (
    *ODD_BYTES,
    *(b'"ID_CHAMADA": "x",', b',"ID_CHAMADA":"y"', b'"ID\\u005fCHAMADA":"z",'),
    *(b"\\ud800", b"\\ud83d\\ude00", b"\\u0000", b"\\u00", b"\\x41", b"\\n", b"/* */"),
    *(b"[" * 33, b"]" * 33, b'{"a":' * 31, b"}" * 31, b"{}", b'{"ID_CHAMADA": "x"}'),
)


def _odd_values(chance: random.Random, call_id: str) -> bytes:
    """Write an object of odd keys and values, the call id perhaps one of them."""
    values: tuple[Any, ...] = (call_id, *_HARMLESS, odd_text(chance), float("nan"))
    found = {odd_text(chance, "y"): chance.choice(values) for _ in range(3)}
    found["ID_CHAMADA"] = chance.choice((call_id, *values, odd_text(chance, call_id)))
    return _written(chance, found).encode("utf-8", "surrogatepass")


def _odd_number(chance: random.Random, call_id: str) -> bytes:
    """Write an answer with a number about as large as numbers may be."""
    digits = chance.choice((17, 18, 19, 20, 308, 309, 310, 4300, 4301, 9999))
    number = chance.choice(("", "-")) + str(chance.randrange(1, 10)) * digits
    number += chance.choice(("", "", "", ".5", "e1", "E-3", "e308", "e-400", ".", "e"))
    return f'{{"ID_CHAMADA": "{call_id}", "y": {number}}}'.encode()


def _odd_depth(chance: random.Random, call_id: str) -> bytes:
    """Write an answer about as deep as it may be, or far deeper."""
    depth = chance.choice((1, 30, 31, 32, 33, 100, 5000))
    opening, closing = chance.choice(
        (("[", "]"), ('{"a":', "}"), ('{"[":"{","a":', "}"))
    )
    inner = opening * (depth - 1) + "1" + closing * (depth - 1)
    return f'{{"ID_CHAMADA": "{call_id}", "y": {inner}}}'.encode()


def _odd_keys(chance: random.Random, call_id: str) -> bytes:
    """Write an answer with keys that are there twice, or nearly are the right one."""
    names = (
        '"ID_CHAMADA"',
        '"ID\\u005fCHAMADA"',
        '"id_chamada"',
        '"ID_CHAMADA "',
        '"y"',
    )
    values = (f'"{call_id}"', '"x"', "null", '""', "1", '{"ID_CHAMADA": "x"}')
    pairs = [
        f"{chance.choice(names)}: {chance.choice(values)}"
        for _ in range(chance.choice((0, 1, 2, 2, 3)))
    ]
    return ("{" + ", ".join(pairs) + "}").encode()


def _not_utf_8(chance: random.Random, call_id: str) -> bytes:
    """Write an answer in another encoding, or with a mark before it."""
    text = f'{{"ID_CHAMADA": "{call_id}", "y": "é"}}'
    codec = chance.choice(("utf-8-sig", "cp1252", "utf-16", "utf-16-le", "utf-32-be"))
    return text.encode(codec)


_MAKERS: tuple[Callable[[random.Random, str], bytes], ...] = (
    *(good_answer,) * 12,
    *(_odd_values,) * 4,
    *(_odd_number, _odd_depth, _odd_keys, _odd_keys, _not_utf_8),
)
