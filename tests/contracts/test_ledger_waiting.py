"""The contract of a ledger's reader about contacts that wait, and their report."""

import datetime as dt

from ledgers import NOW, contacts
from report_pages import read_page
from schedules import (
    LATER,
    Scene,
    called_once,
    claim_due,
    defer,
    plan,
    recalled,
    scene,
)

from digitro_async.ledger import State, WaitKind
from digitro_async.reports import (
    CampaignReading,
    CampaignView,
    report_page,
    summary_lines,
)

__all__ = ["scene"]


def view_of(scene: Scene, now: float = NOW) -> CampaignView:
    """Return the view of the campaign."""
    with scene.shelf.reader() as reader:
        return CampaignReading("l", zone=dt.UTC).read(reader, now)


async def test_who_waits(scene: Scene) -> None:
    """A reader lists those that wait as they will be due, and nobody who is."""
    await scene.ledger.add(contacts(4))
    await claim_due(scene, limit=3)
    await defer(scene, 1, LATER + 60, "outside_hours")
    await defer(scene, 2, LATER, "spacing")
    await called_once(scene, 3)
    assert await scene.ledger.schedule.recall(
        3, attempts=1, due=LATER + 30, place=0, reason="busy", now=NOW
    )
    with scene.shelf.reader() as reader:
        waiting = reader.list_waiting(NOW, 9)
        some = reader.list_waiting(NOW, 1)
        later = reader.list_waiting(LATER + 45, 9)
        pending = reader.list_contacts([State.PENDING], 9)

    assert [(one.number, one.due, one.wait) for one in waiting] == [
        (2, LATER, WaitKind.DEFERRED),
        (3, LATER + 30, WaitKind.RECALL),
        (1, LATER + 60, WaitKind.DEFERRED),
    ]
    assert [one.number for one in some] == [2]
    assert [one.number for one in later] == [1]
    assert [one.number for one in pending] == [1, 2, 3, 4]
    assert waiting[0].reason == "spacing"
    assert waiting[0].destination is not None


async def test_a_report_of_who_waits(scene: Scene) -> None:
    """A report says for what contacts wait, until when, and who they are, masked."""
    await recalled(scene, 2)
    await defer(scene, 1, LATER + 60, "outside_hours")
    view = view_of(scene)
    page = read_page(report_page(view))

    assert view.waits is not None
    assert view.waits.next_due == LATER
    assert page.column("Contacts that wait", "contacts") == {
        "deferred: met closed calling hours": "1",
        "to be recalled": "1",
    }
    table = page.tables["Deferred or to recall: 2 contacts"]
    assert table[0][-1] == "not before"
    assert [row[0] for row in table[1:]] == ["#2", "#1"]
    assert [row[-1] for row in table[1:]] == [
        "2027-01-15 09:00:00",
        "2027-01-15 09:01:00",
    ]
    assert "0483281" not in repr(view)
    assert "2 contacts wait, the next one until 2027-01-15 09:00:00:" in summary_lines(
        view
    )


async def test_nobody_waits(scene: Scene) -> None:
    """Where no rule ever acted, the report has no section of it."""
    await scene.ledger.add(contacts(1))
    await claim_due(scene)
    await plan(scene, 1)
    view = view_of(scene)

    assert view.waits is None
    assert "Deferred contacts and recalls" not in read_page(report_page(view)).headings
