"""Keep the figures of the last run, to compare the next one with."""

import json
from pathlib import Path
from typing import Any

from benchmarks.reporting.plot import draw
from benchmarks.reporting.tables import changes

FOLDER = Path(__file__).parents[1] / "results"
"""Folder of the figures, unless another is given; no part of the repository."""


def default_path(*, quick: bool) -> Path:
    """Return the file of the last run; quick ones have their own."""
    return FOLDER / ("quick.json" if quick else "last.json")


def read(path: Path) -> dict[str, Any]:
    """Return a record that was saved."""
    record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return record


def read_last(path: Path) -> dict[str, Any]:
    """Return the last run's record, an empty one if there is none that can be read."""
    try:
        return read(path)
    except (FileNotFoundError, json.JSONDecodeError):
        return {}


def save(record: dict[str, Any], last: dict[str, Any], path: Path, plot: Path) -> None:
    """Write the figures and their picture; an earlier file is replaced as a whole.

    Args:
        record: Figures of this run; the picture shows them alone.
        last: An earlier record, whose parts are kept that were not run now.
        path: File for the figures.
        plot: File for the picture.
    """
    parts = {**last.get("parts", {}), **record["parts"]}
    figures = json.dumps({**record, "parts": parts}, indent=1) + "\n"
    for file, text in ((path, figures), (plot, draw(record))):
        file.parent.mkdir(parents=True, exist_ok=True)
        fresh = file.with_name(file.name + ".new")
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(file)


def compare(
    part: str, before: dict[str, Any], now: dict[str, Any], *, asked: bool
) -> str:
    """Return what changed in a part since an earlier record, "" if nothing can be said.

    Args:
        part: Name of the part.
        before: The whole earlier record.
        now: The part's record now.
        asked: Whether to compare even if the plans differ.
    """
    then = before.get("parts", {}).get(part)
    if then is None or "ratios" not in now:
        return ""
    if not (asked or same_plan(then, now)):
        return f"{part}: the last run had another plan, so it is not compared"
    machine = then.get("machine") or before["machine"]  # older files had one for all
    taken = f"the earlier file was taken at {machine['taken_at']}"
    others = differences(machine, now["machine"])
    return "\n".join((changes(part, then, now), "", taken, *others))


def same_plan(then: dict[str, Any], now: dict[str, Any]) -> bool:
    """Return whether two records of a part were measured in the same way."""
    return all(then.get(key) == now[key] for key in ("scenario", "plan"))


def differences(then: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Return a line for each fact of two machines that explains other figures."""
    facts = ("commit", "python", "python_pgo", "processor", "cores", "system")
    pairs = [(key, then.get(key), now[key]) for key in facts]
    for key in ("packages", "programs"):
        old = then.get(key, {})
        pairs += [(name, old.get(name), one) for name, one in now.get(key, {}).items()]
    return [f"DIFFERS {key}: {old} -> {new}" for key, old, new in pairs if old != new]
