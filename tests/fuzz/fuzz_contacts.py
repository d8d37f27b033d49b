"""Contact files that look for new paths through the reader, guided by coverage.

``python tests/fuzz/fuzz_contacts.py -runs=100000`` with the extra ``fuzz``; any option
of libFuzzer may follow, and folders with inputs to begin with. It ends with a file of
which a line is lost or doubled, or that raises what it must not.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any

import atheris

with atheris.instrument_imports(include=["digitro_async.contacts"]):
    from digitro_async.contacts import ENCODINGS

from test_fuzz_contacts import check_file


def options_of(how: int) -> dict[str, Any]:
    """Return how a file is to be read, told by a number."""
    return {
        "encoding": (None, *ENCODINGS)[how // 8 % (len(ENCODINGS) + 1)],
        "ignore_unknown_columns": bool(how & 1),
        "strip_punctuation": bool(how & 2),
    }


def main() -> None:
    """Read one file after another; a file's first byte says how it is read."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "contacts.csv"

        def try_file(data: bytes) -> None:
            how = data[0] if data else 0
            head = b"destination;id\n" if how >= 0x80 else b""
            check_file(path, head + data[1:], options_of(how))

        atheris.Setup(sys.argv, try_file)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
