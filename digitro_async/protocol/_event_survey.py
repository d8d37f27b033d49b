"""EventSurvey: what is in a captured stream, whatever its dialect."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import Final

import attrs

from digitro_async.protocol._event_fields import ANY_NAME, all_fields, members_of
from digitro_async.protocol._sse import EventParser, RawEvent

__all__ = ["EventSurvey", "SurveyedEvent", "events_in"]

MOST_EVENTS: Final = 100_000
"""Most events of a capture that are looked at."""

_MOST_BYTES: Final = 1 << 20
_UNNAMED: Final = "message"


@attrs.frozen
class SurveyedEvent:
    """One captured event, as names and texts: PERSONAL DATA ARE OPEN.

    Attributes:
        line_name: The name of its ``event:`` line, None without one.
        fields: The text of each field, by names joined by dots.
        data: The whole data.
    """

    line_name: str | None
    fields: dict[str, str] = attrs.field(repr=False)
    data: str = attrs.field(repr=False)

    @property
    def is_empty(self) -> bool:
        """Whether it holds neither a name nor a field."""
        return self.line_name is None and not self.fields and self.data in {"", "{}"}


def events_in(pieces: Iterable[bytes]) -> Iterator[RawEvent]:
    """Yield the events of a captured stream, up to a bound."""
    parser = EventParser(_MOST_BYTES)
    count = 0
    for piece in pieces:
        for event in parser.feed(piece):
            yield event
            count += 1
            if count == MOST_EVENTS:
                return


class EventSurvey:
    """Finds out which fields events have, and where their names stand.

    Args:
        raws: The events of a capture.

    Attributes:
        events: The events that hold anything.
        empty: Number of the others.
        name_fields: Where the names stand; empty where ``event:`` lines give them.
    """

    def __init__(self, raws: Iterable[RawEvent]) -> None:
        found = [_surveyed(raw) for raw in raws if not raw.is_too_large]
        several_roots = len({root for _, root in found if root} - {None}) > 1
        events = [
            _under_any_root(event, root) if several_roots and root else event
            for event, root in found
        ]
        self.events: list[SurveyedEvent] = [
            event for event in events if not event.is_empty
        ]
        self.empty: int = len(events) - len(self.events)
        self._roots = {
            id(event): root
            for event, (_, root) in zip(events, found, strict=True)
            if root is not None
        }
        self.name_fields: tuple[str, ...] = self._find_name_fields(
            several_roots=several_roots
        )

    def name_of(self, event: SurveyedEvent) -> str | None:
        """Return the name of an event, None where it has none."""
        if event.line_name is not None:
            return event.line_name
        for field in self.name_fields:
            name = (
                self._roots.get(id(event))
                if field == ANY_NAME
                else event.fields.get(field)
            )
            if name:
                return name
        return None

    def names(self) -> Counter[str | None]:
        """Return how many events have each name."""
        return Counter(self.name_of(event) for event in self.events)

    def values(
        self, events: Iterable[SurveyedEvent] | None = None
    ) -> dict[str, list[str]]:
        """Return the texts of each field, of some events or of all."""
        found: defaultdict[str, list[str]] = defaultdict(list)
        for event in self.events if events is None else events:
            for field, text in event.fields.items():
                found[field].append(text)
        return dict(found)

    def _find_name_fields(self, *, several_roots: bool) -> tuple[str, ...]:
        unnamed = [event for event in self.events if event.line_name is None]
        if len(unnamed) * 2 < len(self.events) or not unnamed:
            return ()
        if several_roots:
            return (ANY_NAME,)
        best, score = "", 0.0
        for field, texts in self.values(unnamed).items():
            distinct = set(texts)
            looks_like_names = all(
                len(text) < 65  # noqa: PLR2004 - longer than any name seen
                and not text[:1].isdigit()
                and " " not in text.strip()
                and text.strip()
                for text in distinct
            )
            if not looks_like_names or not 1 < len(distinct) <= max(2, len(texts) // 2):
                continue
            share = len(texts) / len(unnamed)
            if share > score:  # the first of several that are as good
                best, score = field, share
        return (best,) if best else ()


def _surveyed(raw: RawEvent) -> tuple[SurveyedEvent, str | None]:
    """Return an event with its fields, and the name of its only member."""
    members = members_of(raw.data)
    name = None if raw.name is None else raw.name.strip()
    if name and name.casefold() == _UNNAMED:
        name = None
    fields = {} if members is None else dict(all_fields(members))
    root = None
    if members is not None and len(members) == 1:
        root = next(iter(members))
    return SurveyedEvent(name or None, fields, raw.data.strip()), root


def _under_any_root(event: SurveyedEvent, root: str) -> SurveyedEvent:
    """Return an event whose root stands as any name in the names of its fields."""
    fields = {
        ANY_NAME + name.removeprefix(root): text
        for name, text in event.fields.items()
        if name != root
    }
    return attrs.evolve(event, fields=fields)
