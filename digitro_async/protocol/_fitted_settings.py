"""What is known before settings are fitted to a capture, and what comes of it."""

from typing import Any

import attrs

from digitro_async.call_events import Disposition

__all__ = ["FittedSettings", "KnownCall"]


@attrs.frozen(kw_only=True)
class KnownCall:
    """What somebody knows of one call in a capture.

    Attributes:
        call_id: Its call id, as the answer to its command gave it.
        destination: The number called.
        disposition: What became of it.
    """

    call_id: str | None = None
    destination: str | None = attrs.field(default=None, repr=False)
    disposition: Disposition | None = None


@attrs.define
class FittedSettings:
    """Settings that fit a capture.

    Attributes:
        values: The fields of ``EventChannelSettings``, as ``digitro.toml`` has them.
        reasons: For each of them, why.
        guessed: Those of them that may well be wrong.
        questions: What could not be found, in sentences.
    """

    values: dict[str, Any] = attrs.field(factory=dict)
    reasons: dict[str, str] = attrs.field(factory=dict)
    guessed: set[str] = attrs.field(factory=set)
    questions: list[str] = attrs.field(factory=list)

    def put(self, field: str, value: Any, reason: str, *, sure: bool = False) -> None:
        """Set a field that holds anything, and note why."""
        if value:
            self.values[field], self.reasons[field] = value, reason
            if not sure:
                self.guessed.add(field)
