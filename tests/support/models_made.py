"""Calls and PABX made of fields whose values show where they come to light."""

from typing import Any

from digitro_async.calls import AnyDestination
from digitro_async.models import PABX, PredictiveCall

CANARY = "CANARY-7731"

NEEDED = {"device": "1125000", "device_password": "4567", "destination": "04832817000"}
SECRETS = ["device_password", "account_password"]
PERSONAL = ["destination", "user_data", "caller_id"]
MASKED = [*SECRETS, *PERSONAL]
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


def make_call(**given: Any) -> PredictiveCall:
    """Make a call of any texts, the required fields filled in."""
    fields: dict[str, Any] = {**NEEDED, **given}
    if isinstance(fields["destination"], str):
        fields["destination"] = AnyDestination(fields["destination"])
    return PredictiveCall(**fields)


def make_pabx(**given: Any) -> PABX:
    """Make a PABX, the required fields filled in."""
    needed = {
        "name": "matriz",
        "base_url": "http://pabx",
        "channel_id": 1,
        "api_key": "key",
    }
    return PABX(**{**needed, **given})
