"""`cqc` inside this process: its imports are paid once, and its exit code and both streams are looked at."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from tools.__main__ import main


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command left."""

    code: int
    out: str
    err: str


Invoke = Callable[..., Answer]


@contextmanager
def invoking(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Invoke]:
    """Runs commands; the environment that they set ends with the block."""
    before = dict(os.environ)

    def invoke(*arguments: str) -> Answer:
        monkeypatch.setattr("sys.argv", ["cqc", *arguments])
        capsys.readouterr()
        try:
            main()
        except SystemExit as end:
            code = end.code
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        return Answer(code if isinstance(code, int) else 0, said.out, said.err)

    yield invoke
    os.environ.clear()
    os.environ.update(before)
