from pathlib import Path

from table_mutants import EQUIVALENT, MODULES, ROOT, mutants_of

SOURCE = '''\
"""What it is."""
import enum
__all__ = ["KNOWN"]
KNOWN: Final = frozenset({1, 2})
TABLE = {"a": x, "b": y}
class Kind:
    """A kind."""
    ONE: str = "one"
    def is_one(self) -> bool:
        return True
def answer() -> int:
    return 42
'''


def test_one_thing_is_changed_at_a_time() -> None:
    """Entries are left out, values exchanged; functions and docstrings stay."""
    said = [one for one, _ in mutants_of(SOURCE)]

    assert said == [
        *("KNOWN: without 1", "KNOWN: without 2", "KNOWN: 1 is 2", "KNOWN: 1 is 0"),
        *("KNOWN: 2 is 3", "KNOWN: 2 is 1"),
        *("TABLE: without 'a'", "TABLE: 'a' is y", "TABLE: without 'b'"),
        *("TABLE: 'b' is x", "TABLE: 'a' is 'ax'", "TABLE: 'b' is 'bx'"),
        "Kind: 'one' is 'onex'",
    ]


def test_the_change_is_in_the_source() -> None:
    """The changed source has that change and no other."""
    sources = dict(mutants_of(SOURCE))

    assert "frozenset({2})" in sources["KNOWN: without 1"]
    assert "{'a': y, 'b': y}" in sources["TABLE: 'a' is y"]
    assert len(set(sources.values())) == len(sources)


def test_what_is_explained_exists() -> None:
    """No explanation is left of a mutant that is no more."""
    said = {
        one
        for name in MODULES
        for one, _ in mutants_of(
            ROOT.joinpath(*name.split(".")).with_suffix(".py").read_text("utf-8")
        )
    }
    document = Path(__file__).with_name("mutants.md").read_text("utf-8")

    assert said >= EQUIVALENT
    assert all(f"`{one}`" in document for one in EQUIVALENT)
