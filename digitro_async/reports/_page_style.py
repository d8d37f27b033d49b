"""PURE: the look of a page: light and dark, on a phone, and on paper."""

import base64
import hashlib
from typing import Final

__all__ = ["PAGE_STYLE", "STYLE_HASH"]

# Contrast with the background: 4.5 and more for text, 3 and more for what is drawn.
PAGE_STYLE: Final = """
:root {
  color-scheme: light dark;
  --paper: #ffffff; --ink: #1b1f24; --soft: #59616b; --rule: #d5dae0; --wash: #f3f5f7;
  --good: #0b6e4f; --bad: #b3261e; --note: #8f4e00; --cap: #b3261e;
  --accepted: #0b6e4f; --rejected: #9b2c5a; --unknown: #c2620a; --not-placed: #7b828c;
  --open: #2f6fd6;
  --answered: #0b6e4f; --machine: #5b8c2a; --fax: #8a8a1f; --busy: #c2620a;
  --no-answer: #2f6fd6; --invalid-number: #9b2c5a; --congestion: #7a4bb5;
  --blocked: #5c2a1f; --abandoned: #b3261e; --ended: #4f7f8a; --other: #8a6d3b;
  --none-seen: #7b828c;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --paper: #14171c; --ink: #e7eaee; --soft: #a8b0ba; --rule: #3a424c; --wash: #1e232a;
    --good: #4fd1a1; --bad: #ff8a80; --note: #ffb95c; --cap: #ff8a80;
    --accepted: #3fbf8f; --rejected: #e07aa5; --unknown: #f0a83a; --not-placed: #9aa3ad;
    --open: #7fb0ff;
    --answered: #3fbf8f; --machine: #a3cf6a; --fax: #d4d46a; --busy: #f0a83a;
    --no-answer: #7fb0ff; --invalid-number: #e07aa5; --congestion: #bd9bee;
    --blocked: #c98f80; --abandoned: #ff8a80; --ended: #7fc1cf; --other: #cfae76;
    --none-seen: #9aa3ad;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 1rem; max-width: 68rem; background: var(--paper);
  color: var(--ink); font: 1rem/1.45 system-ui, sans-serif;
}
h1 { font-size: 1.5rem; margin: 0 0 .25rem; overflow-wrap: anywhere; }
h2 {
  font-size: 1.2rem; margin: 2.25rem 0 .5rem; padding-top: .75rem;
  border-top: 1px solid var(--rule);
}
h3 { font-size: 1rem; margin: 1.25rem 0 .25rem; }
p { margin: .25rem 0 .75rem; max-width: 46rem; }
p.soft { max-width: none; }
a { color: inherit; }
.soft, caption, .legend, .axis, figcaption { color: var(--soft); }
.problem {
  border-left: .3rem solid var(--bad); background: var(--wash); padding: .5rem .75rem;
}
nav ul, .legend, .tiles { list-style: none; margin: 0; padding: 0; }
nav ul { display: flex; flex-wrap: wrap; gap: .25rem 1rem; }
.tiles { display: grid; grid-template-columns: repeat(auto-fill, minmax(9rem, 1fr)); }
.tiles { gap: .5rem; margin: 1rem 0; }
.tiles div { background: var(--wash); padding: .5rem .75rem; border-radius: .25rem; }
.tiles dt { color: var(--soft); font-size: .85rem; }
.tiles dd { margin: 0; font-size: 1.4rem; font-variant-numeric: tabular-nums; }
.tiles .is-good dd { color: var(--good); }
.tiles .is-bad dd { color: var(--bad); }
.tiles .is-note dd { color: var(--note); }
figure { margin: .75rem 0 1rem; }
figcaption { margin-bottom: .25rem; font-weight: 600; color: var(--ink); }
.plot {
  display: block; width: 100%; height: 11rem; border-bottom: 1px solid var(--soft);
  background: var(--wash);
}
.axis { display: flex; justify-content: space-between; font-size: .8rem; gap: 1rem; }
.legend { display: flex; flex-wrap: wrap; gap: .1rem .9rem; font-size: .85rem; }
.swatch { width: .8rem; height: .8rem; vertical-align: -.08rem; margin-right: .3rem; }
.cap-line { stroke: var(--cap); stroke-width: 2; stroke-dasharray: 6 4; }
.hover { fill: transparent; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; margin: .5rem 0 1rem; }
table { font-size: .92rem; }
caption { text-align: left; font-weight: 600; color: var(--ink); padding: .25rem 0; }
th, td {
  text-align: left; padding: .25rem .75rem .25rem 0; vertical-align: top;
  border-bottom: 1px solid var(--rule);
}
th { font-weight: 600; }
tbody th { font-weight: 400; }
thead th { color: var(--soft); }
.note { display: block; color: var(--soft); font-size: .92em; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.fixed { font-family: ui-monospace, monospace; white-space: nowrap; }
.bar-cell { width: 55%; min-width: 7rem; padding-right: 0; }
.bar-cell div { display: flex; align-items: center; gap: .5rem; }
.bar-cell span {
  flex: 0 0 4.2rem; text-align: right; font-variant-numeric: tabular-nums;
}
.bar { flex: 1 1 0; width: 0; min-width: 2rem; height: .9rem; }
details { margin: .25rem 0 1rem; }
summary { cursor: pointer; color: var(--soft); font-size: .9rem; }
:focus-visible { outline: 2px solid var(--open); outline-offset: 2px; }
footer { margin-top: 2.5rem; border-top: 1px solid var(--rule); padding-top: .5rem; }
.plain { fill: var(--open); }
.accepted { fill: var(--accepted); } .rejected { fill: var(--rejected); }
.unknown { fill: var(--unknown); } .not-placed { fill: var(--not-placed); }
.open { fill: var(--open); }
.answered { fill: var(--answered); } .machine { fill: var(--machine); }
.fax { fill: var(--fax); } .busy { fill: var(--busy); }
.no-answer { fill: var(--no-answer); } .invalid-number { fill: var(--invalid-number); }
.congestion { fill: var(--congestion); } .blocked { fill: var(--blocked); }
.abandoned { fill: var(--abandoned); } .ended { fill: var(--ended); }
.other { fill: var(--other); } .none-seen { fill: var(--none-seen); }
@media (max-width: 40rem) {
  body { padding: .75rem; }
  .plot { height: 8rem; }
  .tiles { grid-template-columns: repeat(2, 1fr); }
}
@media print {
  body { max-width: none; padding: 0; font-size: 10pt; }
  nav, summary, details { display: none; }
  figure, tr, .tiles div { break-inside: avoid; }
  h2, h3, caption { break-after: avoid; }
  .scroll { overflow: visible; }
  table { font-size: 8pt; }
  th, td { padding-right: .4rem; }
  th.number, .fixed { white-space: normal; }
  .plot, .bar, .swatch { print-color-adjust: exact; }
}
"""
"""The one style sheet of a page; it is whole, and loads nothing."""


def _hash_of(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


STYLE_HASH: Final = _hash_of(PAGE_STYLE)
"""The source by which a content security policy allows this style sheet alone."""
