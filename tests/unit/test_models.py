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

from digitro_async import errors
from digitro_async.errors import ConfigurationError, InvalidCallError, Outcome
from digitro_async.models import (
    PABX,
    CallAccepted,
    CallResult,
    DispatchItem,
    PredictiveCall,
    Timings,
)
from digitro_async.privacy import Personal, Secret
from digitro_async.protocol import encode_call, unstructure_call
from digitro_async.settings import (
    PoolSettings,
    RateLimit,
    TimeoutSettings,
    TLSSettings,
    UnsetFields,
)

CANARY = "CANARY-7731"
LONGEST = 16_384

NEEDED = {"device": "1125000", "device_password": "4567", "destination": "04832817000"}

REQUIRED = ["device", "device_password", "route", "destination"]
SECRETS = ["device_password", "account_password"]
PERSONAL = ["destination", "user_data", "caller_id"]
FIELDS = {
    "device": "DISPOSITIVO",
    "device_password": "SENHA_DISPOSITIVO",
    "route": "ROTA",
    "account": "CONTA",
    "account_password": "SENHA",
    "destination": "IDENTIDADE_DESTINO",
    "predictive_mode": "MODO_PREDITIVO",
    "user_data": "DADOS",
    "caller_id": "IDENTIDADE_ORIGINADOR",
    "call_progress_detection": "CPD",
    "reanswer_time": "TEMPO_REATENDIMENTO",
    "destination_detection": "TIPO_CPD_DESTINO",
    "telemarketing_block": "BLOQUEIO_TELEMARKETING",
}
OPTIONAL = [field for field in FIELDS if field not in REQUIRED]
MASKED = [*SECRETS, *PERSONAL]

fields = pytest.mark.parametrize("field", FIELDS)
any_text = st.text(st.characters(exclude_categories=()))


def make_call(**given: Any) -> PredictiveCall:
    """Make a call, the required fields filled in."""
    return PredictiveCall(**{**NEEDED, **given})


def make_pabx(**given: Any) -> PABX:
    """Make a PABX, the required fields filled in."""
    needed = {
        "name": "matriz",
        "base_url": "http://pabx",
        "channel_id": 1,
        "api_key": "key",
    }
    return PABX(**{**needed, **given})


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
            call = PredictiveCall(**given)
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
        call = PredictiveCall(**dict.fromkeys(FIELDS, "9" * LONGEST))

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


class TestPABX:
    """A telephone exchange as the user describes it."""

    @pytest.mark.parametrize(
        "value",
        [
            "",
            " ",
            "a b",
            "key ",
            "key\r\nx-evil: 1",
            "key\n",
            "key\r",
            "key\0",
            "key\t",
            "key\x7f",
            "chavé",
            "key\u2028",
            "\ud800",
            "😀",
        ],
    )
    def test_api_keys_that_could_forge_headers(self, value: str) -> None:
        """A key is visible ASCII, so that it stays one header's value."""
        with pytest.raises(ConfigurationError) as caught:
            make_pabx(api_key=value)

        assert str(caught.value) == (
            "api_key must be visible ASCII without spaces or line breaks"
        )

    @pytest.mark.parametrize("value", [None, 7, b"key", Personal("key"), ["key"]])
    def test_api_keys_are_text(self, value: Any) -> None:
        """Nothing but text, plain or secret, is an api key."""
        with pytest.raises(ConfigurationError, match=r"^api_key must be visible ASCII"):
            make_pabx(api_key=value)

    @given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1))
    def test_every_visible_key_is_kept_and_hidden(self, key: str) -> None:
        """Any visible ASCII is a key, wrapped at once."""
        assert make_pabx(api_key=key).api_key == Secret(key)
        assert make_pabx(api_key=Secret(key)) == make_pabx(api_key=key)

    def test_the_api_key_never_shows(self) -> None:
        """The key is in no text of the PABX."""
        pabx = make_pabx(api_key=CANARY)

        assert CANARY not in f"{pabx} {pabx!r} {attrs.asdict(pabx)}"

    @pytest.mark.parametrize(
        "value", ["", " ", "a\nb", "a\0", "\u2028", "\ud800", "a" * 65, None, 7, b"a"]
    )
    def test_wrong_names(self, value: Any) -> None:
        """A name is one short printable line, fit for logs and labels."""
        with pytest.raises(ConfigurationError, match=r"^name must be printable text"):
            make_pabx(name=value)

    @pytest.mark.parametrize("value", ["a", "Matriz São José #2", "a" * 64])
    def test_names(self, value: str) -> None:
        """A usable name is kept as it is."""
        assert make_pabx(name=value).name == value

    @pytest.mark.parametrize(
        "value", [-1, True, False, "1", "7/../../admin", 1.0, b"1", [1], "1\r\n"]
    )
    def test_wrong_channels(self, value: Any) -> None:
        """A channel is a whole number, so that it stays one segment of the path."""
        with pytest.raises(
            ConfigurationError,
            match=r"^channel_id must be a whole number of 0 or more$",
        ):
            make_pabx(channel_id=value)

    @pytest.mark.parametrize("value", [None, 0, 1, 2**63])
    def test_channels(self, value: int | None) -> None:
        """A channel may be zero, large, or not known yet."""
        assert make_pabx(channel_id=value).channel_id == value

    @pytest.mark.parametrize(
        ("field", "kind"),
        [
            ("rate", RateLimit),
            ("pool", PoolSettings),
            ("timeouts", TimeoutSettings),
            ("tls", TLSSettings),
        ],
    )
    @pytest.mark.parametrize("value", [50, "50", {"calls": 50}, (50, 1.0), object])
    def test_settings_of_the_wrong_kind(
        self, field: str, kind: type, value: Any
    ) -> None:
        """Settings are refused when the PABX is made, not when it is used."""
        with pytest.raises(
            ConfigurationError, match=f"^{field} must be a {kind.__name__}$"
        ):
            make_pabx(**{field: value})

    @pytest.mark.parametrize("field", ["pool", "timeouts", "tls"])
    def test_settings_that_can_not_be_none(self, field: str) -> None:
        """Only the rate may be None, which means no cap."""
        assert make_pabx(rate=None).rate is None
        with pytest.raises(ConfigurationError, match=f"^{field} must be a "):
            make_pabx(**{field: None})

    @pytest.mark.parametrize("value", [0, -1, None, 1.5, True, "100"])
    def test_wrong_max_in_flight(self, value: Any) -> None:
        """At least one call must fit on the wire."""
        with pytest.raises(ConfigurationError, match=r"^max_in_flight must be a whole"):
            make_pabx(max_in_flight=value)

    @pytest.mark.parametrize("value", ["NULL", "", None, 1, True, [], {}])
    def test_wrong_unset_fields(self, value: Any) -> None:
        """There are two ways to write unset fields and no third."""
        with pytest.raises(
            ConfigurationError, match=r"^unset_fields must be null or omit$"
        ):
            make_pabx(unset_fields=value)

    @pytest.mark.parametrize("value", ["null", "omit", *UnsetFields])
    def test_unset_fields(self, value: str) -> None:
        """The way unset fields are written may be given by its word."""
        assert make_pabx(unset_fields=value).unset_fields is UnsetFields(value)

    def test_defaults(self) -> None:
        """By default there is no cap and room for 100 calls on the wire."""
        assert make_pabx() == PABX(
            "matriz",
            "http://pabx",
            1,
            Secret("key"),
            rate=None,
            max_in_flight=100,
            pool=PoolSettings(),
            timeouts=TimeoutSettings(),
            tls=TLSSettings(),
            unset_fields=UnsetFields.NULL,
        )

    def test_pabx_are_values(self) -> None:
        """Equal PABX are one key in a mapping, and none can be changed or pickled."""
        pabx = make_pabx(channel_id=None)

        assert {pabx: 1}[make_pabx(channel_id=None)] == 1
        assert attrs.evolve(pabx, channel_id=1) == make_pabx()
        assert hash(attrs.evolve(pabx, channel_id=1)) == hash(make_pabx())
        assert pabx != make_pabx()
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            pabx.name = "filial"  # type: ignore[misc]
        with pytest.raises(TypeError, match="can't be pickled"):
            pickle.dumps(pabx)


class TestResults:
    """What the library hands back."""

    def test_acceptances_are_values(self) -> None:
        """An acceptance can stand in a set although its answer can't."""
        accepted = CallAccepted("id", {"ID_CHAMADA": "id", "x": [1]})

        assert len({accepted, accepted}) == 1
        assert accepted == CallAccepted("id", {"ID_CHAMADA": "id", "x": [1]})
        assert accepted != CallAccepted("id", {})
        assert repr(accepted) == "CallAccepted(call_id='id')"

    def test_results_never_show_the_call(self) -> None:
        """The repr of a result tells the outcome and shows nobody's number."""
        call = make_call(destination=CANARY, user_data=CANARY)
        error = errors.RejectedError(detail=Personal(CANARY))
        result = CallResult(
            call=call, outcome=Outcome.REJECTED, error=error, key=CANARY
        )

        assert CANARY not in repr(result)
        assert "rejected" in repr(result)

    def test_results_by_default(self) -> None:
        """A result says no more than it was given."""
        result = CallResult(call=make_call(), outcome=Outcome.NOT_SENT)

        assert (result.call_id, result.error, result.pabx) == (None, None, None)
        assert (result.attempts, result.key, result.accepted) == (0, None, None)
        assert result.timings == Timings(None, 0.0, 0.0)
        assert len({result, result}) == 1

    def test_items_by_default(self) -> None:
        """An item is for any PABX and carries no key unless it is told to."""
        item = DispatchItem(call=make_call())

        assert (item.pabx, item.key) == (None, None)
