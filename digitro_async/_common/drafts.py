"""Makes objects of frozen attrs classes cheaply; of some there are millions."""

from typing import Any

__all__ = ["draft_of"]


def draft_of(kind: type[Any]) -> type[Any]:
    """Return a class like a frozen one, but with objects that can be filled in.

    Call the class without arguments, set every field, and set ``__class__`` to the
    frozen class: from then on the object is one of the frozen class. Nothing is
    converted or validated, and no field gets its default.

    Args:
        kind: A frozen attrs class with slots.
    """
    # The constructor that attrs writes for a frozen class has to bypass the method that
    # freezes the fields, which takes several times as long.
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
