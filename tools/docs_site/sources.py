"""The pages of the site: those of ``docs`` as they are, with links that work there."""

import re
import shutil
import tomllib
from pathlib import Path

__all__ = ["ROOT", "SECTIONS", "navigation", "stage_pages", "titles"]

ROOT = Path(__file__).parents[2]
CHANGELOG = "changelog"
HOW_TO = "How-to guides"
ENGLISH = re.compile(r"\]\((?![a-z]+:|#)([^)\s]+)\)")

SECTIONS: dict[str, tuple[str, ...]] = {
    "Tutorials": ("first-day",),
    HOW_TO: (
        *("dispatch", "campaigns", "events", "commands", "web-backends", "blocking"),
        *("testing", "operating", "live-page", "report", "webhook", "telemetry"),
        *("backup", "postgresql", "workers", "deploy"),
    ),
    "Reference": (
        *("command-line", "cli", "settings", "errors", "reference", "rules"),
        *("contact-files", "screens", "glossary"),
    ),
    "Explanation": (
        *("architecture", "performance", "benchmarks", "planning", "security"),
        *("shared-caps",),
    ),
    "Português": ("pt/primeiros-passos", "pt/operacao"),
    "Project": ("contributing", CHANGELOG),
}
"""What Diátaxis calls the four kinds, and pages of each in README.md's order."""


def source_url() -> str:
    """Return the address of the repository."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    url: str = project["project"]["urls"]["Source"]
    return url


def stage_pages(target: Path) -> list[str]:
    """Write the pages of the repository into a folder, and return their names."""
    docs = ROOT / "docs"
    pages = {"index": ROOT / "README.md", CHANGELOG: ROOT / "CHANGELOG.md"}
    for path in sorted(docs.rglob("*.md")):
        pages[path.relative_to(docs).with_suffix("").as_posix()] = path
    staged = {path.resolve(): f"{name}.md" for name, path in pages.items()}
    for name, path in pages.items():
        place = target / f"{name}.md"
        place.parent.mkdir(parents=True, exist_ok=True)
        text = path.read_text(encoding="utf-8")
        place.write_text(_relinked(text, path, name, staged), encoding="utf-8")
    for path in docs.rglob("*"):
        if path.is_file() and path.suffix != ".md":
            copied = target / path.relative_to(docs)
            copied.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copied)
    return list(pages)


def _relinked(text: str, path: Path, name: str, staged: dict[Path, str]) -> str:
    """Return a page whose links lead to the site, or else to the repository."""
    source = source_url()
    up = "../" * name.count("/")

    def relink(found: re.Match[str]) -> str:
        file, _, anchor = found[1].partition("#")
        target = (path.parent / file).resolve()
        hashed = f"#{anchor}" if anchor else ""
        if target in staged:
            return f"]({up}{staged[target]}{hashed})"
        if target.is_relative_to(ROOT / "docs") and target.is_file():
            return f"]({up}{target.relative_to(ROOT / 'docs').as_posix()}{hashed})"
        inside = target.relative_to(ROOT).as_posix()
        return f"]({source}/blob/main/{inside}{hashed})"

    return ENGLISH.sub(relink, text)


def titles(target: Path, names: list[str]) -> dict[str, str]:
    """Return the title of each page, from its first heading."""
    found = {}
    for name in names:
        text = (target / f"{name}.md").read_text(encoding="utf-8")
        heading = re.search(r"(?m)^# (.+)$", text)
        found[name] = heading[1].strip() if heading else name
    return found


def navigation(names: list[str], api: list[str]) -> dict[str, list[str]]:
    """Return the pages of each section, in order.

    Args:
        names: The pages of the repository, and the one of the command line.
        api: The pages that are made of docstrings.
    """
    placed = {name for section in SECTIONS.values() for name in section}
    others = [name for name in names if name not in placed and name != "index"]
    nav = {"": ["index"]}
    for section, wanted in SECTIONS.items():
        nav[section] = [name for name in wanted if name in names]
    nav[HOW_TO] += others  # a new page is found, though nobody gave it a place
    nav["Reference"] += api
    return nav
