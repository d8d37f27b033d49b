"""``digitro fit``: writes the ``[events]`` table out of captures."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

from cyclopts import Parameter

from digitro_async._common.text import one_of
from digitro_async.call_events import Disposition
from digitro_async.cli._capture import pieces_of_file
from digitro_async.cli._exit import Exit
from digitro_async.cli._output import hand_out, print_error
from digitro_async.config import load_event_preset
from digitro_async.errors import ConfigurationError
from digitro_async.protocol import (
    EventSurvey,
    FittedSettings,
    KnownCall,
    events_in,
    fit_events,
)

__all__ = ["fit"]

_OPEN: Final = "open"


def fit(
    *files: Path,
    path: str | None = None,
    call_id: str | None = None,
    destination: str | None = None,
    disposition: str | None = None,
    word: dict[str, str] | None = None,
    set_: Annotated[dict[str, str] | None, Parameter(name="--set")] = None,
) -> Exit:
    """Write the events table of digitro.toml from captured events.

    What you know of one call in the capture makes the table surer: call your own phone,
    capture the events, and give its call id, the number, and what became of it.

    Args:
        files: Captures: of ``digitro events listen --record``, or of any program that
            wrote down what came.
        path: Path of the request that opens the channel.
        call_id: Call id of one call in the capture, as the answer gave it.
        destination: The number that this call was made to.
        disposition: What became of this call, such as ``busy`` or ``answered``.
        word: What became of a call by a word that is not known, such as
            ``--word.OCUP busy``.
        set_: A field with a value of your own, such as ``--set.id_fields CANAL``.
    """
    if not files:
        raise ConfigurationError("fit needs a FILE: a captured stream of events")
    known = list(Disposition)
    if disposition is not None and disposition not in known:
        raise ConfigurationError(
            f"--disposition: no such word{one_of(disposition, known)}"
        )
    pieces = (piece for file in files for piece in (*pieces_of_file(file), b"\n\n"))
    fitted = fit_events(
        EventSurvey(events_in(pieces)),
        KnownCall(
            call_id=call_id,
            destination=destination,
            disposition=None if disposition is None else Disposition(disposition),
        ),
    )
    _take_words(fitted, word or {})
    for field, value in (set_ or {}).items():
        fitted.put(field, value, "you said so", sure=True)
    if path is not None:
        fitted.put(_OPEN, path, "you said so", sure=True)
    _check(fitted)
    lines = list(_lines(fitted, [file.name for file in files]))
    hand_out(f"{line}\n".encode() for line in lines)
    for question in fitted.questions:
        print_error(f"open: {question}")
    if _OPEN not in fitted.values:
        print_error(
            "open: by which path is the channel opened? Give --path, or fill in"
        )
    is_whole = not fitted.questions and _OPEN in fitted.values
    return Exit.DONE if is_whole else Exit.INCOMPLETE


def _take_words(fitted: FittedSettings, words: dict[str, str]) -> None:
    """Take what somebody says of words, in place of guesses and questions."""
    known = list(Disposition)
    for word, meaning in words.items():
        if meaning not in known:
            raise ConfigurationError(f"--word: no such meaning{one_of(meaning, known)}")
        told = fitted.values.setdefault("dispositions", {})
        told[word] = meaning
        fitted.reasons.setdefault("dispositions", "you said so")
        fitted.questions = [one for one in fitted.questions if repr(word) not in one]


def _check(fitted: FittedSettings) -> None:
    """Refuse a table that could not be loaded."""
    values = {_OPEN: "/", "opened_names": "?"} | fitted.values
    load_event_preset("pabx", **values)


def _lines(fitted: FittedSettings, names: list[str]) -> Any:
    """Yield the lines of the table, a comment with the reason before each field."""
    yield f"# Fitted to {', '.join(names)} by digitro fit. Look at each guess."
    yield "[events]"
    yield 'preset = "pabx"'
    if _OPEN not in fitted.values:
        yield "# FILL IN: the path of the request that opens the channel."
        yield '# open = "/..."'
    for field, value in fitted.values.items():
        mark = "GUESS: " if field in fitted.guessed else ""
        yield f"# {mark}{fitted.reasons[field]}"
        yield f"{field} = {_toml(value)}"
    for question in fitted.questions:
        yield f"# OPEN: {question}"


def _toml(value: Any) -> str:
    """Return a text, or a list or table of texts, as TOML."""
    if isinstance(value, Mapping):
        inner = ", ".join(
            f"{_text(name)} = {_toml(one)}" for name, one in value.items()
        )
        return f"{{ {inner} }}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(_toml(one) for one in value)}]"
    return _text(str(value))


def _text(text: str) -> str:
    # A JSON text is one of TOML, too, but for DEL.
    return json.dumps(text).replace("\x7f", "\\u007F")
