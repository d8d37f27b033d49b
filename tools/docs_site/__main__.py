"""Builds the site, and ends with 1 where a link, a docstring or a page is at fault."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

from tools.docs_site.checks import broken_links, complaints
from tools.docs_site.reference_pages import stage_reference
from tools.docs_site.sources import ROOT, navigation, source_url, stage_pages, titles

BUILD = ROOT / "build"
INTRODUCTION = (
    "Asyncio client for the Dígitro PABX HTTP API: predictive calls over pooled, paced "
    "connections, never the same call twice. Every page is here as Markdown, too: the "
    "same address with .md. Those of the modules, under api/, are HTML alone."
)
FEATURES = [
    *("content.code.copy", "navigation.footer", "navigation.indexes"),
    *("navigation.sections", "navigation.top", "navigation.tracking"),
    "search.highlight",
]
MERMAID = (
    "custom_fences = [{ name = 'mermaid', class = 'mermaid', format ="
    " 'pymdownx.superfences.fence_code_format' }]"
)
PALETTES = """
[[project.theme.palette]]
media = "(prefers-color-scheme: light)"
scheme = "default"
toggle.icon = "lucide/sun"
toggle.name = "Switch to the dark colours"

[[project.theme.palette]]
media = "(prefers-color-scheme: dark)"
scheme = "slate"
toggle.icon = "lucide/moon"
toggle.name = "Switch to the light colours"
"""
DOCSTRINGS = """
[project.plugins.mkdocstrings.handlers.python]
paths = [{paths}]

[project.plugins.mkdocstrings.handlers.python.options]
docstring_style = "google"
# attrs writes the constructors, which are not seen here.
docstring_section_style = "list"  # a table would call each of their fields required
docstring_options = {{ warn_unknown_params = false, warn_missing_types = false }}
heading_level = 2
members_order = "source"
merge_init_into_class = true
separate_signature = true
show_root_heading = true
show_root_full_path = false
show_signature_annotations = true
show_source = false
signature_crossrefs = true
"""


def main() -> int:
    """Build the site, and return the exit code."""
    pages, site = BUILD / "site-pages", BUILD / "site"
    for folder in (pages, site):
        shutil.rmtree(folder, ignore_errors=True)
    names = stage_pages(pages)
    api = stage_reference(pages)
    names.append("cli")
    nav = navigation(names, api)
    named = titles(pages, [*names, *api])
    (BUILD / "zensical.toml").write_text(settings(nav, named), encoding="utf-8")
    words = [sys.executable, "-m", "zensical", "build", "--strict", "--clean"]
    done = subprocess.run(  # noqa: S603 - its own words
        [*words, "--config-file", str(BUILD / "zensical.toml")],
        cwd=BUILD,
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    faults = complaints(done.stdout)
    if done.returncode:
        faults.append(f"zensical ended with {done.returncode}:\n{done.stdout}")
    else:
        write_llms_files(pages, site, nav, named)
        faults += broken_links(site)
    print("\n".join(faults), file=sys.stderr, end="\n" if faults else "")  # noqa: T201
    print(f"{len(names) + len(api)} pages in {site}, {len(faults)} faults")  # noqa: T201
    return 1 if faults else 0


def settings(nav: dict[str, list[str]], named: dict[str, str]) -> str:
    """Return the configuration of the site."""
    entries: list[dict[str, object]] = []
    for section, pages in nav.items():
        listed = [{named[name]: f"{name}.md"} for name in pages]
        if section:
            entries.append({section: listed})
        else:
            entries += [{"Overview": f"{name}.md"} for name in pages]
    lines = [
        "[project]",
        'site_name = "digitro_async"',
        f'site_url = "{source_url()}/"',
        f'repo_url = "{source_url()}"',
        'docs_dir = "site-pages"',
        'site_dir = "site"',
        f"nav = {toml(entries)}",
        "[project.theme]",
        "font = false",  # those of the reader's system: none is fetched from elsewhere
        f"features = {json.dumps(FEATURES)}",
        PALETTES,
        "[project.markdown_extensions]",
        "admonition = {}",
        "attr_list = {}",
        "md_in_html = {}",
        "tables = {}",
        "toc = { permalink = true }",
        "pymdownx.highlight = {}",
        "pymdownx.inlinehilite = {}",
        "[project.markdown_extensions.pymdownx.superfences]",
        MERMAID,
        DOCSTRINGS.format(paths=json.dumps(str(ROOT))),
    ]
    return "\n".join(lines)


def toml(value: object) -> str:
    """Return text, lists and tables as an inline value of TOML."""
    if isinstance(value, dict):
        inside = ", ".join(f"{json.dumps(k)} = {toml(v)}" for k, v in value.items())
        return f"{{ {inside} }}"
    if isinstance(value, list):
        return f"[{', '.join(map(toml, value))}]"
    return json.dumps(value, ensure_ascii=False)


def write_llms_files(
    pages: Path, site: Path, nav: dict[str, list[str]], named: dict[str, str]
) -> None:
    """Write llms.txt, and each page as Markdown beside its HTML."""
    lines = ["# digitro_async", "", f"> {INTRODUCTION}", ""]
    for section, names in nav.items():
        made = [name for name in names if name.startswith("api/")]
        written = [name for name in names if name not in made]
        lines += [f"## {section or 'Overview'}", ""]
        lines += [f"- [{named[name]}]({name}.md)" for name in written]
        lines += [f"- [{named[name]}]({name}/)" for name in made]
        lines.append("")
        for name in written:
            copied = site / f"{name}.md"
            copied.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(pages / f"{name}.md", copied)
    (site / "llms.txt").write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
