"""PURE: at which addresses each PABX has been: a name may change, the cap does not."""

import json
from collections.abc import Iterable, Mapping
from typing import Self

import attrs

from digitro_async._common.base_url import address_of
from digitro_async.models import PABX

__all__ = ["PLACES", "Places"]

PLACES = "pabx_addresses"
"""Setting: the addresses of each PABX that this ledger was dialled with."""


@attrs.frozen
class Places:
    """Where each PABX has been.

    Attributes:
        of_name: Name of a PABX to its addresses.
    """

    of_name: Mapping[str, frozenset[str]]

    @classmethod
    def of_setting(cls, setting: str | None) -> Self:
        """Return what a ledger keeps; what can't be read says nothing."""
        try:
            kept = json.loads(setting or "{}")
        except ValueError:
            kept = {}
        items = kept.items() if isinstance(kept, dict) else ()
        return cls(
            {
                name: frozenset(map(str, known))
                for name, known in items
                if isinstance(known, list) and known
            }
        )

    def as_setting(self) -> str:
        """Return it as a ledger keeps it."""
        return json.dumps({name: sorted(self.of_name[name]) for name in self.of_name})

    def with_all(self, several: Iterable[PABX]) -> Self:
        """Return it with where these are now."""
        of_name = dict(self.of_name)
        for pabx in several:
            known = of_name.get(pabx.name, frozenset())
            of_name[pabx.name] = known | {address_of(pabx.base_url)}
        return attrs.evolve(self, of_name=of_name)

    def elsewhere(self, address: str) -> frozenset[str]:
        """Return the names of those that never were there; the unknown may have."""
        return frozenset(
            name for name, known in self.of_name.items() if address not in known
        )
