"""A cheap way to make objects of frozen attrs classes: some are made by the million."""

from typing import Any

__all__ = ["draft_of"]


def draft_of(kind: type[Any]) -> type[Any]:
    """Return a class like a frozen one, but for its objects, which can be filled in.

    Call it without arguments, set every field, then ``__class__`` to the frozen class:
    the object is one of those from then on. The constructor that attrs writes for a
    frozen class sets its fields around the guard that freezes them, which takes several
    times as long. Nothing is converted, validated or left at its default here.

    Args:
        kind: A frozen attrs class with slots.
    """
    return type(
        f"{kind.__name__}Draft",
        (kind,),
        {
            "__slots__": (),
            "__init__": object.__init__,
            "__setattr__": object.__setattr__,
            "__delattr__": object.__delattr__,  # else Python takes the slow way to set
        },
    )
