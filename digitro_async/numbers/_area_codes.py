"""PURE: the area codes of Brazil (DDD), each with its state.

VERIFIED against the metadata of phonenumbers: a test compares the 67 codes with its
pattern. The states are those of Anatel's plan. A code may reach over a border (61 is
the Federal District and places of Goiás around it), so a state says where most numbers
of a code are; and no code says where a person is.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

__all__ = ["AREA_CODES"]

_STATES: Final = {
    "AC": "68",
    "AL": "82",
    "AM": "92 97",
    "AP": "96",
    "BA": "71 73 74 75 77",
    "CE": "85 88",
    "DF": "61",
    "ES": "27 28",
    "GO": "62 64",
    "MA": "98 99",
    "MG": "31 32 33 34 35 37 38",
    "MS": "67",
    "MT": "65 66",
    "PA": "91 93 94",
    "PB": "83",
    "PE": "81 87",
    "PI": "86 89",
    "PR": "41 42 43 44 45 46",
    "RJ": "21 22 24",
    "RN": "84",
    "RO": "69",
    "RR": "95",
    "RS": "51 53 54 55",
    "SC": "47 48 49",
    "SE": "79",
    "SP": "11 12 13 14 15 16 17 18 19",
    "TO": "63",
}

AREA_CODES: Final[Mapping[str, str]] = MappingProxyType(
    {code: state for state, codes in _STATES.items() for code in codes.split()}
)
"""Area code (DDD) to the state, in two letters, in which most of its numbers are."""
