"""Answers as other tools write them: each has its one outcome, with either codec."""

import gzip
import json
from typing import Any

import pytest
from decoding_codecs import CODECS, read

from digitro_async.models import CallAccepted

GOOD = '{"ID_CHAMADA": "08/07/24 10:46:19 010A 0974/00"}'
MARK = b"\xef\xbb\xbf"
PLAIN = GOOD.encode()
WITH_ACCENTS = GOOD[:-1] + ', "MENSAGEM": "ligação é aceita"}'
PAGE = b"<!DOCTYPE html>\n<html><title>Sign in</title></html>"

ACCEPTED = {
    "mark": MARK + PLAIN,
    "mark, white space": MARK + b"\r\n " + PLAIN,
    "white space, mark": b"\r\n" + MARK + PLAIN + b"\r\n",
    "mark, more keys": MARK + WITH_ACCENTS.encode(),
    "white space": b"\n\t " + PLAIN + b"\r\n\r\n",
    "trailing NUL": PLAIN + b"\0",
    "trailing newline and NULs": PLAIN + b"\n\0\0\0",
    "UTF-16 with its mark": GOOD.encode("utf-16"),
    "UTF-16, little-endian": GOOD.encode("utf-16-le"),
    "UTF-16, big-endian": WITH_ACCENTS.encode("utf-16-be"),
    "UTF-16 with a NUL": (GOOD + "\0").encode("utf-16"),
    "UTF-32 with its mark": GOOD.encode("utf-32"),
    "ISO 8859-1 with accents": WITH_ACCENTS.encode("latin-1"),
    "Windows 1252 with accents": WITH_ACCENTS.encode("cp1252"),
    "DOS 850 with accents": WITH_ACCENTS.encode("cp850"),
    "escaped accents": json.dumps(json.loads(WITH_ACCENTS)).encode(),
    "gzip": gzip.compress(PLAIN),
    "gzip of a mark": gzip.compress(MARK + PLAIN),
    "other keys twice": PLAIN[:-1] + b', "A": 1, "A": 2}',
}
REFUSED = {
    "nothing": (b"", "empty_answer"),
    "white space alone": (b" \r\n", "empty_answer"),
    "NULs alone": (b"\0\0\0\0\0", "empty_answer"),
    "mark alone": (MARK, "empty_answer"),
    "mark and no object": (MARK + b"[]", "not_an_object"),
    "mark and no call id": (MARK + b"{}", "no_call_id"),
    "mark and two call ids": (
        MARK + b'{"ID_CHAMADA":"a","ID_CHAMADA":"b"}',
        "repeated_key",
    ),
    "two marks": (MARK + MARK + PLAIN, "not_json"),
    "mark inside": (b"{" + MARK + PLAIN[1:], "not_json"),
    "half a mark": (MARK[:2] + PLAIN, "not_json"),
    "NaN": (PLAIN[:-1] + b', "A": NaN}', "not_json"),
    "a comment": (b"/* ok */" + PLAIN, "not_json"),
    "two answers": (PLAIN + PLAIN, "not_json"),
    "two answers, a NUL between": (PLAIN + b"\0" + PLAIN, "not_json"),
    "a page": (PAGE, "html_answer"),
    "a page with a mark": (MARK + b"\n" + PAGE, "html_answer"),
    "a page in UTF-16": (PAGE.decode().encode("utf-16"), "html_answer"),
    "a page of XHTML": (b'<?xml version="1.0"?>\n<HTML lang="pt">', "html_answer"),
    "XML": (b"<ID_CHAMADA>1</ID_CHAMADA>", "not_json"),
    "UTF-16 cut off": (GOOD.encode("utf-16")[:-1], "not_json"),
    "gzip cut off": (gzip.compress(PLAIN * 9)[:-12], "not_json"),
    "gzip of too much": (gzip.compress(b" " * 10_000_000), "oversized_answer"),
    "only called gzip": (b"\x1f\x8b\x08" + PLAIN, "not_json"),
    # Which letter it is depends on the encoding, and so which call.
    "call id of bytes": ('{"ID_CHAMADA": "ligação"}'.encode("latin-1"), "not_json"),
    "deep": (MARK + b"[" * 33, "deep_answer"),
    "deep in UTF-16": (("[" * 33).encode("utf-16"), "deep_answer"),
}


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("body", ACCEPTED.values(), ids=ACCEPTED)
def test_accepted(codec: str, body: bytes) -> None:
    """An answer that says one call id is an acceptance, whatever tool wrote it."""
    found: Any = read(CODECS[codec], body)

    assert isinstance(found, CallAccepted)
    assert found.call_id == "08/07/24 10:46:19 010A 0974/00"
    assert found.raw["ID_CHAMADA"] == found.call_id


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize(("body", "code"), REFUSED.values(), ids=REFUSED)
def test_refused(codec: str, body: bytes, code: str) -> None:
    """An answer that leaves the call id open is none, and the code says why."""
    assert read(CODECS[codec], body) == code
