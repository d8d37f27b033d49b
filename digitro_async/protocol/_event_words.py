"""The words by which a dialect of events is guessed at, in English and Portuguese.

None of them is the vendor's: they only make proposals, which somebody looks at.
"""

import unicodedata
from collections.abc import Mapping
from typing import Final, TypeVar

from digitro_async.call_events import CallPhase, Disposition

__all__ = ["OPENING_NAMES", "disposition_of_word", "folded_word", "phase_of_word"]

_Meaning = TypeVar("_Meaning", Disposition, CallPhase)

OPENING_NAMES: Final = frozenset({"eventodeaberturadecanal", "onopenchannel"})
"""Opening events of documents, without what separates their words."""

_DISPOSITIONS: Final[Mapping[Disposition, tuple[str, ...]]] = {
    # The first that fits counts: "not answered" stands before "answered".
    Disposition.NO_ANSWER: (
        *("noanswer", "notanswer", "unanswer", "naoatend", "semresp", "norespon"),
        *("naoresp",),
    ),
    Disposition.BUSY: ("busy", "ocup", "engaged"),
    Disposition.MACHINE: (
        *("machine", "secretaria", "voicemail", "caixapostal", "correiodevoz"),
    ),
    Disposition.FAX: ("fax",),
    Disposition.INVALID_NUMBER: (
        *("invalid", "inexist", "unallocated", "vacant", "numeroerrad"),
    ),
    Disposition.CONGESTION: ("congest", "nocircuit", "semrota", "indispon"),
    Disposition.BLOCKED: ("block", "bloque", "barred"),
    Disposition.ABANDONED: ("abandon",),
    Disposition.ANSWERED: ("answer", "atend", "human", "accepted"),
    Disposition.ENDED: ("normal", "ended", "encerrad"),
}

_PHASES: Final[Mapping[CallPhase, tuple[str, ...]]] = {
    CallPhase.ENDED: (
        *("end", "fim", "encerr", "releas", "hang", "deslig", "clear", "termin"),
        *("finaliz", "libera", "disconnect", "desconect"),
    ),
    CallPhase.ANSWERED: ("answ", "atend", "accept", "connect", "conect", "estab"),
    CallPhase.RINGING: ("ring", "toque", "tocando", "alert", "chama"),
    CallPhase.STARTED: ("start", "inici", "begin", "dial", "disca", "orig", "seiz"),
}


def folded_word(word: str) -> str:
    """Return the letters and digits of a word, without case and accents."""
    plain = unicodedata.normalize("NFKD", word.casefold())
    return "".join(char for char in plain if char.isalnum())


def disposition_of_word(word: str) -> Disposition | None:
    """Return what a word seems to say became of a call, None where it says nothing."""
    folded = folded_word(word)
    return _first(_DISPOSITIONS, folded)


def phase_of_word(word: str) -> CallPhase | None:
    """Return how far a word seems to say a call is, None where it says nothing."""
    folded = folded_word(word).replace("chamada", "")  # a call, and no ringing
    if folded.startswith(("nao", "not", "no")):
        return None
    found = _first(_PHASES, folded.replace("atend", ""))  # which holds an "end"
    return CallPhase.ANSWERED if found is None and "atend" in folded else found


def _first(table: Mapping[_Meaning, tuple[str, ...]], folded: str) -> _Meaning | None:
    for meaning, parts in table.items():
        if any(part in folded for part in parts):
            return meaning
    return None
