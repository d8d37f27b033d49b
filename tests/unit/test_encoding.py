import json
from types import ModuleType
from typing import Any

import attrs
import pytest
from helpers import load_without_orjson
from hypothesis import given
from hypothesis import strategies as st

from digitro_async.errors import InvalidCallError
from digitro_async.models import PredictiveCall
from digitro_async.privacy import Personal
from digitro_async.protocol import _encoding
from digitro_async.protocol._names import DOCUMENTED_CALL, WIRE_NAMES
from digitro_async.settings import UnsetFields

WITH: Any = _encoding
WITHOUT = load_without_orjson(_encoding)
CODECS = {"orjson": WITH, "stdlib": WITHOUT}

FULL = PredictiveCall(
    device="1125000",
    device_password="4567",
    route="0",
    account="1114000",
    account_password="1234",
    destination="04832817000",
    predictive_mode="0",
    user_data="111222333-44;Fulano",
    caller_id="1112000",
    call_progress_detection="1",
    reanswer_time="10",
    destination_detection="1",
    telemarketing_block="NAO",
)
BARE = PredictiveCall(device="1", device_password="2", destination="3")


@pytest.fixture(params=CODECS)
def codec(request: pytest.FixtureRequest) -> ModuleType:
    """The encoder, with orjson and without."""
    found: ModuleType = CODECS[request.param]
    return found


def test_the_two_encoders_differ() -> None:
    """One copy uses orjson and the other does not."""
    assert WITH.orjson is not None
    assert WITHOUT.orjson is None


class TestCalls:
    """A call and the body of its request."""

    def test_documented_example(self, codec: Any) -> None:
        """The documented call is written as documented, fields in the same order."""
        written = json.loads(codec.encode_call(FULL), object_pairs_hook=list)

        assert written == list(DOCUMENTED_CALL.items())

    def test_documented_example_as_a_mapping(self, codec: Any) -> None:
        """The mapping of the documented call is the documented body."""
        assert codec.unstructure_call(FULL) == DOCUMENTED_CALL

    def test_body_is_compact(self, codec: Any) -> None:
        """No byte of white space is sent."""
        assert codec.encode_call(FULL) == (
            b'{"DISPOSITIVO":"1125000","SENHA_DISPOSITIVO":"4567","ROTA":"0",'
            b'"CONTA":"1114000","SENHA":"1234","IDENTIDADE_DESTINO":"04832817000",'
            b'"MODO_PREDITIVO":"0","DADOS":"111222333-44;Fulano",'
            b'"IDENTIDADE_ORIGINADOR":"1112000","CPD":"1","TEMPO_REATENDIMENTO":"10",'
            b'"TIPO_CPD_DESTINO":"1","BLOQUEIO_TELEMARKETING":"NAO"}'
        )

    def test_body_is_utf_8(self, codec: Any) -> None:
        """Letters beyond ASCII are sent as themselves."""
        call = attrs.evolve(BARE, user_data="João 😀")

        assert '"DADOS":"João 😀"'.encode() in codec.encode_call(call)

    def test_unset_fields_are_null(self, codec: Any) -> None:
        """By default every field is sent, null where it is unset."""
        assert json.loads(codec.encode_call(BARE)) == {
            **dict.fromkeys(WIRE_NAMES.values()),
            "DISPOSITIVO": "1",
            "SENHA_DISPOSITIVO": "2",
            "ROTA": "0",
            "IDENTIDADE_DESTINO": "3",
        }

    def test_unset_fields_are_omitted(self, codec: Any) -> None:
        """With ``OMIT`` only the set fields are sent, the default route among them."""
        assert json.loads(codec.encode_call(BARE, UnsetFields.OMIT)) == {
            "DISPOSITIVO": "1",
            "SENHA_DISPOSITIVO": "2",
            "ROTA": "0",
            "IDENTIDADE_DESTINO": "3",
        }

    def test_empty_fields_are_sent(self, codec: Any) -> None:
        """An empty text is not unset: it is sent either way."""
        call = attrs.evolve(BARE, account="", user_data=Personal(""))

        for unset in UnsetFields:
            written = json.loads(codec.encode_call(call, unset))
            assert (written["CONTA"], written["DADOS"]) == ("", "")

    @pytest.mark.parametrize("unset", UnsetFields)
    def test_set_fields_are_always_sent(self, codec: Any, unset: UnsetFields) -> None:
        """How unset fields are written changes nothing for a full call."""
        assert json.loads(codec.encode_call(FULL, unset)) == DOCUMENTED_CALL

    @given(
        st.fixed_dictionaries(
            dict.fromkeys(
                ["device", "device_password", "destination"], st.text(min_size=1)
            ),
            optional={"user_data": st.text(), "account": st.text()},
        ),
        st.sampled_from(UnsetFields),
    )
    def test_both_codecs_write_the_same_bytes(
        self, given: dict[str, Any], unset: UnsetFields
    ) -> None:
        """A call is the same bytes with orjson and without."""
        try:
            call = PredictiveCall(**given)
        except InvalidCallError:
            return

        assert WITH.encode_call(call, unset) == WITHOUT.encode_call(call, unset)
