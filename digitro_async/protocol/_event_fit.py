"""Fits settings of an event channel to a capture, and says what it is unsure of.

Everything here is a proposal that somebody looks at. What is known of one call of one's
own (its call id, the number called, what became of it) makes the most of it certain.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from digitro_async.call_events import CallPhase, Disposition
from digitro_async.protocol._event_reading import channel_id_of
from digitro_async.protocol._event_survey import EventSurvey, SurveyedEvent
from digitro_async.protocol._event_words import (
    OPENING_NAMES,
    disposition_of_word,
    folded_word,
    phase_of_word,
)
from digitro_async.protocol._fitted_settings import FittedSettings, KnownCall

__all__ = ["fit_events"]

_MOST_WORDS: Final = 40
_FEWEST_DIGITS: Final = 8
_MOST_DIGITS: Final = 16
_TIME: Final = re.compile(r"(?=.*(\d{1,2}:\d\d|\d{4}-\d\d-\d\d))[\d/:.,+\- TZ]+")
_CAUSES: Final = ("caus", "motiv", "why", "result", "status", "dispos", "desfech")
_NUMBERS: Final = ("dest", "called", "number", "numero", "interlocut", "phone", "fone")
_CLOSING: Final = ("close", "closing", "fecha", "fechamento", "encerramentodecanal")


def fit_events(survey: EventSurvey, known: KnownCall | None = None) -> FittedSettings:
    """Return the settings that fit a capture best.

    Args:
        survey: The capture.
        known: What is known of one call in it.
    """
    return _Fit(survey, KnownCall() if known is None else known).fitted


class _Fit:
    """One fit: each step uses what the steps before it have found."""

    def __init__(self, survey: EventSurvey, known: KnownCall) -> None:
        self._survey = survey
        self._known = known
        self.fitted = FittedSettings()
        self._names = survey.names()
        if not survey.events:
            self.fitted.questions.append("the capture holds no event but heartbeats")
            return
        self._fit_names()
        opening = self._fit_opening()
        self._about_calls = [event for event in survey.events if event is not opening]
        self._fit_call_id()
        self._calls = self._by_call()
        self._fit_channel_ends()
        self._fit_phases()
        self._fit_numbers_and_times()
        self._fit_dispositions()

    def _fit_names(self) -> None:
        self.fitted.put(
            "name_fields",
            list(self._survey.name_fields),
            "events have no name of their own, and this field names them",
        )
        if set(self._names) == {None}:
            self.fitted.questions.append(
                "no field names the events: set name_fields, or look at the capture"
            )

    def _fit_opening(self) -> SurveyedEvent | None:
        documented = [
            event
            for event in self._survey.events
            if folded_word(self._survey.name_of(event) or "") in OPENING_NAMES
        ]
        named = [event for event in self._survey.events if self._survey.name_of(event)]
        opening = next(iter(documented or named), None)
        if opening is None:
            return None
        name = self._survey.name_of(opening)
        self.fitted.put(
            "opened_names",
            [name],
            "its name is documented" if documented else "it is the first event",
            sure=bool(documented),
        )
        if channel_id_of(opening.data) is not None:
            return opening  # the event is the id itself
        ids = [
            field
            for field, text in opening.fields.items()
            if channel_id_of(text) is not None
        ]
        if not ids:
            self.fitted.questions.append(
                "the opening event holds no whole number: set id_fields"
            )
            return opening
        best = max(ids, key=lambda field: _likeness(field, ("canal", "channel", "id")))
        only = "the only" if len(ids) == 1 else "the likeliest"
        why = f"it is {only} whole number in the opening event"
        self.fitted.put("id_fields", [best], why, sure=len(ids) == 1)
        return opening

    def _fit_call_id(self) -> None:
        values = self._survey.values(self._about_calls)
        known = self._known.call_id
        if known is not None:
            found = [field for field, texts in values.items() if known in texts]
            if found:
                why = "it holds the call id that you gave"
                self.fitted.put("call_id_fields", found, why, sure=True)
                return
            self.fitted.questions.append(
                "no event holds the call id that you gave: is it of this capture?"
            )
        used = {*self.fitted.values.get("name_fields", ())}
        scores = {
            field: _call_id_score(field, texts)
            for field, texts in values.items()
            if field not in used
        }
        best = max(scores, key=lambda field: scores[field], default=None)
        if best is None or scores[best] <= 0:
            self.fitted.questions.append(
                "no field looks like a call id: set call_id_fields, or give --call-id"
            )
            return
        last = _last(best)
        same = [field for field in scores if _last(field) == last and scores[field] > 0]
        self.fitted.put("call_id_fields", same, "events of one call share its texts")

    def _call_id_of(self, event: SurveyedEvent) -> str | None:
        for field in self.fitted.values.get("call_id_fields", ()):
            if event.fields.get(field):
                return event.fields[field]
        return None

    def _by_call(self) -> list[list[SurveyedEvent]]:
        calls: dict[str, list[SurveyedEvent]] = {}
        for event in self._about_calls:
            call_id = self._call_id_of(event)
            if call_id is not None:
                calls.setdefault(call_id, []).append(event)
        return list(calls.values())

    def _fit_channel_ends(self) -> None:
        of_calls = {
            self._survey.name_of(event) for events in self._calls for event in events
        }
        opened = set(self.fitted.values.get("opened_names", ()))
        others = [
            name for name in self._names if name and name not in of_calls | opened
        ]
        closing = [
            name for name in others if any(one in folded_word(name) for one in _CLOSING)
        ]
        self.fitted.put("closed_names", closing, "its name says so")
        empty = [
            name
            for name in others
            if name not in closing
            and self._names[name] > 1
            and all(
                set(event.fields) <= {*self._survey.name_fields, name}
                for event in self._survey.events
                if self._survey.name_of(event) == name
            )
        ]
        self.fitted.put("heartbeat_names", empty, "it comes often, and says nothing")

    def _fit_phases(self) -> None:
        names = Counter(
            self._survey.name_of(event) for events in self._calls for event in events
        )
        word_of = self._survey.name_of
        if len(names) < 2 and any(len(events) > 1 for events in self._calls):  # noqa: PLR2004 - names that differ
            field = self._find_phase_field()
            if field is None:
                self.fitted.questions.append(
                    "all events of calls have one name, and no field says how far a"
                    " call is: set phase_fields and call_phases"
                )
                return
            self.fitted.put("phase_fields", [field], "its words change within calls")

            def word_of(event: SurveyedEvent) -> str | None:
                return event.fields.get(field)

        words = Counter(
            word
            for events in self._calls
            for event in events
            if (word := word_of(event))
        )
        last = Counter(word_of(events[-1]) for events in self._calls)
        phases = {word: phase_of_word(word) or CallPhase.OTHER for word in words}
        if words and CallPhase.ENDED not in phases.values():
            ending = last.most_common(1)[0][0]
            if ending is not None:
                phases[ending] = CallPhase.ENDED
        for ending in last:
            # What is never the last event of a call is not its end.
            if (
                ending in phases
                and phases[ending] is CallPhase.OTHER
                and len(last) == 1
            ):
                phases[ending] = CallPhase.ENDED
        self.fitted.put(
            "call_phases",
            {word: str(phase) for word, phase in phases.items()},
            "by their words, and by which one is the last of a call",
        )

    def _find_phase_field(self) -> str | None:
        used = {*self.fitted.values["call_id_fields"]}
        used |= set(self.fitted.values.get("name_fields", ()))
        best, score = None, 0
        for field, texts in self._survey.values(self._about_calls).items():
            words = set(texts)
            if field in used or not 1 < len(words) <= _MOST_WORDS:
                continue
            fitting = sum(phase_of_word(word) is not None for word in words)
            if fitting > score:
                best, score = field, fitting
        return best

    def _endings(self) -> list[SurveyedEvent]:
        phases: Mapping[str, str] = self.fitted.values.get("call_phases", {})
        fields = self.fitted.values.get("phase_fields", ())
        found = []
        for events in self._calls:
            for event in events:
                words = [self._survey.name_of(event)]
                words += [event.fields.get(field) for field in fields]
                if any(phases.get(word or "") == CallPhase.ENDED for word in words):
                    found.append(event)
        return found

    def _fit_numbers_and_times(self) -> None:
        values = self._survey.values(event for one in self._calls for event in one)
        used = {*self.fitted.values.get("call_id_fields", ())}
        known = re.sub(r"\D", "", self._known.destination or "")
        numbers, times = [], []
        for field, texts in values.items():
            if field in used:
                continue
            if known:
                if any(_same_number(text, known) for text in texts):
                    numbers.append(field)
            elif all(_is_number(text) for text in texts) and _likeness(field, _NUMBERS):
                numbers.append(field)
            if all(_TIME.fullmatch(text) for text in texts):
                times.append(field)
        why = "it holds the number that you gave" if known else "it looks like one"
        self.fitted.put("destination_fields", numbers, why, sure=bool(known))
        self.fitted.put("time_fields", times, "it looks like a time")

    def _fit_dispositions(self) -> None:
        endings = self._endings()
        used = {
            field
            for name in ("call_id_fields", "name_fields", "phase_fields", "time_fields")
            for field in self.fitted.values.get(name, ())
        } | set(self.fitted.values.get("destination_fields", ()))
        values = {
            field: texts
            for field, texts in self._survey.values(endings).items()
            if field not in used and len(set(texts)) <= _MOST_WORDS
        }
        field = max(
            values, key=lambda one: _cause_score(one, values[one]), default=None
        )
        if field is None or _cause_score(field, values[field]) <= 0:
            self._fit_telling_names()
            return
        self.fitted.put("disposition_fields", [field], "the ends of calls differ in it")
        meanings = {word: disposition_of_word(word) for word in values[field]}
        of_calls = self._survey.values(event for one in self._calls for event in one)
        for word in of_calls[field]:  # "answered" may be told before the end
            meaning = disposition_of_word(word)
            if meaning is not None:
                meanings[word] = meaning
        known = self._known.disposition
        told = self._word_of_known_call(endings, field)
        if known is not None and told is not None:
            meanings[told] = known
        self._put_meanings(meanings)

    def _word_of_known_call(
        self, endings: Iterable[SurveyedEvent], field: str
    ) -> str | None:
        """Return the word for what became of the call that is known."""
        of_known = [
            event
            for event in endings
            if self._known.call_id in {None, self._call_id_of(event)}
        ]
        words = {event.fields[field] for event in of_known if field in event.fields}
        return words.pop() if len(words) == 1 else None

    def _fit_telling_names(self) -> None:
        """Take the names of events for what became of calls, where they say so."""
        words = self.fitted.values.get("call_phases", {})
        meanings = {word: disposition_of_word(word) for word in words}
        told = {
            word: meaning
            for word, meaning in meanings.items()
            if meaning not in {None, Disposition.ANSWERED, Disposition.ENDED}
        }
        if told:
            self._put_meanings(told)
        elif self._calls:
            self.fitted.questions.append(
                "nothing in the ends of calls says what became of them: set"
                " disposition_fields, or capture calls that end differently"
            )

    def _put_meanings(self, meanings: Mapping[str, Disposition | None]) -> None:
        self.fitted.put(
            "dispositions",
            {word: str(meaning) for word, meaning in meanings.items() if meaning},
            "by their words",
        )
        for word, meaning in meanings.items():
            if meaning is None:
                self.fitted.questions.append(
                    f"what does {word[:60]!r} mean? Set it in dispositions"
                )


def _last(field: str) -> str:
    return folded_word(field.rpartition(".")[2])


def _likeness(field: str, words: Iterable[str]) -> int:
    folded = _last(field)
    return sum(word in folded for word in words)


def _call_id_score(field: str, texts: list[str]) -> float:
    distinct = set(texts)
    has_digits = all(any(char.isdigit() for char in text) for text in distinct)
    is_time = all(_TIME.fullmatch(text) for text in distinct)
    if not has_digits or is_time or len(texts) < 2:  # noqa: PLR2004 - one proves nothing
        return 0
    shared = len(texts) / len(distinct)
    if shared == 1 and not _likeness(field, ("idchamada", "callid")):
        return 0  # nothing ties events together by it
    documented = 10 if _last(field) in {"idchamada", "callid"} else 0
    named = 3 * min(1, _likeness(field, ("call", "chamada", "ligacao")))
    named += 2 * min(1, _likeness(field, ("id", "uuid", "ref")))
    looks_like_a_number = all(_is_number(text) for text in distinct)
    return documented + named + min(shared, 3) - 3 * looks_like_a_number


def _cause_score(field: str, texts: list[str]) -> float:
    words = set(texts)
    fitting = sum(disposition_of_word(word) is not None for word in words)
    named = _likeness(field, _CAUSES)
    if not fitting and not named:
        return 0
    return 2 * fitting / len(words) + 2 * min(1, named) + (len(words) > 1)


def _is_number(text: str) -> bool:
    digits = text.removeprefix("+")
    return digits.isdigit() and _FEWEST_DIGITS <= len(digits) <= _MOST_DIGITS


def _same_number(text: str, known: str) -> bool:
    digits = re.sub(r"\D", "", text)
    # Prefixes differ: of the country, of a carrier, for a line outside.
    return len(digits) >= _FEWEST_DIGITS and digits[-8:] == known[-8:]
