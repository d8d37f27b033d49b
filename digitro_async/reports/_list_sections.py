"""PURE: the sections of a page that show PABX, reasons, the list and its contacts."""

from collections.abc import Sequence

from digitro_async.reports._campaign_tally import AttemptOutcome
from digitro_async.reports._campaign_view import (
    CampaignView,
    ContactsView,
    DurationsView,
    PABXView,
)
from digitro_async.reports._html_parts import (
    Cell,
    HTMLPiece,
    bar_table,
    joined,
    plain_table,
    text_piece,
)
from digitro_async.reports._words import (
    count_text,
    figure_text,
    local_time,
    name_text,
    seconds_words,
    share_text,
)

__all__ = [
    "contacts_section",
    "latency_section",
    "limits_section",
    "list_section",
    "pabx_section",
    "reasons_section",
    "waits_section",
]

_STATE_KINDS = {"accepted": "accepted", "rejected": "rejected", "unknown": "unknown"}


def list_section(view: CampaignView) -> HTMLPiece:
    """Return where the contacts are, and how far the list is."""
    states = [
        (name_text(state), count, _STATE_KINDS.get(state, "not-placed"))
        for state, count in view.states.items()
        if count
    ]
    pieces = [
        bar_table("states", "Contacts by state", ("state", "contacts"), states)
        if states
        else _paragraph("There is no contact in the ledger yet."),
        _figures(view),
    ]
    if view.exhausted:
        words = count_text(view.exhausted, "contact is", "contacts are")
        pieces.append(_paragraph(f"Of the pending, {words} out of attempts."))
    if view.tries:
        tries = [
            (count_text(made, "attempt"), count, "plain")
            for made, count in view.tries.items()
        ]
        pieces.append(
            bar_table("tries", "Attempts a contact", ("attempts", "contacts"), tries)
        )
    if view.later:
        later = [(words, count, "plain") for words, count in view.later.items()]
        pieces.append(
            bar_table(
                "later", "What changed beside attempts", ("change", "contacts"), later
            )
        )
    return joined([*pieces, _lists(view)])


def pabx_section(view: CampaignView) -> HTMLPiece:
    """Return what each PABX was given, and what came of it."""
    if not view.pabx:
        return _paragraph("No PABX was given an attempt yet.")
    outcomes = [one for one in AttemptOutcome if view.attempts[one]]
    head = [
        Cell(text="PABX"),
        *(
            Cell(text=text, is_number=True)
            for text in (
                "attempts",
                *map(name_text, outcomes),
                "busiest second",
                "cap a second",
                "median answer",
                "99 of 100 within",
            )
        ),
    ]
    rows = [_pabx_row(one, outcomes) for one in view.pabx]
    return plain_table("pabx", "Attempts by PABX", head, rows)


def _pabx_row(one: PABXView, outcomes: Sequence[AttemptOutcome]) -> list[Cell]:
    latency = one.latency
    texts = (
        f"{one.attempts:,}",
        *(f"{one.outcomes[outcome]:,}" for outcome in outcomes),
        f"{one.peak:,}",
        "not known" if one.cap is None else figure_text(one.cap),
        "-" if latency is None else seconds_words(latency.median),
        "-" if latency is None else seconds_words(latency.p99),
    )
    return [Cell(text=one.name), *(Cell(text=text, is_number=True) for text in texts)]


def reasons_section(view: CampaignView) -> HTMLPiece:
    """Return why attempts were not accepted."""
    if not view.reasons:
        return _paragraph("Every attempt with an outcome was accepted.")
    head = [
        Cell(text="reason"),
        Cell(text="attempts that"),
        Cell(text="outcome"),
        Cell(text="PABX"),
        Cell(text="attempts", is_number=True),
    ]
    rows = [
        [
            Cell(text=one.reason or "none was given", is_fixed=True),
            Cell(text=one.words),
            Cell(text=name_text(one.outcome)),
            Cell(text=one.pabx),
            Cell(text=f"{one.attempts:,}", is_number=True),
        ]
        for one in view.reasons
    ]
    return plain_table("reasons", "Why attempts were not accepted", head, rows)


def latency_section(view: CampaignView) -> HTMLPiece:
    """Return how long answers took, from the intent to the record of the answer."""
    if view.latency is None:
        return _paragraph("No attempt was answered yet.")
    one = view.latency
    return joined(
        [
            _paragraph(
                "From the record of the intent to the time of the answer, of attempts "
                f"that were accepted or rejected: half took at most "
                f"{seconds_words(one.median)}, nine of ten {seconds_words(one.p90)}, "
                f"99 of 100 {seconds_words(one.p99)} (right to 1 %)."
            ),
            bar_table(
                "latency", "Time to the answer", ("time", "attempts"), _bars(one)
            ),
        ]
    )


def _bars(durations: DurationsView) -> list[tuple[str, int, str]]:
    """Return the bars from the first that has something to the last that has."""
    bars, before = [], 0.0
    for end, count in durations.bars:
        name = (
            f"{seconds_words(before)} and more"
            if end is None
            else f"under {seconds_words(end)}"
        )
        bars.append((name, count, "plain"))
        before = end or before
    filled = [place for place, (_, count, _) in enumerate(bars) if count]
    return bars[filled[0] : filled[-1] + 1] if filled else []


def contacts_section(view: CampaignView) -> HTMLPiece:
    """Return contacts that somebody has to look at, masked."""
    if not (view.unknown.total or view.rejected.total or view.withheld.total):
        return _paragraph("No contact is unknown, rejected, invalid or withheld.")
    several = (
        ("unknown", "Unknown: to reconcile", view.unknown),
        ("rejected", "Rejected, invalid and skipped", view.rejected),
        ("withheld", "Withheld: a list says something else of them", view.withheld),
    )
    pieces = [
        _paragraph(
            "Numbers are masked; a contact is found by its number in the ledger or its "
            "line in the contact file. An unknown contact may have been called: "
            "digitro reconcile settles it, with evidence."
        )
    ]
    pieces += [
        _contacts(view, f"{key}-contacts", caption, contacts)
        for key, caption, contacts in several
        if contacts.total
    ]
    return joined(pieces)


def _contacts(
    view: CampaignView, key: str, caption: str, contacts: ContactsView
) -> HTMLPiece:
    heads = ("contact", "line", "number", "state", "PABX", "attempts", "why", "at")
    numeric = {"line", "attempts"}
    has_due = any(one.due is not None for one in contacts.first)
    names = (*heads, "not before") if has_due else heads
    head = [Cell(text=one, is_number=one in numeric) for one in names]
    rows = []
    for one in contacts.first:
        row = [
            Cell(text=f"#{one.number}"),
            Cell(text=str(one.line), is_number=True),
            Cell(text=one.masked, is_fixed=True),
            Cell(text=name_text(one.state)),
            Cell(text=one.pabx or "-"),
            Cell(text=f"{one.attempts:,}", is_number=True),
            Cell(text=one.words or "-"),
            Cell(text=local_time(one.at, view.offset), is_fixed=True),
        ]
        if has_due:
            row.append(Cell(text=local_time(one.due, view.offset), is_fixed=True))
        rows.append(row)
    table = plain_table(
        key, f"{caption}: {count_text(contacts.total, 'contact')}", head, rows
    )
    if not contacts.left_out:
        return table
    left = f"{count_text(contacts.left_out, 'more contact')} of these: digitro results."
    return joined([table, _paragraph(left)])


def waits_section(view: CampaignView) -> HTMLPiece:
    """Return the contacts that wait by rules, and what rules did so far."""
    waits = view.waits
    if waits is None:
        return HTMLPiece("")
    pieces = []
    counts = [(words, count, "plain") for words, count in waits.counts.items() if count]
    if counts:
        pieces.append(
            bar_table("waits", "Contacts that wait", ("because", "contacts"), counts)
        )
        next_due = local_time(waits.next_due, view.offset)
        pieces.append(_paragraph(f"The next one may be called at {next_due}."))
    else:
        pieces.append(_paragraph("No contact waits for a time."))
    steps = [(words, count, "plain") for words, count in waits.steps.items() if count]
    if steps:
        pieces.append(
            bar_table("rule-steps", "What rules did", ("step", "times"), steps)
        )
    if waits.contacts.total:
        pieces.append(
            _contacts(view, "waiting-contacts", "Deferred or to recall", waits.contacts)
        )
    return joined(pieces)


def limits_section(view: CampaignView) -> HTMLPiece:
    """Return what the ledger can't tell."""
    items = "".join(f"<li>{text_piece(one)}</li>" for one in view.unknowable)
    return HTMLPiece(f"<ul>{items}</ul>")


def _figures(view: CampaignView) -> HTMLPiece:
    head = [
        Cell(text="figure and its formula"),
        Cell(text="share", is_number=True),
        Cell(text="of", is_number=True),
    ]
    rows = [
        [
            Cell(text=one.name, note=one.formula),
            Cell(text=share_text(one.share), is_number=True),
            Cell(text=f"{one.part:,} / {one.whole:,}", is_number=True),
        ]
        for one in view.figures
    ]
    return plain_table("figures", "How far the list is", head, rows)


def _lists(view: CampaignView) -> HTMLPiece:
    if not view.lists:
        return HTMLPiece("")
    numeric = ("new contacts", "known before", "rejected rows")
    head = [
        Cell(text="list"),
        Cell(text="put in"),
        *(Cell(text=one, is_number=True) for one in numeric),
        Cell(text="to its end"),
    ]
    rows = [
        [
            Cell(text=f"{one.number}"),
            Cell(text=local_time(one.began_at, view.offset), is_fixed=True),
            *(
                Cell(text=f"{count:,}", is_number=True)
                for count in (one.new, one.known, one.rejected)
            ),
            Cell(text="yes" if one.is_whole else "no"),
        ]
        for one in view.lists
    ]
    return plain_table("lists", "Lists that were put in", head, rows)


def _paragraph(text: str) -> HTMLPiece:
    return HTMLPiece(f"<p>{text_piece(text)}</p>")
