import json
from typing import Any

from decoding_codecs import WITH, WITHOUT, read
from hypothesis import example, given
from hypothesis import strategies as st

from digitro_async.models import CallAccepted
from digitro_async.protocol._names import DOCUMENTED_ACCEPTANCE


def answer(**more: Any) -> bytes:
    """Write the documented answer with more keys in it."""
    return json.dumps({**DOCUMENTED_ACCEPTANCE, **more}).encode()


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(exclude_categories=())),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["ID_CHAMADA", "x", "[", '"', "\\"]), inner, max_size=3
        )
    ),
    max_leaves=8,
)


@st.composite
def mutated_answers(draw: st.DrawFn) -> bytes:
    """Draw the bytes of an answer, with some of them changed."""
    found = {**draw(st.dictionaries(st.text(), json_values, max_size=2))}
    found["ID_CHAMADA"] = draw(st.just("x") | json_values)
    text = json.dumps(found, ensure_ascii=draw(st.booleans()))
    body = bytearray(text.encode("utf-8", "surrogatepass"))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(body)))
        until = at + draw(st.integers(0, 2))
        body[at:until] = draw(
            st.sampled_from([b"", b'"', b"\\", b"\\u", b"{", b"]", b",", b"9" * 25])
            | st.binary(max_size=2)
        )
    return bytes(body)


def assert_alike(body: bytes) -> None:
    """Both codecs accept a body, with the same call id, or both refuse it."""
    found, without = read(WITH, body), read(WITHOUT, body)
    if not isinstance(found, CallAccepted):
        assert isinstance(without, str)
        return

    assert without == found
    assert found.call_id.encode("utf-8").strip()
    assert found.raw["ID_CHAMADA"] == found.call_id
    assert json.loads(WITH.orjson.dumps(found.raw)) == found.raw


def test_the_two_codecs_differ() -> None:
    """One copy uses orjson and the other does not."""
    assert WITH.orjson is not None
    assert WITHOUT.orjson is None


class TestAnswers:
    """Answers of any bytes."""

    @given(st.binary(max_size=200))
    def test_any_bytes(self, body: bytes) -> None:
        """Any bytes at all are an answer or a code, with orjson and without."""
        assert_alike(body)


@given(mutated_answers())
@example(b'{"ID_CHAMADA":1,"ID_CHAMADA":2}')
@example(b'{"ID_CHAMADA":"x","y":18446744073709551616}')
@example(b'{"ID_CHAMADA":"x","y":-9223372036854775809}')
@example(b'{"ID_CHAMADA":"x","y":-0}')
def test_both_codecs_read_alike(body: bytes) -> None:
    """Whether orjson is installed changes neither acceptance nor call id."""
    assert_alike(body)


@given(mutated_answers())
def test_acceptance_needs_the_contract(body: bytes) -> None:
    """An accepted answer is an object with one text, not blank, by any reader."""
    found = read(WITH, body)
    if isinstance(found, CallAccepted):
        text = body.strip(b"\0\t\r\n ").decode("utf-8-sig", "replace")
        pairs = json.loads(text.strip(), object_pairs_hook=list)
        ids = [value for name, value in pairs if name == "ID_CHAMADA"]

        assert ids == [found.call_id]
        assert found.call_id.strip()
