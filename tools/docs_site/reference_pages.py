"""The pages that are made of the code: docstrings, and the help of the commands."""

import importlib
import inspect
from pathlib import Path

__all__ = ["FACADES", "command_page", "stage_reference"]

FACADES = {
    "digitro_async": "What a program imports",
    "digitro_async.blocking": "Programs without an event loop",
    "digitro_async.testing": "Simulator, faults and bad networks",
    "digitro_async.contacts": "Contact files",
    "digitro_async.numbers": "Brazilian numbers",
    "digitro_async.ledger": "Ledgers",
    "digitro_async.rules": "Rules of calling",
    "digitro_async.workers": "Many workers",
    "digitro_async.control": "Orders while calls are made",
    "digitro_async.campaign": "Campaigns",
    "digitro_async.config": "Configuration and rules files",
    "digitro_async.exporters": "Metrics, spans and logs",
    "digitro_async.webhook": "Results that are sent on",
}
"""The modules that users import from, and what each is for."""


def stage_reference(target: Path) -> list[str]:
    """Write the pages of the reference into a folder, and return their names."""
    (target / "api").mkdir(parents=True, exist_ok=True)
    names = []
    told: dict[str, str] = {}
    for facade, purpose in FACADES.items():
        name = f"api/{facade}"
        text = api_page(facade, purpose, told)
        (target / f"{name}.md").write_text(text, encoding="utf-8")
        names.append(name)
    (target / "cli.md").write_text(command_page(), encoding="utf-8")
    return names


def api_page(facade: str, purpose: str, told: dict[str, str]) -> str:
    """Return the page of a facade.

    Args:
        facade: Name of the module.
        purpose: What it is for.
        told: The page that each object is on already, by its full name; is added to.
    """
    module = importlib.import_module(facade)
    lines = [f"# {facade}", "", f"{purpose}. {inspect.getdoc(module) or ''}", ""]
    elsewhere = []
    for name in module.__all__:
        value = getattr(module, name)
        home = getattr(value, "__module__", None)
        if not (inspect.isclass(value) or inspect.isfunction(value)) or home is None:
            lines += [f"## {name} {{ #{facade}.{name} }}", "", described(value), ""]
            continue
        full = f"{home}.{value.__qualname__}"
        if full in told:
            elsewhere.append(f"[`{name}`]({told[full]}.md#{full})")
            continue
        told[full] = facade
        lines += [f"::: {full}", ""]
    if elsewhere:
        lines += ["## Described elsewhere", "", ", ".join(elsewhere) + ".", ""]
    return "\n".join(lines)


def described(value: object) -> str:
    """Return what is said of a constant or an alias."""
    text = repr(value)
    shown = text if len(text) < 200 else f"a {type(value).__name__}"
    return f"`{shown}`"


def command_page() -> str:
    """Return the page of the command line, as ``digitro --help`` tells it."""
    from digitro_async.cli._app import app  # noqa: PLC0415 - needs the extra

    made = app.generate_docs(output_format="markdown", heading_level=1)
    head, _, rest = made.partition("\n")
    note = (
        "Every command with its options, as `digitro COMMAND --help` tells them. "
        "[The command line](command-line.md) explains them."
    )
    return f"{head}: every option\n\n{note}\n{rest}"
