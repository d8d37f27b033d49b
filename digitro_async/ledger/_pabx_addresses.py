"""PURE: the addresses that each PABX has had: a name may change, a cap stays."""

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Self

import attrs

from digitro_async._common.base_url import address_of

if TYPE_CHECKING:  # who only reads a ledger does not load it
    from digitro_async.models import PABX

__all__ = ["PABX_ADDRESSES", "PABXAddresses"]

PABX_ADDRESSES = "pabx_addresses"
"""Setting: the addresses of each PABX that this ledger was dialled with."""


@attrs.frozen
class PABXAddresses:
    """The addresses that each PABX has had.

    Attributes:
        of_name: Name of a PABX to its addresses.
    """

    of_name: Mapping[str, frozenset[str]]

    @classmethod
    def of_setting(cls, setting: str | None) -> Self:
        """Return the addresses in a setting; one that can't be read has none."""
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

    def with_all(self, several: "Iterable[PABX]") -> Self:
        """Return these addresses and those that PABX have now."""
        of_name = dict(self.of_name)
        for pabx in several:
            known = of_name.get(pabx.name, frozenset())
            of_name[pabx.name] = known | {address_of(pabx.base_url)}
        return attrs.evolve(self, of_name=of_name)

    def elsewhere(self, address: str) -> frozenset[str]:
        """Return the names of PABX that never had that address.

        A PABX that is not known may have had it.
        """
        return frozenset(
            name for name, known in self.of_name.items() if address not in known
        )
