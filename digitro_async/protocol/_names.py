"""The vendor's Portuguese names, in this file alone: paths, headers, fields, values.

Sources (pages of docs-pabx.digitro.com): P1 is api-10271002 "Gerar chamada preditiva",
P2 is api-10270983, P3 is api-10271009, P4 is api-10271012. VERIFIED means that the page
says so.
"""

from typing import Final

__all__ = [
    "API_KEY_HEADER",
    "CALL_ID",
    "COMMAND_PREFIX",
    "DOCUMENTED_ACCEPTANCE",
    "DOCUMENTED_CALL",
    "DTMF_DETECTION_NAMES",
    "DTMF_DETECTION_PATH",
    "PASSWORD_CHANGE_NAMES",
    "PASSWORD_CHANGE_PATH",
    "PREDICTIVE_CALL_PATH",
    "QUEUE_REDIRECT_NAMES",
    "QUEUE_REDIRECT_PATH",
    "WIRE_NAMES",
]

API_KEY_HEADER: Final = "x-api-key"
"""VERIFIED (P1, P2, P3): access key for control over CTI."""

COMMAND_PREFIX: Final = "/requests/{channel_id}/"
"""VERIFIED (P1 to P4): begins the path of every command that a page shows."""

PREDICTIVE_CALL_PATH: Final = "/requests/{channel_id}/chamada-preditiva"
"""VERIFIED (P1); the channel id is an integer (P2, P3)."""

WIRE_NAMES: Final = {
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
"""VERIFIED (P1): the 13 fields, in the order of the example. The English names of the
last eight are interpretations (see the docstring of ``PredictiveCall``)."""

CALL_ID: Final = "ID_CHAMADA"
"""VERIFIED (P1, P3): text that names the call in the answer and in later commands."""

QUEUE_REDIRECT_PATH: Final = "/requests/{channel_id}/executa-desvio"
"""VERIFIED (P2)."""

QUEUE_REDIRECT_NAMES: Final = {
    "device": "DISPOSITIVO",
    "device_password": "SENHA_DISPOSITIVO",
    "destination_device": "DISPOSITIVO_DESTINO",
    "call_id": "ID_CHAMADA",
    "priority": "PRIORIDADE",
    "user_data": "DADOS",
}
"""VERIFIED (P2), all but the last one required. The copy of the page ends in the row of
the last one: whether that is required, and whether others follow, is UNKNOWN."""

DTMF_DETECTION_PATH: Final = "/requests/{channel_id}/detectar-cifras-dtmf"
"""VERIFIED (P3)."""

DTMF_DETECTION_NAMES: Final = {
    "device": "DISPOSITIVO",
    "device_password": "SENHA_DISPOSITIVO",
    "call_id": "ID_CHAMADA",
}
"""VERIFIED (P3), all required."""

PASSWORD_CHANGE_PATH: Final = "/requests/{channel_id}/altera-senha"  # noqa: S105 - a path
"""VERIFIED (P4)."""

PASSWORD_CHANGE_NAMES: Final = {
    "device": "DISPOSITIVO",
    "device_password": "SENHA_DISPOSITIVO",
    "account": "CONTA",
    "account_password": "SENHA",
    "new_password": "NOVA_SENHA",
}
"""VERIFIED (P4); account and its password are optional, all others required."""

DOCUMENTED_CALL: Final = {
    "DISPOSITIVO": "1125000",
    "SENHA_DISPOSITIVO": "4567",
    "ROTA": "0",
    "CONTA": "1114000",
    "SENHA": "1234",
    "IDENTIDADE_DESTINO": "04832817000",
    "MODO_PREDITIVO": "0",
    "DADOS": "111222333-44;Fulano",
    "IDENTIDADE_ORIGINADOR": "1112000",
    "CPD": "1",
    "TEMPO_REATENDIMENTO": "10",
    "TIPO_CPD_DESTINO": "1",
    "BLOQUEIO_TELEMARKETING": "NAO",
}
"""VERIFIED (P1): the body of the documented example."""

DOCUMENTED_ACCEPTANCE: Final = {"ID_CHAMADA": "08/07/24 10:46:19 010A 0974/00"}
"""VERIFIED (P1): the answer of the documented example."""
