"""PURE: a report as one page, which loads nothing and runs nothing."""

from typing import Final

from digitro_async.reports._campaign_view import CampaignView
from digitro_async.reports._html_parts import text_piece
from digitro_async.reports._page_sections import (
    PageSection,
    page_sections,
    summary_piece,
)
from digitro_async.reports._page_style import PAGE_STYLE, STYLE_HASH

__all__ = ["report_page"]

_POLICY: Final = (
    f"default-src 'none'; style-src {STYLE_HASH}; base-uri 'none'; form-action 'none'"
)


def report_page(view: CampaignView) -> str:
    """Return the whole page."""
    sections = page_sections(view)
    title = text_piece(f"Report: {view.name}")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        '<meta name="robots" content="noindex">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{title}</title>\n<style>{PAGE_STYLE}</style>\n</head>\n<body>\n"
        f"<header>\n<h1>{title}</h1>\n</header>\n{_contents(sections)}\n<main>\n"
        f"{summary_piece(view)}\n{''.join(map(_section, sections))}</main>\n"
        '<footer>\n<p class="soft">Made by digitro-async. It holds no number in full, '
        "no id and no name.</p>\n</footer>\n</body>\n</html>\n"
    )


def _contents(sections: tuple[PageSection, ...]) -> str:
    links = "".join(
        f'<li><a href="#{one.key}">{text_piece(one.title)}</a></li>' for one in sections
    )
    return f'<nav aria-label="Sections"><ul>{links}</ul></nav>'


def _section(section: PageSection) -> str:
    return (
        f'<section aria-labelledby="{section.key}">\n'
        f'<h2 id="{section.key}">{text_piece(section.title)}</h2>\n'
        f"{section.html}\n</section>\n"
    )
