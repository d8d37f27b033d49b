"""PURE: orders and replies as lines of JSON, of which each is checked."""

import json
from collections.abc import Mapping
from typing import Any, Final

from digitro_async.errors import ConfigurationError, DigitroError, LedgerError

__all__ = ["LONGEST_LINE", "error_of_reply", "line_of", "read_line", "reply_to"]

LONGEST_LINE: Final = 65_536
"""Bytes of the longest order or reply."""


def line_of(values: Mapping[str, Any]) -> bytes:
    """Return an order or a reply as a line."""
    return json.dumps(values).encode() + b"\n"


def read_line(line: bytes) -> Mapping[str, Any]:
    """Return the values of a line.

    Raises:
        LedgerError: If it is none.
    """
    try:
        values = json.loads(line) if line.endswith(b"\n") else None
    except (ValueError, RecursionError):
        values = None
    if isinstance(values, dict):
        return values
    raise LedgerError("an order or a reply is no line of JSON", reason="no_answer")


def reply_to(error: DigitroError) -> Mapping[str, Any]:
    """Return the reply that an order ends in by an error."""
    is_use = isinstance(error, ConfigurationError)
    kind = "use" if is_use else "ledger"
    return {"error": kind, "text": str(error.args[0]), "reason": error.reason}


def error_of_reply(reply: Mapping[str, Any]) -> DigitroError | None:
    """Return the error that a reply tells of, None where it tells of none."""
    if "error" not in reply:
        return None
    text, reason = str(reply.get("text")), str(reply.get("reason"))
    if reply["error"] == "use":
        return ConfigurationError(text, reason=reason)
    return LedgerError(text, reason=reason)
