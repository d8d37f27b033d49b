"""The fuzzers that are guided by coverage, for a bounded number of inputs.

In full: ``python -m pytest -m long tests/fuzz/test_fuzz_*.py`` with the extra ``fuzz``.
"""

import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]

ANSWERS = (
    *(b'{"ID_CHAMADA":"x"}', b'{"y": [1, null, -2.5e3], "ID_CHAMADA": "\\u00e9"}'),
    *(b'{"ID_CHAMADA": "x", "ID_CHAMADA": "y"}', b'{"a": {"b": "\\ud83d\\ude00"}}'),
)
FILES = (
    *(b"destination;id\n1;2\n", b'destination,user_data\r\n1,"a\nb"\r\n'),
    *(b"\xef\xbb\xbfdestination\tid\n1\t\xe9\n", b'04832817000;"a""b";c\n'),
)


@pytest.mark.parametrize(
    ("target", "runs", "first", "seeds"),
    [
        ("fuzz_answers.py", 500_000, b"\0", ANSWERS),
        ("fuzz_contacts.py", 50_000, b"\x80", FILES),
    ],
)
def test_guided(
    tmp_path: Path, target: str, runs: int, first: bytes, seeds: tuple[bytes, ...]
) -> None:
    """No input that finds a new path makes the package and the judge disagree."""
    pytest.importorskip("atheris", reason="the group 'fuzz' is not installed")
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for i, seed in enumerate(seeds):
        (corpus / str(i)).write_bytes(first + seed)
    words = tmp_path / "words"
    words.write_text('"ID_CHAMADA"\n"destination"\n"user_data"\n"\\""\n')
    options = [f"-runs={runs}", "-seed=1", "-max_len=2048", f"-dict={words}"]
    ended = subprocess.run(
        [sys.executable, str(HERE / target), *options, str(corpus)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )

    assert ended.returncode == 0, ended.stdout + ended.stderr[-3000:]
    assert f"Done {runs} runs" in ended.stderr
