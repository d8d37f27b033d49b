"""The warning of an object that was opened and never closed."""

import warnings

__all__ = ["warn_unclosed"]


def warn_unclosed(subject: object, place: str, way_out: str, where: str = "") -> None:
    """Warn that an object was never closed; for its ``__del__``.

    Args:
        subject: The object; its repr names it.
        place: The file and line where it was opened.
        way_out: The way to close it.
        where: The place that it is connected to, after its name.
    """
    text = f"unclosed {subject!r}{where}, opened at {place}: {way_out}"
    # Without its source: who keeps the warnings would keep the object, and all it has.
    warnings.warn(text, ResourceWarning, stacklevel=3)
