"""PURE: the caps that a configuration gives, in calls a second."""

from collections.abc import Collection, Iterable, Mapping
from typing import Self

import attrs

from digitro_async.models import PABX

__all__ = ["PABXCaps"]


@attrs.frozen
class PABXCaps:
    """The caps of PABX, which belong to their addresses.

    Attributes:
        of_name: Name of a PABX to its cap in calls a second.
        address_of: Name of each PABX to a number that those of one address share.
    """

    of_name: Mapping[str, float] = attrs.field(factory=dict)
    address_of: Mapping[str, int] = attrs.field(factory=dict)

    @classmethod
    def of(cls, several: Iterable[PABX]) -> Self:
        """Return the caps of some PABX; the least one holds for all of an address."""
        numbers: dict[str, int] = {}
        least: dict[int, float] = {}
        address_of = {}
        for one in several:
            number = numbers.setdefault(one.base_url, len(numbers))
            address_of[one.name] = number
            if one.rate is not None:
                cap = one.rate.calls / one.rate.per
                least[number] = min(cap, least.get(number, cap))
        of_name = {
            name: least[number]
            for name, number in address_of.items()
            if number in least
        }
        return cls(of_name, address_of)

    def together(self, names: Collection[str]) -> float | None:
        """Return the cap of several PABX together, None where one has no known cap."""
        if not names or not set(names) <= set(self.of_name):
            return None
        return sum({self.address_of[one]: self.of_name[one] for one in names}.values())
