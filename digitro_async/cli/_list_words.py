"""Says how a list is read, and what was taken away from its cells."""

from digitro_async.cli._output import print_error
from digitro_async.contacts import ContactFile

__all__ = ["say_how_it_is_read", "say_what_was_cleaned"]


def say_how_it_is_read(contacts: ContactFile) -> None:
    """Print how a file is read, which columns are taken too: it may be a guess."""
    reading = contacts.reading
    print_error(f"{contacts.name}: {reading}")
    for doubt in reading.doubts:
        print_error(f"{contacts.name}: {doubt}")


def say_what_was_cleaned(contacts: ContactFile) -> None:
    """Print what was taken away from cells, and a last row that was not taken."""
    if contacts.cleaned:
        print_error(f"{contacts.name}: {contacts.cleaned}")
    if contacts.open_end is not None:
        print_error(
            f"{contacts.name}, line {contacts.open_end}: the last line has no end, and "
            "is not dialled; --allow-open-end takes it, if the file is whole"
        )
