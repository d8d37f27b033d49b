import json
import math
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import attrs
import pytest
from decoding_codecs import CODECS, WITH, read

from digitro_async.models import CallAccepted, PredictiveCall
from digitro_async.protocol._names import (
    DOCUMENTED_ACCEPTANCE,
    DOCUMENTED_CALL,
    WIRE_NAMES,
)

CALL_ID = DOCUMENTED_ACCEPTANCE["ID_CHAMADA"]


@pytest.fixture(params=CODECS)
def codec(request: pytest.FixtureRequest) -> ModuleType:
    """The codec, with orjson and without."""
    found: ModuleType = CODECS[request.param]
    return found


def answer(**more: Any) -> bytes:
    """Write the documented answer with more keys in it."""
    return json.dumps({**DOCUMENTED_ACCEPTANCE, **more}).encode()


def nested(depth: int, opening: bytes = b"[", closing: bytes = b"]") -> bytes:
    """Write an answer nested that deep."""
    inner = opening * (depth - 1) + b"1" + closing * (depth - 1)
    return b'{"ID_CHAMADA": "x", "more": ' + inner + b"}"


class TestAnswers:
    """The body of an answer and what it says."""

    def test_documented_example(self, codec: Any) -> None:
        """The documented answer says the documented call id."""
        body = b'{\n    "ID_CHAMADA": "08/07/24 10:46:19 010A 0974/00"\n}'

        assert read(codec, body) == CallAccepted(CALL_ID, {"ID_CHAMADA": CALL_ID})

    def test_unknown_keys_are_kept(self, codec: Any) -> None:
        """Keys nobody documented are kept, and change nothing."""
        more = {"STATUS": "ok", "raw": 1, "call_id": None, "x": {"y": [1, 1.5, True]}}
        accepted = read(codec, answer(**more))

        assert accepted == CallAccepted(CALL_ID, {"ID_CHAMADA": CALL_ID, **more})

    @pytest.mark.parametrize(
        "call_id",
        ["0", "x" * 1000, " x ", "João 😀", "\\", '"', "\t", "None", "\u0001"],
    )
    def test_call_ids_are_opaque(self, codec: Any, call_id: str) -> None:
        """Any text that is not blank is a call id, kept letter by letter."""
        found = read(codec, json.dumps({"ID_CHAMADA": call_id}).encode())

        if call_id.strip():
            assert isinstance(found, CallAccepted)
            assert found.call_id == call_id
        else:
            assert found == "no_call_id"

    @pytest.mark.parametrize(
        "body",
        [
            b"{}",
            b'{"ID_CHAMADA": null}',
            b'{"ID_CHAMADA": 7}',
            b'{"ID_CHAMADA": 0}',
            b'{"ID_CHAMADA": 1.5}',
            b'{"ID_CHAMADA": true}',
            b'{"ID_CHAMADA": ["x"]}',
            b'{"ID_CHAMADA": {"ID_CHAMADA": "x"}}',
            b'{"ID_CHAMADA": ""}',
            b'{"ID_CHAMADA": " \\t\\n"}',
            b'{"ID_CHAMADA": "\xc2\xa0"}',
            b'{"id_chamada": "x"}',
            b'{"ID_CHAMADA ": "x"}',
            b'{"call_id": "x"}',
            b'{"raw": {"ID_CHAMADA": "x"}}',
            b'{"": "x"}',
        ],
    )
    def test_no_call_id(self, codec: Any, body: bytes) -> None:
        """Without a text that is not blank under the documented key nothing is said."""
        assert read(codec, body) == "no_call_id"

    @pytest.mark.parametrize(
        "body",
        [b"[]", b'["ID_CHAMADA"]', b'"ID_CHAMADA"', b"1", b"-0.5", b"true", b"null"],
    )
    def test_not_an_object(self, codec: Any, body: bytes) -> None:
        """JSON that is no object says nothing."""
        assert read(codec, body) == "not_an_object"

    @pytest.mark.parametrize(
        "body",
        [
            b"OK",
            b"<xml></xml>",
            b"{",
            b'{"ID_CHAMADA"',
            b'{"ID_CHAMADA": "x"',
            b'{"ID_CHAMADA": "x',
            b'{"ID_CHAMADA": "x"}}',
            b'{"ID_CHAMADA": "x"}{"ID_CHAMADA": "x"}',
            b'{"ID_CHAMADA": "x"},',
            b'{"ID_CHAMADA": "x",}',
            b"{'ID_CHAMADA': 'x'}",
            b'{ID_CHAMADA: "x"}',
            b'{"ID_CHAMADA": "x" /* */}',
            b'{"ID_CHAMADA": "x"}\0{}',
            b'\x0b{"ID_CHAMADA": "x"}',
            b'{"ID_CHAMADA": "a\nb"}',
            b'{"ID_CHAMADA": "a\0b"}',
            b'{"ID_CHAMADA": "\\x41"}',
            b'{"ID_CHAMADA": "\\u12"}',
            # not UTF-8
            b'{"ID_CHAMADA": "\xe1"}',
            b'{"ID_CHAMADA": "\xed\xa0\x80"}',
            b'{"ID_CHAMADA": "\xc0\x80"}',
            b'{"ID_CHAMADA": "\xf4\x90\x80\x80"}',
            b'\xff\xfe{"ID_CHAMADA": "x"}',
            # halves of surrogate pairs
            b'{"ID_CHAMADA": "\\ud800"}',
            b'{"ID_CHAMADA": "\\uDFFF"}',
            b'{"ID_CHAMADA": "\\ude00\\ud83d"}',
            b'{"ID_CHAMADA": "x", "y": ["\\ud83d"]}',
            b'{"ID_CHAMADA": "x", "\\ud83d": 1}',
            # what JSON has no number for
            b'{"ID_CHAMADA": "x", "y": NaN}',
            b'{"ID_CHAMADA": "x", "y": Infinity}',
            b'{"ID_CHAMADA": "x", "y": -Infinity}',
            b'{"ID_CHAMADA": "x", "y": 1e999}',
            b'{"ID_CHAMADA": "x", "y": -1e999}',
            b'{"ID_CHAMADA": "x", "y": 1' + b"0" * 400 + b"}",
            b'{"ID_CHAMADA": "x", "y": -1' + b"0" * 9999 + b"}",
            b'{"ID_CHAMADA": "x", "y": 01}',
            b'{"ID_CHAMADA": "x", "y": .5}',
            b'{"ID_CHAMADA": "x", "y": 1.}',
            b'{"ID_CHAMADA": "x", "y": +1}',
            b'{"ID_CHAMADA": "x", "y": 0x1}',
            b'{"ID_CHAMADA": "x", "y": 1_0}',
            '{"ID_CHAMADA": "x", "y": \uff11}'.encode(),
        ],
    )
    def test_not_json(self, codec: Any, body: bytes) -> None:
        """A body that is not strict JSON says nothing."""
        assert read(codec, body) == "not_json"

    @pytest.mark.parametrize(
        "body",
        [
            b'{"ID_CHAMADA": "x", "ID_CHAMADA": "y"}',
            b'{"ID_CHAMADA": "x", "ID_CHAMADA": "x"}',
            b'{"ID_CHAMADA": null, "ID_CHAMADA": "x"}',
            b'{"ID_CHAMADA": "x", "ID\\u005fCHAMADA": "y"}',
            b'{"ID\\u005fCHAMADA": "y", "ID_CHAMADA": "x"}',
            b'{"y": 1, "ID_CHAMADA": "x", "y": 2, "ID_CHAMADA": "y"}',
        ],
    )
    def test_two_call_ids(self, codec: Any, body: bytes) -> None:
        """An answer with two call ids says neither."""
        assert read(codec, body) == "repeated_key"

    def test_other_keys_may_be_repeated(self, codec: Any) -> None:
        """A repeated key nobody reads leaves the call id as it is."""
        accepted = read(codec, b'{"y": 1, "ID_CHAMADA": "x", "y": 2}')

        assert accepted == CallAccepted("x", {"y": 2, "ID_CHAMADA": "x"})

    @pytest.mark.parametrize(
        ("body", "call_id"),
        [
            (b'{"ID_CHAMADA": "08\\/07\\/24"}', "08/07/24"),
            (b'{"ID_CHAMADA": "\\ud83d\\ude00"}', "😀"),
            (b'{"ID\\u005fCHAMADA": "x"}', "x"),
            (b'\t\r\n {"ID_CHAMADA": "x"} \n', "x"),
            (b'{"ID_CHAMADA": "\\u0041\\"\\\\"}', 'A"\\'),
            ('{"ID_CHAMADA": "é", "y": "é"}'.encode(), "é"),
        ],
    )
    def test_other_ways_to_write_it(
        self, codec: Any, body: bytes, call_id: str
    ) -> None:
        """Escapes and white space that JSON allows are read."""
        found = read(codec, body)

        assert isinstance(found, CallAccepted)
        assert found.call_id == call_id

    @pytest.mark.parametrize(
        ("number", "value"),
        [
            (b"0", 0),
            (b"-1", -1),
            (b"999999999999999999", 999_999_999_999_999_999),
            (b"1.5e3", 1500.0),
            (b"1" + b"0" * 30, 1e30),
            (b"-1" + b"0" * 300, -1e300),
        ],
    )
    def test_numbers_stay_small(self, codec: Any, number: bytes, value: float) -> None:
        """Numbers are kept, huge whole ones as floats that any JSON can hold."""
        found = read(codec, b'{"ID_CHAMADA": "x", "y": ' + number + b"}")

        assert isinstance(found, CallAccepted)
        assert found.raw["y"] == value
        assert type(found.raw["y"]) is type(value)

    def test_size_cap(self, codec: Any) -> None:
        """An answer of 64 KiB is read, and one of a byte more is not."""
        cap = codec.MAX_ANSWER_BYTES
        largest = b'{"ID_CHAMADA":"1","more":"%s"}' % (b"x" * (cap - 28))

        assert cap == 65_536
        assert len(largest) == cap
        assert isinstance(read(codec, largest), CallAccepted)
        assert read(codec, largest + b" ") == "oversized_answer"

    @pytest.mark.parametrize("brackets", [(b"[", b"]"), (b'{"a":', b"}")])
    def test_depth_cap(self, codec: Any, brackets: tuple[bytes, bytes]) -> None:
        """An answer 32 deep is read, and one level more is not."""
        assert codec.MAX_ANSWER_DEPTH == 32
        assert isinstance(read(codec, nested(32, *brackets)), CallAccepted)
        assert read(codec, nested(33, *brackets)) == "deep_answer"
        assert read(codec, nested(1000, *brackets)) == "deep_answer"

    def test_bottomless_answers(self, codec: Any) -> None:
        """Nothing but opening brackets is refused before it is parsed."""
        assert read(codec, b"[" * 65_536) == "deep_answer"
        assert read(codec, b'{"":' * 10_000) == "deep_answer"

    def test_wide_answers(self, codec: Any) -> None:
        """Many brackets beside each other are not deep."""
        assert isinstance(read(codec, answer(more=[[]] * 5000)), CallAccepted)

    def test_depth_beside_width(self, codec: Any) -> None:
        """Brackets closed before neither add to the depth nor take from it."""
        wide = b'{"ID_CHAMADA": "x", "y": [' + b"[]," * 100
        deepest = wide + b"[" * 30 + b"]" * 30 + b"]}"
        deeper = wide + b"[" * 31 + b"]" * 31 + b"]}"

        assert isinstance(read(codec, deepest), CallAccepted)
        assert read(codec, deeper) == "deep_answer"

    @pytest.mark.parametrize(
        "text", ["[" * 100, '"' + "{" * 100, "\\" + "[" * 100, '\\"' * 20 + "[" * 100]
    )
    def test_brackets_in_texts_are_not_depth(self, codec: Any, text: str) -> None:
        """Brackets inside a text are text, whatever is escaped before them."""
        found = read(codec, json.dumps({"ID_CHAMADA": text, "y": []}).encode())

        assert isinstance(found, CallAccepted)
        assert found.call_id == text

    def test_texts_do_not_hide_depth(self, codec: Any) -> None:
        """Depth that begins after an escaped quote is seen."""
        body = b'{"ID_CHAMADA": "\\\\", "y": ' + b"[" * 40 + b"]" * 40 + b"}"

        assert read(codec, body) == "deep_answer"


def test_no_float_is_lost(codec: Any) -> None:
    """The largest number a double can hold is kept."""
    largest = sys.float_info.max
    found = read(codec, answer(y=largest))

    assert isinstance(found, CallAccepted)
    assert found.raw["y"] == largest
    assert math.isfinite(found.raw["y"])


def test_names_of_the_fields() -> None:
    """Every field of a call has a wire name, in the order of the documented example."""
    assert list(WIRE_NAMES) == [field.name for field in attrs.fields(PredictiveCall)]
    assert list(WIRE_NAMES.values()) == list(DOCUMENTED_CALL)


def iterate_codes() -> Iterator[str]:
    """Yield the code of one answer of each kind that is refused."""
    for body in (
        b"",
        b"[]",
        b"{}",
        b" " * 65_537,
        b"[" * 33,
        b'{"ID_CHAMADA": "x", "ID_CHAMADA": "x"}',
    ):
        yield str(read(WITH, body))


def test_codes() -> None:
    """Refusals are written as these words, which labels and files rely on."""
    assert list(iterate_codes()) == [
        "empty_answer",
        "not_an_object",
        "no_call_id",
        "oversized_answer",
        "deep_answer",
        "repeated_key",
    ]
