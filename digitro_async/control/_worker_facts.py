"""PURE: what a process that dials tells of itself, by its statistics."""

from typing import Any

from digitro_async.dispatch._statistics import Statistics

__all__ = ["worker_facts"]


def worker_facts(statistics: Statistics) -> dict[str, Any]:
    """Return what others are told: see ``WorkerStatus`` for the names.

    Args:
        statistics: The counts of its client at this moment.
    """
    pabx = statistics.pabx.values()
    return {
        "calls": sum(one.attempts for one in pabx),
        "in_flight": sum(one.in_flight for one in pabx),
        "limits": {
            one.name: one.limit.value if one.pause is None else one.pause.text
            for one in pabx
        },
    }
