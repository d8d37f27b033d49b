"""Tells what the names mean that programs in Brazil give to columns.

They are suggested to whoever names the columns, and never taken by themselves.
"""

import re
import shlex
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Final

from digitro_async._common.text import printable

__all__ = ["field_meant", "is_phone_word", "is_showable", "map_option", "suggestions"]

# Only what looks like a name is shown: a row of a person may stand in its place.
_LOOKS_LIKE_A_NAME = re.compile(r"[^\W\d][\w .?!/()#&'+-]{0,39}")
_MANY_DIGITS = re.compile(r"\d{4}")

_WORDS: Final[dict[str, tuple[str, ...]]] = {
    "destination": (
        *("celular", "cel", "contato", "destino", "destinatario", "fone", "numero"),
        *("tel", "telefone", "cellphone", "mobile", "mobilephone", "phone", "zap"),
        *("phonenumber", "telephone", "whatsapp", "telefonecelular", "telefonefixo"),
        *("numerodetelefone", "numerodotelefone", "numerotelefone", "numtelefone"),
        *("nrtelefone", "notelefone", "dddtelefone", "dddetelefone", "dddcelular"),
        *("dddfone", "telefonecomddd", "celularcomddd", "foneddd", "telefoneddd"),
        *("telefoneresidencial", "telefonecomercial", "telefonecontato"),
        *("telefonedecontato", "telefoneprincipal", "foneresidencial", "fonecelular"),
        *("fonecomercial", "foneres", "fonecom", "telres", "telcel", "telcom"),
        *("celularwhatsapp", "homephone", "workphone", "businessphone", "primaryphone"),
    ),
    "area_code": ("ddd", "codigodearea", "areacode", "prefixo"),
    "user_data": (
        *("nome", "nomecompleto", "nomecliente", "nomedocliente", "cliente", "name"),
        *("fullname", "razaosocial"),
    ),
    "id": (
        *("codigo", "cod", "codigocliente", "codcliente", "matricula", "idcliente"),
        *("cpf", "cnpj", "cpfcnpj", "contrato", "customerid", "recordid", "leadid"),
    ),
    "priority": (
        *("prioridade", "prior", "prio", "priorizacao", "ordem", "ordemdeligacao"),
        *("niveldeprioridade", "nivelprioridade", "graudeprioridade", "urgencia"),
        *("prioridadecliente", "leadpriority", "rank", "ranking"),
    ),
}
_MEANT: Final = {word: field for field, words in _WORDS.items() for word in words}


def is_showable(name: str) -> bool:
    """Whether a column's name looks like one, and like nothing of a person."""
    return bool(_LOOKS_LIKE_A_NAME.fullmatch(name)) and not _MANY_DIGITS.search(name)


def map_option(field: str, name: str) -> str:
    """Return the option that takes a column for a field, as a shell reads it."""
    return f"--map {shlex.quote(f'{field}={name}')}"


def field_meant(name: str) -> str | None:
    """Return the field that a column's name seems to mean, None where none."""
    if not is_showable(name):
        return None
    plain = unicodedata.normalize("NFKD", name.casefold())
    letters = re.sub(r"[^a-z0-9]", "", plain)
    return _MEANT.get(letters) or _MEANT.get(letters.rstrip("0123456789"))


def is_phone_word(name: str) -> bool:
    """Whether a column's name is one that programs give to phone numbers."""
    return field_meant(name) == "destination"


def suggestions(passed_over: Sequence[str], taken: Iterable[str]) -> tuple[str, ...]:
    """Return texts about columns that hold numbers or priorities and are not taken.

    Args:
        passed_over: Names of these columns, as they may be shown.
        taken: The fields that have a column.
    """
    used = set(taken)
    texts = []
    for name in passed_over:
        shown = printable(name)
        meant = field_meant(name)
        if meant == "priority" and meant not in used:
            used.add(meant)
            texts.append(
                f"the column {shown} looks like a priority, and is passed over: "
                f"{map_option(meant, shown)} takes it; a higher number comes up first"
            )
        if meant != "destination":
            continue
        free = (f"destination{place}" for place in range(2, 10))
        field = next((one for one in free if one not in used), None)
        if field is not None:
            used.add(field)
            texts.append(
                f"the column {shown} looks like a phone number's, and is "
                f"passed over: {map_option(field, shown)} takes it as one more "
                "number of the contact"
            )
    return tuple(texts)
