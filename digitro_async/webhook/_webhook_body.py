"""PURE: results as the body of a webhook, under the names of ``digitro results``."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

import attrs

from digitro_async._common.text import iso_time
from digitro_async.ledger._result_feed_port import LedgerResult, ResultPage

__all__ = ["WebhookMessage", "message_of"]

_KIND: Final = "digitro.results"


@attrs.frozen
class WebhookMessage:
    """What is sent by one POST, and again until it is taken.

    Attributes:
        id: Its id, made of those of its results.
        body: Its body.
        results: How many results it has.
    """

    id: str
    body: bytes = attrs.field(repr=False)
    results: int


def message_of(page: ResultPage, now: float) -> WebhookMessage:
    """Return the message that a page of results becomes.

    Args:
        page: The results.
        now: Unix time.
    """
    rows = [_row_of(one, page.campaign) for one in page.results]
    digest = hashlib.blake2b(digest_size=16)
    for one in page.results:
        digest.update(one.id.encode())
    content = {"type": _KIND, "timestamp": iso_time(now), "data": {"results": rows}}
    return WebhookMessage(
        f"msg_{digest.hexdigest()}", json.dumps(content).encode(), len(rows)
    )


def _row_of(result: LedgerResult, campaign: str | None) -> Mapping[str, Any]:
    row: dict[str, Any] = {
        "result_id": result.id,
        "kind": "outcome" if result.end is None else "end",
        "campaign": campaign,
        "contact": f"#{result.contact}",
        "id": None if result.own_id is None else result.own_id.reveal(),
        "pabx": result.pabx,
        "call_id": result.call_id,
    }
    end = result.end
    if end is None:
        return row | {
            "state": None if result.state is None else result.state.value,
            "reason": result.reason,
            "evidence": result.evidence,
            "settled_at": _time(result.at),
        }
    return row | {
        "disposition": end.disposition.value,
        "word": end.word,
        "end_evidence": end.evidence.value,
        "sent_at": _time(result.at),
        "rang_at": _time(end.rang_at),
        "answered_at": _time(end.answered_at),
        "ended_at": _time(end.ended_at),
        "ring_seconds": _seconds(end.ring_seconds),
        "talk_seconds": _seconds(end.talk_seconds),
    }


def _seconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)


def _time(unix_time: float | None) -> str | None:
    return None if unix_time is None else iso_time(unix_time)
