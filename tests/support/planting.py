"""Puts mistakes into the library that tests must see, wherever it does a thing.

A mistake is put where a package does something, not into one of its modules: these may
be cut anew, and the mistake still bites. A place that is gone raises.
"""

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import attrs

__all__ = [
    "CLAIMS_RECOVERED",
    "CLOCK_READ",
    "DELIVERY_LIMIT",
    "ERRORS_MADE",
    "IDENTITY_KEY",
    "IMPORT_CHECKED",
    "IMPORT_PAGE",
    "INTENTS_WRITTEN",
    "INTENT_RECORDED",
    "MIGRATION",
    "OBSERVATIONS_CLASSIFIED",
    "OUTCOME_RECORDED",
    "PLACES",
    "REQUESTS_BUILT",
    "SLOTS_KEPT",
    "Place",
]


@attrs.frozen
class Place:
    """A function, method or constant that a package uses.

    Attributes:
        package: The package that uses it.
        name: Its name; ``Class.method`` for a method.
        home: The package that it is written in.
    """

    package: str
    name: str
    home: str = attrs.field(
        default=attrs.Factory(lambda self: self.package, takes_self=True)
    )

    def original(self) -> Any:
        """Return what is there now, a mistake that was put there included."""
        values = {id(value): value for _, _, value in self._named(self.home)}
        if len(values) != 1:
            raise AttributeError(
                f"{self.home} has {len(values)} things named {self.name}: "
                "mend the list of places in planting.py"
            )
        return next(iter(values.values()))

    def replace(
        self,
        make: Callable[[Any], Any],
        put: Callable[[Any, str, Any], None] = setattr,
    ) -> None:
        """Put there what is made of what is there now.

        Args:
            make: Makes it.
            put: Sets an attribute; that of a monkeypatch undoes it after the test.
        """
        original = self.original()
        made = make(original)
        users = {
            (id(owner), name): (owner, name)
            for owner, name, value in self._used()
            if value is original and (name == self.name or callable(original))
        }
        if not users:
            raise AttributeError(
                f"{self.package} does not use {self.name} any more: "
                "mend the list of places in planting.py"
            )
        for owner, name in users.values():
            put(owner, name, made)

    def _named(self, package: str) -> Iterator[tuple[Any, str, Any]]:
        """Yield whatever has the name there: its owner, its name in it, and it."""
        kind, _, last = self.name.rpartition(".")
        for module in _modules_of(package):
            owner = vars(module).get(kind) if kind else module
            if owner is not None and last in vars(owner):
                yield owner, last, vars(owner)[last]

    def _used(self) -> Iterator[tuple[Any, str, Any]]:
        if "." in self.name:
            yield from self._named(self.package)
            return
        for module in _modules_of(self.package):
            for name, value in list(vars(module).items()):
                yield module, name, value


def _modules_of(package: str) -> Iterator[ModuleType]:
    """Yield a package and all modules in it."""
    facade = importlib.import_module(package)
    yield facade
    for one in pkgutil.walk_packages(facade.__path__, f"{package}."):
        yield importlib.import_module(one.name)


_DISPATCH, _PROTOCOL = "digitro_async.dispatch", "digitro_async.protocol"
_CAMPAIGN, _SQLITE = "digitro_async.campaign", "digitro_async.ledger.sqlite"

OBSERVATIONS_CLASSIFIED = Place(_DISPATCH, "classify", _PROTOCOL)
REQUESTS_BUILT = Place(_DISPATCH, "build_request", _PROTOCOL)
ERRORS_MADE = Place(_DISPATCH, "error_of", _PROTOCOL)
DELIVERY_LIMIT = Place(_DISPATCH, "LATE_DELIVERY_SECONDS")
INTENT_RECORDED = Place(_CAMPAIGN, "LedgerRecorder.record_intent")
OUTCOME_RECORDED = Place(_CAMPAIGN, "LedgerRecorder.record_outcome")
SLOTS_KEPT = Place(_CAMPAIGN, "CampaignRun._reserve_slots")
IMPORT_CHECKED = Place(_CAMPAIGN, "check_whole")
IMPORT_PAGE = Place(_CAMPAIGN, "PAGE")
INTENTS_WRITTEN = Place(_SQLITE, "write_intents")
CLAIMS_RECOVERED = Place(_SQLITE, "recover_all")
MIGRATION = Place(_SQLITE, "migrate")
IDENTITY_KEY = Place(_SQLITE, "_key_of")
CLOCK_READ = Place(_SQLITE, "latest_by", "digitro_async.ledger")

PLACES = [value for value in list(vars().values()) if isinstance(value, Place)]
"""Every place above."""
