"""What must be true of the built site."""

import html
import re
from html.parser import HTMLParser
from pathlib import Path

__all__ = ["broken_links", "complaints"]


def complaints(log: str) -> list[str]:
    """Return the lines of a build's log that tell of a fault.

    A strict build of zensical ends well where a docstring is at odds with its function:
    that is in the log alone.
    """
    plain = re.sub(r"\x1b\[[\d;]*m", "", log)
    # griffe tells of docstrings without a word of the level.
    marks = re.compile(r"(?i)^griffe:|\b(warning|error|critical|traceback)\b")
    return [line.strip() for line in plain.splitlines() if marks.search(line)]


class _Page(HTMLParser):
    """The links and the anchors of one page."""

    def __init__(self) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.anchors: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the places and the targets of a tag."""
        given = dict(attrs)
        if one := given.get("id") or given.get("name"):
            self.anchors.add(one)
        if tag == "a" and (link := given.get("href")):
            self.links.add(html.unescape(link))


def broken_links(site: Path) -> list[str]:
    """Return the links within a site that lead nowhere."""
    pages = {}
    for path in site.rglob("*.html"):
        page = _Page()
        page.feed(path.read_text(encoding="utf-8"))
        pages[path.resolve()] = page
    broken = []
    for path, page in sorted(pages.items()):
        if path.name == "404.html":  # its links are those of the top folder
            continue
        for link in sorted(page.links):
            if re.match(r"[a-z]+:|//", link):
                continue
            file, _, anchor = link.partition("#")
            target = (path.parent / file).resolve() if file else path
            if target.is_dir():
                target /= "index.html"
            found = pages.get(target)
            is_lost = found is None and not target.exists()
            if is_lost or (found and anchor and anchor not in found.anchors):
                broken.append(f"{path.relative_to(site.resolve())}: {link}")
    return broken
