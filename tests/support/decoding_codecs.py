"""The codec of answers, with orjson and without."""

from typing import Any

from helpers import load_without_orjson

from digitro_async.models import CallAccepted
from digitro_async.protocol import _decoding

WITH: Any = _decoding
WITHOUT = load_without_orjson(_decoding)
CODECS = {"orjson": WITH, "stdlib": WITHOUT}


def read(codec: Any, body: bytes) -> CallAccepted | str:
    """Return what a codec reads: an acceptance, or the code of its refusal."""
    try:
        accepted: CallAccepted = codec.decode_answer(body)
    except codec.UnreadableBodyError as error:
        refusal = error
    else:
        return accepted

    assert refusal.__context__ is refusal.__cause__ is None
    assert len(refusal.args) == 1
    return str(refusal.args[0])
