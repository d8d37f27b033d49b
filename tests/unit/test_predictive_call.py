import copy
import json
import pickle
import traceback
import unicodedata
from collections.abc import Callable
from typing import Any

import attrs
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from models_made import CANARY, FIELDS, MASKED, NEEDED, SECRETS, make_call

from digitro_async.errors import InvalidCallError
from digitro_async.models import PredictiveCall
from digitro_async.privacy import Personal, Secret
from digitro_async.protocol import encode_call, unstructure_call

LONGEST = 16_384

REQUIRED = ["device", "device_password", "route", "destination"]
OPTIONAL = [field for field in FIELDS if field not in REQUIRED]

fields = pytest.mark.parametrize("field", FIELDS)
any_text = st.text(st.characters(exclude_categories=()))


def can_stand(field: str, text: str) -> bool:
    """Whether a text can stand in a field, told another way than the library does."""
    if (not text and field in REQUIRED) or len(text) > LONGEST:
        return False
    allowed = "\t\r\n" if field == "user_data" else ""
    return all(
        char in allowed or unicodedata.category(char) not in {"Cc", "Cs"}
        for char in text
    )


class TestPredictiveCall:
    """A call as the user makes it."""

    @fields
    @settings(max_examples=50)
    @given(text=any_text)
    @example(text="")
    @example(text=" ")
    @example(text="\u2028\u202e\u00a0\ufeff\U0010ffff")
    @example(text="João;Ação 😀")
    @example(text='"\\/<>&')
    def test_any_text_is_sent_as_it_is_or_refused(self, field: str, text: str) -> None:
        """A text reaches the wire letter by letter, or the call can't be made."""
        try:
            call = make_call(**{field: text})
        except InvalidCallError:
            assert not can_stand(field, text)
            return

        assert can_stand(field, text)
        expected = dict.fromkeys(FIELDS.values(), None)
        sent = {"route": "0", **NEEDED, field: text}
        expected |= {FIELDS[name]: value for name, value in sent.items()}
        assert json.loads(encode_call(call).decode("utf-8")) == expected
        wire = unstructure_call(call)
        assert make_call(**{name: wire[FIELDS[name]] for name in FIELDS}) == call

    @given(
        st.fixed_dictionaries(
            dict.fromkeys(REQUIRED, any_text.filter(bool)),
            optional=dict.fromkeys(OPTIONAL, any_text | st.none()),
        )
    )
    def test_all_fields_together(self, given: dict[str, Any]) -> None:
        """A call is made exactly where each of its texts can stand on its own."""
        allowed = all(
            can_stand(field, text) for field, text in given.items() if text is not None
        )
        try:
            call = make_call(**given)
        except InvalidCallError:
            assert not allowed
            return

        assert allowed
        sent = json.loads(encode_call(call))
        assert sent == {wire: given.get(field) for field, wire in FIELDS.items()}

    @fields
    @settings(max_examples=25)
    @given(
        text=any_text,
        bad=st.sampled_from(["\ud800", "\udfff", "\0", "\x1b", "\x7f", "\x9f", "\x08"]),
    )
    def test_no_failure_shows_the_value(self, field: str, text: str, bad: str) -> None:
        """A refused value is in no text of the failure, which names its field."""
        with pytest.raises(InvalidCallError) as caught:
            make_call(**{field: CANARY + bad + text})

        error = caught.value
        shown = "".join(traceback.format_exception(error))
        assert CANARY not in f"{shown} {error!r} {error.args} {vars(error)}"
        assert str(error).startswith(f"{field} holds a ")
        assert error.reason == "invalid_field"
        assert error.__context__ is error.__cause__ is None

    @pytest.mark.parametrize("break_", ["\r", "\n", "\r\n", "\t"])
    @fields
    def test_only_user_data_has_lines(self, field: str, break_: str) -> None:
        """Line breaks and tabs may stand in the user data and nowhere else."""
        if field == "user_data":
            made = make_call(user_data=f"a{break_}b")
            assert made.user_data == Personal(f"a{break_}b")
            return
        with pytest.raises(InvalidCallError, match=f"^{field} holds a control"):
            make_call(**{field: f"a{break_}b"})

    @pytest.mark.parametrize(
        ("bad", "problem"),
        [
            ("\0", "holds a control character"),
            ("\x1f", "holds a control character"),
            ("\x7f", "holds a control character"),
            ("\x80", "holds a control character"),
            ("\x85", "holds a control character"),
            ("\ud83d", "holds a half of a surrogate pair, which is not text"),
            ("x" * LONGEST, f"is longer than {LONGEST} characters"),
        ],
    )
    @fields
    def test_what_is_wrong_is_told(self, field: str, bad: str, problem: str) -> None:
        """The failure says which field is wrong and how."""
        with pytest.raises(InvalidCallError) as caught:
            make_call(**{field: f"1{bad}"})

        assert str(caught.value) == f"{field} {problem} [reason=invalid_field]"

    @fields
    def test_longest_text(self, field: str) -> None:
        """Every field holds 16,384 characters, all of them at once too."""
        make_call(**{field: "é" * LONGEST})
        call = make_call(**dict.fromkeys(FIELDS, "9" * LONGEST))

        assert set(json.loads(encode_call(call)).values()) == {"9" * LONGEST}

    @pytest.mark.parametrize("field", REQUIRED)
    def test_required_fields_are_not_empty(self, field: str) -> None:
        """A required field can't be empty."""
        with pytest.raises(InvalidCallError, match=f"^{field} is empty "):
            make_call(**{field: ""})

    @pytest.mark.parametrize("field", REQUIRED)
    def test_required_fields_are_not_none(self, field: str) -> None:
        """A required field can't be None."""
        with pytest.raises(InvalidCallError, match=f"^{field} must be text "):
            make_call(**{field: None})

    @pytest.mark.parametrize("field", OPTIONAL)
    def test_optional_fields_tell_empty_from_unset(self, field: str) -> None:
        """An optional field may be empty, which is not the same as unset."""
        empty, unset = make_call(**{field: ""}), make_call(**{field: None})

        assert unset == make_call()
        assert json.loads(encode_call(empty))[FIELDS[field]] == ""
        assert json.loads(encode_call(unset))[FIELDS[field]] is None

    @pytest.mark.parametrize(
        "value",
        [0, 1, 7731, False, True, 0.0, 1.5, b"", b"x", [], ["x"], (), {}, {"x": 1}],
    )
    @fields
    def test_only_text_is_taken(self, field: str, value: Any) -> None:
        """Numbers, bytes and the like are refused and never sent as something else."""
        with pytest.raises(InvalidCallError) as caught:
            make_call(**{field: value})

        assert str(caught.value) == f"{field} must be text [reason=invalid_field]"

    @pytest.mark.parametrize("kind", [Secret, Personal])
    @fields
    def test_masked_text(self, field: str, kind: type[Secret | Personal]) -> None:
        """Masked text is taken by masked fields, and refused by those that show."""
        if field in MASKED:
            sent = json.loads(encode_call(make_call(**{field: kind("123")})))
            assert sent[FIELDS[field]] == "123"
            return
        with pytest.raises(InvalidCallError, match=f"^{field} must be text "):
            make_call(**{field: kind("123")})

    @pytest.mark.parametrize("field", MASKED)
    def test_private_fields_never_show(self, field: str) -> None:
        """Passwords, numbers and user data are in no text of the call."""
        call = make_call(**{field: CANARY})

        assert CANARY not in f"{call} {call!r} {attrs.asdict(call)} {call.__hash__}"
        assert isinstance(
            getattr(call, field), Secret if field in SECRETS else Personal
        )

    def test_missing_fields(self) -> None:
        """A call can't be made without its required fields."""
        with pytest.raises(TypeError, match="device_password"):
            PredictiveCall(device="1", destination="2")  # type: ignore[call-arg]

    def test_fields_are_given_by_name(self) -> None:
        """Positions mean nothing: 13 texts in a row are easily mixed up."""
        with pytest.raises(TypeError):
            PredictiveCall("1", "2", "3")  # type: ignore[call-arg]

    def test_only_the_route_has_a_value_by_default(self) -> None:
        """No default is invented beyond the documented route."""
        call = make_call()

        assert call.route == "0"
        assert {getattr(call, field) for field in OPTIONAL} == {None}

    def test_calls_are_values(self) -> None:
        """Equal calls are equal, hash alike, can't be changed and can't be pickled."""
        call = make_call()

        assert call == make_call()
        assert hash(call) == hash(make_call())
        assert call != make_call(route="1")
        assert copy.deepcopy(call) == call
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            call.route = "1"  # type: ignore[misc]
        with pytest.raises(TypeError, match="can't be pickled"):
            pickle.dumps(call)

    @pytest.mark.parametrize("field", MASKED)
    def test_what_a_call_is_made_of_never_shows(self, field: str) -> None:
        """The texts that a call keeps stay masked for whoever looks inside it."""
        call = make_call(**{field: CANARY})
        inside = vars(call)

        assert CANARY not in f"{inside} {attrs.astuple(call)} {list(inside.values())}"
        for part in (call, *inside.values()):
            with pytest.raises(TypeError, match="can't be pickled"):
                pickle.dumps(part)
            with pytest.raises(TypeError):
                json.dumps(part)

    @pytest.mark.parametrize("made", [copy.copy, copy.deepcopy, attrs.evolve])
    def test_copies_are_equal(self, made: Callable[[PredictiveCall], object]) -> None:
        """A copy of a call is the same call, sent as the same body."""
        call = make_call(**dict.fromkeys(OPTIONAL, "1"))
        copied = made(call)

        assert isinstance(copied, PredictiveCall)
        assert copied == call
        assert encode_call(copied) == encode_call(call)

    @fields
    def test_each_field_is_what_was_given(self, field: str) -> None:
        """No field is mistaken for another one, nor can it be set or deleted."""
        texts = {name: f"text of {name}" for name in FIELDS}
        call = make_call(**texts)
        value = getattr(call, field)

        assert (value.reveal() if field in MASKED else value) == texts[field]
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            setattr(call, field, "1")
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            delattr(call, field)

    def test_a_kind_of_call(self) -> None:
        """A class of calls of one's own is one like any."""

        class Reminder(PredictiveCall):
            """Something to be reminded of."""

        call = Reminder(device="1", device_password="2", destination="3")

        assert call.destination == Personal("3")
        assert json.loads(encode_call(call))[FIELDS["destination"]] == "3"

    def test_changes_are_checked_too(self) -> None:
        """A call made from another one is checked like any."""
        with pytest.raises(InvalidCallError):
            attrs.evolve(make_call(), route="")
